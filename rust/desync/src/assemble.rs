// SPDX-License-Identifier: MIT
//! Puts a file together: what is right already stays, the rest comes from seeds and stores.
//!
//! First every chunk's place in the file is looked at (where the file has content at all), then each chunk
//! that is missing somewhere is got once and written to all its places. Everything written has been checked
//! against its id, so there is nothing to read back.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use fs_err as fs;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use tokio::task::spawn_blocking;
use vsekai_formats::{ChunkId, Index, IndexChunk};
use vsekai_store::ChunkStore;

use crate::env::Cancel;
use crate::error::DesyncError;
use crate::files::{read_exact_at, write_all_at};
use crate::seeds::Seeds;
use crate::transfer::check_size;

/// Where the bytes of a file came from, named as desync names it.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct AssembleStats {
    pub(crate) chunks_from_seeds: u64,
    pub(crate) chunks_from_store: u64,
    pub(crate) chunks_in_place: u64,
    pub(crate) bytes_copied_from_seeds: u64,
    pub(crate) bytes_cloned_from_seeds: u64,
    pub(crate) blocksize: u64,
    pub(crate) bytes_total: u64,
    pub(crate) chunks_total: u64,
    pub(crate) seeds: u64,
}

/// What a file is put together from.
#[derive(Debug)]
pub(crate) struct Assembly<'a> {
    pub(crate) index: &'a Index,
    pub(crate) seeds: &'a Seeds,
    pub(crate) store: &'a Arc<dyn ChunkStore>,
    pub(crate) concurrency: usize,
    pub(crate) cancel: &'a Cancel,
}

impl Assembly<'_> {
    /// Makes `file`, whose first `existing` bytes may be right, into what the index says. The length must
    /// have been set; bytes beyond `existing` must be zero.
    pub(crate) async fn run(&self, file: fs::File, existing: u64) -> Result<AssembleStats, DesyncError> {
        let file = Arc::new(file);
        let missing = self.missing(&file, existing).await?;
        let in_place = self.index.chunks.len() - missing.len();
        let mut places: HashMap<ChunkId, Vec<IndexChunk>> = HashMap::new();
        let mut order = Vec::new();
        for chunk in missing {
            let entry = places.entry(chunk.id).or_default();
            if entry.is_empty() {
                order.push(chunk);
            }
            entry.push(chunk);
        }
        let from = Counters::default();
        stream::iter(order.into_iter().map(Ok))
            .try_for_each_concurrent(self.concurrency, |chunk| {
                let places = places.get(&chunk.id).cloned().unwrap_or_default();
                self.fill(chunk, places, &file, existing, &from)
            })
            .await?;
        Ok(self.stats(in_place as u64, &from))
    }

    /// Returns the chunks whose places do not have their content yet.
    async fn missing(&self, file: &Arc<fs::File>, existing: u64) -> Result<Vec<IndexChunk>, DesyncError> {
        let digest = self.index.digest;
        let checks = stream::iter(&self.index.chunks).map(|chunk| {
            let (chunk, file) = (*chunk, Arc::clone(file));
            async move {
                self.cancel.check()?;
                if chunk.end() > existing {
                    return Ok(Some(chunk));
                }
                let right = spawn_blocking(move || {
                    let mut plain = vec![0; chunk.size as usize];
                    let read = read_exact_at(&file, chunk.start, &mut plain);
                    read.map(|()| ChunkId::of(digest, &plain) == chunk.id)
                });
                let right = right.await?.map_err(DesyncError::file("read the output"))?;
                Ok::<_, DesyncError>((!right).then_some(chunk))
            }
        });
        checks
            .buffered(self.concurrency)
            .try_filter_map(|chunk| async move { Ok(chunk) })
            .try_collect()
            .await
    }

    async fn fill(
        &self,
        chunk: IndexChunk,
        places: Vec<IndexChunk>,
        file: &Arc<fs::File>,
        existing: u64,
        from: &Counters,
    ) -> Result<(), DesyncError> {
        self.cancel.check()?;
        let plain = match self.seeds.get(chunk.id).await? {
            Some(plain) => {
                let total = u64::from(chunk.size) * places.len() as u64;
                from.seed_chunks.fetch_add(places.len() as u64, Ordering::Relaxed);
                from.seed_bytes.fetch_add(total, Ordering::Relaxed);
                Bytes::from(plain)
            }
            None => {
                from.store_chunks
                    .fetch_add(places.len() as u64, Ordering::Relaxed);
                self.store.get(chunk.id).await?.plain().clone()
            }
        };
        for place in &places {
            check_size(place.id, &plain, place.size)?;
        }
        let file = Arc::clone(file);
        let write = spawn_blocking(move || {
            let zero = plain.iter().all(|byte| *byte == 0);
            for place in places {
                // Beyond the old end the file is zero already, and stays a hole.
                if !(zero && place.start >= existing) {
                    write_all_at(&file, place.start, &plain)?;
                }
            }
            Ok(())
        });
        write.await?.map_err(DesyncError::file("write the output"))
    }

    fn stats(&self, in_place: u64, from: &Counters) -> AssembleStats {
        AssembleStats {
            chunks_from_seeds: from.seed_chunks.load(Ordering::Relaxed),
            chunks_from_store: from.store_chunks.load(Ordering::Relaxed),
            chunks_in_place: in_place,
            bytes_copied_from_seeds: from.seed_bytes.load(Ordering::Relaxed),
            bytes_cloned_from_seeds: 0,
            blocksize: 4096,
            bytes_total: self.index.total_size(),
            chunks_total: self.index.chunks.len() as u64,
            seeds: self.seeds.len() as u64,
        }
    }
}

#[derive(Debug, Default)]
struct Counters {
    seed_chunks: AtomicU64,
    seed_bytes: AtomicU64,
    store_chunks: AtomicU64,
}
