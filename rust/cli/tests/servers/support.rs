// SPDX-License-Identifier: MIT
//! Our servers as processes, a folder to work in, and the real tools beside them.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use vsekai_tests::Place;
use xtask::tools::Tool;

/// The programs that a test runs in its folder.
pub trait Programs {
    /// Our program as `desync`.
    fn ours(&self) -> Tools<'_>;
    /// The real desync, or nothing (with a message) where it is not there.
    fn desync(&self) -> Option<Tools<'_>>;
    /// The real casync, or nothing (with a message) where it is not there.
    fn casync(&self) -> Option<Tools<'_>>;
    /// Starts one of our servers at a free port of this machine.
    fn serve(&self, arguments: &[&str]) -> Server {
        self.serve_with(arguments, &[])
    }
    /// As [`Programs::serve`], with variables of the environment.
    fn serve_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Server;
}

impl Programs for Place {
    fn ours(&self) -> Tools<'_> {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_vsekai"));
        Tools(self, program, &["desync"])
    }

    fn desync(&self) -> Option<Tools<'_>> {
        vsekai_tests::tool(Tool::Desync).map(|program| Tools(self, program, &[]))
    }

    fn casync(&self) -> Option<Tools<'_>> {
        vsekai_tests::tool(Tool::Casync).map(|program| Tools(self, program, &[]))
    }

    fn serve_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Server {
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
