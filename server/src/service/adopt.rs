// SPDX-License-Identifier: MIT
//! Chunks that the ledger does not have, as a server leaves them that was cut off.
//!
//! In a folder they may be torn, and are looked through at the next start: sound ones are taken over. A bucket holds
//! whole chunks alone, but lists them slowly, so there they count as missing until they are uploaded again or, after
//! the grace, collected.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use bytes::Bytes;
use futures::stream::TryStreamExt as _;
use vsekai_formats::ChunkId;
use vsekai_store::local::StoreEntry;
use vsekai_store::{LocalStore, StoreError, bounded, durable};

use super::chunks::{decode, sizes_of};
use super::collect::{Collection, REMOVED_AT_ONCE};
use super::error::ServiceError;
use super::{Service, blocking};
use crate::db::chunks::{self, ChunkSizes};
use crate::storage::Store;

impl Service {
    /// Enters sound chunks of a folder in the ledger and removes the others.
    pub(super) async fn adopt_chunks(&self) -> Result<(), ServiceError> {
        let Store::Folder(store) = self.store() else {
            return Ok(());
        };
        let known = self
            .database
            .read("read the ledger of chunks", chunks::all)
            .await?;
        let known: HashSet<ChunkId> = known.into_iter().map(|(id, _)| id).collect();
        let (folder, most) = (store.clone(), self.limits.chunk_bytes);
        let found = blocking(move || survey(&folder, &known, most)).await?;
        if found.is_empty() {
            return Ok(());
        }
        tracing::info!(
            chunks = found.len(),
            "took over chunks that the last run did not finish"
        );
        let ids: Vec<ChunkId> = found.iter().map(|(id, _)| *id).collect();
        store.sync_chunks(&ids).await?;
        self.enter(found).await
    }

    /// Removes chunks of a bucket that were stored before `before`, in seconds since 1970-01-01 UTC, and adds them to
    /// the report.
    pub(super) async fn collect_unknown(
        &self,
        before: i64,
        report: &mut Collection,
    ) -> Result<(), ServiceError> {
        let Store::Bucket(store) = self.store() else {
            return Ok(());
        };
        let old = store
            .chunks()
            .try_filter(|chunk| std::future::ready(chunk.stored_at < before));
        let mut pages = old.try_chunks(REMOVED_AT_ONCE);
        while report.complete {
            let Some(page) = pages.try_next().await.map_err(|error| error.1)? else {
                break;
            };
            self.remove_unknown(page, &mut report.chunks).await?;
            report.complete = !self.stopping.is_cancelled();
        }
        Ok(())
    }
}

/// Reads every chunk that is not `known`; returns the sound ones and removes the others.
fn survey(
    store: &LocalStore,
    known: &HashSet<ChunkId>,
    max_chunk: usize,
) -> Result<Vec<(ChunkId, ChunkSizes)>, ServiceError> {
    let mut sound = Vec::new();
    for entry in store.entries() {
        match entry? {
            StoreEntry::Chunk(id) if !known.contains(&id) => match read(store, id, max_chunk)? {
                Some(sizes) => sound.push((id, sizes)),
                None => {
                    tracing::warn!(%id, "removed a chunk that was never finished");
                    remove(&store.path(id))?;
                }
            },
            StoreEntry::Temporary(path) => remove(&path)?,
            StoreEntry::Chunk(_) | StoreEntry::Foreign(_) => {}
        }
    }
    Ok(sound)
}

fn read(store: &LocalStore, id: ChunkId, max_chunk: usize) -> Result<Option<ChunkSizes>, ServiceError> {
    let stored = match bounded::read_file(store.path(id), store.format().max_stored()) {
        Err(error) if error.kind() == io::ErrorKind::FileTooLarge => return Ok(None),
        stored => Bytes::from(stored.map_err(|error| StoreError::io("read chunk", error))?),
    };
    Ok(decode(id, stored, max_chunk).ok().map(|chunk| sizes_of(&chunk)))
}

fn remove(path: &Path) -> Result<(), ServiceError> {
    durable::remove(path).map_err(|error| StoreError::io("remove a chunk", error).into())
}
