// SPDX-License-Identifier: MIT
//! Many updates between random trees: the trees must be equal, and nothing may be left over.

mod support;

use std::path::{Path, PathBuf};

use fs_err as fs;
use support::{Dice, Forest, names_in};

/// There and back again so often, unless `VSEKAI_TEST_ROUNDS` says otherwise.
const ROUNDS: u64 = 1000;
const TREES: u64 = 60;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_updates_there_and_back_end_with_equal_trees_and_leave_nothing_over() {
    let Forest {
        trees,
        manifests,
        site,
        root,
        player,
        web: _web,
    } = Forest::of(TREES).await;
    let mut dice = Dice(7);
    let rounds = std::env::var("VSEKAI_TEST_ROUNDS").map_or(ROUNDS, |asked| asked.parse().unwrap());
    for round in 0..rounds {
        // Home moves on now and then; away is any other tree.
        let home = (round / 10 % TREES) as usize;
        let away = (home + 1 + dice.below(TREES - 1) as usize) % TREES as usize;
        for next in [away, home] {
            site.point(&manifests[next]);
            let updated = player.updater.update().await;
            updated.unwrap_or_else(|error| panic!("round {round}: {error}"));
            player.assert_has(&trees[next]);
        }
    }
    assert_nothing_left_over(root.path());
    assert_eq!(open_inside(root.path()), Vec::<PathBuf>::new(), "left open");
    println!(
        "{rounds} times from A to B to A, {} updates between {TREES} random trees: all equal, nothing left over or open",
        rounds * 2
    );
}

/// Lists what this process has open inside `root`; nothing where the system does not tell.
///
/// Only files count: how many idle connections the client and the test's server (in this process
/// too) keep at a given moment is theirs to decide.
fn open_inside(root: &Path) -> Vec<PathBuf> {
    let Ok(descriptors) = fs::read_dir("/proc/self/fd") else {
        return Vec::new();
    };
    descriptors
        .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
        .filter(|target| target.starts_with(root))
        .collect()
}

/// Nothing but the current and the previous version, their documents and the records may be there.
fn assert_nothing_left_over(root: &Path) {
    let names = |folder: &str| names_in(&root.join(folder));
    assert_eq!(names("."), [".vsekai", "versions"]);
    assert_eq!(
        names(".vsekai"),
        [
            "current.json",
            "lock",
            "releases",
            "settings.json",
            "staging",
            "trust"
        ]
    );
    assert_eq!(names(".vsekai/staging"), [""; 0]);
    assert_eq!(names("versions").len(), 2);
    assert_eq!(names(".vsekai/releases"), names("versions"));
}
