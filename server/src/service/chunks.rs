// SPDX-License-Identifier: MIT
//! Chunks: from an upload to a line in the ledger.
//!
//! An upload is decompressed and hashed, then renamed into the store, then remembered as *pending*. Every
//! few seconds, and before every release, pending chunks are synced together and then entered in the ledger.
//! So a chunk that the ledger has survives a power cut, and no upload waits for a sync of its own. A server
//! that was cut off looks at start through the chunks that the ledger does not have.

use std::collections::{HashMap, HashSet};
use std::io::{self, Read as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use fs_err as fs;
use vsekai_formats::ChunkId;
use vsekai_store::http::batch::ABSENT;
use vsekai_store::local::StoreEntry;
use vsekai_store::{Chunk, ChunkStore as _, LocalStore, StoreError, WriteStore as _};

use super::error::ServiceError;
use super::{Service, blocking, turn};
use crate::db::chunks::{self, ChunkRow, ChunkSizes};
use crate::db::now;
use crate::storage::read_cached;

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
    /// Returns a chunk as it is stored. It is not verified again: every client does that.
    ///
    /// # Errors
    /// [`StoreError::Missing`] within [`ServiceError::Store`], or the file cannot be read.
    pub async fn read_chunk(&self, id: ChunkId) -> Result<Bytes, ServiceError> {
        let store = self.store();
        if let Some(bytes) = read_cached(&store.path(id), store.format().max_stored()) {
            return Ok(bytes.into());
        }
        let store = store.clone();
        blocking(move || {
            let mut bytes = Vec::new();
            read_stored(&store, id, &mut bytes)?;
            Ok(bytes.into())
        })
        .await
    }

    /// Reads some of `ids` from position `from` on, a few hundred KiB of them or one, each behind its length. `None`
    /// stands for a chunk that is withheld, as if it were missing.
    ///
    /// Returns `ids`, the position to go on from, and the frames, as `http::post_fetch_chunks` sends them.
    ///
    /// # Errors
    /// A file cannot be read. A missing chunk is none, it has [`ABSENT`] for its length.
    pub async fn read_chunks(
        &self,
        ids: Vec<Option<ChunkId>>,
        from: usize,
    ) -> Result<(Vec<Option<ChunkId>>, usize, Bytes), ServiceError> {
        let store = self.store().clone();
        blocking(move || {
            let mut frames = Vec::with_capacity(FRAME_BYTES + FRAME_BYTES / 4);
            let mut done = from;
            for id in ids.iter().skip(from) {
                if frames.len() >= FRAME_BYTES {
                    break;
                }
                match id {
                    Some(id) => push_frame(&store, *id, &mut frames)?,
                    None => frames.extend_from_slice(&ABSENT.to_le_bytes()),
                }
                done += 1;
            }
            Ok((ids, done, frames.into()))
        })
        .await
    }

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
            let format = self.store().format();
            blocking(move || decode(id, stored, format.max_chunk)).await?
        };
        let sizes = sizes_of(&chunk);
        self.store().put(&chunk).await?;
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
        let synced = self.store().sync().await;
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
        // An upload of one of them has to wait, else its file would be removed after it was confirmed.
        let mut shards: Vec<usize> = rows.iter().map(|row| Ledger::shard_of(row.id)).collect();
        shards.sort_unstable();
        shards.dedup();
        let mut alone = Vec::with_capacity(shards.len());
        for shard in shards.iter().filter_map(|shard| self.ledger.storing.get(*shard)) {
            alone.push(shard.lock().await);
        }
        let ids: Vec<ChunkId> = {
            let pending = self.ledger.pending();
            let ids = rows.iter().map(|row| row.id);
            ids.filter(|id| !pending.contains_key(id)).collect()
        };
        let removed = self.database.write("take chunks out of the ledger", move |tx| {
            chunks::remove_untouched(tx, &ids, before)
        });
        let removed = removed.await?;
        let store = self.store().clone();
        blocking(move || {
            for id in &removed {
                remove(&store.path(*id))?;
            }
            Ok(removed)
        })
        .await
    }

    /// Looks through the chunks that the ledger does not have: sound ones are entered, torn ones removed.
    pub(super) async fn adopt_chunks(&self) -> Result<(), ServiceError> {
        let known = self
            .database
            .read("read the ledger of chunks", chunks::all)
            .await?;
        let known: HashSet<ChunkId> = known.into_iter().map(|(id, _)| id).collect();
        let store = self.store().clone();
        let found = blocking(move || survey(&store, &known)).await?;
        if found.is_empty() {
            return Ok(());
        }
        tracing::info!(
            chunks = found.len(),
            "took over chunks that the last run did not finish"
        );
        let ids: Vec<ChunkId> = found.iter().map(|(id, _)| *id).collect();
        self.store().sync_chunks(&ids).await?;
        self.enter(found).await
    }

    async fn enter(&self, batch: Vec<(ChunkId, ChunkSizes)>) -> Result<(), ServiceError> {
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

    fn shard(&self, id: ChunkId) -> &tokio::sync::Mutex<()> {
        &self.storing[Self::shard_of(id)]
    }

    fn shard_of(id: ChunkId) -> usize {
        let [first, ..] = id.as_bytes();
        usize::from(*first) % SHARDS
    }
}

/// Appends a chunk as it is stored.
fn read_stored(store: &LocalStore, id: ChunkId, bytes: &mut Vec<u8>) -> Result<(), StoreError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::missing(store.name(), id),
        _ => StoreError::io("read chunk", error),
    };
    let most = store.format().max_stored() as u64;
    let file = fs::File::open(store.path(id)).map_err(failed)?;
    let read = file.take(most.saturating_add(1)).read_to_end(bytes);
    match read.map_err(failed)? as u64 > most {
        true => Err(StoreError::invalid(store.name(), id, "it is too long")),
        false => Ok(()),
    }
}

/// Appends a chunk behind its length.
fn push_frame(store: &LocalStore, id: ChunkId, frames: &mut Vec<u8>) -> Result<(), ServiceError> {
    let start = frames.len();
    frames.extend_from_slice(&ABSENT.to_le_bytes());
    match read_stored(store, id, frames) {
        Err(StoreError::Missing { .. }) => return Ok(()),
        read => read?,
    }
    let behind = start + ABSENT.to_le_bytes().len();
    let length = u32::try_from(frames.len() - behind)
        .map_err(|_| StoreError::invalid(store.name(), id, "it is too long"))?;
    if let Some(place) = frames.get_mut(start..behind) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    Ok(())
}

fn decode(id: ChunkId, stored: Bytes, max_len: usize) -> Result<Chunk, ServiceError> {
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

fn sizes_of(chunk: &Chunk) -> ChunkSizes {
    ChunkSizes {
        plain: chunk.plain().len() as u64,
        stored: chunk.compressed().map_or(0, Bytes::len) as u64,
    }
}

/// Reads every chunk that is not `known`; returns the sound ones and removes the others.
fn survey(store: &LocalStore, known: &HashSet<ChunkId>) -> Result<Vec<(ChunkId, ChunkSizes)>, ServiceError> {
    let mut sound = Vec::new();
    for entry in store.entries() {
        match entry? {
            StoreEntry::Chunk(id) if !known.contains(&id) => match read(store, id)? {
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

fn read(store: &LocalStore, id: ChunkId) -> Result<Option<ChunkSizes>, ServiceError> {
    let failed = |error| StoreError::io("read chunk", error);
    let stored = Bytes::from(fs::read(store.path(id)).map_err(failed)?);
    Ok(decode(id, stored, store.format().max_chunk)
        .ok()
        .map(|chunk| sizes_of(&chunk)))
}

fn remove(path: &std::path::Path) -> Result<(), ServiceError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StoreError::io("remove a chunk", error).into())
        }
        _ => Ok(()),
    }
}

const SHARDS: usize = 64;
/// Bytes of chunks read and sent together.
const FRAME_BYTES: usize = 256 << 10;
