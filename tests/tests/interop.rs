// SPDX-License-Identifier: MIT
//! Stock desync and casync read what we publish, through the running server.

use std::path::Path;
use std::process::Command;

use vsekai_tests::world::{TITLE, World, platform};
use vsekai_tests::{tool, tree};
use xtask::tools::Tool;
use xtask::{process, workspace};

#[test]
fn desync_untar_of_a_published_index_equals_the_build() {
    let Some(desync) = tool(Tool::Desync) else { return };
    let (world, build) = World::with_first_version();
    let target = world.path("untarred");
    fs_err::create_dir_all(&target).unwrap();
    read(
        desync_command(&desync, &world)
            .args(["untar", "--no-same-owner", "-i", "-s"])
            .args([
                &store(&world),
                &index(&world, "1.0.0"),
                &target.display().to_string(),
            ]),
    );
    tree::assert_same(&build, &target);
}

#[test]
fn casync_extract_of_a_published_index_equals_the_build() {
    let Some(casync) = tool(Tool::Casync) else { return };
    let (world, build) = World::with_first_version();
    let target = world.path("extracted");
    let mut command = workspace::command(casync);
    command
        .arg("extract")
        .arg(format!("--store={}", store(&world)))
        .arg(index(&world, "1.0.0"))
        .arg(&target);
    read(&mut command);
    tree::assert_same(&build, &target);
}

#[test]
fn desync_untar_of_an_update_with_a_seed_equals_the_second_build() {
    let Some(desync) = tool(Tool::Desync) else { return };
    let (world, _) = World::with_first_version();
    let second = world.make_build(2);
    // A cache that holds the first version's chunks: the second one needs the rest alone.
    let cache = world.path("cache");
    fs_err::create_dir_all(&cache).unwrap();
    for (version, name) in [("1.0.0", "first"), ("2.0.0", "second")] {
        let target = world.path(name);
        fs_err::create_dir_all(&target).unwrap();
        let mut command = desync_command(&desync, &world);
        command
            .args(["untar", "--no-same-owner", "-i", "-s", &store(&world), "-c"])
            .arg(&cache);
        read(command.arg(index(&world, version)).arg(&target));
    }
    tree::assert_same(&second, &world.path("second"));
}

#[test]
fn desync_verifies_the_servers_store() {
    let Some(desync) = tool(Tool::Desync) else { return };
    let (world, _) = World::with_first_version();
    world.make_build(2);
    let store = world.server().data().join("store");
    assert!(store.is_dir(), "{} is not there", store.display());
    read(desync_command(&desync, &world).args(["verify", "-s"]).arg(store));
}

#[test]
fn desync_caches_every_chunk_of_the_index_from_the_server() {
    let Some(desync) = tool(Tool::Desync) else { return };
    let (world, _) = World::with_first_version();
    let cache = world.path("cache");
    fs_err::create_dir_all(&cache).unwrap();
    let mut command = desync_command(&desync, &world);
    command
        .args(["cache", "-s", &store(&world), "-c"])
        .arg(&cache)
        .arg(index(&world, "1.0.0"));
    read(&mut command);
    read(desync_command(&desync, &world).args(["verify", "-s"]).arg(&cache));
    assert!(fs_err::read_dir(&cache).unwrap().next().is_some());
}

/// desync reads its configuration from the home folder; the tests have one of their own.
fn desync_command(desync: &Path, world: &World) -> Command {
    let mut command = workspace::command(desync);
    command.env("HOME", world.path("home"));
    command
}

fn store(world: &World) -> String {
    format!("{}/store", base(world))
}

fn index(world: &World, version: &str) -> String {
    format!("{}/index/{TITLE}_{version}_{}.caidx", base(world), platform())
}

fn base(world: &World) -> String {
    world.server().address().trim_end_matches('/').to_owned()
}

fn read(command: &mut Command) -> String {
    process::read(command).unwrap()
}
