// SPDX-License-Identifier: MIT
//! A virtual display with keys to press, places to click and pictures to compare.

#![allow(dead_code, unused_imports, reason = "every test program uses a part of it")]

mod approved;
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
    convert: PathBuf,
}

impl Display {
    /// Returns nothing where a tool is missing, after saying so.
    pub fn new() -> Option<Self> {
        let (xvfb, xdotool, import) = (tool(Tool::Xvfb)?, tool(Tool::Xdotool)?, tool(Tool::Import)?);
        Some(Self {
            display: display::Display::start(&xvfb).unwrap(),
            xdotool,
            // Part of the same package, as is everything that can be done with a picture.
            convert: import.with_file_name("convert"),
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

    fn act(&self, arguments: &[&str]) {
        let mut command = workspace::command(&self.xdotool);
        process::read(command.args(arguments).env("DISPLAY", self.name())).unwrap();
    }
}

/// Where pictures are kept for people to look at.
pub fn pictures() -> PathBuf {
    let folder = workspace::target_dir().join("test-pictures");
    fs_err::create_dir_all(&folder).unwrap();
    folder
}
