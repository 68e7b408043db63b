// SPDX-License-Identifier: MIT
//! Puts a file together: what is right already stays, the rest comes from seeds and stores.
//!
//! First every chunk's place in the file is looked at (where the file has content at all). Then what seeds have
//! at matching places is shared with them where the file system can, and each chunk that is still missing
//! somewhere is got once and written to all its places. Everything written has been checked against its id, so
//! only what was shared has to be read back.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use fs_err as fs;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::Serialize;
use tokio::task::spawn_blocking;
use vsekai_formats::{ChunkId, Index, IndexChunk};
use vsekai_store::ChunkStore;

use crate::clone;
use crate::env::Cancel;
use crate::error::DesyncError;
use crate::files::chunks_at;
use crate::progress::Progress;
use crate::seeds::Seeds;
use crate::transfer::{Pace, check_size};
use crate::writer::Writer;

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
    pub(crate) pace: Pace,
    pub(crate) cancel: &'a Cancel,
    /// Counts the places that are right.
    pub(crate) progress: &'a Progress,
}

impl Assembly<'_> {
    /// Makes `file`, whose first `existing` bytes may be right, into what the index says. The length must
    /// have been set; bytes beyond `existing` must be zero.
    pub(crate) async fn run(&self, file: fs::File, existing: u64) -> Result<AssembleStats, DesyncError> {
        let file = Arc::new(file);
        let from = Counters::default();
        let missing = self.missing(&file, existing).await?;
        let in_place = self.index.chunks.len() - missing.len();
        let missing = self.share(missing, &file, &from).await?;
        self.progress
            .add((self.index.chunks.len() - missing.len()) as u64);
        let mut places: HashMap<ChunkId, Vec<IndexChunk>> = HashMap::new();
        let mut order = Vec::new();
        for chunk in missing {
            let entry = places.entry(chunk.id).or_default();
            if entry.is_empty() {
                order.push(chunk);
            }
            entry.push(chunk);
        }
        // What was shared may have been wrong, and is then no hole any more.
        let zero_from = if from.shared() { u64::MAX } else { existing };
        let writer = Writer::start(Arc::clone(&file), zero_from, self.pace.chunks);
        // Seeds are asked for each chunk by itself.
        let (group, at_a_time) = match self.seeds.len() {
            0 => (self.pace.group, self.pace.groups),
            _ => (1, self.pace.chunks),
        };
        let filled = stream::iter(order.chunks(group).map(Ok))
            .try_for_each_concurrent(at_a_time, |chunks| self.fill(chunks, &places, &writer, &from))
            .await;
        // A failing writer ends the rest too, but is the cause and so reported first.
        writer.finish().await?;
        filled?;
        Ok(self.stats(in_place as u64, &from))
    }

    /// Shares with the seeds what can be shared, and returns the chunks that are still missing.
    async fn share(
        &self,
        missing: Vec<IndexChunk>,
        file: &Arc<fs::File>,
        from: &Counters,
    ) -> Result<Vec<IndexChunk>, DesyncError> {
        if self.seeds.len() == 0 {
            return Ok(missing);
        }
        let (output, seeds) = (Arc::clone(file), self.seeds.clone());
        let sharing = spawn_blocking(move || {
            let Some(block) = clone::shared_block(&output) else {
                return (missing, Vec::new());
            };
            let mut blocks = Vec::new();
            for stretch in clone::stretches(&missing, &seeds, block) {
                let shared = seeds
                    .file(stretch.seed)
                    .map(|seed| clone::share(&stretch, seed, &output, block));
                // Whatever cannot be shared is copied.
                if let Some(Ok(())) = shared {
                    blocks.push(stretch.blocks(block));
                }
            }
            let inside = |chunk: &IndexChunk| {
                let next = blocks.partition_point(|range| range.end <= chunk.start);
                let range = blocks.get(next);
                range.is_some_and(|range| range.start <= chunk.start && chunk.end() <= range.end)
            };
            let (inside, outside): (Vec<_>, Vec<_>) = missing.into_iter().partition(inside);
            (outside, inside)
        });
        let (mut missing, shared) = sharing.await?;
        let wrong = self.wrong(&shared, file).await?;
        let bytes = |chunks: &[IndexChunk]| chunks.iter().map(|chunk| u64::from(chunk.size)).sum::<u64>();
        let good = bytes(&shared) - bytes(&wrong);
        from.shared_bytes.store(bytes(&shared), Ordering::Relaxed);
        from.cloned_bytes.store(good, Ordering::Relaxed);
        from.seed_chunks
            .fetch_add((shared.len() - wrong.len()) as u64, Ordering::Relaxed);
        missing.extend(wrong);
        missing.sort_unstable_by_key(|chunk| chunk.start);
        Ok(missing)
    }

    /// Returns the chunks whose places do not have their content yet.
    async fn missing(&self, file: &Arc<fs::File>, existing: u64) -> Result<Vec<IndexChunk>, DesyncError> {
        let (old, new): (Vec<_>, Vec<_>) = self
            .index
            .chunks
            .iter()
            .copied()
            .partition(|chunk| chunk.end() <= existing);
        let mut missing = self.wrong(&old, file).await?;
        // Chunks are in order, so all that reach beyond the old content come last.
        missing.extend(new);
        Ok(missing)
    }

    /// Returns those of `chunks` whose places in the file have something else.
    async fn wrong(
        &self,
        chunks: &[IndexChunk],
        file: &Arc<fs::File>,
    ) -> Result<Vec<IndexChunk>, DesyncError> {
        let digest = self.index.digest;
        let checks = stream::iter(chunks.chunks(self.pace.group)).map(|places| {
            let (file, places) = (Arc::clone(file), places.to_vec());
            async move {
                self.cancel.check()?;
                let wrong = spawn_blocking(move || {
                    let found = chunks_at(&file, &places, digest)?;
                    let both = places.into_iter().zip(found);
                    let wrong = both.filter(|(place, found)| place.id != found.id());
                    Ok::<_, io::Error>(wrong.map(|(place, _)| place).collect::<Vec<_>>())
                });
                wrong.await?.map_err(DesyncError::file("read the output"))
            }
        });
        checks.buffered(self.pace.groups).try_concat().await
    }

    /// Gets chunks and writes each to its places.
    async fn fill(
        &self,
        chunks: &[IndexChunk],
        places: &HashMap<ChunkId, Vec<IndexChunk>>,
        writer: &Writer,
        from: &Counters,
    ) -> Result<(), DesyncError> {
        self.cancel.check()?;
        let places = |id: &ChunkId| places.get(id).map_or(&[][..], Vec::as_slice);
        let mut wanted = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            let Some(plain) = self.seeds.get(chunk.id).await? else {
                wanted.push(chunk.id);
                continue;
            };
            let places = places(&chunk.id);
            let total = u64::from(chunk.size) * places.len() as u64;
            from.seed_chunks.fetch_add(places.len() as u64, Ordering::Relaxed);
            from.seed_bytes.fetch_add(total, Ordering::Relaxed);
            write_to(places, Bytes::from(plain), writer).await?;
            self.progress.add(places.len() as u64);
        }
        if wanted.is_empty() {
            return Ok(());
        }
        // On the threads that requests and answers are on, which would have to wake this one for each of them.
        let store = Arc::clone(self.store);
        let fetched = tokio::spawn(async move {
            let found = store.get_each(&wanted).await;
            wanted.into_iter().zip(found)
        });
        for (id, found) in fetched.await? {
            let places = places(&id);
            from.store_chunks
                .fetch_add(places.len() as u64, Ordering::Relaxed);
            write_to(places, found?.plain().clone(), writer).await?;
            self.progress.add(places.len() as u64);
        }
        Ok(())
    }

    fn stats(&self, in_place: u64, from: &Counters) -> AssembleStats {
        AssembleStats {
            chunks_from_seeds: from.seed_chunks.load(Ordering::Relaxed),
            chunks_from_store: from.store_chunks.load(Ordering::Relaxed),
            chunks_in_place: in_place,
            bytes_copied_from_seeds: from.seed_bytes.load(Ordering::Relaxed),
            bytes_cloned_from_seeds: from.cloned_bytes.load(Ordering::Relaxed),
            blocksize: 4096,
            bytes_total: self.index.total_size(),
            chunks_total: self.index.chunks.len() as u64,
            seeds: self.seeds.len() as u64,
        }
    }
}

async fn write_to(places: &[IndexChunk], plain: Bytes, writer: &Writer) -> Result<(), DesyncError> {
    for place in places {
        check_size(place.id, &plain, place.size)?;
    }
    let starts = places.iter().map(|place| place.start).collect();
    writer.write(plain, starts).await
}

#[derive(Debug, Default)]
struct Counters {
    seed_chunks: AtomicU64,
    seed_bytes: AtomicU64,
    store_chunks: AtomicU64,
    /// Shared with seeds, right or wrong.
    shared_bytes: AtomicU64,
    /// Shared with seeds and right.
    cloned_bytes: AtomicU64,
}

impl Counters {
    fn shared(&self) -> bool {
        self.shared_bytes.load(Ordering::Relaxed) > 0
    }
}
