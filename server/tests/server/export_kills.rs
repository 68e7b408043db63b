// SPDX-License-Identifier: MIT
//! Exports that are killed, or whose power goes: clients see the site before or the new one, whole.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use fs_err as fs;
use vsekai_tests::power::disk::Disk;
use vsekai_tests::power::trace;
use vsekai_tests::power::wear::Picture;
use vsekai_tests::tree::Entry;

use crate::bucket::Bucket;
use crate::build::Build;
use crate::client::TestServer;
use crate::collect::copy_folder;
use crate::crash::strace;
use crate::export::files;
use crate::program::{command, killed_at, run, text};

type Site = BTreeMap<String, Vec<u8>>;

/// A server's data with two releases, and the sites before and after the second one.
struct World {
    folder: tempfile::TempDir,
    strace: PathBuf,
    before: Site,
    after: Site,
}

impl World {
    async fn new() -> Option<Self> {
        let strace = strace()?;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let server = TestServer::start().await;
        let export = |name: &str| {
            export(
                server.folder.path(),
                &["--to", path(name).to_str().unwrap()],
                name,
            );
            files(&path(name))
        };
        server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
        let before = export("before");
        server.client.publish(&Build::new("1.1.0", 2, 2), "stable").await;
        let after = export("after");
        let data = server.stop().await;
        copy_folder(data.path(), &path("data"));
        Some(Self {
            folder,
            strace,
            before,
            after,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The site is the one before or the new one, and may have files of the new one that nobody names yet.
    fn assert_whole(&self, found: &Site, what: &str) {
        let is_timestamp = |address: &str| address.ends_with("timestamp.json");
        let is_new = self
            .after
            .iter()
            .any(|(address, bytes)| is_timestamp(address) && found.get(address) == Some(bytes));
        let whole = if is_new { &self.after } else { &self.before };
        for (address, bytes) in whole {
            assert!(
                found.get(address) == Some(bytes),
                "{what}: {address} is not what it should be"
            );
        }
        for (address, bytes) in found.iter().filter(|(address, _)| !is_unfinished(address)) {
            let sites = [&self.before, &self.after];
            let is_known = sites.iter().any(|site| site.get(address) == Some(bytes));
            assert!(is_known, "{what}: {address} is of neither site");
        }
    }

    /// The next export completes what is at `to`, whose files are in the folder `site`.
    fn assert_completes(&self, to: &[&str], site: &Path, what: &str) {
        export(&self.path("data"), to, what);
        let done = files(site);
        for (address, bytes) in &self.after {
            assert!(
                done.get(address) == Some(bytes),
                "{what}: {address} after the next export"
            );
        }
    }
}

fn export(data: &Path, to: &[&str], what: &str) {
    let done = run(data, &[&["export"], to].concat());
    assert!(done.status.success(), "{what}: {}", text(&done.stderr));
}

/// Whether a file has a name that no client asks for.
fn is_unfinished(address: &str) -> bool {
    address.split('/').any(|part| part.starts_with('.'))
}

/// Returns the files as clients see them.
fn site_of(picture: &Picture) -> Site {
    let files = picture.0.iter().filter_map(|(path, entry)| match entry {
        Entry::File { content, .. } => Some((path.to_str()?.to_owned(), content.clone())),
        _ => None,
    });
    files.filter(|(address, _)| !address.starts_with('.')).collect()
}

#[tokio::test]
async fn an_export_to_a_folder_that_is_cut_off_anywhere_shows_the_old_or_the_new_site() {
    let Some(world) = World::new().await else { return };
    let site = world.path("site");
    copy_folder(&world.path("before"), &site);
    let mut disk = Disk::of(&site);
    let mut exporting = command(&world.path("data"));
    let to = ["--to", site.to_str().unwrap()];
    exporting.arg("export").args(to);
    let steps = trace::record(&world.strace, &site, &exporting);
    let (mut completed, mut old, mut new) = (0, 0, 0);
    for place in 0..=steps.len() {
        // The first is a killed program, the others are power cuts: what was not synced is lost or torn.
        for seed in 0..=CUTS {
            let seed = seed * (place as u64 + 1);
            let picture = disk.after_power_cut(seed);
            let what = format!("before step {place} with seed {seed}");
            let found = site_of(&picture);
            world.assert_whole(&found, &what);
            match found == world.after {
                true => new += 1,
                false => old += 1,
            }
            if seed < 2 && place % COMPLETED_OF == 0 {
                fs::remove_dir_all(&site).unwrap();
                picture.lay_out(&site);
                world.assert_completes(&to, &site, &what);
                completed += 1;
            }
        }
        if let Some(step) = steps.get(place) {
            disk.apply(place, step);
        }
    }
    println!(
        "an export cut off at {} steps in {} ways each: {old} times the site before, {new} times the new one, \
         {completed} completed by the next export",
        steps.len() + 1,
        CUTS + 1
    );
    assert!(old > 0 && new > 0 && steps.len() > 50, "{} steps", steps.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_to_a_bucket_killed_at_any_request_shows_the_old_or_the_new_site() {
    let Some(world) = World::new().await else { return };
    let Some(bucket) = Bucket::start() else { return };
    let mut points = 0;
    for nth in 1.. {
        let (prefix, what) = (
            format!("site/{nth}"),
            format!("killed when it sends for the {nth}th time"),
        );
        let (to, site) = (bucket.export_arguments(&prefix), bucket.file(&prefix));
        let to: Vec<&str> = to.iter().map(String::as_str).collect();
        copy_folder(&world.path("before"), &site);
        let arguments = [&["export"], &to[..]].concat();
        let mut traced = killed_at(
            &world.strace,
            &world.path("data"),
            &arguments,
            "sendto,sendmsg,writev",
            nth,
        );
        let survived = traced.status().unwrap().success();
        world.assert_whole(&files(&site), &what);
        world.assert_completes(&to, &site, &what);
        if survived {
            break;
        }
        points += 1;
    }
    println!("an export to a bucket killed at {points} requests: the old or the new site after each");
    assert!(points > 20, "only {points} points: the calls were not found");
}

/// Power cuts at each step.
const CUTS: u64 = 20;
/// The next export completes what is left at one of so many steps.
const COMPLETED_OF: usize = 5;
