// SPDX-License-Identifier: MIT
//! The chunks in the bucket, as the server lists them.

use futures::stream::{BoxStream, StreamExt as _};
use object_store::ObjectMeta;
use vsekai_formats::ChunkId;

use super::S3Store;
use crate::error::{Object, StoreError};

/// A chunk in a listing, which was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedChunk {
    /// The name it has.
    pub id: ChunkId,
    /// Its stored length in bytes.
    pub len: u64,
    /// When it was stored by the server's clock, in seconds since 1970-01-01 UTC.
    pub stored_at: i64,
}

impl S3Store {
    /// Lists the chunks in the store's format, in the order of the server, a thousand in a request. Other objects are
    /// left out.
    pub fn chunks(&self) -> BoxStream<'static, Result<ListedChunk, StoreError>> {
        let folder = self.key("");
        let listed = Object::File(folder.to_string());
        let store = self.clone();
        self.listing(&folder)
            .filter_map(move |object| {
                let found = match object {
                    Ok(object) => store.listed_chunk(&object).map(Ok),
                    Err(error) => Some(Err(store.error(&listed, error))),
                };
                std::future::ready(found)
            })
            .boxed()
    }

    fn listed_chunk(&self, object: &ObjectMeta) -> Option<ListedChunk> {
        let name = object.location.filename()?;
        let id: ChunkId = name.strip_suffix(self.0.format.extension())?.parse().ok()?;
        (self.chunk_key(id) == object.location).then_some(ListedChunk {
            id,
            len: object.size,
            stored_at: object.last_modified.timestamp(),
        })
    }
}
