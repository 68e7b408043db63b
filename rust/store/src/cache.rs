// SPDX-License-Identifier: MIT
//! A quick store in front of a slow one.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use vsekai_formats::ChunkId;

use crate::chunk::Chunk;
use crate::combine::Batch;
use crate::error::StoreError;
use crate::{ChunkStore, WriteStore};

/// Takes chunks from `cache`, and from `upstream` what is not there or is damaged, keeping it for next time.
///
/// A cache that cannot be read or written only makes things slower: the chunk is there, verified, either way.
#[derive(Clone, Debug)]
pub struct Cache {
    cache: Arc<dyn WriteStore>,
    upstream: Arc<dyn ChunkStore>,
}

impl Cache {
    /// Puts `cache` in front of `upstream`.
    pub fn new(cache: Arc<dyn WriteStore>, upstream: Arc<dyn ChunkStore>) -> Self {
        Self { cache, upstream }
    }

    async fn keep(&self, chunk: &Chunk) {
        if let Err(error) = self.cache.put(chunk).await {
            tracing::warn!(%error, "chunk cannot be cached");
        }
    }
}

#[async_trait]
impl ChunkStore for Cache {
    async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError> {
        match self.cache.get(id).await {
            Ok(chunk) => return Ok(chunk),
            Err(error) => note_unusable(&error),
        }
        let chunk = self.upstream.get(id).await?;
        self.keep(&chunk).await;
        Ok(chunk)
    }

    async fn get_each(&self, ids: &[ChunkId]) -> Vec<Result<Chunk, StoreError>> {
        let mut batch = Batch::new(ids);
        let cached = self.cache.get_each(ids).await;
        cached
            .iter()
            .filter_map(|cached| cached.as_ref().err())
            .for_each(note_unusable);
        batch.take(cached);
        let open = batch.open();
        if !open.is_empty() {
            let fetched = self.upstream.get_each(&open).await;
            join_all(fetched.iter().flatten().map(|chunk| self.keep(chunk))).await;
            batch.take(fetched);
        }
        // What the cache had to say of a chunk that nobody has is no concern of who asks.
        batch.finish(|id, mut failures| {
            let last = failures.pop();
            last.unwrap_or_else(|| StoreError::missing(self.name(), id))
        })
    }

    async fn has(&self, id: ChunkId) -> Result<bool, StoreError> {
        match self.cache.has(id).await {
            Ok(true) => Ok(true),
            _ => self.upstream.has(id).await,
        }
    }

    fn name(&self) -> String {
        self.upstream.name()
    }
}

/// Says why a chunk in the cache is no use, unless there is none.
fn note_unusable(error: &StoreError) {
    if !error.is_missing() {
        tracing::warn!(%error, "cached chunk cannot be used, fetching it again");
    }
}
