// SPDX-License-Identifier: MIT
//! A virtual display with keys to press, places to click and pictures to keep.

#![allow(dead_code, unused_imports, reason = "every test program uses a part of it")]

#[cfg(target_os = "linux")]
mod watched;

use std::path::PathBuf;

use vsekai_tests::tool;
use xtask::tools::Tool;
use xtask::{display, process, workspace};

#[cfg(target_os = "linux")]
pub use watched::Watched;

/// A display of 1280x800, ended when it is dropped.
pub struct Display {
    display: display::Display,
    xdotool: PathBuf,
    import: PathBuf,
}

impl Display {
    /// Returns nothing where a tool is missing, after saying so.
    pub fn new() -> Option<Self> {
        let (xvfb, xdotool, import) = (tool(Tool::Xvfb)?, tool(Tool::Xdotool)?, tool(Tool::Import)?);
        Some(Self {
            display: display::Display::start(&xvfb).unwrap(),
            xdotool,
            import,
        })
    }

    /// Returns the value for `DISPLAY`.
    pub fn name(&self) -> &str {
        self.display.name()
    }

    /// Presses and releases a key, by its X name.
    pub fn press(&self, key: &str) {
        self.act(&["key", key]);
    }

    /// Moves the pointer to a place of the display and clicks there.
    pub fn click(&self, (x, y): (u32, u32)) {
        self.act(&["mousemove", &x.to_string(), &y.to_string(), "click", "1"]);
    }

    /// Keeps a picture of the display for people to look at; nothing depends on it.
    pub fn keep_picture(&self, name: &str) {
        let file = pictures().join(format!("{name}.png"));
        let mut command = workspace::command(&self.import);
        command.args(["-window", "root"]).arg(file);
        process::read(command.env("DISPLAY", self.name())).unwrap();
    }

    fn act(&self, arguments: &[&str]) {
        let mut command = workspace::command(&self.xdotool);
        process::read(command.args(arguments).env("DISPLAY", self.name())).unwrap();
    }
}

/// Where the pictures of the window are kept for people to look at.
pub fn pictures() -> PathBuf {
    let folder = workspace::target_dir().join("test-pictures");
    fs_err::create_dir_all(&folder).unwrap();
    folder
}
