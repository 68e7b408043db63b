// SPDX-License-Identifier: MIT
//! The launcher's window: its own tests in a headless Godot, and the exported launcher on a virtual display,
//! driven by keys against a real server.

mod display;
mod godot_support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use display::Display;
use godot_support::assert_clean;
use serde_json::Value;
use vsekai_tests::tree::assert_same;
use vsekai_tests::world::{TITLE, World};
use vsekai_tests::{exported, skip};
use xtask::process::{self, Running};
use xtask::tools::{Cache, GODOT_HINT, Godot};
use xtask::{fs, workspace};

#[test]
fn the_window_shows_every_state_whole_in_every_language() {
    let found = Cache::of_the_user().ok().and_then(|cache| Godot::find(&cache));
    let Some(godot) = found.or_else(|| skip("Godot 4.6", GODOT_HINT)) else {
        return;
    };
    godot_support::build_extension();
    let launcher = xtask::projects::launcher();
    let project = tempfile::tempdir().unwrap();
    for layer in &launcher.layers {
        fs::copy_over(layer, project.path(), &[".godot", "bin"]).unwrap();
    }
    for (source, target) in &launcher.files {
        fs::replace_file(source, &project.path().join(target)).unwrap();
    }
    xtask::godot::import(&godot, project.path()).unwrap();
    let mut command = xtask::godot::command(&godot.editor);
    command
        .args(["--headless", "--path"])
        .arg(project.path())
        .args(["--script", "res://tests/run.gd"])
        .env("XDG_DATA_HOME", project.path().join(".godot/data"));
    let output = process::capture(&mut command, Some(LIMIT)).unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(text.trim_end().ends_with(" passed, 0 failed"), "{text}");
    assert_clean(&text);
}

#[test]
fn a_player_installs_updates_and_plays_in_the_window_with_keys_alone() {
    let Some(program) = exported::launcher() else {
        return;
    };
    let Some(display) = Display::new() else { return };
    let (mut world, first) = World::with_first_version();
    let window = Window::open(&display, &program, &world);
    window.wait_for("Found 1.0.0");
    display.keep_picture("offer-install");
    display.press("Return");
    window.wait_for("1.0.0 is installed.");
    assert_same(&first, &world.installed());

    let second = world.make_build(2);
    // The second button looks for updates; afterwards the first one updates.
    display.press("Tab");
    display.press("Return");
    window.wait_for("Found 2.0.0");
    display.keep_picture("offer-update");
    display.press("Return");
    window.wait_for("2.0.0 is installed.");
    assert_same(&second, &world.installed());

    world.kill_server();
    display.press("Tab");
    display.press("Return");
    window.wait_for("cannot be reached");
    display.keep_picture("offline");
    // Without a server the first button plays.
    display.press("Return");
    window.wait_for("Started 2.0.0");
    window.wait_for("The game ended (0)");
}

#[test]
fn a_second_start_hands_its_link_to_the_first_which_starts_the_game() {
    let Some(program) = exported::launcher() else {
        return;
    };
    let Some(display) = Display::new() else { return };
    let (world, _) = World::with_first_version();
    world.update();
    let window = Window::open(&display, &program, &world);
    window.wait_for("nothing new");
    let mut second = Window::command(&display, &program, &world);
    second.arg("v-sekai://example.org/alice/home");
    let output = process::capture(&mut second, Some(LIMIT)).unwrap();
    assert!(output.status.success(), "the first did not hear the second");
    window.wait_for("A link to the game came in.");
    window.wait_for("Started 1.0.0");
}

/// The exported launcher in a window.
struct Window {
    _running: Running,
    log: PathBuf,
}

impl Window {
    fn open(display: &Display, program: &Path, world: &World) -> Self {
        let mut command = Self::command(display, program, world);
        command
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null());
        Self {
            _running: process::spawn(&mut command).unwrap(),
            log: world.path("data").join("V-Sekai Launcher/activity.jsonl"),
        }
    }

    fn command(display: &Display, program: &Path, world: &World) -> Command {
        let mut command = xtask::godot::command(program);
        command
            .args(["--rendering-driver", "opengl3", "--audio-driver", "Dummy", "--"])
            .args([
                "--server",
                world.server().address(),
                "--title",
                TITLE,
                "--install-dir",
            ])
            .arg(world.install_folder())
            .env("DISPLAY", display.name())
            .env("XDG_DATA_HOME", world.path("data"))
            .env("LANG", "en_GB.UTF-8")
            .env_remove("LC_ALL")
            .env_remove("WAYLAND_DISPLAY");
        command
    }

    /// Waits until the launcher's log says `words`.
    fn wait_for(&self, words: &str) {
        let deadline = Instant::now() + LIMIT;
        while !self.lines().iter().any(|line| line.contains(words)) {
            assert!(Instant::now() < deadline, "no {words:?} in {:#?}", self.lines());
            std::thread::sleep(POLL);
        }
        // The window shows it with its next frame, and keys pressed before would be for the one before.
        std::thread::sleep(FRAMES);
    }

    fn lines(&self) -> Vec<String> {
        let text = fs_err::read_to_string(&self.log).unwrap_or_default();
        let texts = text.lines().filter_map(|line| {
            let line: Value = serde_json::from_str(line).ok()?;
            line["text"].as_str().map(str::to_owned)
        });
        texts.collect()
    }
}

/// Where the pictures of the window are kept for people to look at.
pub fn pictures() -> PathBuf {
    let folder = workspace::target_dir().join("test-pictures");
    fs_err::create_dir_all(&folder).unwrap();
    folder
}

const LIMIT: Duration = Duration::from_secs(200);
const POLL: Duration = Duration::from_millis(50);
const FRAMES: Duration = Duration::from_millis(500);
