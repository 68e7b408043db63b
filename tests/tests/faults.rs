// SPDX-License-Identifier: MIT
//! What happens to a player's game when the server, the network or the machine fails.

use vsekai_tests::proxy::Proxy;
use vsekai_tests::tree;
use vsekai_tests::world::World;
use xtask::events::{self, Run};

/// More than any document, less than the chunks of a made build.
const DOCUMENTS: u64 = 256 * 1024;

#[test]
fn an_install_cut_off_in_the_middle_continues_without_fetching_again() {
    let (world, build) = World::with_first_version();
    let whole = whole_download(&world);
    let proxy = Proxy::start(world.server().address());
    proxy.cut_after_chunks(whole.chunks / 2);
    let failed = update_through(&world, &proxy);
    assert_failed_clearly(&failed, "offline");
    let before = proxy.traffic();
    assert!(before.bytes < whole.bytes, "the cut came too late: {before:?}");

    proxy.mend(world.server().address());
    update_through(&world, &proxy).successful().unwrap();
    tree::assert_same(&build, &world.installed());
    let chunks = before.chunks() + proxy.traffic().chunks();
    assert_eq!(chunks, whole.chunks, "chunks were fetched twice");
    let bytes = before.bytes + proxy.traffic().bytes;
    assert!(
        bytes < whole.bytes + DOCUMENTS,
        "{bytes} bytes in two runs, {} in one",
        whole.bytes
    );
}

#[test]
fn an_update_cut_off_leaves_the_installed_game_playable() {
    let (mut world, first) = World::with_first_version();
    world.update();
    let second = world.make_build(2);
    let proxy = Proxy::start(world.server().address());
    proxy.cut_after_chunks(3);
    world_update_fails(&world, &proxy);
    world.kill_server();

    tree::assert_same(&first, &world.installed());
    assert!(world.play().contains("Test Game 1.0.0 started"));
    let offline = events::run(&mut world.update_command(&proxy.address())).unwrap();
    assert_failed_clearly(&offline, "offline");

    world.restart_server();
    world.update();
    tree::assert_same(&second, &world.installed());
    assert!(world.play().contains("Test Game 2.0.0 started"));
}

#[test]
fn a_server_that_dies_during_a_download_is_a_clear_error() {
    let (mut world, build) = World::with_first_version();
    let mut command = world.update_command(world.server().address());
    command.args(["--rate-limit", "2MiB/s"]);
    let server = std::cell::RefCell::new(&mut world);
    let run = events::run_watched(&mut command, |event, _| {
        if event["event"] == "progress" && event["done_bytes"].as_u64() > Some(0) {
            server.borrow_mut().kill_server();
        }
    });
    assert_failed_clearly(&run.unwrap(), "offline");
    world.restart_server();
    world.update();
    tree::assert_same(&build, &world.installed());
}

#[test]
fn a_flipped_bit_in_a_served_chunk_is_never_installed() {
    let (world, first) = World::with_first_version();
    world.update();
    let second = world.make_build(2);
    let proxy = Proxy::start(world.server().address());
    proxy.falsify_chunks_from(2);
    let run = update_through(&world, &proxy);
    assert_failed_clearly(&run, "damaged");
    tree::assert_same(&first, &world.installed());
    assert!(world.play().contains("Test Game 1.0.0 started"));

    proxy.mend(world.server().address());
    update_through(&world, &proxy).successful().unwrap();
    tree::assert_same(&second, &world.installed());
}

#[test]
fn a_killed_update_continues_where_it_stopped() {
    let (world, build) = World::with_first_version();
    let whole = whole_download(&world);
    let proxy = Proxy::start(world.server().address());
    let mut command = world.update_command(&proxy.address());
    command.args(["--rate-limit", "3MiB/s"]);
    let killed = events::run_watched(&mut command, |event, running| {
        if event["event"] == "progress" && event["done_bytes"].as_u64() > Some(whole.bytes / 3) {
            running.kill();
        }
    })
    .unwrap();
    assert_eq!(
        killed.status.code(),
        None,
        "the run ended by itself: {:?}",
        killed.events.last()
    );
    assert!(!world.install_folder().join("versions").is_dir() || no_version(&world));
    let before = proxy.traffic();

    proxy.mend(world.server().address());
    update_through(&world, &proxy).successful().unwrap();
    tree::assert_same(&build, &world.installed());
    let again = before.chunks() + proxy.traffic().chunks() - whole.chunks;
    // What was on its way when the run was killed comes again: no more than one chunk for each connection.
    assert!(
        again <= 16,
        "{again} of {} chunks were fetched again",
        whole.chunks
    );
}

#[test]
fn an_update_fetches_what_changed_alone() {
    let (world, _) = World::with_first_version();
    let install = world.update();
    let second = world.make_build(2);
    let update = world.update();
    tree::assert_same(&second, &world.installed());
    let (all, changed) = (
        install.largest("progress", "network_bytes"),
        update.largest("progress", "network_bytes"),
    );
    // A new file of 1 MiB and a changed part of a large one; 11 MiB in all.
    assert!(changed < 3 << 20, "{changed} bytes for a small change");
    assert!(all > 10 << 20, "{all} bytes for the whole");
}

#[test]
fn a_second_update_does_nothing_and_fetches_next_to_nothing() {
    let (world, build) = World::with_first_version();
    world.update();
    let proxy = Proxy::start(world.server().address());
    update_through(&world, &proxy).successful().unwrap();
    assert_eq!(proxy.traffic().chunks(), 0);
    assert!(proxy.traffic().bytes < DOCUMENTS);
    tree::assert_same(&build, &world.installed());
}

struct Whole {
    bytes: u64,
    chunks: usize,
}

/// Measures an undisturbed install, into a folder that is removed again.
fn whole_download(world: &World) -> Whole {
    let proxy = Proxy::start(world.server().address());
    update_through(world, &proxy).successful().unwrap();
    fs_err::remove_dir_all(world.install_folder()).unwrap();
    let traffic = proxy.traffic();
    Whole {
        bytes: traffic.bytes,
        chunks: traffic.chunks(),
    }
}

fn update_through(world: &World, proxy: &Proxy) -> Run {
    events::run(&mut world.update_command(&proxy.address())).unwrap()
}

fn world_update_fails(world: &World, proxy: &Proxy) {
    assert_failed_clearly(&update_through(world, proxy), "offline");
}

fn assert_failed_clearly(run: &Run, code: &str) {
    assert!(!run.status.success(), "the run succeeded");
    let failed = run.last("failed").expect("the run says why it failed");
    assert_eq!(failed["code"], code, "{failed}");
    assert!(
        !failed["message"].as_str().unwrap_or_default().is_empty(),
        "{failed}"
    );
    assert!(
        !failed["hint"].as_str().unwrap_or_default().is_empty(),
        "{failed}"
    );
}

fn no_version(world: &World) -> bool {
    fs_err::read_dir(world.install_folder().join("versions"))
        .unwrap()
        .next()
        .is_none()
}
