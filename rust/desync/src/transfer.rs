// SPDX-License-Identifier: MIT
//! Chunks in motion: hashed and stored as they are cut, fetched ahead of where they are needed.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt as _};
use tokio::sync::mpsc;
use vsekai_formats::{ChunkId, DigestAlgorithm, Index};
use vsekai_store::{ChunkStore, KnownIds, WriteStore};

use crate::env::Cancel;
use crate::error::DesyncError;

/// Ids that need not be looked at again; clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeenIds(Arc<Mutex<HashSet<ChunkId>>>);

impl SeenIds {
    /// Starts with ids that count as seen.
    pub(crate) fn starting_with(ids: HashSet<ChunkId>) -> Self {
        Self(Arc::new(Mutex::new(ids)))
    }

    /// Notes an id and tells whether it is new.
    pub(crate) fn insert(&self, id: ChunkId) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id)
    }
}

/// Hashes and stores the chunks that `cuts` brings, and appends them to `index` in order.
///
/// A chunk the store has is not sent again. When this returns without an error, all chunks are durable.
pub(crate) async fn store_cuts(
    cuts: mpsc::Receiver<Vec<u8>>,
    index: &mut Index,
    store: Arc<dyn WriteStore>,
    concurrency: usize,
) -> Result<(), DesyncError> {
    let digest = index.digest;
    let seen = SeenIds::default();
    let is_known: KnownIds = Arc::new(move |id| !seen.insert(id));
    let mut stored = receive(cuts)
        .map(|plain| store_cut(plain, digest, Arc::clone(&store), Arc::clone(&is_known)))
        .buffered(concurrency);
    while let Some(chunk) = stored.next().await {
        let (id, size) = chunk?;
        index.push(id, size);
    }
    drop(stored);
    Ok(store.sync().await?)
}

async fn store_cut(
    plain: Vec<u8>,
    digest: DigestAlgorithm,
    store: Arc<dyn WriteStore>,
    is_known: KnownIds,
) -> Result<(ChunkId, u32), DesyncError> {
    let size = u32::try_from(plain.len()).unwrap_or(u32::MAX);
    let id = store.put_plain(digest, Bytes::from(plain), is_known).await?;
    Ok((id, size))
}

/// Fetches the chunks at these positions of an index, in order, several at a time.
pub(crate) fn fetch_in_order<'a>(
    index: &'a Index,
    positions: std::ops::Range<usize>,
    source: &'a Arc<dyn ChunkStore>,
    concurrency: usize,
    cancel: &'a Cancel,
) -> impl Stream<Item = Result<(u64, Bytes), DesyncError>> + 'a {
    let chunks = index.chunks.get(positions).unwrap_or_default();
    stream::iter(chunks)
        .map(move |chunk| async move {
            cancel.check()?;
            let found = source.get(chunk.id).await?;
            check_size(chunk.id, found.plain(), chunk.size)?;
            Ok((chunk.start, found.plain().clone()))
        })
        .buffered(concurrency)
}

/// Checks that a chunk is as long as the index says; its id has been checked already.
pub(crate) fn check_size(id: ChunkId, plain: &[u8], size: u32) -> Result<(), DesyncError> {
    match plain.len() as u64 == u64::from(size) {
        true => Ok(()),
        false => Err(DesyncError::Damaged(format!(
            "the index says that chunk {id} has {size} bytes, but it has {}",
            plain.len()
        ))),
    }
}

fn receive(mut cuts: mpsc::Receiver<Vec<u8>>) -> impl Stream<Item = Vec<u8>> + Unpin {
    stream::poll_fn(move |context| cuts.poll_recv(context))
}
