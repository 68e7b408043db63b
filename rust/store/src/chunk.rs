// SPDX-License-Identifier: MIT
//! A verified chunk in plain and stored form.

use std::sync::OnceLock;

use bytes::Bytes;
use vsekai_formats::codec::{CodecError, Compressor, Decompressor, Spare, bare_content};
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

    /// Makes chunks of `plains` by hashing them together, in a fraction of the time that one by one would take.
    pub fn new_each(digest: DigestAlgorithm, plains: Vec<Bytes>) -> Vec<Self> {
        let bytes: Vec<&[u8]> = plains.iter().map(|plain| &plain[..]).collect();
        let ids = ChunkId::of_each(digest, &bytes);
        let chunks = ids.into_iter().zip(plains);
        chunks
            .map(|(id, plain)| Self::from_verified(id, plain, None))
            .collect()
    }

    /// Decodes what `store` has under `id` and checks it. This takes CPU time; call it off the async threads.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if `stored` does not decode within `format.max_chunk` bytes, or is not `id`.
    pub fn decode(store: &str, id: ChunkId, format: StoreFormat, stored: Bytes) -> Result<Self, StoreError> {
        let plain = plain_of(store, id, format, &stored)?;
        let found = ChunkId::of(format.digest, &plain);
        Self::checked(store, (id, found), format, plain, stored)
    }

    /// As [`Chunk::decode`] for several chunks, in their order, which are checked together. Those that could not be
    /// read are passed through.
    pub fn decode_each(
        store: &str,
        format: StoreFormat,
        stored: Vec<(ChunkId, Result<Bytes, StoreError>)>,
    ) -> Vec<Result<Self, StoreError>> {
        let stored = stored.into_iter();
        Self::decode_each_within(
            store,
            format,
            stored.map(|(id, stored)| (id, format.max_chunk, stored)),
        )
    }

    /// The same for whoever knows how large each chunk is: beside its id stands the most bytes that it may decode to,
    /// whatever the others may.
    pub fn decode_each_within(
        store: &str,
        format: StoreFormat,
        stored: impl IntoIterator<Item = (ChunkId, usize, Result<Bytes, StoreError>)>,
    ) -> Vec<Result<Self, StoreError>> {
        let decoded = stored.into_iter().map(|(id, most, stored)| {
            let stored = stored?;
            let plain = plain_of(store, id, format.with_max_chunk(most), &stored)?;
            Ok((id, plain, stored))
        });
        let decoded: Vec<Result<_, StoreError>> = decoded.collect();
        let plains: Vec<&[u8]> = decoded.iter().flatten().map(|(_, plain, _)| &plain[..]).collect();
        let mut found = ChunkId::of_each(format.digest, &plains).into_iter();
        let chunks = decoded.into_iter().map(|decoded| {
            let (id, plain, stored) = decoded?;
            // There is one for each that was decoded.
            let found = found.next().unwrap_or(ChunkId::from_bytes([0; 32]));
            Self::checked(store, (id, found), format, plain, stored)
        });
        chunks.collect()
    }

    fn checked(
        store: &str,
        (expected, found): (ChunkId, ChunkId),
        format: StoreFormat,
        plain: Bytes,
        stored: Bytes,
    ) -> Result<Self, StoreError> {
        if found != expected {
            let wrong = CodecError::WrongContent { expected, found };
            return Err(StoreError::invalid(store, expected, wrong));
        }
        let compressed = format.compressed.then_some(stored);
        Ok(Self::from_verified(expected, plain, compressed))
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
        let frame = compressed(&self.plain, Bytes::copy_from_slice)?;
        Ok(self.compressed.get_or_init(|| frame).clone())
    }

    /// Calls `work` with the bytes a store of `format` keeps. What has to be compressed for it is not kept.
    ///
    /// # Errors
    /// As [`Chunk::encode`].
    pub(crate) fn encoded<R>(
        &self,
        format: StoreFormat,
        work: impl FnOnce(&[u8]) -> R,
    ) -> Result<R, StoreError> {
        match self.compressed.get() {
            _ if !format.compressed => Ok(work(&self.plain)),
            Some(ready) => Ok(work(ready)),
            None => compressed(&self.plain, work),
        }
    }
}

/// A compressor and the memory for its frames.
struct Packer {
    compressor: Compressor,
    frame: Vec<u8>,
}

impl Packer {
    fn new() -> Result<Self, CodecError> {
        Ok(Self {
            compressor: Compressor::new(COMPRESSION_LEVEL)?,
            frame: Vec::new(),
        })
    }
}

/// Calls `work` with the frame that `plain` makes.
fn compressed<R>(plain: &[u8], work: impl FnOnce(&[u8]) -> R) -> Result<R, StoreError> {
    let outcome = PACKERS.with(Packer::new, |packer| {
        packer.compressor.compress_into(plain, &mut packer.frame)?;
        let outcome = work(&packer.frame);
        if packer.frame.capacity() > MAX_FRAME_KEPT {
            packer.frame = Vec::new();
        }
        Ok(outcome)
    });
    outcome.map_err(|error| StoreError::io("compress chunk", std::io::Error::other(error)))
}

/// Returns the plain bytes of what `store` has under `id`, not checked against it.
fn plain_of(store: &str, id: ChunkId, format: StoreFormat, stored: &Bytes) -> Result<Bytes, StoreError> {
    let (len, most) = (stored.len(), format.max_chunk);
    if !format.compressed && len > most {
        let reason = format!("{len} bytes, more than the allowed {most}");
        return Err(StoreError::invalid(store, id, reason));
    }
    if !format.compressed {
        return Ok(stored.clone());
    }
    if let Some(content) = bare_content(stored, most) {
        return Ok(stored.slice(content));
    }
    let plain = DECOMPRESSORS.with(Decompressor::new, |decompressor| {
        decompressor.decompress(stored, most)
    });
    let plain = plain.map_err(|reason| StoreError::invalid(store, id, reason))?;
    Ok(plain.into())
}

static PACKERS: Spare<Packer> = Spare::new();
static DECOMPRESSORS: Spare<Decompressor> = Spare::new();

/// Memory for frames that is kept for the next one; chunks of the usual sizes need less.
const MAX_FRAME_KEPT: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::{collection, sample};

    use super::*;

    #[test]
    fn a_chunk_among_larger_ones_is_refused_beyond_its_own_size() {
        let plains = [vec![1; 300], vec![2; 300], vec![3; 100]];
        let most = [300, 100, 100];
        for compressed in [true, false] {
            let format = StoreFormat {
                compressed,
                ..StoreFormat::default()
            };
            let stored = plains.iter().zip(most).map(|(plain, most)| {
                let chunk = Chunk::new(format.digest, plain.clone());
                (chunk.id(), most, chunk.encode(format))
            });
            let decoded = Chunk::decode_each_within("store", format, stored);
            let lengths: Vec<Option<usize>> = decoded
                .iter()
                .map(|decoded| decoded.as_ref().ok().map(|chunk| chunk.plain().len()))
                .collect();
            assert_eq!(lengths, [Some(300), None, Some(100)]);
        }
    }

    proptest! {
        #[test]
        fn damaged_chunks_are_judged_together_as_they_are_alone(
            chunks in collection::vec(
                ("[a-z]{0,400}", any::<sample::Index>(), prop_oneof![Just(0), any::<u8>()]),
                0..10,
            )
        ) {
            let format = StoreFormat::default().with_max_chunk(300);
            let stored = chunks.into_iter().map(|(plain, at, damage)| {
                let id = ChunkId::of(format.digest, plain.as_bytes());
                let mut frame = compressed(plain.as_bytes(), <[u8]>::to_vec).unwrap();
                let at = at.index(frame.len());
                frame[at] ^= damage;
                (id, Bytes::from(frame))
            });
            let stored: Vec<(ChunkId, Bytes)> = stored.collect();
            let shown = |outcome: Result<Chunk, StoreError>| match outcome {
                Ok(chunk) => Ok((chunk.id(), chunk.plain().clone())),
                Err(error) => Err(error.to_string()),
            };
            let read = stored.iter().map(|(id, frame)| (*id, Ok(frame.clone())));
            let together = Chunk::decode_each("store", format, read.collect());
            let alone = stored.into_iter().map(|(id, frame)| Chunk::decode("store", id, format, frame));
            prop_assert_eq!(
                together.into_iter().map(shown).collect::<Vec<_>>(),
                alone.map(shown).collect::<Vec<_>>()
            );
        }
    }
}
