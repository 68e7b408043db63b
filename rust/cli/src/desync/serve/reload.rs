// SPDX-License-Identifier: MIT
//! Stores that are replaced while they are served.

use std::sync::{Arc, PoisonError, RwLock};

use vsekai_desync::DesyncError;
use vsekai_formats::ChunkId;
use vsekai_store::{Chunk, ChunkStore, StoreError, WriteStore};

/// What a server reads from and writes to.
#[derive(Clone, Debug)]
pub(super) struct Stores {
    pub(super) read: Arc<dyn ChunkStore>,
    pub(super) write: Option<Arc<dyn WriteStore>>,
}

/// Stores that can be replaced; requests under way end with those they began with.
#[derive(Debug)]
pub(super) struct Swap(RwLock<Stores>);

impl Swap {
    pub(super) fn new(stores: Stores) -> Self {
        Self(RwLock::new(stores))
    }

    pub(super) fn replace(&self, stores: Stores) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = stores;
    }

    fn current(&self) -> Stores {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait::async_trait]
impl ChunkStore for Swap {
    async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError> {
        self.current().read.get(id).await
    }

    async fn has(&self, id: ChunkId) -> Result<bool, StoreError> {
        self.current().read.has(id).await
    }

    fn name(&self) -> String {
        self.current().read.name()
    }
}

#[async_trait::async_trait]
impl WriteStore for Swap {
    /// Stores a chunk and makes it durable: a later [`WriteStore::sync`] may meet other stores.
    async fn put(&self, chunk: &Chunk) -> Result<(), StoreError> {
        let Some(store) = self.current().write else {
            let refused = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
            return Err(StoreError::io("write to a store that is only read", refused));
        };
        store.put(chunk).await?;
        store.sync().await
    }

    async fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// The signals that ask a server to read its store file again.
#[derive(Debug)]
pub(super) struct Hangups(#[cfg(unix)] tokio::signal::unix::Signal);

impl Hangups {
    /// From now on SIGHUP does not end the process.
    #[cfg(unix)]
    pub(super) fn listen() -> Result<Self, DesyncError> {
        use tokio::signal::unix::{SignalKind, signal};
        let hangups = signal(SignalKind::hangup());
        hangups.map(Self).map_err(|source| DesyncError::File {
            action: "wait for SIGHUP",
            source,
        })
    }

    /// There are none here.
    #[cfg(not(unix))]
    pub(super) fn listen() -> Result<Self, DesyncError> {
        Ok(Self())
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) {
        #[cfg(unix)]
        if self.0.recv().await.is_some() {
            return;
        }
        std::future::pending().await
    }
}
