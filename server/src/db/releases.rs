// SPDX-License-Identifier: MIT
//! Releases, the channels that point at them, and the log of what pointed where.

use rusqlite::{OptionalExtension as _, Row, Transaction, named_params, params};
use serde::Serialize;
use utoipa::ToSchema;
use vsekai_formats::ChunkId;
use vsekai_formats::release::{
    Pinned, Platform, ReleaseManifest, ReleaseRef, ReleaseSize, Slug, Version, address,
};

use super::audit::{self, Actor, Event};
use super::{indexes, now, parsed, signed, unsigned};

/// A verified release whose files are all durable, ready to be made visible.
#[derive(Clone, Debug)]
pub struct NewRelease {
    /// What the publisher said.
    pub manifest: ReleaseManifest,
    /// The manifest's bytes.
    pub pinned: Pinned,
    /// Digest of the manifest without its sequence.
    pub identity: ChunkId,
}

/// What became of an attempt to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publication {
    /// The release is on the server from now on.
    Created,
    /// It was there already.
    AlreadyThere,
    /// Another release has the version.
    VersionExists,
    /// The sequence is not above the latest one, or the release is there with another one.
    SequenceTooLow {
        /// The latest sequence.
        latest: u64,
    },
    /// An index of that name and other content exists.
    IndexExists,
}

/// The documents of a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseFiles {
    /// The title.
    pub title: Slug,
    /// The platform.
    pub platform: Platform,
    /// The version.
    pub version: Version,
    /// Its manifest.
    pub manifest: Pinned,
    /// Its contents document.
    pub contents: Pinned,
    /// Name of its index.
    pub index_name: String,
}

/// A release in a list for publishers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReleaseEntry {
    /// The version.
    #[schema(value_type = String)]
    pub version: Version,
    /// The platform.
    #[schema(value_type = String)]
    pub platform: Platform,
    /// The publish sequence.
    pub sequence: u64,
    /// Its sizes.
    #[schema(value_type = SizeColumns)]
    pub size: ReleaseSize,
    /// When it was published, in seconds since 1970-01-01 UTC.
    pub published_at: i64,
    /// Channels that point at it, ascending.
    #[schema(value_type = Vec<String>)]
    pub channels: Vec<Slug>,
}

// Only for the description of the API: the type itself knows nothing of it.
/// Sizes of a build.
#[derive(ToSchema)]
#[schema(as = ReleaseSize)]
#[allow(dead_code)]
struct SizeColumns {
    /// Number of files.
    files: u64,
    /// Bytes of all files as installed.
    installed_bytes: u64,
    /// Distinct chunks.
    chunks: u64,
    /// Bytes of all distinct chunks as served.
    download_bytes: u64,
}

/// Takes `release` in, for channels to list; the same release again changes nothing.
pub fn publish(transaction: &Transaction<'_>, release: &NewRelease) -> rusqlite::Result<Publication> {
    let manifest = &release.manifest;
    let (title, platform) = (&manifest.title, manifest.platform);
    let existing = files(transaction, title, platform, &manifest.version)?;
    let identity = |table| identity(transaction, table, title, platform, &manifest.version);
    let verdict = judge(
        release,
        existing.map(|there| there.manifest).zip(identity("releases")?),
        identity("collected_releases")?,
        latest(transaction, title, platform)?,
    );
    if verdict == Publication::Created {
        let name = address::index_name(title, platform, &manifest.version);
        if indexes::name(transaction, &name, &manifest.index)? == indexes::Named::Taken {
            return Ok(Publication::IndexExists);
        }
        insert(transaction, release, &name)?;
    }
    Ok(verdict)
}

/// Returns the latest sequence that `title` ever had for `platform`, 0 where nothing was published.
fn latest(transaction: &Transaction<'_>, title: &Slug, platform: Platform) -> rusqlite::Result<u64> {
    let mut statement = transaction.prepare_cached(
        "SELECT max(
			coalesce((SELECT max(sequence) FROM releases WHERE title = ?1 AND platform = ?2), 0),
			coalesce((SELECT max(sequence) FROM collected_releases WHERE title = ?1 AND platform = ?2), 0)
		) AS sequence",
    )?;
    statement.query_row(params![title.as_str(), platform.as_str()], |row| {
        unsigned(row, "sequence")
    })
}

/// Returns a release as channels name it.
pub fn reference(
    transaction: &Transaction<'_>,
    title: &Slug,
    platform: Platform,
    version: &Version,
) -> rusqlite::Result<Option<ReleaseRef>> {
    let mut statement = transaction
        .prepare_cached("SELECT * FROM releases WHERE title = ?1 AND platform = ?2 AND version = ?3")?;
    let key = params![title.as_str(), platform.as_str(), version.as_str()];
    let row = statement.query_row(key, |row| {
        Ok(ReleaseRef {
            version: parsed(row, "version")?,
            sequence: unsigned(row, "sequence")?,
            manifest: pinned(row, "manifest_sha256", "manifest_length")?,
        })
    });
    row.optional()
}

/// Returns the documents of a release.
pub fn files(
    transaction: &Transaction<'_>,
    title: &Slug,
    platform: Platform,
    version: &Version,
) -> rusqlite::Result<Option<ReleaseFiles>> {
    let mut statement = transaction
        .prepare_cached("SELECT * FROM releases WHERE title = ?1 AND platform = ?2 AND version = ?3")?;
    let found = statement.query_row(
        params![title.as_str(), platform.as_str(), version.as_str()],
        release_files,
    );
    found.optional()
}

/// Returns the documents of every release.
pub fn all_files(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<ReleaseFiles>> {
    let mut statement = transaction.prepare("SELECT * FROM releases ORDER BY id")?;
    statement.query_map([], release_files)?.collect()
}

/// Counts the releases of `title`.
pub fn count(transaction: &Transaction<'_>, title: &Slug) -> rusqlite::Result<u64> {
    let mut statement =
        transaction.prepare_cached("SELECT count(*) AS releases FROM releases WHERE title = ?1")?;
    statement.query_row([title.as_str()], |row| unsigned(row, "releases"))
}

/// Returns the releases of `title`, newest first within each platform.
pub fn list(transaction: &Transaction<'_>, title: &Slug) -> rusqlite::Result<Vec<ReleaseEntry>> {
    let mut statement = transaction.prepare_cached(
        "SELECT releases.*, pointers.channel FROM releases
		LEFT JOIN pointers ON pointers.release_id = releases.id
		WHERE releases.title = ?1
		ORDER BY releases.platform, releases.sequence DESC, pointers.channel",
    )?;
    let mut rows = statement.query([title.as_str()])?;
    let mut entries: Vec<ReleaseEntry> = Vec::new();
    while let Some(row) = rows.next()? {
        let entry = release_entry(row)?;
        match entries.last_mut() {
            Some(last) if (last.platform, last.sequence) == (entry.platform, entry.sequence) => {
                last.channels.extend(entry.channels);
            }
            _ => entries.push(entry),
        }
    }
    Ok(entries)
}

/// Decides on a release, given the manifest and identity of the one that has its version, the identity of one that
/// had it, and the latest sequence.
fn judge(
    release: &NewRelease,
    existing: Option<(Pinned, ChunkId)>,
    collected: Option<ChunkId>,
    latest: u64,
) -> Publication {
    match existing {
        Some((manifest, _)) if manifest == release.pinned => Publication::AlreadyThere,
        // The same build, counted otherwise: its publisher has not seen yet that it is there.
        Some((_, identity)) if identity == release.identity => Publication::SequenceTooLow { latest },
        Some(_) => Publication::VersionExists,
        // Its addresses have been handed out as immutable.
        None if collected.is_some_and(|identity| identity != release.identity) => Publication::VersionExists,
        None if release.manifest.sequence <= latest => Publication::SequenceTooLow { latest },
        None => Publication::Created,
    }
}

fn insert(transaction: &Transaction<'_>, release: &NewRelease, index_name: &str) -> rusqlite::Result<()> {
    let manifest = &release.manifest;
    transaction.execute(
        "INSERT INTO releases (title, platform, version, sequence, identity, manifest_sha256,
			manifest_length, contents_sha256, contents_length, index_name, files, installed_bytes, chunks,
			download_bytes, published_at)
		VALUES (:title, :platform, :version, :sequence, :identity, :manifest_sha256, :manifest_length,
			:contents_sha256, :contents_length, :index_name, :files, :installed_bytes, :chunks,
			:download_bytes, :published_at)",
        named_params! {
            ":title": manifest.title.as_str(),
            ":platform": manifest.platform.as_str(),
            ":version": manifest.version.as_str(),
            ":sequence": signed(manifest.sequence),
            ":identity": release.identity.to_string(),
            ":manifest_sha256": release.pinned.sha256.to_string(),
            ":manifest_length": signed(release.pinned.length),
            ":contents_sha256": manifest.contents.sha256.to_string(),
            ":contents_length": signed(manifest.contents.length),
            ":index_name": index_name,
            ":files": signed(manifest.size.files),
            ":installed_bytes": signed(manifest.size.installed_bytes),
            ":chunks": signed(manifest.size.chunks),
            ":download_bytes": signed(manifest.size.download_bytes),
            ":published_at": now(),
        },
    )?;
    Ok(())
}

/// Records that a channel points at a release that is known to exist, and logs it.
pub fn point(
    transaction: &Transaction<'_>,
    title: &Slug,
    channel: &Slug,
    platform: Platform,
    version: &Version,
    action: &str,
    actor: &Actor,
) -> rusqlite::Result<()> {
    let previous = pointed(transaction, title, channel, platform)?;
    transaction.execute(
        "INSERT INTO pointers (title, channel, platform, release_id)
		SELECT title, ?2, platform, id FROM releases WHERE title = ?1 AND platform = ?3 AND version = ?4
		ON CONFLICT (title, channel, platform) DO UPDATE SET release_id = excluded.release_id",
        params![
            title.as_str(),
            channel.as_str(),
            platform.as_str(),
            version.as_str()
        ],
    )?;
    let event = Event {
        action,
        title: Some(title.as_str()),
        channel: Some(channel.as_str()),
        platform: Some(platform.as_str()),
        version: Some(version.as_str()),
        previous_version: previous.as_ref().map(Version::as_str),
        ..Event::default()
    };
    audit::append(transaction, actor, event)
}

fn pointed(
    transaction: &Transaction<'_>,
    title: &Slug,
    channel: &Slug,
    platform: Platform,
) -> rusqlite::Result<Option<Version>> {
    let mut statement = transaction.prepare_cached(
        "SELECT releases.version FROM pointers JOIN releases ON releases.id = pointers.release_id
		WHERE pointers.title = ?1 AND pointers.channel = ?2 AND pointers.platform = ?3",
    )?;
    let key = params![title.as_str(), channel.as_str(), platform.as_str()];
    statement.query_row(key, |row| parsed(row, "version")).optional()
}

/// Returns the identity of a release that `table` has a row of.
fn identity(
    transaction: &Transaction<'_>,
    table: &'static str,
    title: &Slug,
    platform: Platform,
    version: &Version,
) -> rusqlite::Result<Option<ChunkId>> {
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT identity FROM {table} WHERE title = ?1 AND platform = ?2 AND version = ?3"
    ))?;
    let key = params![title.as_str(), platform.as_str(), version.as_str()];
    statement.query_row(key, |row| parsed(row, "identity")).optional()
}

pub(super) fn release_files(row: &Row<'_>) -> rusqlite::Result<ReleaseFiles> {
    Ok(ReleaseFiles {
        title: parsed(row, "title")?,
        platform: parsed(row, "platform")?,
        version: parsed(row, "version")?,
        manifest: pinned(row, "manifest_sha256", "manifest_length")?,
        contents: pinned(row, "contents_sha256", "contents_length")?,
        index_name: row.get("index_name")?,
    })
}

fn release_entry(row: &Row<'_>) -> rusqlite::Result<ReleaseEntry> {
    let channel: Option<String> = row.get("channel")?;
    let channels = match channel {
        Some(_) => vec![parsed(row, "channel")?],
        None => Vec::new(),
    };
    Ok(ReleaseEntry {
        version: parsed(row, "version")?,
        platform: parsed(row, "platform")?,
        sequence: unsigned(row, "sequence")?,
        size: ReleaseSize {
            files: unsigned(row, "files")?,
            installed_bytes: unsigned(row, "installed_bytes")?,
            chunks: unsigned(row, "chunks")?,
            download_bytes: unsigned(row, "download_bytes")?,
        },
        published_at: row.get("published_at")?,
        channels,
    })
}

fn pinned(row: &Row<'_>, sha256: &str, length: &str) -> rusqlite::Result<Pinned> {
    Ok(Pinned {
        sha256: parsed(row, sha256)?,
        length: unsigned(row, length)?,
    })
}
