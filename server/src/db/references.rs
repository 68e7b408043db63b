// SPDX-License-Identifier: MIT
//! Every file that some row refers to.

use rusqlite::Transaction;
use vsekai_formats::ChunkId;
use vsekai_formats::release::{Pinned, Slug};
use vsekai_trust::online::Metadata;

use super::chunks::{self, ChunkSizes};
use super::indexes;
use super::metadata::{self, RoleRow, TargetRow};
use super::releases::{self, ReleaseFiles};

/// The files that the rows of one consistent state of the database refer to.
#[derive(Clone, Debug)]
pub struct References {
    /// The documents of every release.
    pub releases: Vec<ReleaseFiles>,
    /// Every index under its name.
    pub named_indexes: Vec<(String, Pinned)>,
    /// Every chunk of the ledger.
    pub chunks: Vec<(ChunkId, ChunkSizes)>,
    /// The newest version of every role of every title.
    pub roles: Vec<RoleRow>,
    /// The signed metadata of every title.
    pub titles: Vec<SignedTitle>,
    /// Every target that was ever signed.
    pub targets: Vec<TargetRow>,
}

/// A title's signed metadata in force.
#[derive(Clone, Debug)]
pub struct SignedTitle {
    /// The title.
    pub title: Slug,
    /// What others than the server signed.
    pub metadata: Metadata,
    /// What the server signed: snapshot and timestamp, where they are there.
    pub online: [Option<String>; 2],
}

impl References {
    /// Reads all of them.
    pub fn all(transaction: &Transaction<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            releases: releases::all_files(transaction)?,
            named_indexes: indexes::all(transaction)?,
            chunks: chunks::all(transaction)?,
            roles: metadata::newest(transaction, None)?,
            titles: signed_titles(transaction)?,
            targets: metadata::all_targets(transaction)?,
        })
    }

    /// Returns the manifests and contents.
    pub fn documents(&self) -> impl Iterator<Item = &Pinned> {
        self.releases
            .iter()
            .flat_map(|release| [&release.manifest, &release.contents])
    }

    /// Returns the indexes.
    pub fn indexes(&self) -> impl Iterator<Item = &Pinned> {
        self.named_indexes.iter().map(|(_, pinned)| pinned)
    }
}

fn signed_titles(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<SignedTitle>> {
    let mut titles = Vec::new();
    for title in metadata::titles(transaction)? {
        let online = ["snapshot", "timestamp"].map(|role| metadata::latest(transaction, &title, role));
        let [snapshot, timestamp] = online;
        let text = |(_, text): (u64, String)| text;
        let online = [snapshot?.map(text), timestamp?.map(text)];
        let metadata = metadata::current(transaction, &title)?.unwrap_or_default();
        titles.push(SignedTitle {
            title,
            metadata,
            online,
        });
    }
    Ok(titles)
}
