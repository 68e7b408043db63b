// SPDX-License-Identifier: MIT
//! Folders with names that some player's system reads otherwise: none of them is published.
#![cfg(target_os = "linux")]

mod common;
#[path = "../../engine/tests/support/names.rs"]
mod names;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{ELF, scan, write};
use names::HOSTILE;

#[test]
fn hostile_names_are_refused_wherever_they_stand_and_nothing_is_changed() {
    let around = tempfile::tempdir().unwrap();
    let folder = around.path().join("build");
    let mut tried = 0;
    for name in HOSTILE.iter().filter(|name| can_be_made(name)) {
        for path in [name.to_string(), format!("data/{name}"), format!("{name}/x")] {
            write(&folder, "game.x86_64", &ELF);
            write(&folder, &path, b"x");
            let before = listing(around.path());
            let error = scan(&folder).expect_err(&path).to_string();
            assert!(
                !error.chars().any(char::is_control),
                "{path:?} is printed raw: {error}"
            );
            assert_eq!(listing(around.path()), before, "{path:?}");
            fs_err::remove_dir_all(&folder).unwrap();
            tried += 1;
        }
    }
    println!("{tried} folders with hostile names refused");
    assert!(tried >= 150);
}

#[test]
fn links_that_leave_the_folder_are_refused_and_never_followed() {
    let around = tempfile::tempdir().unwrap();
    let folder = around.path().join("build");
    write(around.path(), "secret/file", b"not for players");
    for target in [
        "/etc/passwd",
        "..",
        "../secret",
        "../secret/file",
        "data/../../secret",
        "../../..",
    ] {
        for place in ["link", "data/deep/link"] {
            write(&folder, "game.x86_64", &ELF);
            write(&folder, "data/deep/file", b"x");
            fs_err::os::unix::fs::symlink(out_of(place, target), folder.join(place)).unwrap();
            scan(&folder).expect_err(target);
            fs_err::remove_dir_all(&folder).unwrap();
        }
    }
}

/// Returns a target that leads out from `place` as `target` does from the top.
fn out_of(place: &str, target: &str) -> String {
    let steps = if target.starts_with('/') {
        0
    } else {
        place.matches('/').count()
    };
    format!("{}{target}", "../".repeat(steps))
}

/// Names that cannot be a component cannot be published either.
fn can_be_made(name: &str) -> bool {
    !["", ".", ".."].contains(&name) && !name.contains(['/', '\0'])
}

fn listing(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let entries = walkdir::WalkDir::new(root).into_iter();
    let entries = entries.map(|entry| entry.unwrap().into_path());
    entries
        .map(|path| (path.clone(), fs_err::read(path).ok()))
        .collect()
}
