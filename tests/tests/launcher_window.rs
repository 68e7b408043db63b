// SPDX-License-Identifier: MIT
//! The launcher's window with a stand-in for the engine: its own tests in a headless Godot, and its pictures on a
//! virtual display.

mod display;
mod godot_support;

use std::path::PathBuf;

use display::Display;
use godot_support::{LIMIT, assert_clean};
use tempfile::TempDir;
use xtask::tools::Godot;
use xtask::{fs, process, workspace};

#[test]
fn the_window_shows_every_state_whole_in_every_language() {
    let Some(project) = Project::new() else { return };
    let text = project.run(&["--headless"], "run.gd", &[], None);
    assert!(text.trim_end().ends_with(" passed, 0 failed"), "{text}");
}

#[test]
fn every_state_of_the_window_looks_as_it_was_approved() {
    let Some(display) = Display::new() else { return };
    let Some(project) = Project::new() else { return };
    let approved = workspace::root().join("tests/pictures");
    let output = display::pictures().join("compared");
    fs::remove_folder(&output).unwrap();
    let arguments = [approved, output.clone()];
    let text = project.run(
        &["--rendering-driver", "opengl3", "--audio-driver", "Dummy"],
        "pictures.gd",
        &arguments,
        Some(&display),
    );
    assert!(
        text.contains(" alike, 0 differ"),
        "what differs is in {}; VSEKAI_TEST_BLESS=1 approves it\n{text}",
        output.display()
    );
}

/// The launcher's project as it is exported, with its tests.
struct Project {
    godot: Godot,
    folder: TempDir,
}

impl Project {
    /// Returns nothing where there is no Godot, after saying so.
    fn new() -> Option<Self> {
        let godot = godot_support::find_godot()?;
        godot_support::build_extension();
        let launcher = xtask::projects::launcher();
        let folder = tempfile::tempdir().unwrap();
        for layer in &launcher.layers {
            fs::copy_over(layer, folder.path(), &[".godot", "bin"]).unwrap();
        }
        for (source, target) in &launcher.files {
            fs::replace_file(source, &folder.path().join(target)).unwrap();
        }
        xtask::godot::import(&godot, folder.path()).unwrap();
        Some(Self { godot, folder })
    }

    /// Runs one of the launcher's scripts and returns what was printed; its exit code is left to what it prints.
    fn run(
        &self,
        options: &[&str],
        script: &str,
        arguments: &[PathBuf],
        display: Option<&Display>,
    ) -> String {
        let mut command = xtask::godot::command(&self.godot.editor);
        command.args(options).arg("--path").arg(self.folder.path());
        command.arg("--script").arg(format!("res://tests/{script}"));
        command.arg("--").args(arguments);
        command
            .env("XDG_DATA_HOME", self.folder.path().join(".godot/data"))
            .env("TZ", "UTC")
            .env_remove("WAYLAND_DISPLAY");
        if let Some(display) = display {
            command.env("DISPLAY", display.name());
        }
        let output = process::capture(&mut command, Some(LIMIT)).unwrap();
        let text = process::text(&output);
        assert_clean(&text);
        text
    }
}
