// SPDX-License-Identifier: MIT
//! Checking installed files: quickly by size, or fully by hash.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rayon::prelude::*;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use vsekai_formats::TreePath;

use crate::control;
use crate::error::EngineError;
use crate::players;
use crate::release::Release;
use crate::tree::{self, EntryFiles, Folders, Tree};

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Files checked.
    pub files: u64,
    /// Bytes checked; 0 for a quick check.
    pub bytes: u64,
    /// Paths of files that are missing or differ from what was published, in order.
    pub damaged: Vec<String>,
    /// Paths of files that were written to since they were installed, in order, if that was all that was looked
    /// at: a full check tells whether they differ.
    pub modified: Vec<String>,
    /// Paths of files that no release put there, in order; they are left alone. Those at places that the release
    /// leaves to the player are not told of.
    pub extra: Vec<String>,
}

impl VerifyReport {
    /// Tells whether every file is as it was published.
    pub fn is_intact(&self) -> bool {
        self.damaged.is_empty() && self.modified.is_empty()
    }
}

/// Returns the published files that are missing, are no regular files or have another size.
///
/// Costs one look at each file's entry and reads none of them.
pub(crate) fn quick(folders: &Folders, release: &Release) -> HashSet<usize> {
    let files: Vec<_> = release.published_files().collect();
    let damaged = files.into_par_iter().filter(|(entry, facts)| {
        let data = tree::look_at(folders, release, *entry);
        !data.is_ok_and(|data| data.is_file() && data.len() == facts.size)
    });
    damaged.map(|(entry, _)| entry).collect()
}

/// Checks everything but the bytes of the files: kinds, sizes, execute bits of programs, times.
///
/// `installed` is when the version was put in place; every file of it is older than that.
pub(crate) fn by_metadata(
    folders: &Folders,
    release: &Release,
    installed: Option<SystemTime>,
) -> VerifyReport {
    let mut damaged = quick(folders, release);
    let launch = &release.manifest.launch;
    let is_program = |path: &TreePath| -> bool {
        let mut programs = std::iter::once(&launch.desktop).chain(&launch.vr);
        programs.any(|program| program.path == *path)
    };
    let mut report = VerifyReport::default();
    let mut modified = HashSet::new();
    for (entry, facts) in release.published_files() {
        report.files += 1;
        let Ok(data) = tree::look_at(folders, release, entry) else {
            continue;
        };
        let path = release.contents.entries.get(entry).map(|entry| &entry.path);
        if (facts.executable || path.is_some_and(is_program)) && !may_be_started(&data) {
            damaged.insert(entry);
        }
        let written = data.modified().map(cap_std::time::SystemTime::into_std);
        let is_younger = installed.is_some_and(|installed| written.is_ok_and(|written| written > installed));
        if is_younger && !damaged.contains(&entry) {
            modified.insert(entry);
        }
    }
    report.damaged = release.paths_of(&damaged);
    report.modified = release.paths_of(&modified);
    report.extra = players::find_in(folders.root(), release).extra;
    report
}

#[cfg(unix)]
fn may_be_started(data: &cap_std::fs::Metadata) -> bool {
    use cap_std::fs::MetadataExt as _;
    data.mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn may_be_started(_data: &cap_std::fs::Metadata) -> bool {
    true
}

/// Returns the published files whose bytes are not those published, hashing all of them on all cores.
///
/// `done` counts bytes.
pub(crate) fn full(
    folders: &Folders,
    release: &Release,
    token: &CancellationToken,
    done: &AtomicU64,
) -> Result<HashSet<usize>, EngineError> {
    let tree = Tree { folders, release };
    let files: Vec<_> = release.published_files().collect();
    let results: Result<Vec<Option<usize>>, EngineError> = files
        .into_par_iter()
        .map_init(Vec::new, |buffer, (entry, facts)| {
            control::check(token)?;
            let mut right = looks_right(folders, release, entry);
            if let Some(facts) = file_facts(&release.contents, entry) {
                let mut hash = || tree::has_content(tree.open(entry)?, facts, buffer);
                right = right && hash().unwrap_or(false);
                done.fetch_add(facts.size, Ordering::Relaxed);
            }
            Ok((!right).then_some(entry))
        })
        .collect();
    Ok(results?.into_iter().flatten().collect())
}
