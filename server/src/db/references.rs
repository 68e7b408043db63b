// SPDX-License-Identifier: MIT
//! Every file that some row refers to.

use rusqlite::Transaction;
use vsekai_formats::ChunkId;
use vsekai_formats::release::Pinned;

use super::chunks::{self, ChunkSizes};
use super::indexes;
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
}

impl References {
    /// Reads all of them.
    pub fn all(transaction: &Transaction<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            releases: releases::all_files(transaction)?,
            named_indexes: indexes::all(transaction)?,
            chunks: chunks::all(transaction)?,
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
