// SPDX-License-Identifier: MIT
//! Real programs of others, as processes that end with the test.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

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

/// Starts the S3 server `s3s-fs` on the folder `root`, whose folders are the buckets.
pub fn serve_s3(s3s_fs: &Path, root: &Path, access: &str, secret: &str) -> Server {
    let mut process = Command::new(s3s_fs)
        .args([
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--access-key",
            access,
            "--secret-key",
            secret,
        ])
        .arg(root)
        .env("RUST_LOG", "info")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(process.stdout.take().unwrap());
    let (tell, told) = mpsc::channel();
    // Reads on to the end, so that the server never waits for somebody to take its log.
    std::thread::spawn(move || {
        for line in log.lines().map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once("running at http://") {
                let address: String = rest
                    .chars()
                    .take_while(|c| c.is_ascii_digit() || ".:".contains(*c))
                    .collect();
                let _ = tell.send(address);
            }
        }
    });
    let address = told
        .recv_timeout(Duration::from_secs(30))
        .expect("s3s-fs did not say where it listens");
    Server {
        process,
        url: format!("http://{address}"),
    }
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
