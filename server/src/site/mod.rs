// SPDX-License-Identifier: MIT
//! A site: the public side of a server as static files, in a folder or a bucket, for any web server or CDN.
//!
//! ```text
//! store/<4 hex>/<64 hex>.cacnk    chunks
//! index/<name>                    indexes
//! titles/<title>/...              contents, signed metadata and targets
//! .vsekai-site.json               what was written, for whoever writes next; of no use to clients
//! .vsekai-site.lock               held while somebody writes (folders only)
//! ```
//!
//! Whoever writes does so in the order chunks, indexes and contents, targets, metadata, snapshot, timestamp, and
//! each step is durable before the next one begins. A site that was cut off at any moment is the one before, or
//! the one before with files that nobody names yet.

mod bucket;
mod error;
mod folder;
mod place;
mod prune;
mod record;

use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use vsekai_formats::ChunkId;
use vsekai_formats::release::{Pinned, Slug};
use vsekai_store::ChunkStore;
use vsekai_trust::names;

pub use error::SiteError;
pub use place::{Caching, Kind, Place};
pub use prune::{Needed, Pruned};

use record::Record;

/// A site that is being written. While it lives nobody else can write it, where its place can tell.
#[derive(Debug)]
pub struct Site {
    place: Place,
    record: Record,
    saved: Record,
    written: Written,
}

/// What was written; what was there already is not written again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Written {
    /// Chunks.
    pub chunks: u64,
    /// Everything else: indexes, contents, targets, metadata.
    pub documents: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The bytes of a file and where they belong.
#[derive(Clone, Debug)]
pub struct Document {
    /// The address, relative to the site.
    pub path: String,
    /// The bytes.
    pub bytes: Bytes,
    /// What they are.
    pub kind: Kind,
}

impl Site {
    /// Opens the site at `place`, which may be empty.
    ///
    /// With `look_at_everything` the record of what was written is not believed: every file is looked at again,
    /// and what somebody removed or changed is mended.
    ///
    /// # Errors
    /// Somebody else is writing it, or its record cannot be read.
    pub async fn open(place: Place, look_at_everything: bool) -> Result<Self, SiteError> {
        let saved = Record::read(&place).await?;
        let mut record = saved.clone();
        if look_at_everything {
            record.documents.clear();
        }
        Ok(Self {
            place,
            record,
            saved,
            written: Written::default(),
        })
    }

    /// Returns what was written so far.
    pub fn written(&self) -> Written {
        self.written
    }

    /// Tells whether the file at `path` is the one named, by the record alone.
    pub fn has(&self, path: &str, pinned: &Pinned) -> bool {
        self.record.documents.get(path) == Some(pinned)
    }

    /// Brings chunks from `source`, which verifies them, and makes them durable.
    ///
    /// # Errors
    /// The source lacks one or has it wrong, or it cannot be written. Those written before stay, for the next
    /// time.
    pub async fn put_chunks(
        &mut self,
        source: Arc<dyn ChunkStore>,
        ids: impl IntoIterator<Item = ChunkId>,
    ) -> Result<(), SiteError> {
        let place = &self.place;
        let copies = ids.into_iter().map(|id| copy(place, &source, id));
        let mut copies = stream::iter(copies).buffer_unordered(AT_ONCE);
        let mut outcome = Ok(());
        loop {
            match copies.try_next().await {
                Ok(None) => break,
                Ok(Some(None)) => {}
                Ok(Some(Some(bytes))) => {
                    self.written.chunks += 1;
                    self.written.bytes += bytes;
                }
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
        }
        drop(copies);
        // What came so far is kept even if the rest fails: the next run goes on from there.
        self.place.sync_chunks().await?;
        outcome
    }

    /// Writes a file, durably and in one step, unless it is there.
    ///
    /// # Errors
    /// It cannot be written; what was there before still is.
    pub async fn put(&mut self, document: Document) -> Result<(), SiteError> {
        let Document { path, bytes, kind } = document;
        let pinned = Pinned::of(&bytes);
        if self.has(&path, &pinned) {
            return Ok(());
        }
        let there = self.place.read(&path, bytes.len()).await?;
        if there.as_ref() != Some(&bytes) {
            self.place.put(&path, kind, bytes).await?;
            self.written.documents += 1;
            self.written.bytes += pinned.length;
        }
        self.record.documents.insert(path, pinned);
        Ok(())
    }

    /// Writes several files, in their order.
    ///
    /// # Errors
    /// As [`Site::put`]; those before were written.
    pub async fn put_all(&mut self, documents: impl IntoIterator<Item = Document>) -> Result<(), SiteError> {
        for document in documents {
            self.put(document).await?;
        }
        Ok(())
    }

    /// Refuses `timestamp` if the site has a newer one of `title`, or another one of the same version: then what
    /// is to be written is older than the site, and players would refuse it.
    ///
    /// # Errors
    /// [`SiteError::Newer`]; the timestamp there cannot be read.
    pub async fn check_timestamp(&self, title: &Slug, timestamp: &str) -> Result<(), SiteError> {
        let path = timestamp_path(title);
        let Some(there) = self.place.read(&path, MAX_TIMESTAMP).await? else {
            return Ok(());
        };
        let (Some(found), Some(offered)) = (version(&there), version(timestamp.as_bytes())) else {
            return Err(SiteError::Damaged {
                place: self.place.name(),
                path,
            });
        };
        match found < offered || there == timestamp.as_bytes() {
            true => Ok(()),
            false => Err(SiteError::Newer {
                place: self.place.name(),
                title: title.clone(),
                found,
                offered,
            }),
        }
    }

    /// Keeps the record of what was written, then makes all of it visible: the timestamps go last.
    ///
    /// # Errors
    /// As [`Site::put`].
    pub async fn publish(&mut self, timestamps: &[(Slug, String)]) -> Result<(), SiteError> {
        self.save().await?;
        for (title, text) in timestamps {
            self.check_timestamp(title, text).await?;
            let path = timestamp_path(title);
            let bytes = Bytes::copy_from_slice(text.as_bytes());
            let there = self.place.read(&path, MAX_TIMESTAMP).await?;
            if there.as_ref() != Some(&bytes) {
                self.written.documents += 1;
                self.written.bytes += bytes.len() as u64;
                self.place.put(&path, Kind::Timestamp, bytes).await?;
            }
        }
        Ok(())
    }

    /// Keeps the record, unless nothing changed.
    async fn save(&mut self) -> Result<(), SiteError> {
        if self.record != self.saved {
            self.record.write(&self.place).await?;
            self.saved = self.record.clone();
        }
        Ok(())
    }
}

/// Brings one chunk unless it is there; returns its stored length in bytes.
async fn copy(place: &Place, source: &Arc<dyn ChunkStore>, id: ChunkId) -> Result<Option<u64>, SiteError> {
    if place.has_chunk(id).await? {
        return Ok(None);
    }
    let chunk = source.get(id).await?;
    place.put_chunk(chunk).await.map(Some)
}

fn timestamp_path(title: &Slug) -> String {
    format!("{}/{}", names::repository(title), names::TIMESTAMP)
}

/// Reads the version of signed metadata, which is not verified here.
fn version(bytes: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Document {
        signed: Head,
    }
    #[derive(Deserialize)]
    struct Head {
        version: u64,
    }
    let document: Document = serde_json::from_slice(bytes).ok()?;
    Some(document.signed.version)
}

/// Chunks on the way at a time: enough to hide a bucket's answers, and for a disk's queue.
const AT_ONCE: usize = 16;
/// Largest timestamp read back; it names one file.
const MAX_TIMESTAMP: usize = 64 << 10;
