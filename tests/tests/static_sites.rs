// SPDX-License-Identifier: MIT
//! Exports and mirrors: players and stock clients are served by a plain web server, with ours stopped.

use std::path::Path;

use vsekai_tests::nginx::Nginx;
use vsekai_tests::s3::S3;
use vsekai_tests::site::{bare_server_command, count, server_command, write};
use vsekai_tests::stock::Desync;
use vsekai_tests::tree;
use vsekai_tests::world::{TITLE, World, platform};
use xtask::{events, process};

/// Installs or updates the player's game from `address`.
fn update(world: &World, address: &str) {
    let run = events::run(&mut world.update_command(address)).unwrap();
    run.successful().unwrap();
}

/// Unpacks a version with stock desync from `address`, and compares it with the build.
fn untar(world: &World, address: &str, version: &str, build: &Path) {
    let Some(desync) = Desync::find(world) else { return };
    let target = world.path(&format!("untarred-{version}"));
    fs_err::create_dir_all(&target).unwrap();
    let mut command = desync.command();
    command.args([
        "untar",
        "--no-same-owner",
        "-i",
        "-s",
        &format!("{address}/store"),
    ]);
    command.arg(format!("{address}/index/{TITLE}_{version}_{}.caidx", platform()));
    process::read(command.arg(&target)).unwrap();
    tree::assert_same(build, &target);
}

#[test]
fn nginx_serves_an_export_to_players_and_to_desync_while_our_server_is_stopped() {
    let (mut world, first) = World::with_first_version();
    let site = world.path("site");
    let Some(nginx) = Nginx::serving(&site) else {
        return;
    };
    let export = |world: &World| write(server_command(world).args(["export", "--to"]).arg(&site));
    assert_eq!(export(&world), count(&site));
    world.kill_server();
    update(&world, nginx.address());
    tree::assert_same(&first, &world.installed());
    untar(&world, nginx.address(), "1.0.0", &first);

    world.restart_server();
    let second = world.make_build(2);
    let before = count(&site);
    let written = export(&world);
    let after = count(&site);
    // The timestamp is replaced, everything else is new.
    assert_eq!(written, (after.0 - before.0, after.1 - before.1 + 1));
    assert!(written.0 < before.0, "{written:?} of {after:?}");
    world.kill_server();
    update(&world, nginx.address());
    tree::assert_same(&second, &world.installed());
    untar(&world, nginx.address(), "2.0.0", &second);
}

#[test]
fn a_bucket_that_was_exported_to_serves_players() {
    let (mut world, first) = World::with_first_version();
    let buckets = world.path("buckets");
    fs_err::create_dir_all(buckets.join("public")).unwrap();
    let Some(s3) = S3::serving(&buckets) else { return };
    let export = |world: &World| {
        let mut command = server_command(world);
        s3.name_in(&mut command);
        write(command.args(["export", "--prune", "--grace", "0", "--to", "s3://public/updates"]))
    };
    let site = buckets.join("public/updates");
    assert_eq!(export(&world), count(&site));
    assert_eq!(export(&world), (0, 0));
    let second = world.make_build(2);
    let before = count(&site);
    let written = export(&world);
    assert_eq!(written.0, count(&site).0 - before.0);
    world.kill_server();
    // The S3 server keeps a bucket as a folder; a web server plays the part of a public bucket or CDN.
    let Some(nginx) = Nginx::serving(&site) else {
        return;
    };
    untar(&world, nginx.address(), "1.0.0", &first);
    update(&world, nginx.address());
    tree::assert_same(&second, &world.installed());
}

#[test]
fn a_mirror_serves_players_when_the_first_server_is_gone() {
    let (mut world, _) = World::with_first_version();
    let site = world.path("mirror");
    let root = world.server().root();
    let mirror = |world: &World| {
        let mut command = bare_server_command();
        command.args(["mirror", "--from", world.server().address(), "--title"]);
        command
            .arg(format!("{TITLE}={}", root.display()))
            .arg("--to")
            .arg(&site);
        write(&mut command)
    };
    mirror(&world);
    assert_eq!(mirror(&world), (0, 0));
    let second = world.make_build(2);
    let before = count(&site);
    let written = mirror(&world);
    assert_eq!(written.0, count(&site).0 - before.0);
    world.kill_server();
    let Some(nginx) = Nginx::serving(&site) else {
        return;
    };
    update(&world, nginx.address());
    tree::assert_same(&second, &world.installed());
    untar(&world, nginx.address(), "2.0.0", &second);
}

#[test]
fn nginx_passes_players_and_publishers_on_to_our_server() {
    let (world, _) = World::with_first_version();
    let Some(nginx) = Nginx::before(world.server().address()) else {
        return;
    };
    let build = world.path("build-2");
    tree::make_build(&build, 2);
    let run = events::run(&mut world.publish_command_to(nginx.address(), &build, "2.0.0")).unwrap();
    run.successful().unwrap();
    update(&world, nginx.address());
    tree::assert_same(&build, &world.installed());
}
