// SPDX-License-Identifier: MIT
//! A virtual display: a real X server that shows nothing to anybody, with a window manager if need be.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use crate::process::{self, Running};
use crate::workspace;

/// A display of 1280x800, ended when it is dropped.
#[derive(Debug)]
pub struct Display {
    name: String,
    /// Comes before the server, to be ended before it.
    manager: Option<Running>,
    _server: Running,
}

impl Display {
    /// Starts `xvfb` and waits until it can be used.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(xvfb: &Path) -> Result<Self> {
        let mut command = workspace::command(xvfb);
        command
            .args([
                "-displayfd",
                "1",
                "-screen",
                "0",
                "1280x800x24",
                "-nolisten",
                "tcp",
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut server = process::spawn(&mut command)?;
        let output = server.take_stdout().context("Xvfb has no output")?;
        // The server takes a free number and tells it once it can be used.
        let mut number = String::new();
        BufReader::new(output).read_line(&mut number)?;
        ensure!(!number.trim().is_empty(), "Xvfb did not start");
        Ok(Self {
            name: format!(":{}", number.trim()),
            manager: None,
            _server: server,
        })
    }

    /// Starts the window manager `openbox` on it, which takes the windows that are there and those that come.
    ///
    /// # Errors
    /// It does not start.
    pub fn manage(&mut self, openbox: &Path) -> Result<()> {
        let mut command = workspace::command(openbox);
        command
            .arg("--sm-disable")
            .env("DISPLAY", &self.name)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.manager = Some(process::spawn(&mut command)?);
        Ok(())
    }

    /// Returns the value for `DISPLAY`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}
