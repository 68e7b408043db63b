// SPDX-License-Identifier: MIT
//! Removing what nobody needs any more, some time after it was first seen so: clients may be reading it still.

use std::collections::HashSet;
use std::time::Duration;

use futures::StreamExt as _;
use vsekai_formats::ChunkId;
use vsekai_formats::release::address;

use super::{Site, SiteError};

/// What a site must keep.
#[derive(Clone, Debug, Default)]
pub struct Needed {
    /// Files by their addresses, but for chunks.
    pub documents: HashSet<String>,
    /// Chunks.
    pub chunks: HashSet<ChunkId>,
}

/// What pruning did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Pruned {
    /// Files that were removed.
    pub removed: u64,
    /// Files that nobody needs and that wait for the end of the grace time.
    pub waiting: u64,
}

impl Site {
    /// Removes files that have not been needed for `grace`, up to the time `now` in seconds since 1970-01-01 UTC.
    ///
    /// A file that is seen to be unneeded for the first time is noted, and its grace time begins. Files that no
    /// server writes are left alone. Call it after [`Site::publish`], so that what is removed is named no more.
    ///
    /// # Errors
    /// The site cannot be listed, or a file not removed.
    pub async fn prune(&mut self, needed: &Needed, grace: Duration, now: i64) -> Result<Pruned, SiteError> {
        let mut unneeded = std::collections::BTreeMap::new();
        for folder in [address::STORE, address::INDEX, "titles"] {
            let mut files = self.place.files(folder);
            while let Some(path) = files.next().await {
                let path = path?;
                if is_ours(&path) && !needed.has(&path) {
                    let since = self.record.unneeded.get(&path).copied().unwrap_or(now);
                    unneeded.insert(path, since);
                }
            }
        }
        // An index that comes back must have its chunks looked for again.
        self.record
            .documents
            .retain(|path, _| !unneeded.contains_key(path));
        let grace = i64::try_from(grace.as_secs()).unwrap_or(i64::MAX);
        let is_due = |since: i64| since.saturating_add(grace) <= now;
        let due: Vec<String> = unneeded
            .iter()
            .filter(|(_, since)| is_due(**since))
            .map(|(path, _)| path.clone())
            .collect();
        unneeded.retain(|_, since| !is_due(*since));
        let pruned = Pruned {
            removed: due.len() as u64,
            waiting: unneeded.len() as u64,
        };
        self.record.unneeded = unneeded;
        // Before anything goes: what is not recorded is looked for again.
        self.save().await?;
        for path in due {
            self.place.remove(&path).await?;
        }
        Ok(pruned)
    }
}

impl Needed {
    fn has(&self, path: &str) -> bool {
        match chunk_id(path) {
            Some(id) => self.chunks.contains(&id),
            None => self.documents.contains(path),
        }
    }
}

fn chunk_id(path: &str) -> Option<ChunkId> {
    let (_, file) = path.strip_prefix("store/")?.split_once('/')?;
    file.strip_suffix(".cacnk")?.parse().ok()
}

/// Tells whether a server writes files of such names. Timestamps stay: a title does not end.
fn is_ours(path: &str) -> bool {
    let (folder, rest) = path.split_once('/').unwrap_or_default();
    match folder {
        address::STORE => chunk_id(path).is_some(),
        address::INDEX => [".caidx", ".caibx"].iter().any(|end| rest.ends_with(end)),
        _ => {
            let is_document = [".json", ".json.zst"].iter().any(|end| rest.ends_with(end));
            is_document && !rest.ends_with("/timestamp.json")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_a_server_writes_are_ever_removed() {
        let id = "ab".repeat(32);
        let chunk = format!("store/abab/{id}.cacnk");
        for (path, ours) in [
            (chunk.as_str(), true),
            ("store/abab/notes.txt", false),
            ("index/a_1_linux-x86_64.caidx", true),
            ("index/README", false),
            ("titles/a/tuf/3.snapshot.json", true),
            ("titles/a/tuf/timestamp.json", false),
            ("titles/a/releases/linux-x86_64/1/contents.json.zst", true),
            ("titles/a/index.html", false),
        ] {
            assert_eq!(is_ours(path), ours, "{path}");
        }
    }
}
