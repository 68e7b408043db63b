// SPDX-License-Identifier: MIT
//! Many updates between random trees: the trees must be equal, and nothing may be left over.

mod support;

use std::collections::BTreeSet;

use fs_err as fs;
use support::site::Site;
use support::web::Web;
use support::{Files, Player, noise};

const UPDATES: u64 = 200;
const TREES: u64 = 40;

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_updates_between_random_trees_end_with_equal_trees_and_leave_nothing_over() {
    let (site, root) = (Site::new(), tempfile::tempdir().unwrap());
    let web = Web::start(site.path()).await;
    let trees: Vec<Files> = (0..TREES).map(random_tree).collect();
    let manifests: Vec<_> = trees
        .iter()
        .enumerate()
        .map(|(i, tree)| site.publish(tree, &format!("v{i}"), i as u64 + 1))
        .collect();
    let player = Player::open_with(root.path(), &web.address, |config| config.allow_downgrade = true);
    let mut dice = Dice(7);
    let mut at = None;
    for update in 0..UPDATES {
        let next = dice.below(TREES) as usize;
        site.point(&manifests[next]);
        player
            .updater
            .update()
            .await
            .unwrap_or_else(|error| panic!("update {update}: {error}"));
        player.assert_has(&trees[next]);
        at = Some(next);
    }
    assert!(at.is_some());
    assert_nothing_left_over(root.path());
    println!("{UPDATES} updates between {TREES} random trees: all equal, nothing left over");
}

/// Nothing but the current and the previous version, their documents and the records may be there.
fn assert_nothing_left_over(root: &std::path::Path) {
    let names = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(root.join(folder)).unwrap();
        entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let expected = |names: &[&str]| {
        names
            .iter()
            .map(|name| (*name).to_owned())
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(names("."), expected(&[".vsekai", "versions"]));
    assert_eq!(
        names(".vsekai"),
        expected(&[
            "current.json",
            "lock",
            "releases",
            "settings.json",
            "staging",
            "trust"
        ])
    );
    assert_eq!(names(".vsekai/staging"), BTreeSet::new());
    assert_eq!(names("versions").len(), 2);
    assert_eq!(names(".vsekai/releases"), names("versions"));
}

/// A tree whose names and contents overlap with those of other seeds, so that there is something to share.
fn random_tree(seed: u64) -> Files {
    let mut dice = Dice(seed * 7919 + 1);
    let mut files = Files::new();
    let mut program = vec![0x7f, b'E', b'L', b'F'];
    program.resize(18, 0);
    program.extend([0x3e, 0]);
    program.extend(noise(dice.below(3), 5000));
    files.insert("Game.x86_64".into(), (program, true));
    for _ in 0..dice.below(25) {
        let depth = dice.below(4);
        let folders: String = (0..depth).map(|_| format!("d{}/", dice.below(3))).collect();
        // A name is either always a file or always a folder: "d…" or "f…".
        let path = format!("{folders}f{}", dice.below(12));
        let len = match dice.below(6) {
            0 => 0,
            1 => dice.below(120_000) as usize,
            _ => dice.below(3000) as usize,
        };
        files.insert(path, (noise(dice.below(20), len), dice.below(5) == 0));
    }
    files
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}
