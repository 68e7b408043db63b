// SPDX-License-Identifier: MIT
//! Stock desync and casync read what we publish, through the running server.

use vsekai_tests::stock::{Desync, casync_extract, index_address, store_address};
use vsekai_tests::tree;
use vsekai_tests::world::World;
use xtask::process;

#[test]
fn desync_untar_of_a_published_index_equals_the_build() {
    let (world, build) = World::with_first_version();
    let Some(desync) = Desync::find(&world) else {
        return;
    };
    let target = world.path("untarred");
    desync.untar("1.0.0", &target);
    tree::assert_same(&build, &target);
}

#[test]
fn casync_extract_of_a_published_index_equals_the_build() {
    let (world, build) = World::with_first_version();
    let target = world.path("extracted");
    let Some(()) = casync_extract(&world, "1.0.0", &target) else {
        return;
    };
    tree::assert_same(&build, &target);
}

#[test]
fn desync_untar_of_an_update_with_a_cache_equals_the_second_build() {
    let (world, _) = World::with_first_version();
    let Some(desync) = Desync::find(&world) else {
        return;
    };
    let second = world.make_build(2);
    // A cache that holds the first version's chunks: the second one needs the rest alone.
    let cache = world.path("cache");
    fs_err::create_dir_all(&cache).unwrap();
    for (version, name) in [("1.0.0", "first"), ("2.0.0", "second")] {
        let target = world.path(name);
        fs_err::create_dir_all(&target).unwrap();
        let mut command = desync.command();
        command
            .args([
                "untar",
                "--no-same-owner",
                "-i",
                "-s",
                &store_address(&world),
                "-c",
            ])
            .arg(&cache);
        process::read(command.arg(index_address(&world, version)).arg(&target)).unwrap();
    }
    tree::assert_same(&second, &world.path("second"));
}

#[test]
fn desync_verifies_the_servers_store() {
    let (world, _) = World::with_first_version();
    let Some(desync) = Desync::find(&world) else {
        return;
    };
    world.make_build(2);
    let store = world.server().data().join("store");
    assert!(store.is_dir(), "{} is not there", store.display());
    process::read(desync.command().args(["verify", "-s"]).arg(store)).unwrap();
}

#[test]
fn desync_caches_every_chunk_of_the_index_from_the_server() {
    let (world, _) = World::with_first_version();
    let Some(desync) = Desync::find(&world) else {
        return;
    };
    let cache = world.path("cache");
    fs_err::create_dir_all(&cache).unwrap();
    let mut command = desync.command();
    command
        .args(["cache", "-s", &store_address(&world), "-c"])
        .arg(&cache)
        .arg(index_address(&world, "1.0.0"));
    process::read(&mut command).unwrap();
    process::read(desync.command().args(["verify", "-s"]).arg(&cache)).unwrap();
    assert!(fs_err::read_dir(&cache).unwrap().next().is_some());
}
