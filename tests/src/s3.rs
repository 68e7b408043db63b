// SPDX-License-Identifier: MIT
//! A real S3 server on a folder whose folders are the buckets, ended when it is dropped.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use xtask::process::Running;
use xtask::tools::Tool;
use xtask::{process, workspace};

use crate::tool;

/// A running S3 server.
#[derive(Debug)]
pub struct S3 {
    _running: Running,
    address: String,
}

impl S3 {
    /// Serves the folder `root`. Returns nothing, after saying so, where there is no S3 server.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn serving(root: &Path) -> Option<Self> {
        let mut command = workspace::command(tool(Tool::S3s)?);
        command.args(["--host", "127.0.0.1", "--port", "0"]);
        command
            .args(["--access-key", ACCESS, "--secret-key", SECRET])
            .arg(root);
        command.env("RUST_LOG", "info").stdout(Stdio::piped());
        let mut running = process::spawn(&mut command).unwrap();
        let log = BufReader::new(running.take_stdout().unwrap());
        let (tell, told) = mpsc::channel();
        // Reads on to the end, so that the server never waits for somebody to take its log.
        std::thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                if let Some((_, rest)) = line.split_once("running at ") {
                    let end = rest.find(|c: char| c.is_whitespace() || c == '\u{1b}');
                    let _ = tell.send(rest[..end.unwrap_or(rest.len())].to_owned());
                }
            }
        });
        let address = told
            .recv_timeout(LIMIT)
            .expect("the S3 server did not say where it listens");
        Some(Self {
            _running: running,
            address,
        })
    }

    /// Tells `command` where the server is and what opens it.
    pub fn name_in(&self, command: &mut Command) {
        command
            .env("AWS_ENDPOINT_URL", self.address.trim_end_matches('/'))
            .env("AWS_ACCESS_KEY_ID", ACCESS)
            .env("AWS_SECRET_ACCESS_KEY", SECRET);
    }
}

const ACCESS: &str = "access";
const SECRET: &str = "secret-key";
const LIMIT: Duration = Duration::from_secs(30);
