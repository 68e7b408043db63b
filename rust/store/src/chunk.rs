// SPDX-License-Identifier: MIT
//! A verified chunk in plain and stored form.

use std::sync::OnceLock;

use bytes::Bytes;
use vsekai_formats::ChunkId;

/// A chunk whose plain bytes have been checked against its id.
///
/// Bytes that came compressed are kept, so that passing a chunk on costs no second compression.
#[derive(Clone, Debug)]
pub struct Chunk {
    id: ChunkId,
    plain: Bytes,
    stored: OnceLock<Bytes>,
}

impl Chunk {
    /// Wraps bytes the caller has verified: `plain` hashes to `id`, and `stored`, if given, is a zstd frame
    /// that decompresses to `plain`.
    pub fn from_verified(id: ChunkId, plain: Bytes, stored: Option<Bytes>) -> Self {
        let cell = OnceLock::new();
        if let Some(stored) = stored {
            let _ = cell.set(stored);
        }
        Self {
            id,
            plain,
            stored: cell,
        }
    }

    /// Returns the chunk's id.
    pub fn id(&self) -> ChunkId {
        self.id
    }

    /// Returns the plain bytes.
    pub fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// Returns the compressed bytes if the chunk has them already.
    pub fn stored(&self) -> Option<&Bytes> {
        self.stored.get()
    }
}
