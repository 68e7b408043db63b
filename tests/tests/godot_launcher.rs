// SPDX-License-Identifier: MIT
//! The exported launcher without a window: `LAUNCHER --headless -- VERB`.
//!
//! `cargo xtask export launcher` makes it; without it the tests say so and pass, with `CI` set they fail.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use vsekai_tests::exported;
use vsekai_tests::tree::assert_same;
use vsekai_tests::world::{TITLE, World};
use xtask::process::Running;
use xtask::{events, process, workspace};

#[test]
fn the_exported_launcher_installs_updates_verifies_and_rolls_back_without_a_window() {
    let Some(launcher) = Launcher::find() else { return };
    let (world, first) = World::with_first_version();
    let install = launcher.run(&world, &["install"]);
    assert_eq!(
        install.last("result").map(|result| &result["version"]),
        Some(&Value::from("1.0.0"))
    );
    assert_same(&first, &world.installed());
    let second = world.make_build(2);
    launcher.run(&world, &["update"]);
    assert_same(&second, &world.installed());
    launcher.run(&world, &["verify"]);
    launcher.run(&world, &["rollback"]);
    assert_same(&first, &world.installed());
}

#[test]
fn the_exported_launcher_starts_the_game_without_a_window() {
    let Some(launcher) = Launcher::find() else { return };
    let (world, _) = World::with_first_version();
    launcher.run(&world, &["install"]);
    let mut command = launcher.command(&["launch", "--wait", "--title", TITLE]);
    command
        .arg("--install-dir")
        .arg(world.install_folder())
        .args(["--", "--quit-after-start"]);
    let text = process::read(&mut command).unwrap();
    assert!(text.contains("1.0.0 started"), "{text}");
}

#[test]
fn the_exported_launcher_prints_nothing_but_events_with_json() {
    let Some(launcher) = Launcher::find() else { return };
    let (world, _) = World::with_first_version();
    let install = launcher.run(&world, &["install"]);
    assert_eq!(install.lines, [] as [String; 0]);
}

#[test]
fn the_exported_launcher_ends_with_the_exit_codes_of_the_command_line() {
    let Some(launcher) = Launcher::find() else { return };
    let world = World::new();
    let folder = world.install_folder().display().to_string();
    for (arguments, code, said) in [
        (&["--help"][..], 0, "Usage:"),
        (&["--version"], 0, env!("CARGO_PKG_VERSION")),
        (&["no-such-verb"], 2, "no-such-verb"),
        (
            &[
                "check",
                "--server",
                "http://127.0.0.1:1",
                "--install-dir",
                &folder,
            ],
            3,
            "cannot be reached",
        ),
        (&["launch", "--install-dir", &folder], 7, "nothing is installed"),
    ] {
        let output = process::capture(&mut launcher.command(arguments), Some(LIMIT)).unwrap();
        let text = process::text(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}:\n{text}");
        assert!(text.contains(said), "{arguments:?} prints no {said:?}:\n{text}");
        assert!(
            xtask::godot::complaints(&text).is_empty(),
            "{arguments:?}:\n{text}"
        );
        assert!(!text.contains("leaked"), "{arguments:?}:\n{text}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_launcher_ends_with_130_and_the_next_one_goes_on() {
    let Some(launcher) = Launcher::find() else { return };
    let (world, first) = World::with_first_version();
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::TERM] {
        let mut command = launcher.player_command(&world, &["install"]);
        command.args(["--rate-limit", "500KB/s"]);
        let mut progress = 0;
        let run = events::run_watched(&mut command, |event, running| {
            progress += u32::from(event["event"] == "progress");
            if progress == 3 {
                send(running, signal);
            }
        });
        let run = run.unwrap();
        assert_eq!(
            run.status.code(),
            Some(130),
            "{:?} {:?}",
            run.events.last(),
            run.lines
        );
        assert!(!world.install_folder().join(".vsekai/current.json").exists());
    }
    let run = launcher.run(&world, &["install"]);
    assert!(
        run.largest("result", "resumed_bytes") > 0,
        "{:?}",
        run.last("result")
    );
    assert_same(&first, &world.installed());
}

#[cfg(unix)]
#[test]
fn relative_paths_mean_the_folder_the_launcher_was_started_from() {
    let Some(launcher) = Launcher::find() else { return };
    let (world, first) = World::with_first_version();
    let mut command = launcher.command(&["install", "--title", TITLE, "--install-dir", "player/install"]);
    command.args(["--server", world.server().address()]);
    let folder = world.path("");
    command.current_dir(&folder).env("PWD", &folder);
    process::read(&mut command).unwrap();
    assert_same(&first, &world.installed());
}

#[cfg(unix)]
#[test]
fn the_launch_script_works_like_a_command_from_anywhere() {
    let Some(launcher) = Launcher::find() else { return };
    let (world, first) = World::with_first_version();
    let link = world.path("vsekai");
    let script = launcher.program.with_file_name("vsekai-launcher.sh");
    fs_err::os::unix::fs::symlink(script, &link).unwrap();
    let mut help = xtask::godot::command(&link);
    let text = process::read(help.arg("--help")).unwrap();
    assert!(text.starts_with("Install, update and start"), "{text}");
    let mut install = xtask::godot::command(&link);
    install.args(["install", "--title", TITLE, "--install-dir", "player/install"]);
    install.args(["--server", world.server().address()]);
    process::read(install.current_dir(world.path(""))).unwrap();
    assert_same(&first, &world.installed());
}

/// The exported launcher.
struct Launcher {
    program: std::path::PathBuf,
}

impl Launcher {
    fn find() -> Option<Self> {
        exported::launcher().map(|program| Self { program })
    }

    /// Returns a command that runs the launcher's command line.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = xtask::godot::command(&self.program);
        workspace::forget_settings(&mut command);
        command.args(["--headless", "--no-header", "--"]).args(arguments);
        command
    }

    /// Returns a command on the world's install that prints events.
    fn player_command(&self, world: &World, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.args([
            "--json",
            "--title",
            TITLE,
            "--server",
            world.server().address(),
            "--install-dir",
        ]);
        command.arg(world.install_folder());
        command
    }

    fn run(&self, world: &World, arguments: &[&str]) -> events::Run {
        events::run(&mut self.player_command(world, arguments))
            .unwrap()
            .successful()
            .unwrap()
    }
}

#[cfg(unix)]
fn send(running: &Running, signal: rustix::process::Signal) {
    let pid = i32::try_from(running.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

const LIMIT: Duration = Duration::from_secs(60);
