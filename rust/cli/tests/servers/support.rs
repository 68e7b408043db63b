// SPDX-License-Identifier: MIT
//! Our servers as processes, a folder to work in, and the real tools beside them.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use xtask::tools::Tool;

/// A folder of its own for one test.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Returns a path in the folder, as command lines take it.
    pub fn at(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    /// Makes a folder and returns its path.
    pub fn folder(&self, name: &str) -> String {
        fs_err::create_dir_all(self.at(name)).unwrap();
        self.at(name)
    }

    /// Makes a file and returns its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.at(name);
        fs_err::create_dir_all(Path::new(&path).parent().unwrap()).unwrap();
        fs_err::write(&path, content).unwrap();
        path
    }

    /// Our program as `desync`.
    pub fn ours(&self) -> Tools<'_> {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_vsekai"));
        Tools(self, program, &["desync"])
    }

    /// The real desync, or nothing (with a message) where it is not there.
    pub fn desync(&self) -> Option<Tools<'_>> {
        vsekai_tests::tool(Tool::Desync).map(|program| Tools(self, program, &[]))
    }

    /// The real casync, or nothing (with a message) where it is not there.
    pub fn casync(&self) -> Option<Tools<'_>> {
        vsekai_tests::tool(Tool::Casync).map(|program| Tools(self, program, &[]))
    }

    /// Starts one of our servers at a free port of this machine.
    pub fn serve(&self, arguments: &[&str]) -> Server {
        self.serve_with(arguments, &[])
    }

    /// As [`Place::serve`], with variables of the environment.
    pub fn serve_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Server {
        let mut command = self.ours().command(arguments);
        command
            .args(["-l", "127.0.0.1:0"])
            .envs(variables.iter().copied());
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let messages = BufReader::new(process.stderr.take().unwrap());
        let mut server = Server {
            process,
            messages,
            url: String::new(),
        };
        let said = server.hear("listening on ");
        server.url = format!("{said}/");
        server
    }
}

/// A tool, run in a folder of its own.
pub struct Tools<'a>(&'a Place, PathBuf, &'static [&'static str]);

impl Tools<'_> {
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.1);
        // desync reads its configuration at home.
        command
            .env_remove("DESYNC_HTTP_AUTH")
            .env("HOME", self.0.at("home"));
        command.args(self.2).args(arguments).stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs the tool, which must succeed, and returns what it printed.
    #[track_caller]
    pub fn ok(&self, arguments: &[&str]) -> String {
        let outcome = self.run(arguments);
        let err = String::from_utf8_lossy(&outcome.stderr);
        assert!(outcome.status.success(), "{arguments:?}: {err}");
        String::from_utf8_lossy(&outcome.stdout).into_owned()
    }

    /// Runs the tool, which must fail.
    #[track_caller]
    pub fn fails(&self, arguments: &[&str]) {
        assert_eq!(self.run(arguments).status.code(), Some(1), "{arguments:?}");
    }
}

/// One of our servers; it ends with the test.
pub struct Server {
    process: Child,
    messages: BufReader<ChildStderr>,
    /// The base address, with a slash at its end.
    pub url: String,
}

impl Server {
    /// Waits for a message with `words` in it and returns what stands behind them.
    #[track_caller]
    pub fn hear(&mut self, words: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(
                self.messages.read_line(&mut line).unwrap(),
                0,
                "it ended too soon"
            );
            if let Some((_, rest)) = line.trim_end().split_once(words) {
                return rest.to_owned();
            }
        }
    }

    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([name, &self.process.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it has ended and returns its exit code.
    pub fn ended(mut self) -> Option<i32> {
        self.process.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A certificate authority made for one test.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Writes the authority's certificate and returns the file's path.
    pub fn write(&self, place: &Place, name: &str) -> String {
        place.file(name, self.0.pem())
    }

    /// Writes a certificate for this machine and its key, and returns the files' paths.
    pub fn issue(&self, place: &Place, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificate = CertificateParams::new(names)
            .unwrap()
            .signed_by(&key, &self.0)
            .unwrap();
        (
            place.file(&format!("{name}.pem"), certificate.pem()),
            place.file(&format!("{name}.key"), key.serialize_pem()),
        )
    }
}

/// Bytes that look random but are the same every time.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(len.div_ceil(8)).flatten().take(len).collect()
}
