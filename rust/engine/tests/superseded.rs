// SPDX-License-Identifier: MIT
//! A publisher who puts out version C while a player is on the way from A to B.

mod support;

use std::sync::{Arc, Mutex};

use fs_err as fs;
use support::site::Site;
use support::web::{Answer, Web};
use support::{Dice, Forest, read_tree};
use vsekai_formats::release::{ReleaseManifest, address};

const RUNS: u64 = 1000;
const TREES: u64 = 30;

#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_is_superseded_during_an_update_is_never_mixed_with_the_next() {
    let Forest {
        trees,
        manifests,
        site,
        web,
        player,
        root: _root,
    } = Forest::of(TREES).await;
    let (mut dice, mut at) = (Dice(11), 0);
    let (mut became_b, mut became_c, mut refused) = (0, 0, 0);
    for run in 0..RUNS {
        let b = other(&mut dice, at, at);
        let c = other(&mut dice, at, b);
        site.point(&manifests[b]);
        // The old release stays, as ours does, or goes, as on a folder that was copied over.
        let withdrawn = dice.below(3) == 0;
        let after = dice.below(14);
        let published = publish_after(&web, &site, &manifests, (b, c), after, withdrawn);
        let updated = player.updater.update().await;
        web.reset();
        let found = read_tree(&player.current());
        match updated {
            Ok(_) if found == trees[b] => became_b += 1,
            Ok(_) if found == trees[c] => became_c += 1,
            Err(error) => {
                assert!(withdrawn && published.is_set(), "run {run}: {error}");
                assert!(found == trees[at], "run {run}: a failed update changed something");
                refused += 1;
            }
            Ok(_) => panic!("run {run}: neither B nor C"),
        }
        published.restore();
        site.point(&manifests[c]);
        player.updater.update().await.unwrap();
        assert!(
            read_tree(&player.current()) == trees[c],
            "run {run}: not C in the end"
        );
        at = c;
    }
    println!(
        "{RUNS} updates with a release in between: {became_b} ended at B, {became_c} at C, {refused} were refused first; 0 mixed"
    );
    assert!(became_b > 0 && became_c > 0 && refused > 0);
}

/// What a publisher did in the middle of an update.
struct Published {
    done: Arc<Mutex<bool>>,
    hidden: Option<(std::path::PathBuf, std::path::PathBuf)>,
}

impl Published {
    fn is_set(&self) -> bool {
        *self.done.lock().unwrap()
    }

    /// Brings a withdrawn release back for later runs.
    fn restore(self) {
        let hidden = self.hidden.filter(|(_, away)| away.exists());
        if let Some((place, away)) = hidden {
            fs::rename(away, place).unwrap();
        }
    }
}

/// Lets release `c` come out after so many more requests, and release `b` go if it is withdrawn.
fn publish_after(
    web: &Web,
    site: &Arc<Site>,
    manifests: &[ReleaseManifest],
    (b, c): (usize, usize),
    after: u64,
    withdrawn: bool,
) -> Published {
    let old = &manifests[b];
    let place = site
        .path()
        .join(address::contents(&old.title, old.platform, &old.version));
    let away = site.path().join("withdrawn");
    let hidden = withdrawn.then_some((place, away));
    let done = Arc::new(Mutex::new(false));
    let (site, next, told, hide) = (site.clone(), manifests[c].clone(), done.clone(), hidden.clone());
    let mut left = after;
    web.on(move |_| {
        if left == 0 && !*told.lock().unwrap() {
            *told.lock().unwrap() = true;
            site.point(&next);
            if let Some((place, away)) = &hide {
                fs::rename(place, away).unwrap();
            }
        }
        left = left.saturating_sub(1);
        Answer::Serve
    });
    Published { done, hidden }
}

/// Picks a tree that is neither of the two.
fn other(dice: &mut Dice, one: usize, two: usize) -> usize {
    loop {
        let picked = dice.below(TREES) as usize;
        if picked != one && picked != two {
            return picked;
        }
    }
}
