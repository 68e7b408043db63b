// SPDX-License-Identifier: MIT
//! A real S3 server on a folder whose folders are the buckets, ended when it is dropped.

use std::path::Path;
use std::process::{Command, Stdio};

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
        let address = process::wait_for_line(&mut running, |line| {
            let (_, rest) = line.split_once("running at ")?;
            let end = rest.find(|c: char| c.is_whitespace() || c == '\u{1b}');
            Some(rest[..end.unwrap_or(rest.len())].to_owned())
        });
        Some(Self {
            address: address.unwrap(),
            _running: running,
        })
    }

    /// Returns the base address, without a slash at its end.
    #[must_use]
    pub fn address(&self) -> &str {
        self.address.trim_end_matches('/')
    }

    /// Tells `command` where the server is and what opens it.
    pub fn name_in(&self, command: &mut Command) {
        command
            .env("AWS_ENDPOINT_URL", self.address())
            .env("AWS_ACCESS_KEY_ID", ACCESS)
            .env("AWS_SECRET_ACCESS_KEY", SECRET);
    }
}

/// The access key's id.
pub const ACCESS: &str = "access";
/// The access key's secret.
pub const SECRET: &str = "secret-key";
