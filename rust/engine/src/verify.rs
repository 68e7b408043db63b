// SPDX-License-Identifier: MIT
//! Checking what is installed: quickly by size, or fully by hash.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rayon::prelude::*;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use vsekai_formats::TreePath;
use vsekai_formats::release::EntryKind;

use crate::control;
use crate::error::EngineError;
use crate::release::{Release, file_facts};
use crate::tree::{self, EntryFiles, Folders, Near, Tree};

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Files checked.
    pub files: u64,
    /// Bytes checked; 0 for a quick check.
    pub bytes: u64,
    /// Paths of files, folders and links that are missing or differ from what was published, in order.
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

/// Returns the published entries that are missing, are something else, have another size, lead elsewhere or cannot
/// be started as they should.
///
/// Costs one look at each entry and reads no file.
pub(crate) fn quick(folders: &Folders, release: &Release) -> HashSet<usize> {
    let entries: Vec<usize> = release.published_entries().collect();
    let damaged = entries.into_par_iter().map_init(Near::default, |near, entry| {
        (!looks_right(folders, near, release, entry)).then_some(entry)
    });
    damaged.flatten_iter().collect()
}

fn looks_right<'r>(folders: &Folders, near: &mut Near<'r>, release: &'r Release, entry: usize) -> bool {
    let Some(wanted) = release.contents.entries.get(entry) else {
        return false;
    };
    let mut look = |path: &'r TreePath| -> io::Result<bool> {
        let (folder, name) = folders.of_near(near, path.as_str())?;
        let data = folder.symlink_metadata(name)?;
        Ok(match &wanted.kind {
            EntryKind::Folder => data.is_dir(),
            EntryKind::Link { target } => {
                data.is_symlink() && folder.read_link_contents(name)? == Path::new(target)
            }
            EntryKind::File { size, executable, .. } => {
                let is_program = *executable || release.manifest.launch.starts(path);
                data.is_file() && data.len() == *size && (!is_program || may_be_started(&data))
            }
        })
    };
    look(&wanted.path).unwrap_or(false)
}

/// Returns the published files that were written to after `time`, when they were all there.
pub(crate) fn written_after(folders: &Folders, release: &Release, time: SystemTime) -> HashSet<usize> {
    let is_younger = |entry: &usize| {
        let written = tree::look_at(folders, release, *entry).and_then(|data| data.modified());
        written.is_ok_and(|written| written.into_std() > time)
    };
    let files = release.published_files().map(|(entry, _)| entry);
    files.filter(is_younger).collect()
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

/// Returns the published entries that are not those published, hashing all files on all cores.
///
/// `done` counts bytes.
pub(crate) fn full(
    folders: &Folders,
    release: &Release,
    token: &CancellationToken,
    done: &AtomicU64,
) -> Result<HashSet<usize>, EngineError> {
    let tree = Tree { folders, release };
    let entries: Vec<usize> = release.published_entries().collect();
    let results: Result<Vec<Option<usize>>, EngineError> = entries
        .into_par_iter()
        .map_init(Default::default, |(near, buffer): &mut (Near<'_>, _), entry| {
            control::check(token)?;
            let mut right = looks_right(folders, near, release, entry);
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
