// SPDX-License-Identifier: MIT
//! `extract` on a file system that can share blocks: a real btrfs in a file, which takes root to mount.
#![cfg(target_os = "linux")]

use std::path::PathBuf;
use std::process::Command;

use xtask::tools::Tool;

use crate::common::{Outcome, Place, noise, ours, ours_ok, real_ok};

/// A btrfs of its own, unmounted when it is dropped.
struct Btrfs {
    place: Place,
}

impl Btrfs {
    /// Returns nothing, with a message, where none can be made.
    fn mount() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            return vsekai_tests::skip("a right to mount btrfs", "hint: run this test as root");
        }
        let mkfs = vsekai_tests::tool(Tool::MkfsBtrfs)?;
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
            false => {
                let said = String::from_utf8_lossy(&mounted.stderr);
                let hint = format!("mount says: {said}hint: allow loop devices and btrfs here");
                vsekai_tests::skip("a way to mount btrfs", &hint)
            }
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
struct Versions {
    disk: Btrfs,
    new: Vec<u8>,
}

impl Versions {
    /// Returns nothing, with a message, where there can be no btrfs.
    fn on_btrfs() -> Option<Self> {
        let disk = Btrfs::mount()?;
        let old = noise(1, 8 << 20);
        let mut new = old.clone();
        new[3_000_000..3_100_000].copy_from_slice(&noise(2, 100_000));
        fs_err::create_dir(disk.at("store")).unwrap();
        fs_err::write(disk.at("old"), &old).unwrap();
        fs_err::write(disk.at("new"), &new).unwrap();
        ours_ok(&["make", &disk.at("old.caibx"), &disk.at("old")]);
        let (store, index) = (disk.at("store"), disk.at("new.caibx"));
        ours_ok(&["make", "-s", &store, &index, &disk.at("new")]);
        Some(Self { disk, new })
    }

    fn out(&self) -> String {
        self.disk.at("out")
    }

    /// Extracts the new version with the old one as seed.
    fn extract(&self, options: &[&str]) -> Outcome {
        let (seed, store) = (self.disk.at("old.caibx"), self.disk.at("store"));
        let from = ["--seed", &seed, "-s", &store];
        ours(
            &[
                &["extract"],
                options,
                &from,
                &[&self.disk.at("new.caibx"), &self.out()],
            ]
            .concat(),
        )
    }

    /// As [`Versions::extract`], which must work; returns what was printed.
    #[track_caller]
    fn extracts(&self, options: &[&str]) -> String {
        let outcome = self.extract(options);
        assert_eq!(outcome.code, 0, "{options:?}: {}", outcome.err);
        assert!(fs_err::read(self.out()).unwrap() == self.new, "{options:?}");
        outcome.text()
    }
}

fn cloned(stats: &str) -> u64 {
    let stats: serde_json::Value = serde_json::from_str(stats).unwrap();
    stats["bytes-cloned-from-seeds"].as_u64().unwrap()
}

#[test]
fn an_extracted_file_shares_its_blocks_with_the_seed() {
    let Some(versions) = Versions::on_btrfs() else {
        return;
    };
    let text = versions.extracts(&["--print-stats"]);
    assert!(cloned(&text) > 7 << 20, "{text}");
    let exclusive = versions.disk.exclusive("out");
    assert!(exclusive < 2 << 20, "{exclusive} bytes are not shared");
    // In place the same, over content that is wrong everywhere.
    fs_err::write(versions.out(), noise(3, 9 << 20)).unwrap();
    let text = versions.extracts(&["-k", "--print-stats"]);
    assert!(cloned(&text) > 7 << 20, "{text}");
}

#[test]
fn a_shared_block_that_is_wrong_is_found_and_replaced() {
    let Some(versions) = Versions::on_btrfs() else {
        return;
    };
    let old = versions.disk.at("old");
    let mut damaged = fs_err::read(&old).unwrap();
    damaged[5_000_000] ^= 1;
    damaged[7_000_000] ^= 1;
    fs_err::write(&old, damaged).unwrap();
    let outcome = versions.extract(&[]);
    assert_eq!(outcome.code, 1);
    let err = outcome.err;
    assert!(err.contains("does not match its index"), "{err}");
    for policy in ["--skip-invalid-seeds", "--regenerate-invalid-seeds"] {
        versions.extracts(&[policy]);
    }
}
