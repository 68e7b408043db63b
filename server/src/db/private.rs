// SPDX-License-Identifier: MIT
//! Which channels are private, and which channels have what each index is of.

use std::collections::{BTreeSet, HashMap};

use rusqlite::{Transaction, params};
use vsekai_formats::release::{Pinned, Platform, Slug, Version};
use vsekai_trust::names::TargetName;

use super::audit::{self, Actor, Event};
use super::{indexes, metadata, parsed, releases};

/// A channel of a title.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Channel {
    /// The title.
    pub title: Slug,
    /// Its name.
    pub name: Slug,
}

/// An index and the channels that have its release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRow {
    /// Its name.
    pub name: String,
    /// Its bytes.
    pub pinned: Pinned,
    /// The channels that list its release or once did; `None` for an index of no release.
    pub channels: Option<BTreeSet<Channel>>,
}

/// Returns the private channels.
pub fn all(transaction: &Transaction<'_>) -> rusqlite::Result<BTreeSet<Channel>> {
    let mut statement = transaction.prepare_cached("SELECT title, channel FROM private_channels")?;
    let rows = statement.query_map([], |row| {
        Ok(Channel {
            title: parsed(row, "title")?,
            name: parsed(row, "channel")?,
        })
    })?;
    rows.collect()
}

/// Makes a channel private or public and logs who did, unless it is so already; tells whether there is such a channel.
pub fn change(
    transaction: &Transaction<'_>,
    channel: &Channel,
    private: bool,
    actor: &Actor,
) -> rusqlite::Result<bool> {
    let current = metadata::current(transaction, &channel.title)?.unwrap_or_default();
    if !current.channels.contains_key(&channel.name) {
        return Ok(false);
    }
    let (title, name) = (channel.title.as_str(), channel.name.as_str());
    let (action, statement) = match private {
        true => (
            "channel-private",
            "INSERT INTO private_channels (title, channel) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        ),
        false => (
            "channel-public",
            "DELETE FROM private_channels WHERE title = ?1 AND channel = ?2",
        ),
    };
    if transaction.execute(statement, params![title, name])? > 0 {
        let event = Event {
            action,
            title: Some(title),
            channel: Some(name),
            ..Event::default()
        };
        audit::append(transaction, actor, event)?;
    }
    Ok(true)
}

/// Returns every index.
pub fn indexes(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<IndexRow>> {
    let mut channels: HashMap<(Slug, Platform, Version), BTreeSet<Channel>> = HashMap::new();
    for target in metadata::all_targets(transaction)? {
        if let Ok(TargetName::Manifest {
            channel,
            platform,
            version,
        }) = target.name.parse()
        {
            let of_release = channels.entry((target.title.clone(), platform, version));
            of_release.or_default().insert(Channel {
                title: target.title,
                name: channel,
            });
        }
    }
    let mut released: HashMap<String, BTreeSet<Channel>> = HashMap::new();
    for release in releases::all_files(transaction)? {
        let key = (release.title, release.platform, release.version);
        released.insert(release.index_name, channels.remove(&key).unwrap_or_default());
    }
    let rows = indexes::all(transaction)?.into_iter();
    Ok(rows
        .map(|(name, pinned)| IndexRow {
            channels: released.remove(&name),
            name,
            pinned,
        })
        .collect())
}
