// SPDX-License-Identifier: MIT
//! Tens of thousands of real files in two real versions: published, installed, updated.

use std::path::{Path, PathBuf};
use std::time::Instant;

use vsekai_tests::stock::Desync;
use vsekai_tests::world::World;
use vsekai_tests::{skip, tree};
use xtask::fs;
use xtask::tools::{Cache, Trees};

#[test]
fn a_large_tree_is_published_installed_and_updated_between_two_real_versions() {
    let trees = Cache::of_the_user().ok().and_then(|cache| Trees::find(&cache));
    let Some(trees) = trees.or_else(|| skip("the large trees", "hint: cargo xtask tools")) else {
        return;
    };
    let world = World::new();
    let old = build(&world, &trees.old, "1.16.9");
    let new = build(&world, &trees.new, "1.18.8");
    assert!(fs::files(&new, &[]).unwrap().len() > 18_000);

    for (version, build) in [("1.16.9", &old), ("1.18.8", &new)] {
        let start = Instant::now();
        let published = world.publish(build, version);
        println!(
            "published {version} in {:.1} s: {published}",
            start.elapsed().as_secs_f64()
        );
        let start = Instant::now();
        let run = world.update();
        println!(
            "updated to {version} in {:.1} s: fetched {} bytes, {}",
            start.elapsed().as_secs_f64(),
            run.largest("progress", "network_bytes"),
            run.last("plan").unwrap()
        );
        tree::assert_same(build, &world.installed());
    }
    assert!(world.play().contains("Test Game 1.18.8 started"));
    let Some(desync) = Desync::find(&world) else {
        return;
    };
    desync.untar("1.18.8", &world.path("untarred"));
    tree::assert_same(&new, &world.path("untarred"));
}

/// A release needs a program to start, which the data alone does not have.
fn build(world: &World, data: &Path, version: &str) -> PathBuf {
    let folder = world.path(version);
    for file in fs::files(data, &[]).unwrap() {
        let target = folder.join(&file);
        fs_err::create_dir_all(target.parent().unwrap()).unwrap();
        // Nobody writes into a published folder, so links do where they can be made.
        if fs_err::hard_link(data.join(&file), &target).is_err() {
            fs_err::copy(data.join(&file), &target).unwrap();
        }
    }
    tree::write_program(&folder, version);
    folder
}
