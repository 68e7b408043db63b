// SPDX-License-Identifier: MIT
//! A disk that is full, or fails, at one call of an update after the other: the old version stays whole, the
//! error is told in words, and the next run completes.
#![cfg(target_os = "linux")]

use std::path::{Path, PathBuf};

use vsekai_tests::player::Player;
use vsekai_tests::strace::{self, Happens};
use vsekai_tests::tree;
use vsekai_tests::world::{World, code_and_output};

const FULL: Happens = Happens::Error("ENOSPC");
const BROKEN: Happens = Happens::Error("EIO");

/// Calls and what happens at them. After a failed sync the bytes may be lost although they can be read.
const FAULTS: &[(&str, Happens)] = &[
    ("pwrite64", FULL),
    ("copy_file_range", FULL),
    ("ftruncate", FULL),
    ("mkdir,mkdirat", FULL),
    ("link,linkat,symlink,symlinkat", FULL),
    ("rename,renameat,renameat2", FULL),
    ("fsync,fdatasync,syncfs", FULL),
    ("fsync,fdatasync,syncfs", BROKEN),
    ("pwrite64", BROKEN),
];

#[test]
fn a_disk_that_fails_at_any_call_of_an_update_leaves_the_old_version_and_the_next_run_completes() {
    let Some(strace) = strace::find() else { return };
    let (world, builds, pristine) = World::before_an_update();
    let (mut failed, mut survived) = (0, 0);
    for (calls, happens) in FAULTS {
        let mut row = 0;
        for nth in 1.. {
            world.lay_out(Some(&pristine));
            match fails_at(&world, &strace, calls, nth, *happens) {
                true => (failed, row) = (failed + 1, 0),
                // Some calls may fail: what cannot be linked is copied, what cannot be removed is left.
                false => (survived, row) = (survived + 1, row + 1),
            }
            assert_whole(&world, &builds, &format!("{calls} {nth} {happens:?}"));
            if row > CALM {
                break;
            }
        }
    }
    println!(
        "the disk failed at {failed} calls of an update: old version whole, next run complete; {survived} runs came through"
    );
    assert!(failed > 60, "only {failed} failures: the calls were not found");
}

/// So many runs in a row that come through: there are no such calls any more.
const CALM: u32 = 3;

/// Runs an update with a fault; tells whether it failed, which must be with words that fit.
fn fails_at(world: &World, strace: &Path, calls: &str, nth: u32, happens: Happens) -> bool {
    let mut update = world.update_command(world.server().address());
    update.args(["--connections", "1"]);
    let (code, output) = code_and_output(&mut strace::inject(strace, &update, calls, nth, happens));
    if code == 0 {
        return false;
    }
    let failed = output.lines().find(|line| line.contains("\"event\":\"failed\""));
    let failed = failed.unwrap_or_else(|| panic!("{calls} {nth}: no word of it: {output}"));
    match happens {
        Happens::Error("ENOSPC") => {
            assert!(
                failed.contains("\"code\":\"disk-full\""),
                "{calls} {nth}: {failed}"
            );
            // Before an update is planned nobody knows how many; what is written then is what is believed.
            let planned = !failed.contains("/.vsekai/trust/");
            assert!(
                !planned || failed.contains("bytes are needed"),
                "{calls} {nth}: {failed}"
            );
        }
        _ => assert!(failed.contains("\"code\":\"disk\""), "{calls} {nth}: {failed}"),
    }
    true
}

/// Checks that the old or the new version is there, whole, and that the next run ends with the new one.
fn assert_whole(world: &World, builds: &[PathBuf; 2], what: &str) {
    let player = Player::at(&world.install_folder());
    let at = match player.version().as_deref() {
        Some("1.0.0") => 0,
        Some("2.0.0") => 1,
        other => panic!("{what}: {other:?} is installed"),
    };
    tree::assert_same(&builds[at], &world.installed());
    assert!(player.is_intact(), "{what}");
    let _ = player.update();
    tree::assert_same(&builds[1], &world.installed());
}
