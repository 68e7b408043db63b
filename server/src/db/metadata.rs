// SPDX-License-Identifier: MIT
//! Signed metadata, version by version, and the targets it lists.

use std::collections::HashSet;

use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use vsekai_formats::ChunkId;
use vsekai_formats::release::{Pinned, Slug};
use vsekai_trust::online::Metadata;

use super::audit::{self, Actor, Event};
use super::{now, parsed, signed, unsigned};

/// A role's newest version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRow {
    /// The title.
    pub title: Slug,
    /// `root`, `targets`, `snapshot`, `timestamp`, or a channel.
    pub role: String,
    /// Its version.
    pub version: u64,
    /// When it is to be believed no more.
    pub expires_at: i64,
}

/// A target that some version of a channel's role lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetRow {
    /// The title.
    pub title: Slug,
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub pinned: Pinned,
    /// The bytes themselves of a channel pointer; those of a manifest are a document.
    pub text: Option<String>,
    /// When its channel stopped listing it, in seconds since 1970-01-01 UTC; `None` while it is listed.
    pub unlisted_at: Option<i64>,
}

/// Returns the metadata of `title` in force that others than the server signed.
pub fn current(transaction: &Transaction<'_>, title: &Slug) -> rusqlite::Result<Option<Metadata>> {
    let mut metadata = Metadata::default();
    for row in newest(transaction, Some(title))? {
        let Some(text) = text(transaction, title, &row.role, row.version)? else {
            continue;
        };
        match row.role.as_str() {
            "root" => metadata.root = text,
            "targets" => metadata.targets = text,
            "snapshot" | "timestamp" => {}
            channel => {
                let channel = channel.parse().map_err(|_| rusqlite::Error::InvalidQuery)?;
                metadata.channels.insert(channel, text);
            }
        }
    }
    Ok((!metadata.root.is_empty()).then_some(metadata))
}

/// Returns the newest version of every role of `title`, or of all titles.
pub fn newest(transaction: &Transaction<'_>, title: Option<&Slug>) -> rusqlite::Result<Vec<RoleRow>> {
    let mut statement = transaction.prepare_cached(
        "SELECT title, role, max(version) AS version, expires_at FROM metadata
		WHERE ?1 IS NULL OR title = ?1 GROUP BY title, role ORDER BY title, role",
    )?;
    let rows = statement.query_map([title.map(Slug::as_str)], |row| {
        Ok(RoleRow {
            title: parsed(row, "title")?,
            role: row.get("role")?,
            version: unsigned(row, "version")?,
            expires_at: row.get("expires_at")?,
        })
    })?;
    rows.collect()
}

/// Returns the titles that have metadata.
pub fn titles(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<Slug>> {
    let mut statement = transaction.prepare_cached("SELECT DISTINCT title FROM metadata ORDER BY title")?;
    statement.query_map([], |row| parsed(row, "title"))?.collect()
}

/// Returns one version of a role.
pub fn text(
    transaction: &Transaction<'_>,
    title: &Slug,
    role: &str,
    version: u64,
) -> rusqlite::Result<Option<String>> {
    let mut statement = transaction
        .prepare_cached("SELECT text FROM metadata WHERE title = ?1 AND role = ?2 AND version = ?3")?;
    let key = params![title.as_str(), role, signed(version)];
    statement.query_row(key, |row| row.get("text")).optional()
}

/// Returns the newest version of a role and its text.
pub fn latest(
    transaction: &Transaction<'_>,
    title: &Slug,
    role: &str,
) -> rusqlite::Result<Option<(u64, String)>> {
    let mut statement = transaction.prepare_cached(
        "SELECT version, text FROM metadata WHERE title = ?1 AND role = ?2 ORDER BY version DESC LIMIT 1",
    )?;
    let row = statement.query_row(params![title.as_str(), role], |row| {
        Ok((unsigned(row, "version")?, row.get("text")?))
    });
    row.optional()
}

/// Puts a version of a role in force.
///
/// Roots are kept for ever, because clients follow them one by one. Of the rest the last few are kept, for
/// clients that began to read before.
pub fn insert(
    transaction: &Transaction<'_>,
    title: &Slug,
    role: &str,
    version: u64,
    text: &str,
    expires_at: i64,
) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO metadata (title, role, version, text, expires_at, stored_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![title.as_str(), role, signed(version), text, expires_at, now()],
    )?;
    if role != "root" {
        let oldest = version.saturating_sub(KEPT_VERSIONS);
        transaction.execute(
            "DELETE FROM metadata WHERE title = ?1 AND role = ?2 AND version <= ?3",
            params![title.as_str(), role, signed(oldest)],
        )?;
    }
    Ok(())
}

/// Logs who put a version of a role in force.
pub fn log(
    transaction: &Transaction<'_>,
    title: &Slug,
    role: &str,
    version: u64,
    actor: &Actor,
) -> rusqlite::Result<()> {
    let event = Event {
        action: "sign",
        title: Some(title.as_str()),
        subject: Some(role),
        detail: Some(&format!("version {version}")),
        ..Event::default()
    };
    audit::append(transaction, actor, event)
}

/// Returns a target.
pub fn target(
    transaction: &Transaction<'_>,
    title: &Slug,
    name: &str,
    sha256: ChunkId,
) -> rusqlite::Result<Option<TargetRow>> {
    let mut statement =
        transaction.prepare_cached("SELECT * FROM targets WHERE title = ?1 AND name = ?2 AND sha256 = ?3")?;
    let key = params![title.as_str(), name, sha256.to_string()];
    statement.query_row(key, target_row).optional()
}

/// Returns every target.
pub fn all_targets(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<TargetRow>> {
    let mut statement = transaction.prepare("SELECT * FROM targets ORDER BY title, name, sha256")?;
    statement.query_map([], target_row)?.collect()
}

/// Makes a target available.
pub fn insert_target(transaction: &Transaction<'_>, target: &TargetRow) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO targets (title, name, sha256, length, text) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (title, name, sha256) DO UPDATE SET unlisted_at = NULL",
        params![
            target.title.as_str(),
            target.name,
            target.pinned.sha256.to_string(),
            signed(target.pinned.length),
            target.text,
        ],
    )?;
    Ok(())
}

/// Notes which targets of a channel are listed no more, given those that are; they are names and SHA-256.
pub fn note_unlisted(
    transaction: &Transaction<'_>,
    title: &Slug,
    channel: &Slug,
    listed: &HashSet<(String, ChunkId)>,
) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        // "A" is the character behind "@", so these are the names that begin with the channel and "@".
        "SELECT name, sha256 FROM targets
		WHERE title = ?1 AND name >= ?2 || '@' AND name < ?2 || 'A' AND unlisted_at IS NULL",
    )?;
    let rows = statement.query_map([title.as_str(), channel.as_str()], |row| {
        Ok((row.get("name")?, parsed(row, "sha256")?))
    })?;
    let known: Vec<(String, ChunkId)> = rows.collect::<rusqlite::Result<_>>()?;
    let mut update = transaction.prepare_cached(
        "UPDATE targets SET unlisted_at = ?4 WHERE title = ?1 AND name = ?2 AND sha256 = ?3",
    )?;
    for target in known.iter().filter(|target| !listed.contains(*target)) {
        let (name, sha256) = target;
        update.execute(params![title.as_str(), name, sha256.to_string(), now()])?;
    }
    Ok(())
}

/// Makes a target unavailable.
pub fn remove_target(transaction: &Transaction<'_>, target: &TargetRow) -> rusqlite::Result<()> {
    let mut statement =
        transaction.prepare_cached("DELETE FROM targets WHERE title = ?1 AND name = ?2 AND sha256 = ?3")?;
    statement.execute(params![
        target.title.as_str(),
        target.name,
        target.pinned.sha256.to_string()
    ])?;
    Ok(())
}

fn target_row(row: &Row<'_>) -> rusqlite::Result<TargetRow> {
    Ok(TargetRow {
        title: parsed(row, "title")?,
        name: row.get("name")?,
        pinned: Pinned {
            sha256: parsed(row, "sha256")?,
            length: unsigned(row, "length")?,
        },
        text: row.get("text")?,
        unlisted_at: row.get("unlisted_at")?,
    })
}

/// Versions of a role that stay beside the newest one.
const KEPT_VERSIONS: u64 = 10;
