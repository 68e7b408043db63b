// SPDX-License-Identifier: MIT
//! How a store keeps its chunks.

use vsekai_formats::DigestAlgorithm;

/// Largest chunk anybody writes: casync's limit for one chunk, in bytes.
pub const MAX_CHUNK_LIMIT: usize = 128 << 20;

/// zstd level of the chunks a store compresses itself: the quickest whose stores are no larger than desync's, which
/// compresses with a zstd of its own.
pub const COMPRESSION_LEVEL: i32 = 2;

/// How a store keeps its chunks: one format per store, chunks of another are not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreFormat {
    /// Chunks are zstd frames in files ending in `.cacnk`; otherwise plain bytes without extension.
    pub compressed: bool,
    /// The hash function behind the ids.
    pub digest: DigestAlgorithm,
    /// Largest plain chunk, in bytes; anything longer is refused before it takes up memory.
    ///
    /// Best set to the maximum chunk size of the index in use.
    pub max_chunk: usize,
}

impl StoreFormat {
    /// Returns this format with `max_chunk` bytes as the largest plain chunk, at most [`MAX_CHUNK_LIMIT`].
    pub fn with_max_chunk(self, max_chunk: usize) -> Self {
        Self {
            max_chunk: max_chunk.min(MAX_CHUNK_LIMIT),
            ..self
        }
    }

    /// Returns the ending of a chunk's file name.
    pub fn extension(&self) -> &'static str {
        if self.compressed { ".cacnk" } else { "" }
    }

    /// Returns the most bytes a chunk of this format can take up in the store.
    ///
    /// A zstd frame of bytes that do not compress is a little longer than they are.
    pub fn max_stored(&self) -> usize {
        if self.compressed {
            self.max_chunk.saturating_add(self.max_chunk / 128 + 1024)
        } else {
            self.max_chunk
        }
    }
}

impl Default for StoreFormat {
    /// Compressed, SHA-512/256, chunks of at most [`MAX_CHUNK_LIMIT`]: what desync and casync use.
    fn default() -> Self {
        Self {
            compressed: true,
            digest: DigestAlgorithm::Sha512_256,
            max_chunk: MAX_CHUNK_LIMIT,
        }
    }
}
