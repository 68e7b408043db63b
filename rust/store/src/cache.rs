// SPDX-License-Identifier: MIT
//! A quick store in front of a slow one.

use std::sync::Arc;

use async_trait::async_trait;
use vsekai_formats::ChunkId;

use crate::chunk::Chunk;
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
}

#[async_trait]
impl ChunkStore for Cache {
    async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError> {
        match self.cache.get(id).await {
            Ok(chunk) => return Ok(chunk),
            Err(StoreError::Missing { .. }) => {}
            Err(error) => tracing::warn!(%error, "cached chunk cannot be used, fetching it again"),
        }
        let chunk = self.upstream.get(id).await?;
        if let Err(error) = self.cache.put(&chunk).await {
            tracing::warn!(%error, "chunk cannot be cached");
        }
        Ok(chunk)
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
