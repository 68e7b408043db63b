// SPDX-License-Identifier: MIT
//! Chunks: from an upload to a line in the ledger.
//!
//! An upload is decompressed and hashed, then put into the store, then remembered as *pending*. Every
//! few seconds, and before every release, pending chunks are synced together and then entered in the ledger.
//! So a chunk that the ledger has survives a power cut, and no upload waits for a sync of its own.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use vsekai_formats::ChunkId;
use vsekai_store::s3::ListedChunk;
use vsekai_store::{Chunk, StoreError, WriteStore as _};

use super::collect::Amount;
use super::error::ServiceError;
use super::{Service, blocking, turn};
use crate::db::chunks::{self, ChunkRow, ChunkSizes};
use crate::db::now;

/// Chunks that are in the store but not in the ledger yet.
#[derive(Debug)]
pub(super) struct Ledger {
    pending: Mutex<HashMap<ChunkId, ChunkSizes>>,
    // One flush at a time, so that each knows which chunks its sync covered.
    flushing: tokio::sync::Mutex<()>,
    // Two uploads of one chunk at once could leave the sizes of one and the file of the other.
    storing: [tokio::sync::Mutex<()>; SHARDS],
}

/// What became of an uploaded chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChunkUpload {
    /// It was stored.
    New,
    /// The store had it.
    Known,
}

/// The answer to a question for missing chunks.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct MissingChunks {
    /// The chunks the store does not have, in the order asked.
    #[schema(value_type = Vec<String>)]
    pub missing: Vec<ChunkId>,
    /// Stored size in bytes of every chunk asked for, `None` for missing ones.
    pub sizes: Vec<Option<u64>>,
}

impl Service {
    /// Tells which of `ids` the store does not have.
    ///
    /// # Errors
    /// The database failed.
    pub async fn missing_chunks(&self, ids: Vec<ChunkId>) -> Result<MissingChunks, ServiceError> {
        let found = self.chunk_sizes(ids.clone()).await?;
        let pairs = ids.into_iter().zip(&found);
        Ok(MissingChunks {
            missing: pairs
                .filter(|(_, found)| found.is_none())
                .map(|(id, _)| id)
                .collect(),
            sizes: found
                .iter()
                .map(|sizes| sizes.map(|sizes| sizes.stored))
                .collect(),
        })
    }

    /// Stores an uploaded chunk if it decompresses to what `id` names. Nobody sees it before.
    ///
    /// # Errors
    /// It is something else or too large, or the store failed.
    pub async fn put_chunk(
        self: &Arc<Self>,
        id: ChunkId,
        stored: Bytes,
    ) -> Result<ChunkUpload, ServiceError> {
        self.undisturbed(|service| async move { service.store_chunk(id, stored).await })
            .await
    }

    async fn store_chunk(&self, id: ChunkId, stored: Bytes) -> Result<ChunkUpload, ServiceError> {
        let _alone = self.ledger.shard(id).lock().await;
        if self.has_chunk(id).await? {
            return Ok(ChunkUpload::Known);
        }
        let chunk = {
            let _turn = turn(&self.chunk_checks).await?;
            let most = self.limits.chunk_bytes;
            blocking(move || decode(id, stored, most)).await?
        };
        let sizes = sizes_of(&chunk);
        self.store().shared().put(&chunk).await?;
        self.ledger.pending().insert(id, sizes);
        Ok(ChunkUpload::New)
    }

    /// Makes pending chunks durable and enters them in the ledger.
    ///
    /// # Errors
    /// Some could not be made durable: they are forgotten, and so missing again.
    pub async fn flush_chunks(self: &Arc<Self>) -> Result<(), ServiceError> {
        self.undisturbed(|service| async move { service.flush().await })
            .await
    }

    /// As [`Service::flush_chunks`], for work that runs to its end anyway.
    pub(super) async fn flush(&self) -> Result<(), ServiceError> {
        let _alone = self.ledger.flushing.lock().await;
        let batch: Vec<(ChunkId, ChunkSizes)> = self
            .ledger
            .pending()
            .iter()
            .map(|(id, sizes)| (*id, *sizes))
            .collect();
        if batch.is_empty() {
            return Ok(());
        }
        let ids: Vec<ChunkId> = batch.iter().map(|(id, _)| *id).collect();
        let synced = self.store().shared().sync().await;
        let entered = match synced {
            Ok(()) => self.enter(batch).await,
            Err(error) => Err(error.into()),
        };
        let mut pending = self.ledger.pending();
        for id in ids {
            pending.remove(&id);
        }
        entered
    }

    /// Tells whether chunks wait for [`Service::flush_chunks`].
    pub fn has_pending_chunks(&self) -> bool {
        !self.ledger.pending().is_empty()
    }

    /// Returns the sizes of each chunk that is in the ledger or pending.
    async fn chunk_sizes(&self, ids: Vec<ChunkId>) -> Result<Vec<Option<ChunkSizes>>, ServiceError> {
        // Pending first: a chunk that moves to the ledger in between is then found in one of the two.
        let pending: Vec<Option<ChunkSizes>> = {
            let pending = self.ledger.pending();
            ids.iter().map(|id| pending.get(id).copied()).collect()
        };
        if pending.iter().all(Option::is_some) {
            return Ok(pending);
        }
        let both = pending.into_iter().zip(self.entered_sizes(ids).await?);
        Ok(both.map(|(pending, entered)| pending.or(entered)).collect())
    }

    /// Returns the sizes of each chunk that is in the ledger, and so survives a power cut. Who is told so may rely
    /// on it: none of them is collected before three quarters of the grace have passed.
    pub(super) async fn entered_sizes(
        &self,
        ids: Vec<ChunkId>,
    ) -> Result<Vec<Option<ChunkSizes>>, ServiceError> {
        let since = self.retention.touched_since(now());
        let (ids, mut rows) = self
            .database
            .read("look up chunks", move |tx| {
                let rows = chunks::rows(tx, &ids)?;
                Ok((ids, rows))
            })
            .await?;
        if rows.iter().flatten().any(|row| row.touched_at <= since) {
            let touched = self.database.write("note who relies on chunks", move |tx| {
                chunks::touch(tx, &ids, since)
            });
            rows = touched.await?;
        }
        Ok(rows.into_iter().map(|row| Some(row?.sizes)).collect())
    }

    /// Tells a publisher whether the store has a chunk; they may rely on it as after [`Service::missing_chunks`].
    ///
    /// # Errors
    /// The database failed.
    pub async fn has_chunk(&self, id: ChunkId) -> Result<bool, ServiceError> {
        Ok(self.chunk_sizes(vec![id]).await?.iter().all(Option::is_some))
    }

    /// Removes those of `rows` that nobody relies on since `before`: from the ledger first, so that a chunk which is
    /// cut off in between is one that nobody was told of. Returns the removed ones.
    pub(super) async fn remove_chunks(
        &self,
        rows: &[ChunkRow],
        before: i64,
    ) -> Result<Vec<ChunkId>, ServiceError> {
        let ids: Vec<ChunkId> = rows.iter().map(|row| row.id).collect();
        let _alone = self.ledger.shards(&ids).await;
        let ids = self.ledger.not_pending(ids);
        let removed = self.database.write("take chunks out of the ledger", move |tx| {
            chunks::remove_untouched(tx, &ids, before)
        });
        let removed = removed.await?;
        self.remove_stored(&removed).await?;
        Ok(removed)
    }

    /// Removes those of `listed` that the ledger does not have, and counts them in `removed`.
    pub(super) async fn remove_unknown(
        &self,
        listed: Vec<ListedChunk>,
        removed: &mut Amount,
    ) -> Result<(), ServiceError> {
        let ids: Vec<ChunkId> = listed.iter().map(|chunk| chunk.id).collect();
        let _alone = self.ledger.shards(&ids).await;
        // Pending first: a chunk that moves to the ledger in between is then found in one of the two.
        let ids = self.ledger.not_pending(ids);
        let rows = self.database.read("look up chunks", move |tx| {
            let rows = chunks::rows(tx, &ids)?;
            Ok(ids.into_iter().zip(rows).collect::<Vec<_>>())
        });
        let unknown = rows.await?.into_iter().filter(|(_, row)| row.is_none());
        let unknown: Vec<ChunkId> = unknown.map(|(id, _)| id).collect();
        self.remove_stored(&unknown).await?;
        let unknown: HashSet<ChunkId> = unknown.into_iter().collect();
        let gone = listed.iter().filter(|chunk| unknown.contains(&chunk.id));
        gone.for_each(|chunk| removed.add(chunk.len));
        Ok(())
    }

    /// Removes chunks from the store alone; those that are not there are no error.
    ///
    /// When this returns, nothing is being removed any more, even if something could not be: uploads of the same chunks
    /// go on then, and what they store has to stay.
    async fn remove_stored(&self, ids: &[ChunkId]) -> Result<(), ServiceError> {
        let store = self.store().shared();
        Ok(for_each(ids, REMOVALS_AT_ONCE, |id| store.remove(id)).await?)
    }

    pub(super) async fn enter(&self, batch: Vec<(ChunkId, ChunkSizes)>) -> Result<(), ServiceError> {
        let entered = self
            .database
            .write("enter chunks in the ledger", move |tx| chunks::insert(tx, &batch));
        Ok(entered.await?)
    }
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            pending: Mutex::default(),
            flushing: tokio::sync::Mutex::default(),
            storing: std::array::from_fn(|_| tokio::sync::Mutex::default()),
        }
    }
}

impl Ledger {
    fn pending(&self) -> MutexGuard<'_, HashMap<ChunkId, ChunkSizes>> {
        // Every change of the map is one call, so it is whole even after a panic.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn not_pending(&self, mut ids: Vec<ChunkId>) -> Vec<ChunkId> {
        let pending = self.pending();
        ids.retain(|id| !pending.contains_key(id));
        ids
    }

    /// Lets uploads of these chunks wait, else a file would be removed after its upload was confirmed.
    async fn shards(&self, ids: &[ChunkId]) -> Vec<tokio::sync::MutexGuard<'_, ()>> {
        let shards: BTreeSet<usize> = ids.iter().map(|id| Self::shard_of(*id)).collect();
        let mut alone = Vec::with_capacity(shards.len());
        for shard in shards.into_iter().filter_map(|shard| self.storing.get(shard)) {
            alone.push(shard.lock().await);
        }
        alone
    }

    fn shard(&self, id: ChunkId) -> &tokio::sync::Mutex<()> {
        &self.storing[Self::shard_of(id)]
    }

    fn shard_of(id: ChunkId) -> usize {
        let [first, ..] = id.as_bytes();
        usize::from(*first) % SHARDS
    }
}

/// Does `work` for each of `ids`, for `most` of them at a time: a slow one holds up no other. After an error nothing more
/// is begun, and what is under way is brought to its end.
async fn for_each<W>(ids: &[ChunkId], most: usize, work: impl Fn(ChunkId) -> W) -> Result<(), StoreError>
where
    W: Future<Output = Result<(), StoreError>>,
{
    let mut ids = ids.iter();
    let mut under_way: FuturesUnordered<W> = ids.by_ref().take(most).map(|id| work(*id)).collect();
    let mut outcome = Ok(());
    while let Some(ended) = under_way.next().await {
        outcome = outcome.and(ended);
        if outcome.is_ok()
            && let Some(id) = ids.next()
        {
            under_way.push(work(*id));
        }
    }
    outcome
}

pub(super) fn decode(id: ChunkId, stored: Bytes, max_len: usize) -> Result<Chunk, ServiceError> {
    let digest = vsekai_formats::DigestAlgorithm::Sha512_256;
    let plain = vsekai_formats::codec::decode_verified(id, digest, &stored, max_len)?;
    if plain.is_empty() {
        return Err(ServiceError::invalid(
            "invalid-chunk",
            "a chunk has at least one byte",
        ));
    }
    Ok(Chunk::from_verified(id, plain.into(), Some(stored)))
}

pub(super) fn sizes_of(chunk: &Chunk) -> ChunkSizes {
    ChunkSizes {
        plain: chunk.plain().len() as u64,
        stored: chunk.compressed().map_or(0, Bytes::len) as u64,
    }
}

const SHARDS: usize = 64;
/// Enough to hide how long a bucket takes to answer.
const REMOVALS_AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use tokio::sync::Notify;
    use tokio::task::yield_now;
    use tokio::time::timeout;

    use super::*;

    fn ids() -> Vec<ChunkId> {
        (0..100).map(|number| ChunkId::from_bytes([number; 32])).collect()
    }

    #[tokio::test]
    async fn a_slow_one_holds_up_no_other() {
        let ids = ids();
        let (first, last) = (ids[0], ids[99]);
        let last_was_done = Notify::new();
        let work = |id: ChunkId| {
            let last_was_done = &last_was_done;
            async move {
                if id == first {
                    last_was_done.notified().await;
                } else if id == last {
                    last_was_done.notify_one();
                }
                Ok::<(), StoreError>(())
            }
        };
        let all = timeout(Duration::from_secs(30), for_each(&ids, 2, work)).await;
        all.expect("the last one is done before the first").unwrap();
    }

    #[tokio::test]
    async fn nothing_is_begun_after_an_error_and_nothing_stays_under_way() {
        let ids = ids();
        let refused = ids[3];
        let (begun, ended) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = |id: ChunkId| {
            begun.fetch_add(1, Ordering::Relaxed);
            let ended = &ended;
            async move {
                yield_now().await;
                ended.fetch_add(1, Ordering::Relaxed);
                match id == refused {
                    true => Err(StoreError::missing("a store", id)),
                    false => Ok(()),
                }
            }
        };
        assert!(for_each(&ids, 4, work).await.unwrap_err().is_missing());
        let (begun, ended) = (begun.into_inner(), ended.into_inner());
        assert_eq!(begun, ended);
        assert!(begun < 10, "{begun}");
    }
}
