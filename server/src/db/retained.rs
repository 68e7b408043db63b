// SPDX-License-Identifier: MIT
//! What keeps releases: channels, people, and time; and the rows of those that were collected.

use rusqlite::{Row, Transaction, params};
use vsekai_formats::release::{Pinned, Platform, Slug, Version};

use super::releases::{ReleaseFiles, release_files};
use super::{now, parsed, unsigned};

/// A release and what the database says about keeping it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseRow {
    /// Its number in the database.
    pub id: i64,
    /// Its documents and its name.
    pub files: ReleaseFiles,
    /// Its index.
    pub index: Pinned,
    /// The publish sequence.
    pub sequence: u64,
    /// When it was published, in seconds since 1970-01-01 UTC.
    pub published_at: i64,
    /// Bytes of an install from nothing, as its publisher stated and the server checked.
    pub download_bytes: u64,
    /// Why it is held, if it is.
    pub hold: Option<String>,
}

/// Returns every release, in the order of publishing.
pub fn releases(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<ReleaseRow>> {
    let mut statement = transaction.prepare(
        "SELECT releases.*, indexes.sha256 AS index_sha256, indexes.length AS index_length, holds.reason
		FROM releases JOIN indexes ON indexes.name = releases.index_name
		LEFT JOIN holds ON holds.release_id = releases.id ORDER BY releases.id",
    )?;
    statement.query_map([], release_row)?.collect()
}

/// Returns the release that each channel points at by its row: title, channel, and the release's number.
pub fn pointed(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<(Slug, Slug, i64)>> {
    let mut statement = transaction.prepare("SELECT title, channel, release_id FROM pointers")?;
    let rows = statement.query_map([], |row| {
        Ok((
            parsed(row, "title")?,
            parsed(row, "channel")?,
            row.get("release_id")?,
        ))
    })?;
    rows.collect()
}

/// Holds a release for `reason`; tells whether there is one of that name.
pub fn hold(
    transaction: &Transaction<'_>,
    title: &Slug,
    platform: Platform,
    version: &Version,
    reason: &str,
) -> rusqlite::Result<bool> {
    let held = transaction.execute(
        "INSERT INTO holds (release_id, reason, at)
		SELECT id, ?4, ?5 FROM releases WHERE title = ?1 AND platform = ?2 AND version = ?3
		ON CONFLICT (release_id) DO UPDATE SET reason = excluded.reason, at = excluded.at",
        params![title.as_str(), platform.as_str(), version.as_str(), reason, now()],
    )?;
    Ok(held > 0)
}

/// Holds a release no more; tells whether it was held.
pub fn let_go(
    transaction: &Transaction<'_>,
    title: &Slug,
    platform: Platform,
    version: &Version,
) -> rusqlite::Result<bool> {
    let held = transaction.execute(
        "DELETE FROM holds WHERE release_id IN
			(SELECT id FROM releases WHERE title = ?1 AND platform = ?2 AND version = ?3)",
        params![title.as_str(), platform.as_str(), version.as_str()],
    )?;
    Ok(held > 0)
}

/// Takes a release out, and the name of its index. That it was there is remembered.
pub fn remove(transaction: &Transaction<'_>, release: &ReleaseRow) -> rusqlite::Result<()> {
    let files = &release.files;
    transaction.execute(
        "INSERT INTO collected_releases (title, platform, version, sequence, identity, collected_at)
		SELECT title, platform, version, sequence, identity, ?2 FROM releases WHERE id = ?1
		ON CONFLICT (title, platform, version) DO UPDATE SET sequence = excluded.sequence,
			identity = excluded.identity, collected_at = excluded.collected_at",
        params![release.id, now()],
    )?;
    transaction.execute("DELETE FROM releases WHERE id = ?1", [release.id])?;
    transaction.execute("DELETE FROM indexes WHERE name = ?1", [&files.index_name])?;
    Ok(())
}

fn release_row(row: &Row<'_>) -> rusqlite::Result<ReleaseRow> {
    Ok(ReleaseRow {
        id: row.get("id")?,
        files: release_files(row)?,
        index: Pinned {
            sha256: parsed(row, "index_sha256")?,
            length: unsigned(row, "index_length")?,
        },
        sequence: unsigned(row, "sequence")?,
        published_at: row.get("published_at")?,
        download_bytes: unsigned(row, "download_bytes")?,
        hold: row.get("reason")?,
    })
}
