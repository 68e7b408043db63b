// SPDX-License-Identifier: MIT
//! `extract` on a file system that can share blocks: a real btrfs in a file, which takes root to mount.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::process::Command;

use crate::common::{Place, noise, ours, ours_ok, real_ok};

/// A btrfs of its own, unmounted when it is dropped.
struct Btrfs {
    place: Place,
}

impl Btrfs {
    /// Returns nothing, with a message, where none can be made.
    fn mount() -> Option<Self> {
        let skip = |reason: &str| {
            println!("SKIPPED: no btrfs to share blocks on: {reason}");
            None
        };
        if !rustix::process::geteuid().is_root() {
            return skip("only root can mount one");
        }
        let Some(mkfs) = xtask::process::which("mkfs.btrfs") else {
            return skip("there is no mkfs.btrfs");
        };
        let place = Place::new();
        let image = fs_err::File::create(place.at("image")).unwrap();
        image.set_len(256 << 20).unwrap();
        real_ok(&mkfs, &["-q", &place.at("image")]);
        place.folder("mnt");
        let mounted = Command::new("mount")
            .args(["-o", "loop", &place.at("image"), &place.at("mnt")])
            .output()
            .unwrap();
        match mounted.status.success() {
            true => Some(Self { place }),
            false => skip(&String::from_utf8_lossy(&mounted.stderr)),
        }
    }

    fn at(&self, name: &str) -> String {
        self.place.at(&format!("mnt/{name}"))
    }

    /// Returns how many bytes of a file are its own alone.
    fn exclusive(&self, name: &str) -> u64 {
        let btrfs = PathBuf::from("btrfs");
        let text = real_ok(&btrfs, &["filesystem", "du", "--raw", "-s", &self.at(name)]);
        let last = text.lines().last().unwrap();
        last.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Btrfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.place.at("mnt")).status();
    }
}

/// An old version with its index, and the index of a new one with its store.
fn versions(disk: &Btrfs) -> Vec<u8> {
    let old = noise(1, 8 << 20);
    let mut new = old.clone();
    new[3_000_000..3_100_000].copy_from_slice(&noise(2, 100_000));
    fs_err::create_dir(disk.at("store")).unwrap();
    fs_err::write(disk.at("old"), &old).unwrap();
    fs_err::write(disk.at("new"), &new).unwrap();
    ours_ok(&["make", &disk.at("old.caibx"), &disk.at("old")]);
    ours_ok(&[
        "make",
        "-s",
        &disk.at("store"),
        &disk.at("new.caibx"),
        &disk.at("new"),
    ]);
    new
}

fn stat(text: &str, name: &str) -> u64 {
    let stats: serde_json::Value = serde_json::from_str(text).unwrap();
    stats[name].as_u64().unwrap()
}

#[test]
fn an_extracted_file_shares_its_blocks_with_the_seed() {
    let Some(disk) = Btrfs::mount() else { return };
    let new = versions(&disk);
    let (seed, store, index, out) = (
        disk.at("old.caibx"),
        disk.at("store"),
        disk.at("new.caibx"),
        disk.at("out"),
    );
    let text = ours_ok(&[
        "extract",
        "--print-stats",
        "--seed",
        &seed,
        "-s",
        &store,
        &index,
        &out,
    ]);
    assert_eq!(fs_err::read(&out).unwrap(), new);
    let cloned = stat(&text, "bytes-cloned-from-seeds");
    assert!(cloned > 7 << 20, "{text}");
    assert!(
        disk.exclusive("out") < 2 << 20,
        "{} bytes are not shared",
        disk.exclusive("out")
    );
    // In place the same, over content that is wrong everywhere.
    fs_err::write(&out, noise(3, 9 << 20)).unwrap();
    let text = ours_ok(&[
        "extract",
        "-k",
        "--print-stats",
        "--seed",
        &seed,
        "-s",
        &store,
        &index,
        &out,
    ]);
    assert_eq!(fs_err::read(&out).unwrap(), new);
    assert!(stat(&text, "bytes-cloned-from-seeds") > 7 << 20, "{text}");
}

#[test]
fn a_shared_block_that_is_wrong_is_found_and_replaced() {
    let Some(disk) = Btrfs::mount() else { return };
    let new = versions(&disk);
    let mut damaged = fs_err::read(disk.at("old")).unwrap();
    damaged[5_000_000] ^= 1;
    damaged[7_000_000] ^= 1;
    fs_err::write(disk.at("old"), damaged).unwrap();
    let (seed, store, index, out) = (
        disk.at("old.caibx"),
        disk.at("store"),
        disk.at("new.caibx"),
        disk.at("out"),
    );
    let outcome = ours(&["extract", "--seed", &seed, "-s", &store, &index, &out]);
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.err.contains("does not match its index"),
        "{}",
        outcome.err
    );
    for policy in ["--skip-invalid-seeds", "--regenerate-invalid-seeds"] {
        ours_ok(&["extract", policy, "--seed", &seed, "-s", &store, &index, &out]);
        assert_eq!(fs_err::read(&out).unwrap(), new, "{policy}");
    }
}
