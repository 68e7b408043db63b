// SPDX-License-Identifier: MIT
//! Chunks of a release as a server keeps them.

use bytes::Bytes;
use vsekai_formats::codec::{Compressor, Spare};
use vsekai_formats::index::IndexChunk;

use crate::{PublishError, Release};

/// Compresses chunks at one level; any number of threads may use it.
pub(crate) struct Packer {
    level: i32,
    compressors: Spare<Compressor>,
}

impl Packer {
    /// Gets ready to compress at `level`.
    pub(crate) fn new(level: i32) -> Self {
        Self {
            level,
            compressors: Spare::default(),
        }
    }

    /// Reads a chunk of `release` and returns it compressed.
    ///
    /// # Errors
    /// The files are not what they were, or zstd has no memory.
    pub(crate) fn pack(&self, release: &Release, chunk: &IndexChunk) -> Result<Bytes, PublishError> {
        let plain = release.read_chunk(chunk)?;
        let frame = self.compressors.with(
            || Compressor::new(self.level),
            |compressor| compressor.compress(&plain),
        );
        let frame = frame.map_err(|error| PublishError::Internal(error.to_string()))?;
        Ok(frame.into())
    }
}
