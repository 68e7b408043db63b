// SPDX-License-Identifier: MIT
//! The exported sample game is published, installed and updated by the exported launcher without a window.

use std::process::Command;

use vsekai_tests::stock::{Desync, casync_extract};
use vsekai_tests::world::{TITLE, World};
use vsekai_tests::{exported, tree};
use xtask::{events, godot, projects};

#[test]
fn the_exported_launcher_installs_updates_and_starts_the_exported_game() {
    let (Some(launcher), Some([first, second])) = (exported::launcher(), exported::game()) else {
        return;
    };
    let world = World::new();
    let launcher = || {
        let mut command = godot::command(&launcher);
        command.args(["--headless", "--"]);
        command
    };
    for ((version, build), verb) in projects::GAME_VERSIONS
        .iter()
        .zip([&first, &second])
        .zip(["install", "update"])
    {
        world.publish(build, version);
        let mut command = launcher();
        on_install(command.arg(verb), &world).args(["--server", world.server().address(), "--title", TITLE]);
        let run = events::run(&mut command).unwrap().successful().unwrap();
        assert_eq!(run.last("plan").unwrap()["version"], *version);
        tree::assert_same(build, &world.installed());
    }
    let mut command = launcher();
    command
        .args(["launch", "--wait", "--title", TITLE, "--install-dir"])
        .arg(world.install_folder());
    command.args(["--", "--headless", "--", "--quit-after-start"]);
    let run = events::run(&mut command).unwrap().successful().unwrap();
    let said = format!("{} started", tree::newest_game_version());
    assert!(
        run.lines.iter().any(|line| line.ends_with(&said)),
        "{:?}",
        run.lines
    );
}

#[test]
fn stock_tools_unpack_the_exported_game() {
    let Some([_, game]) = exported::game() else { return };
    let world = World::new();
    world.publish(&game, tree::newest_game_version());
    if let Some(desync) = Desync::find(&world) {
        desync.untar(tree::newest_game_version(), &world.path("untarred"));
        tree::assert_same(&game, &world.path("untarred"));
    }
    if casync_extract(&world, tree::newest_game_version(), &world.path("extracted")).is_some() {
        tree::assert_same(&game, &world.path("extracted"));
    }
}

#[test]
fn the_exported_launcher_ends_with_the_exit_code_of_the_command_line() {
    let Some(launcher) = exported::launcher() else {
        return;
    };
    let world = World::new();
    let mut command = godot::command(&launcher);
    on_install(command.args(["--headless", "--", "install"]), &world)
        .args(["--server", world.server().address()]);
    let run = events::run(command.args(["--title", "no-such-title"])).unwrap();
    assert_eq!(run.status.code(), Some(3), "{:?}", run.events);
}

fn on_install<'a>(command: &'a mut Command, world: &World) -> &'a mut Command {
    command
        .arg("--json")
        .arg("--install-dir")
        .arg(world.install_folder())
}
