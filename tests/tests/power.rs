// SPDX-License-Identifier: MIT
//! The power goes at any step of what the launcher does: afterwards the old or the new version is there,
//! whole, and what was reported as done stays done.
//!
//! `VSEKAI_TEST_POWER_CUTS` is the number of power cuts for each operation.
#![cfg(target_os = "linux")]

mod power_support;

use std::path::{Path, PathBuf};
use std::process::Command;

use power_support::{Outcome, Scenario};
use vsekai_tests::power::disk::Disk;
use vsekai_tests::power::trace::{Action, Step};
use vsekai_tests::power::wear::Picture;
use vsekai_tests::strace;
use vsekai_tests::tree::{self, Entry};
use vsekai_tests::world::World;

#[test]
fn a_power_cut_at_any_step_of_an_update_leaves_the_old_or_the_new_version() {
    let Some(strace) = strace::find() else { return };
    // Few entries are synced one by one, many by one call for all.
    for (more, cuts) in [(0, 6000), (40, 4000)] {
        let scenario = update(&strace, more);
        scenario.survives(cuts);
    }
}

#[test]
fn a_power_cut_at_any_step_of_an_update_to_the_same_files_leaves_them_under_one_of_the_two_names() {
    let Some(strace) = strace::find() else { return };
    let (world, build) = World::before_another_name();
    let update = world.update_command(world.server().address());
    let outcomes = ["1.0.0", "1.0.1"].map(|version| Outcome::of(version, &build));
    Scenario::record(
        "an update to the same files",
        &strace,
        world,
        &update,
        outcomes.to_vec(),
    )
    .survives(1000);
}

#[test]
fn a_power_cut_at_any_step_of_a_first_install_leaves_nothing_or_the_whole_version() {
    let Some(strace) = strace::find() else { return };
    let world = World::in_memory();
    let [first, _] = world.small_builds(0);
    world.publish(&first, "1.0.0");
    let install = world.update_command(world.server().address());
    let outcomes = vec![Outcome::nothing(), Outcome::of("1.0.0", &first)];
    Scenario::record("a first install", &strace, world, &install, outcomes).survives(2000);
}

#[test]
fn a_power_cut_at_any_step_of_a_repair_leaves_the_damaged_or_the_repaired_version() {
    let Some(strace) = strace::find() else { return };
    let world = World::in_memory();
    let [first, _] = world.small_builds(0);
    world.publish(&first, "1.0.0");
    world.update();
    let installed = world.installed();
    for file in ["large.bin", "same/03.bin", "only-1/deep/2.bin"] {
        damage(&installed.join(file));
    }
    fs_err::remove_file(installed.join("changed/04.bin")).unwrap();
    let outcomes = vec![Outcome::of("1.0.0", &installed), Outcome::of("1.0.0", &first)];
    let repair = world.player_command("repair");
    Scenario::record("a repair", &strace, world, &repair, outcomes).survives(2000);
}

#[test]
fn a_power_cut_at_any_step_of_a_rollback_leaves_one_of_the_two_versions() {
    let Some(strace) = strace::find() else { return };
    let world = World::in_memory();
    let builds = world.small_builds(0);
    for (number, build) in builds.iter().enumerate() {
        world.publish(build, &format!("{}.0.0", number + 1));
        world.update();
    }
    let outcomes = vec![Outcome::of("2.0.0", &builds[1]), Outcome::of("1.0.0", &builds[0])];
    let rollback = world.player_command("rollback");
    Scenario::record("a rollback", &strace, world, &rollback, outcomes).survives(1000);
}

#[test]
fn a_power_cut_at_any_step_of_a_move_leaves_a_whole_install_at_the_old_or_the_new_place() {
    let Some(strace) = strace::find() else { return };
    let (world, installed) = played();
    let outcome = Outcome::of("2.0.0", &installed);
    let outcomes = vec![outcome.clone(), outcome.at("elsewhere")];
    let mut command = world.player_command("move");
    command.arg(world.player_folder().join("elsewhere"));
    Scenario::record("a move", &strace, world, &command, outcomes).survives(1000);
}

#[test]
fn a_power_cut_at_any_step_of_an_uninstall_loses_no_file_of_the_players() {
    let Some(strace) = strace::find() else { return };
    let (world, installed) = played();
    let outcomes = vec![Outcome::of("2.0.0", &installed), Outcome::nothing()];
    let command = world.player_command("uninstall");
    let keeps_the_players_file = |left: &Picture| {
        let is_it = |(path, entry): (&PathBuf, &Entry)| {
            path.ends_with(MOD) && matches!(entry, Entry::File { content, .. } if content == PLAYERS)
        };
        match left.0.iter().any(is_it) {
            true => Ok(()),
            false => Err("the player's file is gone".to_owned()),
        }
    };
    Scenario::record("an uninstall", &strace, world, &command, outcomes)
        .also(keeps_the_players_file)
        .survives(1000);
}

#[test]
fn a_power_cut_at_any_step_of_an_adoption_leaves_nothing_or_the_whole_version_and_the_copy_as_it_was() {
    let Some(strace) = strace::find() else { return };
    let world = World::in_memory();
    let [first, _] = world.small_builds(0);
    world.publish(&first, "1.0.0");
    let copy = world.player_folder().join("copy");
    tree::copy_install(&first, &copy);
    damage(&copy.join("large.bin"));
    fs_err::remove_file(copy.join("changed/04.bin")).unwrap();
    let before = tree::entries(&copy);
    let mut command = world.player_command("adopt");
    command.arg(&copy).args(world.server_words());
    let outcomes = vec![Outcome::nothing(), Outcome::of("1.0.0", &first)];
    Scenario::record("an adoption", &strace, world, &command, outcomes)
        .also(move |left| match left.below(Path::new("copy")) == before {
            true => Ok(()),
            false => Err("the copy was changed".to_owned()),
        })
        .survives(1000);
}

#[test]
fn the_record_of_an_update_replays_to_the_very_files_that_the_update_left() {
    let Some(strace) = strace::find() else { return };
    let scenario = update(&strace, 0);
    let mut disk = scenario.before.clone();
    for (number, step) in scenario.steps.iter().enumerate() {
        disk.apply(number, step);
    }
    let replayed = disk.after_power_cut(0).0;
    assert_eq!(replayed, tree::entries(&scenario.world.player_folder()));
    let writes = scenario.steps.iter().filter(|step| is_write(&step.action));
    assert!(writes.count() > 20, "the writes of an update were not found");
}

#[test]
fn an_update_that_does_not_wait_for_the_disk_is_caught() {
    let Some(strace) = strace::find() else { return };
    let whole = update(&strace, 0);
    type Forgets = fn(&Action, &Disk) -> bool;
    let forgets: [(&str, Forgets); 3] = [
        ("everything", |_, _| true),
        ("files", |action, disk| is_file(action, disk)),
        ("folders", |action, disk| !is_file(action, disk)),
    ];
    for (what, forgotten) in forgets {
        let mut disk = whole.before.clone();
        let mut steps = whole.steps.clone();
        for (number, step) in steps.iter_mut().enumerate() {
            let is_sync = matches!(step.action, Action::Sync(_) | Action::SyncAll);
            if is_sync && forgotten(&step.action, &disk) {
                step.action = Action::Say(String::new());
            }
            disk.apply(number, step);
        }
        let found = whole.with_steps(steps).try_power_cuts(1500);
        println!(
            "an update that syncs no {what}: {} of {} power cuts found out",
            found.failures.len(),
            found.cuts
        );
        assert!(
            !found.failures.is_empty(),
            "an update that syncs no {what} passed"
        );
    }
}

#[test]
fn the_model_of_a_disk_tells_the_known_recipes_apart() {
    let recipe = |file: bool, folder: bool| {
        let root = Path::new("/disk");
        let (old, new) = (root.join("file"), root.join("new"));
        let mut actions = vec![
            Action::Create {
                path: new.clone(),
                executable: false,
                truncate: false,
            },
            Action::Write {
                path: new.clone(),
                at: 0,
                bytes: NEW.to_vec(),
            },
        ];
        actions.extend(file.then(|| Action::Sync(new.clone())));
        actions.push(Action::Rename { from: new, to: old });
        actions.extend(folder.then(|| Action::Sync(root.to_owned())));
        after_500_power_cuts(&Step::in_turn(actions))
    };
    let (torn, ..) = recipe(false, true);
    assert!(torn > 100, "no file sync, a folder sync: {torn} torn");
    let (torn, old, new) = recipe(true, false);
    assert!(
        torn == 0 && old > 50 && new > 50,
        "a file sync, no folder sync: {torn} {old} {new}"
    );
    assert_eq!(recipe(true, true), (0, 0, 500));
}

/// A file of the player's, and what is in it.
const MOD: &str = "mods/mine/mod.txt";
const PLAYERS: &[u8] = b"the player's own";

const OLD: &[u8] = &[b'o'; 10_000];
const NEW: &[u8] = &[b'n'; 12_000];

/// Counts files that are torn, old and new after the last step.
fn after_500_power_cuts(steps: &[Step]) -> (usize, usize, usize) {
    let folder = tree::memory_folder();
    tree::write(folder.path(), "file", OLD);
    let mut disk = Disk::of(folder.path()).at(Path::new("/disk"));
    for (number, step) in steps.iter().enumerate() {
        disk.apply(number, step);
    }
    let mut counts = (0, 0, 0);
    for seed in 1..=500 {
        match &disk.after_power_cut(seed).0[Path::new("file")] {
            tree::Entry::File { content, .. } if content == OLD => counts.1 += 1,
            tree::Entry::File { content, .. } if content == NEW => counts.2 += 1,
            _ => counts.0 += 1,
        }
    }
    counts
}

/// An install of two versions with a file of the player's, and the folder of the current one.
fn played() -> (World, PathBuf) {
    let world = World::in_memory();
    let builds = world.small_builds(0);
    for (number, build) in builds.iter().enumerate() {
        world.publish(build, &format!("{}.0.0", number + 1));
        world.update();
    }
    let installed = world.installed();
    tree::write(&installed, MOD, PLAYERS);
    (world, installed)
}

/// Records an update from the first to the second build, in a folder with files of the player's own.
fn update(strace: &Path, more: u64) -> Scenario {
    let world = World::in_memory();
    let builds = world.small_builds(more);
    world.publish(&builds[0], "1.0.0");
    world.update();
    for folder in [world.installed(), builds[0].clone(), builds[1].clone()] {
        tree::write(&folder, MOD, PLAYERS);
    }
    let old = Outcome::of("1.0.0", &world.installed());
    // The player's files are not published.
    fs_err::remove_dir_all(builds[1].join("mods")).unwrap();
    world.publish(&builds[1], "2.0.0");
    tree::write(&builds[1], MOD, PLAYERS);
    let outcomes = vec![old, Outcome::of("2.0.0", &builds[1])];
    let command: Command = world.update_command(world.server().address());
    let name = format!("an update of {} files", tree::entries(&builds[1]).len());
    Scenario::record(&name, strace, world, &command, outcomes)
}

fn damage(file: &Path) {
    let mut bytes = fs_err::read(file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs_err::remove_file(file).unwrap();
    fs_err::write(file, bytes).unwrap();
}

fn is_write(action: &Action) -> bool {
    matches!(action, Action::Write { .. } | Action::Copy { .. })
}

fn is_file(action: &Action, disk: &Disk) -> bool {
    matches!(action, Action::Sync(path) if disk.is_file(path))
}
