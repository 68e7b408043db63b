// SPDX-License-Identifier: MIT
//! Real programs of others, as processes that end with the test.

use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// A running server process; it is killed when dropped.
#[derive(Debug)]
pub struct Server {
    process: Child,
    pub url: String,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Finds `name` on `PATH`, or where the variable `variable` says.
///
/// A missing program fails the test on a CI machine if it is `required`, and skips it elsewhere.
pub fn find(name: &str, variable: &str, required: bool) -> Option<PathBuf> {
    let given = std::env::var_os(variable).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = || {
        std::env::split_paths(&path)
            .map(|folder| folder.join(name))
            .find(|file| file.is_file())
    };
    let found = given.or_else(on_path);
    if found.is_none() {
        let hint = format!("{name} not found; install it or set {variable} to where it is");
        assert!(!(required && is_ci()), "{hint}");
        // Written past the test harness, which would keep it to itself.
        let _ = writeln!(std::io::stderr(), "SKIPPED: {hint}");
    }
    found
}

fn is_ci() -> bool {
    let value = std::env::var("CI").unwrap_or_default();
    !matches!(value.as_str(), "" | "false" | "0")
}

/// Starts `desync chunk-server` or `desync index-server` with write access to `store`.
pub fn serve_desync(desync: &Path, kind: &str, store: &Path, arguments: &[&str]) -> Server {
    // desync does not tell which port it got, so it is given one that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let process = Command::new(desync)
        .args([kind, "-w", "-l", &format!("127.0.0.1:{port}"), "-s"])
        .arg(store)
        .args(arguments)
        .env("HOME", store)
        .spawn()
        .unwrap();
    Server {
        process,
        url: format!("http://127.0.0.1:{port}/"),
    }
}
