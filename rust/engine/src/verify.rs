// SPDX-License-Identifier: MIT
//! Checking what is installed: quickly by size, or fully by hash.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use cap_std::fs::Metadata;
use rayon::prelude::*;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use vsekai_formats::TreePathRef;
use vsekai_formats::release::EntryKind;

use crate::control;
use crate::error::EngineError;
use crate::release::{FileFacts, Release, file_facts};
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

/// What the looks of published entries say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Looks {
    /// Those that are missing, are something else, have another size, lead elsewhere or cannot be started as they should.
    pub(crate) damaged: HashSet<usize>,
    /// Files that look as they should and were written to since they were installed.
    pub(crate) modified: HashSet<usize>,
}

/// Looks at the published entries, whose files were all there at the time `installed`, if that is known.
///
/// Costs one look at each entry and reads no file.
pub(crate) fn quick(folders: &Folders, release: &Release, installed: Option<SystemTime>) -> Looks {
    let entries: Vec<usize> = release.published_entries().collect();
    let flaws = entries.into_par_iter().map_init(Near::default, |near, entry| {
        let Some(data) = looks_right(folders, near, release, entry) else {
            return Some((entry, true));
        };
        let is_younger = |time: SystemTime| data.modified().is_ok_and(|written| written.into_std() > time);
        (data.is_file() && installed.is_some_and(is_younger)).then_some((entry, false))
    });
    let mut looks = Looks::default();
    for (entry, is_damaged) in flaws.flatten_iter().collect::<Vec<_>>() {
        match is_damaged {
            true => looks.damaged.insert(entry),
            false => looks.modified.insert(entry),
        };
    }
    looks
}

/// Returns what is known of an entry if it looks as it should.
fn looks_right<'r>(
    folders: &Folders,
    near: &mut Near<'r>,
    release: &'r Release,
    entry: usize,
) -> Option<Metadata> {
    let wanted = release.contents.entries.get(entry)?;
    let mut look = |path: TreePathRef<'r>| -> io::Result<Option<Metadata>> {
        let (folder, name) = folders.of_near(near, path)?;
        let data = folder.symlink_metadata(name)?;
        let is_right = match wanted.kind {
            EntryKind::Folder => data.is_dir(),
            EntryKind::Link { target } => {
                data.is_symlink() && folder.read_link_contents(name)? == Path::new(target)
            }
            EntryKind::File { size, executable, .. } => {
                let is_program = executable || release.manifest.launch.starts(path);
                data.is_file() && data.len() == size && (!is_program || may_be_started(&data))
            }
        };
        Ok(is_right.then_some(data))
    };
    look(wanted.path).ok().flatten()
}

/// Returns those of the files `entries` that do not have the bytes they were published with.
pub(crate) fn differing(tree: &Tree<'_>, entries: &HashSet<usize>) -> HashSet<usize> {
    let entries: Vec<usize> = entries.iter().copied().collect();
    let differing = entries.into_par_iter().map_init(Vec::new, |buffer, entry| {
        let is_same = file_facts(&tree.release.contents, entry)
            .is_some_and(|facts| has_content(tree, entry, facts, buffer));
        (!is_same).then_some(entry)
    });
    differing.flatten_iter().collect()
}

/// Tells whether a file has the bytes it was published with; one that cannot be read has not.
fn has_content(tree: &Tree<'_>, entry: usize, facts: FileFacts, buffer: &mut Vec<u8>) -> bool {
    let file = tree.open(entry);
    file.and_then(|file| tree::has_content(file, facts, buffer))
        .unwrap_or(false)
}

#[cfg(unix)]
fn may_be_started(data: &Metadata) -> bool {
    use cap_std::fs::MetadataExt as _;
    data.mode() & 0o111 != 0
}

#[cfg(not(unix))]
fn may_be_started(_data: &Metadata) -> bool {
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
            let mut right = looks_right(folders, near, release, entry).is_some();
            if let Some(facts) = file_facts(&release.contents, entry) {
                right = right && has_content(&tree, entry, facts, buffer);
                done.fetch_add(facts.size, Ordering::Relaxed);
            }
            Ok((!right).then_some(entry))
        })
        .collect();
    Ok(results?.into_iter().flatten().collect())
}
