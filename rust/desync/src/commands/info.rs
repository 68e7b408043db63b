// SPDX-License-Identifier: MIT
//! `info`, `inspect-chunks` and `list-chunks`: what an index says.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use fs_err as fs;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;
use vsekai_formats::{ChunkId, Index, IndexChunk};
use vsekai_store::{ChunkStore, LocalStore};

use crate::args::{InfoArgs, InfoFormat, InspectArgs, ListArgs};
use crate::env::{Cancel, Env, to_json};
use crate::error::DesyncError;
use crate::files::NewFile;
use crate::session::{Session, read_small};

/// Prints the ids of an index, in order, with repetitions.
pub(crate) async fn list_chunks(args: ListArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let index = session.read_index(&args.index, &args.options, env).await?;
    let lines: String = index
        .chunks
        .iter()
        .map(|chunk| format!("{}\n", chunk.id))
        .collect();
    env.print(&lines)
}

/// Prints figures about an index, and about what of it is where.
pub(crate) async fn info(args: InfoArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let index = session.read_index(&args.index, &args.options, env).await?;
    let opener = session.opener_for(&index, &args.options);
    let concurrency = usize::from(args.options.concurrency);
    let unique: Vec<IndexChunk> = index.unique_chunks().copied().collect();
    let mut in_seed = HashSet::new();
    for seed in &args.seeds {
        let seed = session.read_index(seed, &args.options, env).await?;
        in_seed.extend(seed.chunks.iter().map(|chunk| chunk.id));
    }
    let in_store = match args.stores.as_slice() {
        [] => HashSet::new(),
        stores => present(&unique, opener.open_all(stores, None)?, concurrency).await?,
    };
    let in_cache = match &args.cache {
        None => HashSet::new(),
        Some(cache) => present(&unique, opener.open(cache)?, concurrency).await?,
    };
    let stored_sizes = args.chunks_info.as_deref().map(stored_sizes).transpose()?;
    let info = Info::of(
        &index,
        &unique,
        &in_store,
        &in_seed,
        &in_cache,
        stored_sizes.as_ref(),
    )?;
    match args.format {
        InfoFormat::Json => env.print_json(&info),
        InfoFormat::Plain => env.print(&info.plain()),
    }
}

async fn present(
    chunks: &[IndexChunk],
    store: Arc<dyn ChunkStore>,
    concurrency: usize,
) -> Result<HashSet<ChunkId>, DesyncError> {
    let found = stream::iter(chunks)
        .map(|chunk| {
            let store = &store;
            async move { Ok::<_, DesyncError>((chunk.id, store.has(chunk.id).await?)) }
        })
        .buffer_unordered(concurrency)
        .try_filter_map(|(id, has)| async move { Ok(has.then_some(id)) });
    found.try_collect().await
}

/// The figures, named as desync names them.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Info {
    total: usize,
    unique: usize,
    in_store: usize,
    in_seed: usize,
    in_cache: usize,
    not_in_seed_nor_cache: usize,
    size: u64,
    dedup_size_not_in_seed: u64,
    dedup_size_not_in_seed_nor_cache: u64,
    dedup_size_not_in_seed_nor_cache_compressed: u64,
    chunk_size_min: u64,
    chunk_size_avg: u64,
    chunk_size_max: u64,
}

impl Info {
    fn of(
        index: &Index,
        unique: &[IndexChunk],
        in_store: &HashSet<ChunkId>,
        in_seed: &HashSet<ChunkId>,
        in_cache: &HashSet<ChunkId>,
        stored_sizes: Option<&HashMap<ChunkId, ChunkSize>>,
    ) -> Result<Self, DesyncError> {
        let not_in_seed = || unique.iter().filter(|chunk| !in_seed.contains(&chunk.id));
        let needed: Vec<&IndexChunk> = not_in_seed()
            .filter(|chunk| !in_cache.contains(&chunk.id))
            .collect();
        let size = |chunk: &IndexChunk| u64::from(chunk.size);
        Ok(Self {
            total: index.chunks.len(),
            unique: unique.len(),
            in_store: in_store.len(),
            in_seed: unique.iter().filter(|chunk| in_seed.contains(&chunk.id)).count(),
            in_cache: in_cache.len(),
            not_in_seed_nor_cache: needed.len(),
            size: index.total_size(),
            dedup_size_not_in_seed: not_in_seed().map(size).sum(),
            dedup_size_not_in_seed_nor_cache: needed.iter().copied().map(size).sum(),
            dedup_size_not_in_seed_nor_cache_compressed: match stored_sizes {
                Some(sizes) => stored_total(&needed, sizes)?,
                None => 0,
            },
            chunk_size_min: index.chunk_min,
            chunk_size_avg: index.chunk_avg,
            chunk_size_max: index.chunk_max,
        })
    }

    fn plain(&self) -> String {
        let lines = [
            ("Blob size", self.size),
            (
                "Size of deduplicated chunks not in seed",
                self.dedup_size_not_in_seed,
            ),
            (
                "Size of deduplicated chunks not in seed nor cache",
                self.dedup_size_not_in_seed_nor_cache,
            ),
            ("Total chunks", self.total as u64),
            ("Unique chunks", self.unique as u64),
            ("Chunks in store", self.in_store as u64),
            ("Chunks in seed", self.in_seed as u64),
            ("Chunks in cache", self.in_cache as u64),
            ("Chunks not in seed nor cache", self.not_in_seed_nor_cache as u64),
            (
                "Compressed chunks not in seed nor cache",
                self.dedup_size_not_in_seed_nor_cache_compressed,
            ),
            ("Chunk size min", self.chunk_size_min),
            ("Chunk size avg", self.chunk_size_avg),
            ("Chunk size max", self.chunk_size_max),
        ];
        lines.map(|(name, value)| format!("{name}: {value}\n")).concat()
    }
}

/// Adds up stored sizes; 0 if one of them is not known, an error if the list belongs to other chunks.
fn stored_total(needed: &[&IndexChunk], sizes: &HashMap<ChunkId, ChunkSize>) -> Result<u64, DesyncError> {
    let mut total = Some(0u64);
    for chunk in needed {
        let known = sizes.get(&chunk.id);
        if let Some(known) = known.filter(|known| known.uncompressed_size != u64::from(chunk.size)) {
            let (id, size, other) = (chunk.id, chunk.size, known.uncompressed_size);
            let message =
                format!("chunk {id} has {size} bytes in the index and {other} in the list of sizes");
            return Err(DesyncError::Damaged(message));
        }
        let stored = known.map(|known| known.compressed_size).filter(|size| *size > 0);
        total = total
            .zip(stored)
            .and_then(|(total, stored)| total.checked_add(stored));
    }
    Ok(total.unwrap_or(0))
}

/// One chunk of `inspect-chunks`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct ChunkSize {
    id: ChunkId,
    uncompressed_size: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    compressed_size: u64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(size: &u64) -> bool {
    *size == 0
}

fn stored_sizes(path: &Path) -> Result<HashMap<ChunkId, ChunkSize>, DesyncError> {
    let sizes: Vec<ChunkSize> = serde_json::from_slice(&read_small(path)?)
        .map_err(|error| DesyncError::Damaged(format!("{} cannot be read: {error}", path.display())))?;
    Ok(sizes.into_iter().map(|size| (size.id, size)).collect())
}

/// Lists the sizes of an index's chunks, plain and as a local store keeps them.
pub(crate) async fn inspect_chunks(
    args: InspectArgs,
    session: &Session,
    env: &mut Env,
) -> Result<(), DesyncError> {
    let index = session.read_index(&args.index, &args.options, env).await?;
    let opener = session.opener_for(&index, &args.options);
    let store = args
        .store
        .as_deref()
        .map(|store| opener.open_local(store))
        .transpose()?;
    let compressed = store.filter(|store| store.format().compressed);
    let cancel = env.cancel.clone();
    let sizes = spawn_blocking(move || chunk_sizes(&index, compressed.as_ref(), &cancel));
    let sizes = sizes.await??;
    let text = to_json(&sizes)?;
    match args.output {
        None => env.print(&text),
        Some(path) => {
            let file = NewFile::at(&path).await?;
            let written = io::Write::write_all(&mut file.open()?, text.as_bytes());
            written.map_err(DesyncError::file("write the output"))?;
            file.publish()
        }
    }
}

/// Lists the chunks of `index`, in order, with repetitions. Blocks on the disk.
fn chunk_sizes(
    index: &Index,
    store: Option<&LocalStore>,
    cancel: &Cancel,
) -> Result<Vec<ChunkSize>, DesyncError> {
    let mut sizes = Vec::with_capacity(index.chunks.len());
    for chunk in &index.chunks {
        cancel.check()?;
        sizes.push(ChunkSize {
            id: chunk.id,
            uncompressed_size: u64::from(chunk.size),
            compressed_size: match store {
                Some(store) => file_len(&store.path(chunk.id))?,
                None => 0,
            },
        });
    }
    Ok(sizes)
}

/// Returns the length of a file in bytes, 0 if it is not there. It is not read, and may be longer than any chunk.
fn file_len(path: &Path) -> Result<u64, DesyncError> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(DesyncError::file("look for the chunk")(error)),
    }
}
