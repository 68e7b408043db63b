// SPDX-License-Identifier: MIT
//! The exported launcher on a virtual display, driven by keys and clicks against a real server.
#![cfg(target_os = "linux")]

mod display;
mod godot_support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use display::{Display, Watched};
use godot_support::assert_clean;
use serde_json::Value;
use vsekai_tests::exported;
use vsekai_tests::tree::assert_same;
use vsekai_tests::world::{TITLE, World};
use xtask::process::{self, Running};

#[test]
fn a_player_installs_updates_and_plays_in_the_window_with_keys_alone() {
    let Some(program) = exported::launcher() else {
        return;
    };
    let Some(display) = Display::new() else { return };
    let (mut world, first) = World::with_first_version();
    let window = Window::open(&display, &program, &world);
    window.wait_for("Found 1.0.0");
    display.assert_approved("offer-install", &[INSTALL_FOLDER]);
    assert_clean(&window.printed());
    display.press("Return");
    window.wait_for("1.0.0 is installed.");
    display.assert_approved("installed", &[FACTS]);
    assert_same(&first, &world.installed());

    let second = world.make_build(2);
    // The second button looks for updates; afterwards the first one updates.
    display.press("Tab");
    display.press("Return");
    window.wait_for("Found 2.0.0");
    display.assert_approved("offer-update", &[]);
    display.press("Return");
    window.wait_for("2.0.0 is installed.");
    assert_same(&second, &world.installed());

    world.kill_server();
    display.press("Tab");
    display.press("Return");
    window.wait_for("cannot be reached");
    display.assert_approved("offline", &[]);
    // Without a server the first button plays.
    display.press("Return");
    window.wait_for("Started 2.0.0");
    window.wait_for("The game ended (0)");
    assert_clean(&window.printed());
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

#[test]
fn a_launcher_killed_in_the_middle_of_an_update_goes_on_in_its_next_window() {
    let Some(program) = exported::launcher() else {
        return;
    };
    let Some(display) = Display::new() else { return };
    let (world, first) = World::with_first_version();
    world.update();
    let second = world.make_build(2);
    set(&world, "rate-limit", "100KB");
    let mut window = Window::open(&display, &program, &world);
    window.wait_for("Found 2.0.0");
    display.press("Return");
    window.wait_for("Download started.");
    window.running.kill();
    assert_same(&first, &world.installed());

    set(&world, "rate-limit", "none");
    let window = Window::open(&display, &program, &world);
    window.wait_for("Found 2.0.0");
    display.press("Return");
    window.wait_for("2.0.0 is installed.");
    assert_same(&second, &world.installed());
}

#[test]
fn an_update_that_is_held_back_says_why_in_the_window_and_comes_by_clicks() {
    let Some(program) = exported::launcher() else {
        return;
    };
    let Some(display) = Display::new() else { return };
    let (world, first) = World::with_first_version();
    world.update();
    set(&world, "updates", "automatic");
    set(&world, "quiet-hours", "00:00-12:00,12:00-00:00");
    let second = world.make_build(2);
    let window = Window::open(&display, &program, &world);
    window.wait_for("Found 2.0.0");
    display.assert_approved("held-back", &[]);
    assert_same(&first, &world.installed());

    let (home, why, settings) = ((100, 235), (588, 680), (100, 376));
    let preferences = Watched::follow(&world.install_folder().join(".vsekai/preferences.json"));
    display.click(settings);
    // From the first section to the one of the network, whose second setting is what the connection costs; the
    // second of its choices is that it costs by the byte.
    for key in [
        "Tab", "Return", "Tab", "Tab", "Tab", "Tab", "Return", "Down", "Return",
    ] {
        display.press(key);
    }
    preferences.until("metered", LIMIT, |text| field(text, "metered") == "yes");
    display.assert_approved("settings-network", &[SERVER_FIELD]);

    display.click(home);
    display.click(why);
    display.assert_approved("why", &[]);
    // The answer that leaves things as they are has the focus.
    display.press("Tab");
    display.press("Return");
    window.wait_for("2.0.0 is installed.");
    assert_same(&second, &world.installed());
}

/// A text in a JSON object.
fn field(text: &str, name: &str) -> String {
    let value: Value = serde_json::from_str(text).unwrap_or_default();
    value[name].as_str().unwrap_or_default().to_owned()
}

/// Changes a setting of the install, as a player can on the command line.
fn set(world: &World, name: &str, value: &str) {
    let mut command = world.player_command("settings");
    process::read(command.args(["set", name, value])).unwrap();
}

/// The exported launcher in a window.
struct Window {
    running: Running,
    log: Watched,
    /// What it prints.
    output: PathBuf,
    /// Lines of the log that were there before.
    before: usize,
}

impl Window {
    fn open(display: &Display, program: &Path, world: &World) -> Self {
        let data = world.path("data/V-Sekai Launcher");
        // Followed before the launcher starts, so that no change of it is missed.
        let log = Watched::follow(&data.join("activity.jsonl"));
        fs_err::write(data.join("settings.cfg"), APPEARANCE).unwrap();
        let output = world.path("launcher.txt");
        let printed = fs_err::File::create(&output).unwrap().into_file();
        let mut command = Self::command(display, program, world);
        command.stdout(printed.try_clone().unwrap()).stderr(printed);
        Self {
            running: process::spawn(&mut command).unwrap(),
            before: lines(&log.text()).len(),
            log,
            output,
        }
    }

    /// What it has printed so far.
    fn printed(&self) -> String {
        fs_err::read_to_string(&self.output).unwrap()
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

    /// Waits until this launcher's log says `words`, which the window has shown by then.
    fn wait_for(&self, words: &str) {
        self.log.until(words, LIMIT, |text| {
            let mut new = lines(text).into_iter().skip(self.before);
            new.any(|line| line.contains(words))
        });
    }
}

/// What the lines of a log say.
fn lines(text: &str) -> Vec<String> {
    let texts = text.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        line["text"].as_str().map(str::to_owned)
    });
    texts.collect()
}

/// The same on every machine.
const APPEARANCE: &str = "[window]\n\nlanguage=\"en\"\ntheme=\"light\"\nmotion=\"reduced\"\n";
/// Where the window names the install folder, and the server.
const INSTALL_FOLDER: [u32; 4] = [280, 100, 1060, 150];
const SERVER_FIELD: [u32; 4] = [500, 362, 1045, 412];
/// When updates were looked for, when the game was installed, and the room on the disk.
const FACTS: [u32; 4] = [280, 558, 1060, 598];
const LIMIT: Duration = Duration::from_secs(200);
