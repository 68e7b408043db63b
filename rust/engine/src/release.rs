// SPDX-License-Identifier: MIT
//! A release's documents, checked against each other: all an install needs besides chunks.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use vsekai_formats::index::{Index, IndexLimits};
use vsekai_formats::layout::Layout;
use vsekai_formats::release::{
    Contents, EntryKind, MAX_CONTENTS_BYTES, MAX_INDEX_BYTES, ReadContentsError, ReleaseManifest, SCHEMA,
};
use vsekai_formats::{ChunkId, DigestAlgorithm, TreePathRef, UserPaths};

use crate::error::EngineError;
use crate::record;

/// A release's documents that agree with each other.
#[derive(Clone, Debug)]
pub struct Release {
    /// What the publisher says.
    pub manifest: ReleaseManifest,
    /// The files; releases that differ in name only share them, and what follows from them.
    pub contents: Arc<Contents>,
    /// The chunks.
    pub index: Arc<Index>,
    /// How files and chunks lie on each other.
    pub layout: Arc<Layout>,
    /// The places that are left to the player.
    pub user_paths: UserPaths,
    /// The entries that lie there.
    players: BTreeSet<usize>,
}

/// Parses a manifest.
///
/// # Errors
/// [`EngineError::BadDocument`] says what is wrong with it, [`EngineError::NewerForm`] that a newer launcher may know.
pub(crate) fn parse_manifest(bytes: &[u8]) -> Result<ReleaseManifest, EngineError> {
    let what = || "release manifest".to_owned();
    let bad = |reason: String| EngineError::BadDocument { what: what(), reason };
    record::refuse_newer(bytes, SCHEMA, what)?;
    let manifest: ReleaseManifest = serde_json::from_slice(bytes).map_err(|e| bad(e.to_string()))?;
    match manifest.schema {
        SCHEMA => Ok(manifest),
        other => Err(bad(format!("its form {other} is not known"))),
    }
}

impl Release {
    /// Parses the documents that `manifest` pins and checks that all of them speak of the same build.
    ///
    /// # Errors
    /// A document is not the pinned one, does not parse, breaks a rule, or contradicts another; the release
    /// is empty.
    pub fn parse(manifest: ReleaseManifest, contents: &[u8], index: &[u8]) -> Result<Self, EngineError> {
        let pinned = [
            (&manifest.contents, contents, "list of files"),
            (&manifest.index, index, "chunk index"),
        ];
        for (pin, bytes, what) in pinned {
            if !pin.matches(bytes) {
                return bad(what, "it is not the one the release manifest names");
            }
        }
        let contents = Arc::new(parse_contents(contents)?);
        let index = parse_index(index)?;
        let layout = match Layout::of(contents.clone()) {
            Ok(layout) => layout,
            Err(error) => return bad("list of files", error.to_string()),
        };
        if layout.total_len() != index.total_size() {
            return bad(
                "chunk index",
                "it describes another archive than the list of files does",
            );
        }
        if index.unique_chunks().count() != contents.stored_sizes.len() {
            return bad("list of files", "it does not give the size of every chunk");
        }
        Self::of(manifest, contents, index.into(), layout.into())
    }

    /// Returns the release of another manifest, which pins the same documents.
    ///
    /// # Errors
    /// The manifest contradicts them.
    pub(crate) fn renamed(&self, manifest: ReleaseManifest) -> Result<Self, EngineError> {
        let (contents, index, layout) = (self.contents.clone(), self.index.clone(), self.layout.clone());
        Self::of(manifest, contents, index, layout)
    }

    /// Tells whether the manifest pins the documents of this release.
    pub(crate) fn has_documents_of(&self, manifest: &ReleaseManifest) -> bool {
        pin_the_same(&self.manifest, manifest)
    }

    /// Tells whether the release of another manifest is this one under another name: what is installed and started
    /// is the same, and so is what is left to the player.
    pub(crate) fn differs_in_name_only(&self, manifest: &ReleaseManifest) -> bool {
        self.has_documents_of(manifest)
            && self.manifest.launch == manifest.launch
            && self.manifest.user_paths == manifest.user_paths
    }

    fn of(
        manifest: ReleaseManifest,
        contents: Arc<Contents>,
        index: Arc<Index>,
        layout: Arc<Layout>,
    ) -> Result<Self, EngineError> {
        check_programs(&manifest, &contents)?;
        let user_paths = user_paths(&manifest, &contents)?;
        let entries = contents.entries.iter().enumerate();
        let players = entries.filter(|(_, entry)| is_left(&user_paths, entry.path));
        Ok(Self {
            players: players.map(|(i, _)| i).collect(),
            manifest,
            contents,
            index,
            layout,
            user_paths,
        })
    }

    /// Returns the entries that are left to the player, in order.
    pub(crate) fn players(&self) -> impl Iterator<Item = usize> {
        self.players.iter().copied()
    }

    /// Tells whether an entry is left to the player.
    pub(crate) fn is_players(&self, entry: usize) -> bool {
        self.players.contains(&entry)
    }

    /// Returns the regular files by entry.
    pub(crate) fn files(&self) -> impl Iterator<Item = (usize, FileFacts)> {
        let entries = 0..self.contents.entries.len();
        entries.filter_map(|entry| Some((entry, file_facts(&self.contents, entry)?)))
    }

    /// Returns the regular files that must stay as they were published, by entry.
    pub(crate) fn published_files(&self) -> impl Iterator<Item = (usize, FileFacts)> {
        self.files().filter(|(entry, _)| !self.is_players(*entry))
    }

    /// Returns everything but what is left to the player, by entry.
    pub(crate) fn published_entries(&self) -> impl Iterator<Item = usize> {
        (0..self.contents.entries.len()).filter(|entry| !self.is_players(*entry))
    }

    /// Returns the bytes of the files that must stay as they were published.
    pub(crate) fn published_bytes(&self) -> u64 {
        self.published_files().map(|(_, facts)| facts.size).sum()
    }

    /// Returns the paths of entries, in order.
    pub(crate) fn paths_of(&self, entries: &HashSet<usize>) -> Vec<String> {
        let entries = entries
            .iter()
            .filter_map(|entry| self.contents.entries.get(*entry));
        let mut paths: Vec<String> = entries.map(|entry| entry.path.to_string()).collect();
        paths.sort();
        paths
    }
}

/// Tells whether two manifests pin the same files and chunks.
pub(crate) fn pin_the_same(one: &ReleaseManifest, other: &ReleaseManifest) -> bool {
    one.contents == other.contents && one.index == other.index
}

/// Returns the places that a release leaves to the player.
///
/// # Errors
/// [`EngineError::BadDocument`] if they cannot be left to anybody.
pub(crate) fn user_paths(manifest: &ReleaseManifest, contents: &Contents) -> Result<UserPaths, EngineError> {
    let checked = UserPaths::of(&manifest.user_paths, &manifest.launch, &contents.entries);
    checked.or_else(|error| bad("release manifest", error.to_string()))
}

/// Tells whether an entry of a list is left to the player. Most releases leave nothing, and then no path is put together.
pub(crate) fn is_left(user_paths: &UserPaths, path: TreePathRef<'_>) -> bool {
    !user_paths.is_empty() && user_paths.contains(&path.to_string())
}

/// Parses a list of files as served.
///
/// # Errors
/// It does not parse, breaks a rule of names, or is empty; [`EngineError::NewerForm`] says that a newer launcher may know it.
pub(crate) fn parse_contents(stored: &[u8]) -> Result<Contents, EngineError> {
    let what = "list of files";
    let contents = match Contents::read(stored, MAX_CONTENTS_BYTES) {
        Ok(contents) if contents.schema == SCHEMA => contents,
        Ok(other) => return bad(what, format!("its form {} is not known", other.schema)),
        Err(ReadContentsError::NewerForm(schema)) => {
            return Err(EngineError::NewerForm {
                what: what.to_owned(),
                schema,
                known: SCHEMA,
            });
        }
        Err(error) => return bad(what, error.to_string()),
    };
    contents.validate()?;
    if contents.files().next().is_none() {
        return Err(EngineError::EmptyRelease);
    }
    Ok(contents)
}

fn parse_index(bytes: &[u8]) -> Result<Index, EngineError> {
    match Index::from_bytes(bytes, &IndexLimits::for_bytes(MAX_INDEX_BYTES)) {
        Ok(index) if index.digest == DigestAlgorithm::Sha512_256 => Ok(index),
        Ok(_) => bad("chunk index", "releases use SHA-512/256"),
        Err(error) => bad("chunk index", error.to_string()),
    }
}

fn check_programs(manifest: &ReleaseManifest, contents: &Contents) -> Result<(), EngineError> {
    for program in manifest.launch.programs() {
        let is_file = contents.files().any(|(path, ..)| path == program.path);
        if !is_file {
            return bad(
                "release manifest",
                format!("its start program \"{}\" is not in it", program.path),
            );
        }
    }
    Ok(())
}

fn bad<T>(what: &str, reason: impl Into<String>) -> Result<T, EngineError> {
    Err(EngineError::BadDocument {
        what: what.to_owned(),
        reason: reason.into(),
    })
}

/// A regular file of a release, as the plan sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileFacts {
    pub(crate) size: u64,
    pub(crate) executable: bool,
    pub(crate) digest: ChunkId,
}

/// Returns the facts of entry `entry` if it is a regular file.
pub(crate) fn file_facts(contents: &Contents, entry: usize) -> Option<FileFacts> {
    match contents.entries.get(entry)?.kind {
        EntryKind::File {
            size,
            executable,
            digest,
        } => Some(FileFacts {
            size,
            executable,
            digest,
        }),
        _ => None,
    }
}
