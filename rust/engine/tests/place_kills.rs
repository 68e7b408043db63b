// SPDX-License-Identifier: MIT
//! Moving and uninstalling, killed at every call that changes the disk.
//!
//! The test program starts itself under strace and is killed there; what it leaves is looked at here.
#![cfg(target_os = "linux")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use support::site::Site;
use support::web::Web;
use support::{Files, Player, game};
use vsekai_engine::record::{Current, Moved};
use vsekai_engine::{Event, InstallConfig, Updater, UserFiles};
use vsekai_formats::release::Platform;

/// Calls that change the disk, in groups that are counted together.
const CALLS: [&str; 8] = [
    "mkdir,mkdirat",
    "rename,renameat,renameat2",
    "link,linkat,symlink,symlinkat",
    "unlink,unlinkat,rmdir",
    "openat",
    "fsync,fdatasync,syncfs",
    "flock",
    "write,copy_file_range,sendfile",
];
/// Says what the killed program does, and to which folders.
const WORK: &str = "VSEKAI_TEST_WORK";

fn updater(root: &Path) -> Updater {
    let config = InstallConfig::new(root, Platform::LinuxX86_64);
    Updater::open(config, Arc::new(|_: Event| {})).unwrap()
}

/// What is killed; does nothing when the test runner starts it.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_program_that_is_killed() {
    let Some(work) = std::env::var_os(WORK) else {
        return;
    };
    let work = work.into_string().unwrap();
    let words: Vec<&str> = work.split('|').collect();
    let updater = updater(Path::new(words[1]));
    match words[0] {
        "move" => drop(updater.move_to(Path::new(words[2])).await.unwrap()),
        _ => drop(updater.uninstall(UserFiles::Keep).await.unwrap()),
    }
}

/// Two small versions with a file of the player's.
async fn install(root: &Path) -> [Files; 2] {
    let site = Site::new();
    let web = Web::start(site.path()).await;
    let player = Player::open(root, &web.address);
    let build = |number: u64| -> Files {
        let mut files = game(number);
        files.retain(|name, _| !name.starts_with("data/level") || name.contains("part0"));
        files
    };
    let builds = [build(1), build(2)];
    for (files, number) in builds.iter().zip(1..) {
        site.publish(files, &format!("{number}.0"), number);
        player.updater.update().await.unwrap();
        fs_err::create_dir_all(player.current().join("mods")).unwrap();
        fs_err::write(player.current().join("mods/mine.txt"), "mine").unwrap();
    }
    builds
}

/// Runs the work on a fresh copy of the install, killed at the `nth` of `calls`; false if it came through.
fn killed_at(folder: &Path, pristine: &Path, work: &str, calls: &str, nth: u32) -> bool {
    for name in ["old", "new"] {
        let _ = fs_err::remove_dir_all(folder.join(name));
    }
    let mut copy = Command::new("cp");
    copy.arg("-al").arg(pristine).arg(folder.join("old"));
    assert!(copy.status().unwrap().success());
    let (old, new) = (folder.join("old"), folder.join("new"));
    // Records are replaced, never written to, but locks are opened for writing: that changes no copy.
    let status = Command::new("strace")
        .args(["--follow-forks", "--quiet=all", "--output=/dev/null"])
        .arg(format!("--trace={calls}"))
        .arg(format!("--inject={calls}:signal=KILL:when={nth}"))
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "the_program_that_is_killed",
            "--test-threads=1",
            "--nocapture",
        ])
        .env(WORK, format!("{work}|{}|{}", old.display(), new.display()))
        .env("RAYON_NUM_THREADS", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    !status.success()
}

fn has_strace() -> bool {
    let found = Command::new("strace")
        .arg("-V")
        .stdout(Stdio::null())
        .status()
        .is_ok();
    if !found {
        assert!(std::env::var_os("CI").is_none(), "strace is missing");
        println!("SKIPPED: strace is missing; install it from the system's packages");
    }
    found
}

/// Kills the work at every point; `check` looks at what is left after each.
async fn kill_everywhere(work: &str, check: impl AsyncFn(&Path, &[Files; 2], &str)) -> u32 {
    let folder = support::memory_folder();
    let pristine = folder.path().join("pristine");
    let builds = install(&pristine).await;
    let mut points = 0;
    for calls in CALLS {
        let mut nth = 1;
        // Opening files to read them is no change: every seventh is enough of those.
        let step = if calls == "openat" { 7 } else { 1 };
        while killed_at(folder.path(), &pristine, work, calls, nth) {
            check(folder.path(), &builds, &format!("{calls} {nth}")).await;
            points += 1;
            nth += step;
        }
    }
    points
}

fn is_installed(root: &Path) -> bool {
    let paths = vsekai_engine::paths::InstallPaths::new(root);
    Current::load(&paths).unwrap().is_some()
}

async fn assert_whole(root: &Path, builds: &[Files; 2], point: &str) {
    let updater = updater(root);
    assert!(updater.verify().await.unwrap().is_intact(), "{point}");
    let name = updater.status().unwrap().installed.unwrap().name;
    let mut found = support::read_tree(&root.join("versions").join(name));
    assert!(found.remove("mods/mine.txt").is_some(), "{point}");
    assert!(found == builds[1], "{point}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_move_killed_at_any_point_leaves_a_whole_install_at_the_old_or_the_new_place() {
    if !has_strace() {
        return;
    }
    let points = kill_everywhere("move", async |folder, builds, point| {
        let (old, new) = (folder.join("old"), folder.join("new"));
        let there: Vec<&Path> = [old.as_path(), new.as_path()]
            .into_iter()
            .filter(|root| is_installed(root))
            .collect();
        assert!(!there.is_empty(), "nothing is installed after {point}");
        for root in there {
            assert_whole(root, builds, point).await;
        }
        if is_installed(&old) {
            updater(&old).move_to(&new).await.unwrap();
        }
        assert!(!is_installed(&old), "{point}");
        assert_eq!(Moved::follow(&old).unwrap(), new, "{point}");
        assert_whole(&new, builds, point).await;
    })
    .await;
    println!("killed at {points} points of a move; old or new after each, complete after the next run");
    assert!(points > 60, "only {points} points");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_uninstall_killed_at_any_point_loses_no_file_of_the_players_and_is_finished_by_the_next() {
    if !has_strace() {
        return;
    }
    let points = kill_everywhere("uninstall", async |folder, builds, point| {
        let old = folder.join("old");
        if is_installed(&old) {
            assert_whole(&old, builds, point).await;
        }
        if old.join(".vsekai").is_dir() {
            updater(&old).uninstall(UserFiles::Keep).await.unwrap();
        }
        assert!(
            !old.join("versions").exists() && !old.join(".vsekai").exists(),
            "{point}"
        );
        let kept = ["user-files", "user-files.2"].map(|name| old.join(name).join("mods/mine.txt"));
        let mine = kept.iter().find_map(|path| fs_err::read(path).ok());
        assert_eq!(mine.as_deref(), Some(b"mine".as_slice()), "{point}");
    })
    .await;
    println!("killed at {points} points of an uninstall; whole or gone after each");
    assert!(points > 40, "only {points} points");
}
