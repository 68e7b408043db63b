// SPDX-License-Identifier: MIT
//! A verified chunk in plain and stored form.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use vsekai_formats::codec::{CodecError, Compressor, Decompressor};
use vsekai_formats::{ChunkId, DigestAlgorithm};

use crate::error::StoreError;
use crate::format::{COMPRESSION_LEVEL, StoreFormat};

/// A chunk whose plain bytes have been checked against its id.
///
/// Bytes that came compressed are kept, so that passing a chunk on costs no second compression.
#[derive(Clone, Debug)]
pub struct Chunk {
    id: ChunkId,
    plain: Bytes,
    compressed: OnceLock<Bytes>,
}

impl Chunk {
    /// Wraps bytes the caller has verified: `plain` hashes to `id`, and `compressed`, if given, is a zstd
    /// frame that decompresses to `plain`.
    pub fn from_verified(id: ChunkId, plain: Bytes, compressed: Option<Bytes>) -> Self {
        let cell = OnceLock::new();
        if let Some(compressed) = compressed {
            let _ = cell.set(compressed);
        }
        Self {
            id,
            plain,
            compressed: cell,
        }
    }

    /// Makes a chunk of `plain` by hashing it. This takes CPU time (about 1 ms per MiB).
    pub fn new(digest: DigestAlgorithm, plain: impl Into<Bytes>) -> Self {
        let plain = plain.into();
        Self::from_verified(ChunkId::of(digest, &plain), plain, None)
    }

    /// Decodes what `store` has under `id` and checks it. This takes CPU time; call it off the async threads.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if `stored` does not decode within `format.max_chunk` bytes, or is not `id`.
    pub fn decode(store: &str, id: ChunkId, format: StoreFormat, stored: Bytes) -> Result<Self, StoreError> {
        if format.compressed {
            let plain = decode_verified(id, format, &stored)
                .map_err(|reason| StoreError::invalid(store, id, reason))?;
            return Ok(Self::from_verified(id, plain.into(), Some(stored)));
        }
        if stored.len() > format.max_chunk {
            let reason = format!(
                "{} bytes, more than the allowed {}",
                stored.len(),
                format.max_chunk
            );
            return Err(StoreError::invalid(store, id, reason));
        }
        let found = ChunkId::of(format.digest, &stored);
        if found != id {
            let reason = format!("its content has the id {found}");
            return Err(StoreError::invalid(store, id, reason));
        }
        Ok(Self::from_verified(id, stored, None))
    }

    /// Returns the chunk's id.
    pub fn id(&self) -> ChunkId {
        self.id
    }

    /// Returns the plain bytes.
    pub fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// Returns the zstd frame if the chunk has it already.
    pub fn compressed(&self) -> Option<&Bytes> {
        self.compressed.get()
    }

    /// Returns the bytes a store of `format` keeps, compressing at most once in the chunk's life.
    ///
    /// This takes CPU time; call it off the async threads.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the compressor fails (out of memory).
    pub fn encode(&self, format: StoreFormat) -> Result<Bytes, StoreError> {
        if !format.compressed {
            return Ok(self.plain.clone());
        }
        if let Some(ready) = self.compressed.get() {
            return Ok(ready.clone());
        }
        let frame = compress(&self.plain)
            .map_err(|error| StoreError::io("compress chunk", std::io::Error::other(error)))?;
        Ok(self.compressed.get_or_init(|| frame.into()).clone())
    }
}

/// Working memory of zstd that waits to be used again.
///
/// It is larger than most chunks, and getting it from the system takes longer than using it. It holds nothing
/// that outlives a call.
struct Spare<T>(Mutex<Vec<T>>);

impl<T> Spare<T> {
    fn with<R>(
        &self,
        make: impl FnOnce() -> Result<T, CodecError>,
        work: impl FnOnce(&mut T) -> Result<R, CodecError>,
    ) -> Result<R, CodecError> {
        let spare = self.lock().pop();
        let mut used = match spare {
            Some(spare) => spare,
            None => make()?,
        };
        let outcome = work(&mut used);
        let mut spares = self.lock();
        if spares.len() < MAX_SPARE {
            spares.push(used);
        }
        outcome
    }

    fn lock(&self) -> MutexGuard<'_, Vec<T>> {
        // Nothing can panic while the list is changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn compress(plain: &[u8]) -> Result<Vec<u8>, CodecError> {
    COMPRESSORS.with(
        || Compressor::new(COMPRESSION_LEVEL),
        |compressor| compressor.compress(plain),
    )
}

fn decode_verified(id: ChunkId, format: StoreFormat, stored: &[u8]) -> Result<Vec<u8>, CodecError> {
    DECOMPRESSORS.with(Decompressor::new, |decompressor| {
        decompressor.decode_verified(id, format.digest, stored, format.max_chunk)
    })
}

static COMPRESSORS: Spare<Compressor> = Spare(Mutex::new(Vec::new()));
static DECOMPRESSORS: Spare<Decompressor> = Spare(Mutex::new(Vec::new()));

/// About as many as there are processors to keep busy; a compressor takes more than a MiB.
const MAX_SPARE: usize = 8;
