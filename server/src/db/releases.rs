// SPDX-License-Identifier: MIT
//! Releases, the channels that point at them, and the log of what pointed where.

use rusqlite::{OptionalExtension as _, Row, Transaction, named_params, params};
use serde::Serialize;
use vsekai_formats::ChunkId;
use vsekai_formats::release::{
    ChannelList, ChannelPointer, ChannelSummary, Pinned, Platform, ReleaseManifest, ReleaseRef, ReleaseSize,
    SCHEMA, Slug, Version, address,
};

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

/// Who changes a pointer, for the audit log.
#[derive(Clone, Debug)]
pub struct Actor {
    /// Public part of the token used.
    pub token_id: String,
}

/// What became of an attempt to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Publication {
    /// The release is visible and the channel points at it.
    Created,
    /// It was there already; the channel points at it or at something newer.
    AlreadyThere,
    /// Another release has the version.
    VersionExists,
    /// The sequence is not above the latest one.
    SequenceTooLow {
        /// The latest sequence.
        latest: u64,
    },
    /// An index of that name and other content exists.
    IndexExists,
}

/// The newest release of a title for a platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// Its sequence.
    pub sequence: u64,
    /// Its version.
    pub version: Version,
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
#[derive(Clone, Debug, Serialize)]
pub struct ReleaseEntry {
    /// The version.
    pub version: Version,
    /// The platform.
    pub platform: Platform,
    /// The publish sequence.
    pub sequence: u64,
    /// Its sizes.
    pub size: ReleaseSize,
    /// When it was published, in seconds since 1970-01-01 UTC.
    pub published_at: i64,
    /// Channels that point at it, ascending.
    pub channels: Vec<Slug>,
}

/// Makes `release` visible and points `channel` at it.
///
/// Publishing the same release again changes nothing, except that a channel that points at something older
/// (or nothing) is moved to it: a publisher may repeat a request whose answer was lost.
pub fn publish(
    transaction: &Transaction<'_>,
    release: &NewRelease,
    channel: &Slug,
    actor: &Actor,
) -> rusqlite::Result<Publication> {
    let manifest = &release.manifest;
    let (title, platform) = (&manifest.title, manifest.platform);
    let existing = identity(transaction, title, platform, &manifest.version)?;
    let newest = latest(transaction, title, platform)?.map_or(0, |latest| latest.sequence);
    let verdict = judge(release, existing, newest);
    match verdict {
        Publication::Created => {
            let name = address::index_name(title, platform, &manifest.version);
            if indexes::name(transaction, &name, &manifest.index)? == indexes::Named::Taken {
                return Ok(Publication::IndexExists);
            }
            insert(transaction, release, &name)?;
        }
        Publication::AlreadyThere => {
            let there = pointed_sequence(transaction, title, channel, platform)?;
            let own = sequence(transaction, title, platform, &manifest.version)?;
            if there >= own {
                return Ok(verdict);
            }
        }
        _ => return Ok(verdict),
    }
    point(
        transaction,
        title,
        channel,
        platform,
        &manifest.version,
        "publish",
        actor,
    )?;
    Ok(verdict)
}

/// Points `channel` at a release that exists; tells whether it does.
pub fn promote(
    transaction: &Transaction<'_>,
    title: &Slug,
    channel: &Slug,
    platform: Platform,
    version: &Version,
    actor: &Actor,
) -> rusqlite::Result<bool> {
    if identity(transaction, title, platform, version)?.is_none() {
        return Ok(false);
    }
    point(transaction, title, channel, platform, version, "promote", actor)?;
    Ok(true)
}

/// Returns the newest release of `title` for `platform`.
pub fn latest(
    transaction: &Transaction<'_>,
    title: &Slug,
    platform: Platform,
) -> rusqlite::Result<Option<Latest>> {
    let mut statement = transaction.prepare_cached(
        "SELECT sequence, version FROM releases WHERE title = ?1 AND platform = ?2
		ORDER BY sequence DESC LIMIT 1",
    )?;
    let row = statement.query_row(params![title.as_str(), platform.as_str()], |row| {
        Ok(Latest {
            sequence: unsigned(row, "sequence")?,
            version: parsed(row, "version")?,
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

/// Returns what `channel` offers for `platform`.
pub fn pointer(
    transaction: &Transaction<'_>,
    title: &Slug,
    channel: &Slug,
    platform: Platform,
) -> rusqlite::Result<Option<ChannelPointer>> {
    let mut statement = transaction.prepare_cached(
        "SELECT releases.* FROM pointers JOIN releases ON releases.id = pointers.release_id
		WHERE pointers.title = ?1 AND pointers.channel = ?2 AND pointers.platform = ?3",
    )?;
    let key = params![title.as_str(), channel.as_str(), platform.as_str()];
    let row = statement.query_row(key, |row| {
        Ok(ChannelPointer {
            schema: SCHEMA,
            title: title.clone(),
            channel: channel.clone(),
            platform,
            release: ReleaseRef {
                version: parsed(row, "version")?,
                sequence: unsigned(row, "sequence")?,
                manifest: pinned(row, "manifest_sha256", "manifest_length")?,
            },
            rollout: None,
            withdrawn: vec![],
            pinned: false,
        })
    });
    row.optional()
}

/// Returns the channels of `title`, or `None` if it has none.
pub fn channels(transaction: &Transaction<'_>, title: &Slug) -> rusqlite::Result<Option<ChannelList>> {
    let mut statement = transaction.prepare_cached(
        "SELECT channel, platform FROM pointers WHERE title = ?1 ORDER BY channel, platform",
    )?;
    let rows = statement.query_map([title.as_str()], |row| {
        Ok((
            parsed::<Slug>(row, "channel")?,
            parsed::<Platform>(row, "platform")?,
        ))
    })?;
    let mut channels: Vec<ChannelSummary> = Vec::new();
    for row in rows {
        let (name, platform) = row?;
        match channels.last_mut() {
            Some(last) if last.name == name => last.platforms.push(platform),
            _ => channels.push(ChannelSummary {
                name,
                platforms: vec![platform],
            }),
        }
    }
    Ok((!channels.is_empty()).then(|| ChannelList {
        schema: SCHEMA,
        title: title.clone(),
        channels,
    }))
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

/// Decides on a release, given the identity of the one that has its version and the latest sequence.
fn judge(release: &NewRelease, existing: Option<ChunkId>, latest: u64) -> Publication {
    match existing {
        Some(identity) if identity == release.identity => Publication::AlreadyThere,
        Some(_) => Publication::VersionExists,
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

/// Points a channel at a release that is known to exist, and logs it.
fn point(
    transaction: &Transaction<'_>,
    title: &Slug,
    channel: &Slug,
    platform: Platform,
    version: &Version,
    action: &str,
    actor: &Actor,
) -> rusqlite::Result<()> {
    let previous = pointer(transaction, title, channel, platform)?.map(|pointer| pointer.release.version);
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
    transaction.execute(
        "INSERT INTO audit (at, token_id, action, title, channel, platform, version, previous_version)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            now(),
            actor.token_id,
            action,
            title.as_str(),
            channel.as_str(),
            platform.as_str(),
            version.as_str(),
            previous.as_ref().map(Version::as_str),
        ],
    )?;
    Ok(())
}

fn identity(
    transaction: &Transaction<'_>,
    title: &Slug,
    platform: Platform,
    version: &Version,
) -> rusqlite::Result<Option<ChunkId>> {
    let mut statement = transaction.prepare_cached(
        "SELECT identity FROM releases WHERE title = ?1 AND platform = ?2 AND version = ?3",
    )?;
    let key = params![title.as_str(), platform.as_str(), version.as_str()];
    statement.query_row(key, |row| parsed(row, "identity")).optional()
}

fn sequence(
    transaction: &Transaction<'_>,
    title: &Slug,
    platform: Platform,
    version: &Version,
) -> rusqlite::Result<u64> {
    let mut statement = transaction.prepare_cached(
        "SELECT sequence FROM releases WHERE title = ?1 AND platform = ?2 AND version = ?3",
    )?;
    let key = params![title.as_str(), platform.as_str(), version.as_str()];
    statement.query_row(key, |row| unsigned(row, "sequence"))
}

fn pointed_sequence(
    transaction: &Transaction<'_>,
    title: &Slug,
    channel: &Slug,
    platform: Platform,
) -> rusqlite::Result<u64> {
    Ok(pointer(transaction, title, channel, platform)?.map_or(0, |pointer| pointer.release.sequence))
}

fn release_files(row: &Row<'_>) -> rusqlite::Result<ReleaseFiles> {
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
