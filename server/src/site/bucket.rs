// SPDX-License-Identifier: MIT
//! A site in an S3 bucket.

use bytes::Bytes;
use futures::stream::{BoxStream, StreamExt as _};
use vsekai_formats::ChunkId;
use vsekai_formats::release::address;
use vsekai_store::s3::{FileHeaders, S3Store};
use vsekai_store::{Chunk, ChunkStore as _, StoreError, StoreFormat};

use super::{Kind, SiteError};
use crate::service::blocking;

/// A place in a bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: S3Store,
}

impl Bucket {
    pub(super) fn new(store: S3Store) -> Self {
        Self { store }
    }

    pub(super) fn name(&self) -> String {
        self.store.name()
    }

    pub(super) async fn has_chunk(&self, id: ChunkId) -> Result<bool, SiteError> {
        Ok(self.store.has_file(&chunk_path(id)).await?)
    }

    pub(super) async fn put_chunk(&self, chunk: Chunk) -> Result<u64, SiteError> {
        let path = chunk_path(chunk.id());
        let stored = blocking(move || Ok(chunk.encode(StoreFormat::default())?)).await?;
        let length = stored.len() as u64;
        self.put(&path, Kind::Binary, stored).await?;
        Ok(length)
    }

    pub(super) async fn read(&self, path: &str, max: usize) -> Result<Option<Bytes>, SiteError> {
        match self.store.get_file(path, max).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(StoreError::Missing { .. } | StoreError::Invalid { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn put(&self, path: &str, kind: Kind, bytes: Bytes) -> Result<(), SiteError> {
        let headers = FileHeaders {
            content_type: kind.media_type(),
            cache_control: kind.caching().header(),
        };
        Ok(self.store.put_file(path, headers, bytes).await?)
    }

    pub(super) fn files(&self, path: &str) -> BoxStream<'static, Result<String, SiteError>> {
        self.store
            .files(path)
            .map(|file| file.map_err(SiteError::from))
            .boxed()
    }

    pub(super) async fn remove(&self, path: &str) -> Result<(), SiteError> {
        Ok(self.store.remove_file(path).await?)
    }
}

fn chunk_path(id: ChunkId) -> String {
    format!("{}/{}", address::STORE, id.store_path(".cacnk"))
}
