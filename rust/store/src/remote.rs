// SPDX-License-Identifier: MIT
//! Chunks that come over a network: checked, and fetched once more where they are damaged.

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use vsekai_formats::ChunkId;

use crate::ChunkStore;
use crate::chunk::Chunk;
use crate::error::StoreError;
use crate::format::StoreFormat;
use crate::task::{blocking_each, computing};

/// A store behind a network.
#[async_trait]
pub(crate) trait Remote: ChunkStore {
    /// Returns how the store keeps its chunks.
    fn format(&self) -> StoreFormat;

    /// Fetches a chunk as it is stored; `fresh` asks caches on the way to step aside, if they can be asked.
    async fn stored(&self, id: ChunkId, fresh: bool) -> Result<Bytes, StoreError>;
}

/// Does what [`ChunkStore::get`] promises. A chunk that arrives whole but wrong is fetched once more; if it is wrong
/// again, the store itself has it wrong.
pub(crate) async fn get(store: &impl Remote, id: ChunkId) -> Result<Chunk, StoreError> {
    again_if_damaged(store, id, fetch(store, id, false).await).await
}

/// The same for [`ChunkStore::get_each`].
pub(crate) async fn get_each(store: &impl Remote, ids: &[ChunkId]) -> Vec<Result<Chunk, StoreError>> {
    let fetched = join_all(ids.iter().map(|id| store.stored(*id, false))).await;
    let fetched: Vec<_> = ids.iter().copied().zip(fetched).collect();
    let (name, format) = (store.name(), store.format());
    let decode = move || Chunk::decode_each(&name, format, fetched);
    let decoded = blocking_each("decode chunks", ids.len(), decode).await;
    let checked = ids.iter().zip(decoded);
    join_all(checked.map(|(id, outcome)| again_if_damaged(store, *id, outcome))).await
}

async fn again_if_damaged(
    store: &impl Remote,
    id: ChunkId,
    outcome: Result<Chunk, StoreError>,
) -> Result<Chunk, StoreError> {
    match outcome {
        Err(StoreError::Invalid { reason, .. }) => {
            tracing::debug!(%id, reason, "damaged chunk, fetching it again");
            fetch(store, id, true).await
        }
        outcome => outcome,
    }
}

async fn fetch(store: &impl Remote, id: ChunkId, fresh: bool) -> Result<Chunk, StoreError> {
    let stored = store.stored(id, fresh).await?;
    let (name, format) = (store.name(), store.format());
    computing("decode chunk", move || Chunk::decode(&name, id, format, stored)).await
}
