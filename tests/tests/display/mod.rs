// SPDX-License-Identifier: MIT
//! A virtual display with keys to press and pictures to keep.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::Stdio;

use vsekai_tests::tool;
use xtask::tools::Tool;
use xtask::{process, workspace};

/// A display of 1280x800, ended when it is dropped.
pub struct Display {
    name: String,
    xdotool: PathBuf,
    import: PathBuf,
    _server: process::Running,
}

impl Display {
    /// Returns nothing where a tool is missing, after saying so.
    pub fn new() -> Option<Self> {
        let (xvfb, xdotool, import) = (tool(Tool::Xvfb)?, tool(Tool::Xdotool)?, tool(Tool::Import)?);
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
        let mut server = process::spawn(&mut command).unwrap();
        // The server takes a free number and tells it once it can be used.
        let mut number = String::new();
        BufReader::new(server.take_stdout().unwrap())
            .read_line(&mut number)
            .unwrap();
        Some(Self {
            name: format!(":{}", number.trim()),
            xdotool,
            import,
            _server: server,
        })
    }

    /// Returns the value for `DISPLAY`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Presses and releases a key, by its X name.
    pub fn press(&self, key: &str) {
        let mut command = workspace::command(&self.xdotool);
        process::read(command.args(["key", key]).env("DISPLAY", &self.name)).unwrap();
    }

    /// Keeps a picture of the display for people to look at; nothing depends on it.
    pub fn keep_picture(&self, name: &str) {
        let file = crate::pictures().join(format!("{name}.png"));
        let mut command = workspace::command(&self.import);
        command.args(["-window", "root"]).arg(file);
        process::read(command.env("DISPLAY", &self.name)).unwrap();
    }
}
