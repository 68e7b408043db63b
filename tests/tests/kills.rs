// SPDX-License-Identifier: MIT
//! Operations killed at every call that changes the disk: afterwards the old or the new version is installed,
//! whole, and the next run completes.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use vsekai_tests::player::Player;
use vsekai_tests::proxy::Proxy;
use vsekai_tests::strace::{self, Happens};
use vsekai_tests::tree::{self, Entry};
use vsekai_tests::world::World;

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
    let Some(strace) = strace::find() else { return };
    let (world, builds, pristine) = World::before_an_update();
    let proxy = Proxy::start(world.server().address());
    let killed = Killed {
        command: one_at_a_time(world.update_command(&proxy.address())),
        old: Some(tree::entries(&builds[0])),
        new: tree::entries(&builds[1]),
        pristine: Some(pristine.clone()),
        // The proxy counts each run alone.
        begin: Box::new(|| proxy.mend(world.server().address())),
    };
    // What a whole update fetches.
    world.lay_out(Some(&pristine));
    let whole = Player::at(&world.install_folder()).update();
    assert!(whole > 1);
    let points = killed.at_every_call(&world, &strace, |player| {
        let before = proxy.traffic().chunks() as u64;
        let was_old = player.version().as_deref() == Some("1.0.0");
        let after = player.update();
        assert!(
            !was_old || before + after <= whole + 1,
            "{before} chunks and {after} more, of {whole}"
        );
    });
    println!(
        "an update killed at {points} points: old or new after each, complete after the next run, at most one chunk fetched again"
    );
    assert!(points > 100, "only {points} points: the calls were not found");
}

#[test]
fn a_first_install_killed_at_any_call_that_changes_the_disk_leaves_nothing_or_the_whole_version() {
    let Some(strace) = strace::find() else { return };
    let world = World::in_memory();
    let [build, _] = world.small_builds(0);
    world.publish(&build, "1.0.0");
    let killed = Killed {
        command: one_at_a_time(world.update_command(world.server().address())),
        old: None,
        new: tree::entries(&build),
        pristine: None,
        begin: Box::new(|| {}),
    };
    let points = killed.at_every_call(&world, &strace, |_| {
        world.update();
    });
    println!(
        "a first install killed at {points} points: nothing or the whole version after each, complete after the next run"
    );
    assert!(points > 100, "only {points} points: the calls were not found");
}

#[test]
fn a_repair_killed_at_any_call_that_changes_the_disk_leaves_the_damaged_or_the_repaired_version() {
    let Some(strace) = strace::find() else { return };
    let world = World::in_memory();
    let [build, _] = world.small_builds(0);
    world.publish(&build, "1.0.0");
    world.update();
    for file in ["changed/03.bin", "large.bin", "empty"] {
        fs_err::remove_file(world.installed().join(file)).unwrap();
    }
    let damaged = tree::entries(&world.installed());
    let killed = Killed {
        command: world.player_command("repair"),
        old: Some(damaged),
        new: tree::entries(&build),
        pristine: Some(world.set_aside()),
        begin: Box::new(|| {}),
    };
    let points = killed.at_every_call(&world, &strace, Player::repair);
    println!(
        "a repair killed at {points} points: damaged or repaired after each, complete after the next run"
    );
    assert!(points > 50, "only {points} points: the calls were not found");
}

#[test]
fn an_update_to_the_same_files_killed_at_any_call_that_changes_the_disk_leaves_them_as_they_are() {
    let Some(strace) = strace::find() else { return };
    let (world, build) = World::before_another_name();
    let files = tree::entries(&build);
    let killed = Killed {
        command: world.update_command(world.server().address()),
        old: Some(files.clone()),
        new: files,
        pristine: Some(world.set_aside()),
        begin: Box::new(|| {}),
    };
    let points = killed.at_every_call(&world, &strace, |player| {
        assert_eq!(player.update(), 0, "a chunk was fetched");
        assert_eq!(player.version().as_deref(), Some("1.0.1"));
    });
    println!(
        "an update to the same files killed at {points} points: they lie as they did after each, named anew after the next run"
    );
    assert!(points > 10, "only {points} points: the calls were not found");
}

#[test]
fn a_rollback_killed_at_any_call_that_changes_the_disk_leaves_one_of_the_two_versions() {
    let Some(strace) = strace::find() else { return };
    let world = World::in_memory();
    let builds = world.small_builds(0);
    for (number, build) in builds.iter().enumerate() {
        world.publish(build, &format!("{}.0.0", number + 1));
        world.update();
    }
    let killed = Killed {
        command: world.player_command("rollback"),
        old: Some(tree::entries(&builds[1])),
        new: tree::entries(&builds[0]),
        pristine: Some(world.set_aside()),
        begin: Box::new(|| {}),
    };
    let points = killed.at_every_call(&world, &strace, |player| {
        if player.version().as_deref() == Some("2.0.0") {
            let done = quiet(&mut world.player_command("rollback")).status().unwrap();
            assert!(done.success(), "the next roll-back failed");
        }
    });
    println!(
        "a roll-back killed at {points} points: one of the two versions after each, complete after the next run"
    );
    assert!(points > 2, "only {points} points: the calls were not found");
}

/// An operation that is killed, and what there is before and after it.
struct Killed<'a> {
    command: Command,
    old: Option<BTreeMap<PathBuf, Entry>>,
    new: BTreeMap<PathBuf, Entry>,
    pristine: Option<PathBuf>,
    /// Called before each run that is killed.
    begin: Box<dyn Fn() + 'a>,
}

impl Killed<'_> {
    /// Kills the operation at one call after the other until it comes through; returns how many there were.
    /// `complete` is the next run.
    fn at_every_call(&self, world: &World, strace: &Path, complete: impl Fn(&Player)) -> u32 {
        let mut points = 0;
        for calls in CALLS {
            for nth in 1.. {
                world.lay_out(self.pristine.as_deref());
                (self.begin)();
                let mut traced = strace::inject(strace, &self.command, calls, nth, Happens::Kill);
                if quiet(&mut traced).status().unwrap().success() {
                    break;
                }
                let found = Player::at(&world.install_folder()).files();
                let is_old = found == self.old.clone().unwrap_or_default();
                assert!(
                    is_old || found == self.new,
                    "neither old nor new after {calls} {nth}"
                );
                complete(&Player::at(&world.install_folder()));
                let player = Player::at(&world.install_folder());
                assert!(player.files() == self.new, "not complete after {calls} {nth}");
                assert!(player.is_intact());
                points += 1;
            }
        }
        points
    }
}

/// Chunks come one after the other, so that one is on its way at most.
fn one_at_a_time(mut command: Command) -> Command {
    command.args(["--connections", "1"]);
    command
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::null()).stderr(Stdio::null())
}
