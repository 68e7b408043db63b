// SPDX-License-Identifier: MIT
//! Chunk stores and transports of the desync protocol.
//!
//! A store hands out chunks by id. Whatever it is made of, it hands out only bytes that it has just verified
//! against the id asked for: there is no way to read unverified, apart from `S3Store::read_stored` for servers
//! that pass chunks on.
//!
//! | store | what it is |
//! | --- | --- |
//! | [`LocalStore`] | a folder (castr), with atomic writes and a batched, checked sync |
//! | [`HttpStore`] | below an http(s) address: desync's chunk-server or any host of static files |
//! | `S3Store` (feature `s3`) | in an S3 bucket |
//! | [`Cache`] | a quick store in front of a slow one; mends what is damaged in it |
//! | [`Failover`] | several stores with the same chunks, of which one that works is enough |
//! | [`Router`] | several stores with different chunks, asked in order |
//! | [`Dedup`] | one request for all who want the same chunk at the same time |
//!
//! The last four wrap stores and are stores, so they can be put together as needed; [`StoreOpener`] does so
//! from text, as desync's commands take it. [`HttpOrigin`] reads bounded documents with the same care as
//! chunks, and an [`IndexStore`] keeps indexes by name.
//!
//! ```
//! use std::sync::Arc;
//!
//! use vsekai_formats::DigestAlgorithm;
//! use vsekai_store::{Cache, Chunk, ChunkStore, Failover, HttpOptions, HttpOrigin, HttpStore, LocalStore};
//! use vsekai_store::{StoreError, StoreFormat, WriteStore};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! // Chunks of this index are at most 256 KiB; nothing longer is read or unpacked.
//! let format = StoreFormat::default().with_max_chunk(256 << 10);
//! let mirror = |url| HttpOrigin::new(url, HttpOptions::default()).map(|origin| HttpStore::new(origin, format));
//! let mirrors = Failover::new(vec![
//!     Arc::new(mirror("https://one.example/store")?),
//!     Arc::new(mirror("https://two.example/store")?),
//! ]);
//! let local = LocalStore::create(folder.path().join("cache.castr"), format)?;
//! let store = Cache::new(Arc::new(local.clone()), Arc::new(mirrors));
//!
//! let chunk = Chunk::new(DigestAlgorithm::Sha512_256, "plain bytes");
//! local.put(&chunk).await?;
//! local.sync().await?;
//! assert_eq!(store.get(chunk.id()).await?.plain(), chunk.plain());
//! # Ok(())
//! # }
//! ```
//!
//! # Bounds
//!
//! Every read has a limit that is counted while reading: chunks by [`StoreFormat::max_chunk`], documents and
//! indexes by the caller. A decoded chunk takes as much memory as it is long, and its stored form stays with
//! it, so a reader of `n` chunks at a time needs about `2 * n * max_chunk` bytes at most.
//!
//! # Failures
//!
//! [`StoreError::class`] says what a caller can do: try later, ask another store, or tell the user. HTTP
//! requests are tried again by [`RetryPolicy`] first. Messages name the store without credentials and query.

pub mod bounded;
pub mod cache;
pub mod chunk;
pub mod config;
pub mod dedup;
pub mod durable;
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
mod prefixes;
mod remote;
mod staging;
mod task;

pub use cache::Cache;
pub use chunk::Chunk;
pub use dedup::Dedup;
pub use error::{Object, StoreError, StoreErrorClass};
pub use failover::Failover;
pub use format::{MAX_CHUNK_LIMIT, StoreFormat};
pub use http::{Auth, HttpBatches, HttpOptions, HttpOrigin, HttpStore, Secret};
pub use index::{HttpIndexStore, IndexName, IndexStore, LocalIndexStore};
pub use local::{LocalStore, Naming};
pub use location::{IndexLocation, Location, OpenError, StoreLocation, StoreOpener};
pub use retry::RetryPolicy;
pub use router::Router;
pub use task::turn;
pub use throttle::Throttle;

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{join_all, try_join_all};
use vsekai_formats::{ChunkId, DigestAlgorithm};

/// A place to get chunks from.
#[async_trait]
pub trait ChunkStore: Send + Sync + std::fmt::Debug {
    /// Returns the chunk named `id`, verified.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if the store does not have it; [`StoreError::Invalid`] if what it has is not it.
    async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError>;

    /// Returns the chunks named by `ids`, in their order, each verified. Verifying several at once takes a fraction of
    /// the time.
    ///
    /// # Errors
    /// Each chunk has its own, as [`ChunkStore::get`] has it.
    async fn get_each(&self, ids: &[ChunkId]) -> Vec<Result<Chunk, StoreError>> {
        join_all(ids.iter().map(|id| self.get(*id))).await
    }

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
    /// This handle finds the chunk when this returns; others may see it only after [`WriteStore::sync`], and only
    /// then it is durable.
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

    /// Stores the chunks that `plains` are and returns their ids in order. Those the store has already, and those that
    /// `is_known` says need not be looked for, are only hashed.
    ///
    /// # Errors
    /// As [`WriteStore::put_absent`]; some of the chunks may have been stored.
    async fn put_plains(
        &self,
        digest: DigestAlgorithm,
        plains: Vec<Bytes>,
        is_known: KnownIds,
    ) -> Result<Vec<ChunkId>, StoreError> {
        let hashed = task::blocking("hash chunks", move || {
            let chunks = Chunk::new_each(digest, plains).into_iter();
            Ok(chunks
                .map(|chunk| (is_known(chunk.id()), chunk))
                .collect::<Vec<_>>())
        });
        let hashed = hashed.await?;
        let new = hashed.iter().filter(|(known, _)| !known);
        try_join_all(new.map(|(_, chunk)| self.put_absent(chunk))).await?;
        Ok(hashed.iter().map(|(_, chunk)| chunk.id()).collect())
    }
}

/// Tells of an id whether its chunk need not be looked at again; may note it.
pub type KnownIds = std::sync::Arc<dyn Fn(ChunkId) -> bool + Send + Sync>;

/// A store whose chunks can be listed and removed.
#[async_trait]
pub trait PruneStore: WriteStore {
    /// Returns the ids of all chunks in the store's format, in ascending order, without reading them.
    ///
    /// # Errors
    /// The listing is not complete.
    async fn ids(&self) -> Result<Vec<ChunkId>, StoreError>;

    /// Returns the stored length in bytes of each chunk in the store's format, without reading them.
    ///
    /// # Errors
    /// The listing is not complete.
    async fn lengths(&self) -> Result<HashMap<ChunkId, u64>, StoreError>;

    /// Removes a chunk; one that is not there is no error.
    ///
    /// # Errors
    /// It may still be there.
    async fn remove(&self, id: ChunkId) -> Result<(), StoreError>;
}

#[async_trait]
impl<S: ChunkStore + ?Sized> ChunkStore for std::sync::Arc<S> {
    async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError> {
        (**self).get(id).await
    }

    async fn get_each(&self, ids: &[ChunkId]) -> Vec<Result<Chunk, StoreError>> {
        (**self).get_each(ids).await
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

    async fn put_absent(&self, chunk: &Chunk) -> Result<bool, StoreError> {
        (**self).put_absent(chunk).await
    }

    async fn put_plains(
        &self,
        digest: DigestAlgorithm,
        plains: Vec<Bytes>,
        is_known: KnownIds,
    ) -> Result<Vec<ChunkId>, StoreError> {
        (**self).put_plains(digest, plains, is_known).await
    }
}
