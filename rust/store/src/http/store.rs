// SPDX-License-Identifier: MIT
//! A chunk store behind HTTP: desync's chunk-server, or any host of static files.

use async_trait::async_trait;
use bytes::Bytes;
use vsekai_formats::ChunkId;

use super::origin::HttpOrigin;
use crate::chunk::Chunk;
use crate::error::{Object, StoreError};
use crate::format::StoreFormat;
use crate::remote::{self, Remote};
use crate::task::blocking;
use crate::{ChunkStore, WriteStore};

/// A chunk store below an [`HttpOrigin`]: `GET`, `HEAD` and `PUT` of `<4 hex>/<64 hex><extension>`.
///
/// A chunk that arrives whole but wrong is fetched once more past any cache on the way. If it is wrong again,
/// the store itself has it wrong.
#[derive(Clone, Debug)]
pub struct HttpStore {
    origin: HttpOrigin,
    format: StoreFormat,
}

impl HttpStore {
    /// Makes a store of what lies below `origin`.
    pub fn new(origin: HttpOrigin, format: StoreFormat) -> Self {
        Self { origin, format }
    }

    /// Returns the base address's client.
    pub fn origin(&self) -> &HttpOrigin {
        &self.origin
    }

    fn path(&self, id: ChunkId) -> String {
        id.store_path(self.format.extension())
    }
}

#[async_trait]
impl ChunkStore for HttpStore {
    async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError> {
        remote::get(self, id).await
    }

    async fn get_each(&self, ids: &[ChunkId]) -> Vec<Result<Chunk, StoreError>> {
        remote::get_each(self, ids).await
    }

    async fn has(&self, id: ChunkId) -> Result<bool, StoreError> {
        self.origin.exists(&self.path(id)).await
    }

    fn name(&self) -> String {
        self.origin.name().to_owned()
    }
}

#[async_trait]
impl Remote for HttpStore {
    fn format(&self) -> StoreFormat {
        self.format
    }

    async fn stored(&self, id: ChunkId, fresh: bool) -> Result<Bytes, StoreError> {
        let (path, most) = (self.path(id), self.format.max_stored());
        self.origin.read(Object::Chunk(id), &path, most, fresh).await
    }
}

#[async_trait]
impl WriteStore for HttpStore {
    async fn put(&self, chunk: &Chunk) -> Result<(), StoreError> {
        let (path, format, chunk) = (self.path(chunk.id()), self.format, chunk.clone());
        let body = blocking("encode chunk", move || chunk.encode(format)).await?;
        self.origin.put(&path, None, body).await
    }

    /// Does nothing: what the server has accepted is the server's to keep.
    async fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
