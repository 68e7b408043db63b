// SPDX-License-Identifier: MIT
//! Chunk stores and transports of the desync protocol.
//!
//! A store hands out chunks by id. Whatever it is made of (a folder, a server, a cache in front of either),
//! it hands out only bytes that it has just verified against the id asked for. Wrappers (retry, cache,
//! fail-over) wrap a store and are one.

pub mod chunk;
pub mod error;

pub use chunk::Chunk;
pub use error::{StoreError, StoreErrorClass};

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
    /// Stores a verified chunk under its id; storing one that is there already is no error.
    ///
    /// The chunk is visible when this returns and durable only after [`WriteStore::sync`].
    ///
    /// # Errors
    /// The chunk could not be stored.
    async fn put(&self, chunk: &Chunk) -> Result<(), StoreError>;

    /// Makes every chunk put before this call survive a power cut.
    ///
    /// # Errors
    /// Some chunk may not be durable; put them again before relying on them.
    async fn sync(&self) -> Result<(), StoreError>;
}
