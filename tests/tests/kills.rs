// SPDX-License-Identifier: MIT
//! An update killed at every call that changes the disk: afterwards the old or the new version is installed,
//! whole, and the next run completes.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use vsekai_tests::tree;
use vsekai_tests::world::{TITLE, World};
use xtask::{process, workspace};

/// Calls that change the disk, in groups that are counted together.
const CALLS: &[&str] = &[
    "mkdir,mkdirat",
    "rename,renameat,renameat2",
    "link,linkat,symlink,symlinkat",
    "unlink,unlinkat,rmdir",
    "ftruncate",
    "fchmod,chmod,fchmodat",
    "pwrite64",
    "fsync,fdatasync,syncfs",
    "flock",
    "copy_file_range,sendfile",
];

#[test]
fn an_update_killed_at_any_call_that_changes_the_disk_leaves_the_old_or_the_new_version() {
    let Some(strace) = process::which("strace")
        .or_else(|| vsekai_tests::skip("strace", "install it from the system's packages"))
    else {
        return;
    };
    let world = World::new();
    let builds = [small_build(&world, 1), small_build(&world, 2)];
    world.publish(&builds[0], "1.0.0");
    world.update();
    let pristine = world.path("pristine");
    fs_err::rename(world.install_folder(), &pristine).unwrap();
    world.publish(&builds[1], "2.0.0");
    let mut points = 0;
    for calls in CALLS {
        let mut nth = 1;
        while killed_at(&world, &strace, &pristine, calls, nth) {
            assert_old_or_new(&world, &builds, &format!("{calls} {nth}"));
            let finished = update(Command::new(workspace::built_program("vsekai")), &world);
            assert!(finished, "the run after the kill at {calls} {nth} failed");
            tree::assert_same(&builds[1], &world.installed());
            nth += 1;
        }
        points += nth - 1;
    }
    println!("killed at {points} points; old or new after each, complete after the next run");
    assert!(
        points > 100,
        "only {points} points: the calls of an update were not found"
    );
}

/// Runs an update from the first version that is killed at the `nth` of `calls`; false if it came through.
fn killed_at(world: &World, strace: &Path, pristine: &Path, calls: &str, nth: u32) -> bool {
    let install = world.install_folder();
    if install.exists() {
        fs_err::remove_dir_all(&install).unwrap();
    }
    copy_tree(pristine, &install);
    let mut command = Command::new(strace);
    command.args(["--follow-forks", "--quiet=all", "--output=/dev/null"]);
    command.arg(format!("--trace={calls}"));
    command.arg(format!("--inject={calls}:signal=KILL:when={nth}"));
    command.arg(workspace::built_program("vsekai"));
    !update(command, world)
}

fn update(mut command: Command, world: &World) -> bool {
    // Calls are counted for each thread, so there should be few.
    command
        .env("RAYON_NUM_THREADS", "1")
        .env("TOKIO_WORKER_THREADS", "1");
    command.args([
        "update",
        "--connections",
        "1",
        "--title",
        TITLE,
        "--channel",
        "stable",
    ]);
    command
        .args(["--server", world.server().address(), "--install-dir"])
        .arg(world.install_folder());
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

fn assert_old_or_new(world: &World, builds: &[PathBuf; 2], point: &str) {
    let current = fs_err::read(world.install_folder().join(".vsekai/current.json")).unwrap();
    let current: Value = serde_json::from_slice(&current).unwrap();
    match current["current"]["version"].as_str() {
        Some("1.0.0") => tree::assert_same(&builds[0], &world.installed()),
        Some("2.0.0") => tree::assert_same(&builds[1], &world.installed()),
        other => panic!("after {point} the version is {other:?}"),
    }
}

/// A build of more than 50 files: added, changed, deleted, moved, empty, nested, a link.
fn small_build(world: &World, number: u32) -> PathBuf {
    let root = world.path(&format!("build-{number}"));
    tree::write_program(&root, &format!("{number}.0.0"));
    for i in 0..30u64 {
        tree::write(&root, &format!("same/{i:02}.bin"), &tree::noise(i, 900));
    }
    for i in 0..14u64 {
        tree::write(
            &root,
            &format!("changed/{i:02}.bin"),
            &tree::noise(i + u64::from(number) * 100, 700),
        );
    }
    for i in 0..6u64 {
        tree::write(
            &root,
            &format!("only-{number}/deep/{i}.bin"),
            &tree::noise(i + u64::from(number) * 200, 500),
        );
    }
    let mut large = tree::noise(500, 400_000);
    large[200_000..210_000].copy_from_slice(&tree::noise(u64::from(number), 10_000));
    tree::write(&root, "large.bin", &large);
    tree::write(&root, &format!("moved-{number}.bin"), &tree::noise(600, 60_000));
    tree::write(&root, "empty", b"");
    fs_err::os::unix::fs::symlink("large.bin", root.join("link")).unwrap();
    root
}

/// Copies an install folder; files are shared, as between versions.
fn copy_tree(from: &Path, to: &Path) {
    for (path, entry) in tree::entries(from) {
        let (source, target) = (from.join(&path), to.join(&path));
        fs_err::create_dir_all(target.parent().unwrap()).unwrap();
        match entry {
            tree::Entry::Folder => fs_err::create_dir_all(target).unwrap(),
            tree::Entry::Link(to) => fs_err::os::unix::fs::symlink(to, target).unwrap(),
            tree::Entry::File { .. } if path.starts_with("versions") => {
                fs_err::hard_link(source, target).unwrap()
            }
            tree::Entry::File { .. } => {
                fs_err::copy(source, target).unwrap();
            }
        }
    }
}
