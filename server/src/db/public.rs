// SPDX-License-Identifier: MIT
//! Everything that clients can read, in one consistent state of the database.

use rusqlite::Transaction;
use vsekai_formats::release::{Pinned, Slug};

use super::metadata::{self, TargetRow};
use super::releases::{self, ReleaseFiles};
use super::{indexes, parsed, unsigned};

/// What clients can read, but for chunks.
#[derive(Clone, Debug)]
pub struct Public {
    /// Every index under its name.
    pub indexes: Vec<(String, Pinned)>,
    /// The documents of every release.
    pub releases: Vec<ReleaseFiles>,
    /// Channel pointers and manifests.
    pub targets: Vec<TargetRow>,
    /// Every version of every role that is served.
    pub metadata: Vec<MetadataRow>,
}

/// One version of a role of a title.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetadataRow {
    /// The title.
    pub title: Slug,
    /// `root`, `targets`, `snapshot`, `timestamp`, or a channel.
    pub role: String,
    /// Its version.
    pub version: u64,
    /// Its text as it was signed.
    pub text: String,
}

impl Public {
    /// Reads all of it.
    pub fn read(transaction: &Transaction<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            indexes: indexes::all(transaction)?,
            releases: releases::all_files(transaction)?,
            targets: metadata::all_targets(transaction)?,
            metadata: all_metadata(transaction)?,
        })
    }

    /// Returns the newest timestamp of every title.
    pub fn timestamps(&self) -> Vec<(Slug, String)> {
        let mut newest: Vec<(Slug, String)> = Vec::new();
        // Rows of a role come in ascending order of version.
        for row in self.metadata.iter().filter(|row| row.role == "timestamp") {
            match newest.last_mut() {
                Some((title, text)) if *title == row.title => text.clone_from(&row.text),
                _ => newest.push((row.title.clone(), row.text.clone())),
            }
        }
        newest
    }
}

fn all_metadata(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<MetadataRow>> {
    let mut statement = transaction
        .prepare("SELECT title, role, version, text FROM metadata ORDER BY title, role, version")?;
    let rows = statement.query_map([], |row| {
        Ok(MetadataRow {
            title: parsed(row, "title")?,
            role: row.get("role")?,
            version: unsigned(row, "version")?,
            text: row.get("text")?,
        })
    })?;
    rows.collect()
}
