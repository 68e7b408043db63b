// SPDX-License-Identifier: MIT
//! Runs our commands in this process, and the real tools beside them.

use std::io::{self, Cursor, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use clap::Parser as _;
use vsekai_desync::{Cancel, DesyncCli, Env};
pub use vsekai_tests::{Place, noise};

/// What a command printed and how it ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: u8,
    pub out: Vec<u8>,
    pub err: String,
}

impl Outcome {
    /// Returns what was printed, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }
}

/// Runs one of our commands in `folder`-relative paths made absolute by the caller.
pub fn ours(arguments: &[&str]) -> Outcome {
    ours_with(arguments, b"", &Cancel::default())
}

/// Runs one of our commands with this input, stopped by `cancel`.
pub fn ours_with(arguments: &[&str], input: &[u8], cancel: &Cancel) -> Outcome {
    run(arguments, input, cancel, None)
}

/// Runs one of our commands for a user with this home folder.
pub fn ours_at_home(arguments: &[&str], home: &str) -> Outcome {
    ours_where("HOME", home, arguments)
}

/// Runs one of our commands with a variable of the environment.
pub fn ours_where(name: &'static str, value: &str, arguments: &[&str]) -> Outcome {
    run(arguments, b"", &Cancel::default(), Some((name, value.to_owned())))
}

fn run(
    arguments: &[&str],
    input: &[u8],
    cancel: &Cancel,
    variable: Option<(&'static str, String)>,
) -> Outcome {
    let words = std::iter::once("desync").chain(arguments.iter().copied());
    let cli = match DesyncCli::try_parse_from(words) {
        Ok(cli) => cli,
        Err(error) => panic!("{error}"),
    };
    let (out, err) = (Sink::default(), Sink::default());
    let env = Env {
        out: Box::new(out.clone()),
        err: Box::new(err.clone()),
        input: Box::new(Cursor::new(input.to_vec())),
        err_is_terminal: false,
        variables: Box::new(move |name| {
            let found = variable.as_ref().filter(|(known, _)| *known == name);
            found.map(|(_, value)| value.into())
        }),
        working_folder: None,
        cancel: cancel.clone(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let outcome = runtime.block_on(vsekai_desync::run(cli.args, env));
    let mut message = String::from_utf8_lossy(&err.taken()).into_owned();
    let code = match outcome {
        Ok(()) => 0,
        Err(error) => {
            message.push_str(&format!("Error: {error}"));
            error.exit_code()
        }
    };
    Outcome {
        code,
        out: out.taken(),
        err: message,
    }
}

/// Runs one of our commands that must succeed and returns what it printed.
pub fn ours_ok(arguments: &[&str]) -> String {
    let outcome = ours(arguments);
    assert_eq!(outcome.code, 0, "{arguments:?}: {}", outcome.err);
    outcome.text()
}

/// Runs a real tool that must succeed and returns what it printed.
pub fn real_ok(tool: &Path, arguments: &[&str]) -> String {
    let output = Command::new(tool).args(arguments).output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{} {arguments:?}: {err}", tool.display());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The real desync, or nothing (with a message) where it is not there.
pub fn desync() -> Option<PathBuf> {
    vsekai_tests::tool(xtask::tools::Tool::Desync)
}

/// The real casync, or nothing (with a message) where it is not there.
pub fn casync() -> Option<PathBuf> {
    vsekai_tests::tool(xtask::tools::Tool::Casync)
}

/// Makes a pipe with a name; rustix cannot on macOS.
pub fn pipe(path: String) -> String {
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success(), "{path}");
    path
}

/// Returns every path below a folder with kind, mode, time and content, to compare trees.
pub fn listing(root: &str) -> Vec<String> {
    use std::os::unix::fs::MetadataExt as _;
    let mut lines = Vec::new();
    let mut folders = vec![PathBuf::from(root)];
    while let Some(folder) = folders.pop() {
        let found = fs_err::symlink_metadata(&folder).unwrap();
        let name = folder.strip_prefix(root).unwrap().display().to_string();
        lines.push(format!("{name} dir {:o} {}", found.mode(), stamp(&found)));
        for entry in fs_err::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let found = fs_err::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if found.is_dir() {
                folders.push(path);
            } else if found.is_symlink() {
                lines.push(format!(
                    "{name} link {}",
                    fs_err::read_link(&path).unwrap().display()
                ));
            } else if found.is_file() {
                let content = vsekai_formats::ChunkId::of(
                    vsekai_formats::DigestAlgorithm::Sha256,
                    &fs_err::read(&path).unwrap(),
                );
                lines.push(format!(
                    "{name} file {:o} {} {content}",
                    found.mode(),
                    stamp(&found)
                ));
            } else {
                lines.push(format!("{name} other {:o}", found.mode()));
            }
        }
    }
    lines.sort();
    lines
}

fn stamp(found: &std::fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt as _;
    format!("{}.{:09}", found.mtime(), found.mtime_nsec())
}

/// Something to print to.
#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Sink {
    fn taken(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
