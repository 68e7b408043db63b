// SPDX-License-Identifier: MIT
//! Checking installed files: quickly by size, or fully by hash.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use cap_std::fs::Dir;
use rayon::prelude::*;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use vsekai_formats::TreePath;
use vsekai_formats::release::{Contents, EntryKind};

use crate::control;
use crate::error::EngineError;
use crate::release::{Release, file_facts};
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
    /// Paths of files that no release put there, in order; they are left alone.
    pub extra: Vec<String>,
}

impl VerifyReport {
    /// Tells whether every file is as it was published.
    pub fn is_intact(&self) -> bool {
        self.damaged.is_empty() && self.modified.is_empty()
    }
}

/// Returns the files that are missing, are no regular files or have another size.
///
/// Costs one look at each file's entry and reads none of them.
pub(crate) fn quick(folders: &Folders, release: &Release) -> HashSet<usize> {
    let entries = release.contents.entries.par_iter().enumerate();
    let damaged = entries.filter(|(_, entry)| match entry.kind {
        EntryKind::File { size, .. } => {
            let data = folders
                .of(entry.path.as_str())
                .and_then(|(folder, name)| folder.symlink_metadata(name));
            !data.is_ok_and(|data| data.is_file() && data.len() == size)
        }
        _ => false,
    });
    damaged.map(|(i, _)| i).collect()
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
    let is_program = |path: &TreePath| {
        let mut programs = std::iter::once(&launch.desktop).chain(&launch.vr);
        programs.any(|program| program.path == *path)
    };
    let mut report = VerifyReport::default();
    for (i, entry) in release.contents.entries.iter().enumerate() {
        let EntryKind::File { executable, .. } = entry.kind else {
            continue;
        };
        report.files += 1;
        let data = folders
            .of(entry.path.as_str())
            .and_then(|(folder, name)| folder.symlink_metadata(name));
        let Ok(data) = data else { continue };
        if (executable || is_program(&entry.path)) && !may_be_started(&data) {
            damaged.insert(i);
        }
        let written = data.modified().map(cap_std::time::SystemTime::into_std);
        let is_younger = installed.is_some_and(|installed| written.is_ok_and(|written| written > installed));
        if is_younger && !damaged.contains(&i) {
            report.modified.push(entry.path.to_string());
        }
    }
    let entries = damaged.iter().filter_map(|i| release.contents.entries.get(*i));
    report.damaged = entries.map(|entry| entry.path.to_string()).collect();
    report.damaged.sort();
    report.modified.sort();
    report.extra = extra_files(folders.root(), release);
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

/// Returns the files whose bytes are not those published, hashing all of them on all cores.
///
/// `done` counts bytes.
pub(crate) fn full(
    folders: &Folders,
    release: &Release,
    token: &CancellationToken,
    done: &AtomicU64,
) -> Result<HashSet<usize>, EngineError> {
    let tree = Tree { folders, release };
    let results: Result<Vec<Option<usize>>, EngineError> = (0..release.contents.entries.len())
        .into_par_iter()
        .map_init(Vec::new, |buffer, entry| {
            control::check(token)?;
            let Some(facts) = file_facts(&release.contents, entry) else {
                return Ok(None);
            };
            let hashed = tree
                .open(entry)
                .and_then(|mut file| tree::hash_file(&mut file, buffer));
            done.fetch_add(facts.size, Ordering::Relaxed);
            let same = hashed.is_ok_and(|found| found == (facts.digest, facts.size));
            Ok((!same).then_some(entry))
        })
        .collect();
    Ok(results?.into_iter().flatten().collect())
}

/// Returns the paths below `dir` that are in no release, `/` between components, in order.
///
/// Entries that cannot be read are left out: they are not ours.
pub(crate) fn extra_files(dir: &Dir, release: &Release) -> Vec<String> {
    extra_files_of(dir, &release.contents)
}

/// The same from the list of files alone.
pub(crate) fn extra_files_of(dir: &Dir, contents: &Contents) -> Vec<String> {
    let known: HashSet<&str> = contents.entries.iter().map(|entry| entry.path.as_str()).collect();
    let mut found = Vec::new();
    let mut open = vec![String::new()];
    while let Some(folder) = open.pop() {
        let at = if folder.is_empty() { "." } else { &folder };
        let Ok(entries) = dir.read_dir(at) else { continue };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let path = if folder.is_empty() {
                name
            } else {
                format!("{folder}/{name}")
            };
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                Ok(_) if !known.contains(path.as_str()) => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}
