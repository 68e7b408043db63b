// SPDX-License-Identifier: MIT
//! `chop` and `cache`: storing chunks that an index names.

use std::collections::HashSet;
use std::sync::Arc;

use futures::future::try_join_all;
use futures::{TryStreamExt as _, stream};
use tokio::task::spawn_blocking;
use vsekai_formats::{ChunkId, DigestAlgorithm, Index, IndexChunk, ReadAt as _};
use vsekai_store::{Chunk, ChunkStore, WriteStore};

use crate::args::{CacheArgs, ChopArgs, IgnoreArgs, StoreArgs};
use crate::env::Env;
use crate::error::DesyncError;
use crate::files::{FileAt, chunks_at};
use crate::progress::Progress;
use crate::session::{Session, read_small};
use crate::transfer::{Pace, SeenIds, check_size};

/// Stores the chunks of a file, each checked against the index.
pub(crate) async fn chop(args: ChopArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let index = session.read_index(&args.index, &args.options, env).await?;
    let ignored = ignored(&args.ignore, &args.options, session, env).await?;
    let store = session
        .opener_for(&index, &args.options)
        .open_writable(&args.store)?;
    let file = FileAt::open(&args.file).map_err(DesyncError::file("open the file"))?;
    check_length(&index, file.len(), &args.file.display().to_string())?;
    let file = Arc::new(file);
    let seen = SeenIds::starting_with(ignored);
    let cancel = env.cancel.clone();
    let pace = Pace::of(args.options.concurrency, &index);
    let wanted = index.chunks.iter().filter(|chunk| seen.insert(chunk.id));
    let (wanted, digest): (Vec<IndexChunk>, _) = (wanted.copied().collect(), index.digest);
    let progress = Progress::of(wanted.len() as u64);
    let storing =
        stream::iter(wanted.chunks(pace.group).map(Ok)).try_for_each_concurrent(pace.groups, |places| {
            let (places, file, cancel, store) = (places.to_vec(), Arc::clone(&file), &cancel, &store);
            let progress = &progress;
            async move {
                cancel.check()?;
                let count = places.len() as u64;
                let read = spawn_blocking(move || matching_chunks(&file, &places, digest));
                let chunks = read.await??;
                try_join_all(chunks.iter().map(|chunk| store.put_absent(chunk))).await?;
                progress.add(count);
                Ok::<_, DesyncError>(())
            }
        });
    env.showing("", &progress, storing).await?;
    Ok(store.sync().await?)
}

/// Reads chunks from their places in a file.
///
/// # Errors
/// The file cannot be read, or has something else at one of the places.
pub(crate) fn matching_chunks(
    file: &FileAt,
    places: &[IndexChunk],
    digest: DigestAlgorithm,
) -> Result<Vec<Chunk>, DesyncError> {
    let chunks = chunks_at(file.file(), places, digest).map_err(DesyncError::file("read the file"))?;
    let mut both = places.iter().zip(&chunks);
    match both.find(|(place, chunk)| place.id != chunk.id()) {
        None => Ok(chunks),
        Some((place, chunk)) => Err(DesyncError::Damaged(format!(
            "the file does not match its index: chunk {} at byte {} has the id {}",
            place.id,
            place.start,
            chunk.id()
        ))),
    }
}

/// Copies the chunks of indexes to another store.
pub(crate) async fn cache(args: CacheArgs, session: &Session, env: &mut Env) -> Result<(), DesyncError> {
    let ignored = ignored(&args.ignore, &args.options, session, env).await?;
    let seen = SeenIds::starting_with(ignored);
    for location in &args.indexes {
        let mut index = session.read_index(location, &args.options, env).await?;
        let source = session
            .open_source(&mut index, &args.stores, None, &args.options)
            .await?;
        let target = session
            .opener_for(&index, &args.options)
            .open_writable(&args.cache)?;
        let at_a_time = Pace::of(args.options.concurrency, &index).chunks;
        let wanted = index.chunks.iter().filter(|chunk| seen.insert(chunk.id));
        let wanted: Vec<&IndexChunk> = wanted.collect();
        let (progress, cancel) = (Progress::of(wanted.len() as u64), env.cancel.clone());
        let copying = stream::iter(wanted.into_iter().map(Ok)).try_for_each_concurrent(at_a_time, |chunk| {
            let (source, target, cancel, progress) = (&source, &target, &cancel, &progress);
            async move {
                cancel.check()?;
                copy_one(chunk, source, target).await?;
                progress.add(1);
                Ok::<_, DesyncError>(())
            }
        });
        env.showing("", &progress, copying).await?;
        target.sync().await?;
    }
    Ok(())
}

async fn copy_one(
    chunk: &IndexChunk,
    source: &Arc<dyn ChunkStore>,
    target: &Arc<dyn WriteStore>,
) -> Result<(), DesyncError> {
    if target.has(chunk.id).await? {
        return Ok(());
    }
    let found = source.get(chunk.id).await?;
    check_size(chunk.id, found.plain(), chunk.size)?;
    Ok(target.put(&found).await?)
}

/// Checks that a file has the length its index says.
pub(crate) fn check_length(index: &Index, length: u64, name: &str) -> Result<(), DesyncError> {
    let expected = index.total_size();
    match length == expected {
        true => Ok(()),
        false => Err(DesyncError::Damaged(format!(
            "{name} does not match its index: it has {length} bytes, not {expected}"
        ))),
    }
}

async fn ignored(
    args: &IgnoreArgs,
    options: &StoreArgs,
    session: &Session,
    env: &mut Env,
) -> Result<HashSet<ChunkId>, DesyncError> {
    let mut ids = HashSet::new();
    for location in &args.ignore_indexes {
        let index = session.read_index(location, options, env).await?;
        ids.extend(index.chunks.iter().map(|chunk| chunk.id));
    }
    for path in &args.ignore_lists {
        let text = read_small(path)?;
        for line in String::from_utf8_lossy(&text).lines().map(str::trim) {
            if line.is_empty() {
                continue;
            }
            let id = line
                .parse()
                .map_err(|error| DesyncError::Damaged(format!("{} cannot be read: {error}", path.display())));
            ids.insert(id?);
        }
    }
    Ok(ids)
}
