// SPDX-License-Identifier: MIT
//! Chunk stores and transports of the desync protocol.
//!
//! A store hands out chunks by id. Whatever it is made of (a folder, a server, a cache in front of either),
//! it hands out only bytes that it has just verified against the id asked for. Wrappers (retry, cache,
//! fail-over) wrap a store and are one.

pub mod cache;
pub mod chunk;
pub mod config;
pub mod dedup;
pub mod error;
pub mod failover;
pub mod format;
pub mod http;
pub mod index;
pub mod local;
pub mod location;
pub mod retry;
pub mod router;
#[cfg(feature = "s3")]
pub mod s3;
pub mod throttle;

mod combine;
mod durable;
mod task;

pub use cache::Cache;
pub use chunk::Chunk;
pub use dedup::Dedup;
pub use error::{Object, StoreError, StoreErrorClass};
pub use failover::Failover;
pub use format::{MAX_CHUNK_LIMIT, StoreFormat};
pub use http::{Auth, HttpOptions, HttpOrigin, HttpStore, Secret};
pub use index::{HttpIndexStore, IndexName, IndexStore, LocalIndexStore};
pub use local::LocalStore;
pub use location::{IndexLocation, Location, OpenError, StoreLocation, StoreOpener};
pub use retry::RetryPolicy;
pub use router::Router;
pub use throttle::Throttle;

use async_trait::async_trait;
use vsekai_formats::ChunkId;

/// A place to get chunks from.
#[async_trait]
pub trait ChunkStore: Send + Sync + std::fmt::Debug {
    /// Returns the chunk named `id`, verified.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if the store does not have it; [`StoreError::Invalid`] if what it has is not it.
    async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError>;

    /// Tells whether the store has a chunk named `id`, without reading it.
    ///
    /// # Errors
    /// Anything but a plain "yes" or "no".
    async fn has(&self, id: ChunkId) -> Result<bool, StoreError>;

    /// Returns a short name for messages: a path or an address without credentials and query.
    fn name(&self) -> String;
}

/// A store that chunks can be put into.
#[async_trait]
pub trait WriteStore: ChunkStore {
    /// Stores a verified chunk under its id, in place of whatever is there.
    ///
    /// The chunk is visible when this returns and durable only after [`WriteStore::sync`].
    ///
    /// # Errors
    /// The chunk could not be stored; what was there before is untouched.
    async fn put(&self, chunk: &Chunk) -> Result<(), StoreError>;

    /// Makes every chunk put before this call survive a power cut.
    ///
    /// # Errors
    /// Some chunk may not be durable; put them again before relying on them.
    async fn sync(&self) -> Result<(), StoreError>;

    /// Stores a chunk unless the store has one of its id, and tells whether it was stored.
    ///
    /// One that is there is neither read nor verified.
    ///
    /// # Errors
    /// As [`ChunkStore::has`] and [`WriteStore::put`].
    async fn put_absent(&self, chunk: &Chunk) -> Result<bool, StoreError> {
        if self.has(chunk.id()).await? {
            return Ok(false);
        }
        self.put(chunk).await?;
        Ok(true)
    }
}

/// A store whose chunks can be listed and removed.
#[async_trait]
pub trait PruneStore: WriteStore {
    /// Returns the ids of all chunks in the store's format, in ascending order, without reading them.
    ///
    /// # Errors
    /// The listing is not complete.
    async fn ids(&self) -> Result<Vec<ChunkId>, StoreError>;

    /// Removes a chunk and tells whether it was there.
    ///
    /// # Errors
    /// It may still be there.
    async fn remove(&self, id: ChunkId) -> Result<bool, StoreError>;
}

#[async_trait]
impl<S: ChunkStore + ?Sized> ChunkStore for std::sync::Arc<S> {
    async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError> {
        (**self).get(id).await
    }

    async fn has(&self, id: ChunkId) -> Result<bool, StoreError> {
        (**self).has(id).await
    }

    fn name(&self) -> String {
        (**self).name()
    }
}

#[async_trait]
impl<S: WriteStore + ?Sized> WriteStore for std::sync::Arc<S> {
    async fn put(&self, chunk: &Chunk) -> Result<(), StoreError> {
        (**self).put(chunk).await
    }

    async fn sync(&self) -> Result<(), StoreError> {
        (**self).sync().await
    }
}
