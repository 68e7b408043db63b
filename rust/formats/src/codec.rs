// SPDX-License-Identifier: MIT
//! Stored form of chunks: one zstd frame, decompressed within a bound and checked against the chunk's id.
//!
//! Chunks are decompressed straight into one buffer of at most the caller's bound. zstd's streaming interface would
//! instead set up a window as large as the frame's header demands, so it is used for long documents only, which are
//! read piece by piece.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use twox_hash::XxHash64;
use zstd::bulk;
use zstd::zstd_safe;

use crate::id::{ChunkId, DigestAlgorithm};

/// Level that desync and casync compress with.
pub const DEFAULT_LEVEL: i32 = 3;

/// Compresses chunks one after the other, reusing its working memory.
///
/// Most of a game is compressed already: pictures, sound, films. A chunk of such content is left nearly as it is at
/// a third of the price; one that only looks so is compressed like any other.
pub struct Compressor {
    inner: bulk::Compressor<'static>,
    level: i32,
}

impl Compressor {
    /// Sets up compression at `level`, from 1 (fast) to 22 (small); others are brought into that range.
    ///
    /// # Errors
    /// zstd has no memory.
    pub fn new(level: i32) -> Result<Self, CodecError> {
        let level = level.clamp(1, 22);
        let inner = bulk::Compressor::new(level).map_err(CodecError::compress)?;
        Ok(Self { inner, level })
    }

    /// Returns `plain` as one frame that states its content size and has no checksum.
    ///
    /// # Errors
    /// zstd has no memory.
    pub fn compress(&mut self, plain: &[u8]) -> Result<Vec<u8>, CodecError> {
        let mut frame = Vec::new();
        self.compress_into(plain, &mut frame)?;
        Ok(frame)
    }

    /// As [`Compressor::compress`], with the frame in place of what `frame` has, whose memory is used again.
    ///
    /// # Errors
    /// As there.
    pub fn compress_into(&mut self, plain: &[u8], frame: &mut Vec<u8>) -> Result<(), CodecError> {
        // Who asks for a high level wants the last byte saved.
        if self.level <= DEFAULT_LEVEL && is_mixed(plain) {
            self.compress_at(GLANCE_LEVEL, plain, frame)?;
            if frame.len() >= plain.len() - plain.len() / WORTHWHILE {
                return Ok(());
            }
        }
        self.compress_at(self.level, plain, frame)
    }

    fn compress_at(&mut self, level: i32, plain: &[u8], frame: &mut Vec<u8>) -> Result<(), CodecError> {
        frame.clear();
        frame.reserve(zstd_safe::compress_bound(plain.len()));
        let set = self.inner.set_compression_level(level);
        set.and_then(|()| self.inner.compress_to_buffer(plain, frame).map(drop))
            .map_err(CodecError::compress)
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Compressor")
    }
}

/// Decompresses chunks one after the other, reusing its working memory.
pub struct Decompressor(bulk::Decompressor<'static>);

impl Decompressor {
    /// Sets up decompression.
    ///
    /// # Errors
    /// zstd has no memory.
    pub fn new() -> Result<Self, CodecError> {
        let inner = bulk::Decompressor::new().map_err(CodecError::damaged)?;
        Ok(Self(inner))
    }

    /// Returns the content of the one zstd frame that fills `stored`.
    ///
    /// At no time is more memory taken than `max_len` and zstd's own fixed tables, whatever the frame claims.
    ///
    /// # Errors
    /// `stored` is something else, is damaged, or holds more than `max_len` bytes.
    pub fn decompress(&mut self, stored: &[u8], max_len: usize) -> Result<Vec<u8>, CodecError> {
        let capacity = capacity(stored, max_len)?;
        let mut plain = Vec::with_capacity(capacity);
        let outcome = self.0.decompress_to_buffer(stored, &mut plain);
        if let Err(error) = outcome {
            let reason = error.to_string();
            // zstd has no other way to say that the content goes on.
            if reason.contains("Destination buffer is too small") {
                return Err(CodecError::TooLarge { limit: max_len });
            }
            return Err(CodecError::Damaged { reason });
        }
        if plain.len() < plain.capacity() / 2 {
            plain.shrink_to_fit();
        }
        Ok(plain)
    }

    /// Returns the plain bytes of the chunk `id`, checked against it.
    ///
    /// # Errors
    /// As [`Decompressor::decompress`], and [`CodecError::WrongContent`] if the bytes are not the chunk's.
    pub fn decode_verified(
        &mut self,
        id: ChunkId,
        algorithm: DigestAlgorithm,
        stored: &[u8],
        max_len: usize,
    ) -> Result<Vec<u8>, CodecError> {
        let plain = self.decompress(stored, max_len)?;
        verify(id, algorithm, &plain)?;
        Ok(plain)
    }
}

impl fmt::Debug for Decompressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decompressor")
    }
}

/// Compressors or decompressors that wait to be used again, by any thread.
///
/// Their memory is larger than most chunks, and getting it from the system takes longer than using it. It holds nothing
/// that outlives a call.
#[derive(Debug)]
pub struct Spare<T>(Mutex<Vec<T>>);

impl<T> Spare<T> {
    /// Starts with none.
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// Lets `work` use one that waits, or else one that `make` returns.
    ///
    /// # Errors
    /// What `make` or `work` reports.
    pub fn with<R, E>(
        &self,
        make: impl FnOnce() -> Result<T, E>,
        work: impl FnOnce(&mut T) -> Result<R, E>,
    ) -> Result<R, E> {
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

impl<T> Default for Spare<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns where in `stored` its content of at most `max_len` bytes lies as it is, if that is so: in one block that is
/// not compressed, as zstd leaves what it cannot compress.
///
/// A frame that zstd would refuse for its checksum is no such frame, though the chunk's id says more: others could not
/// read what is passed on or found whole because of it.
pub fn bare_content(stored: &[u8], max_len: usize) -> Option<Range<usize>> {
    let (magic, rest) = stored.split_first_chunk()?;
    let (descriptor, rest) = rest.split_first()?;
    if *magic != MAGIC || descriptor & NOT_SIMPLE != 0 || descriptor & SINGLE_SEGMENT == 0 {
        return None;
    }
    let (len, size_len) = match descriptor >> 6 {
        0 => (usize::from(*rest.first()?), 1),
        1 => (usize::from(u16::from_le_bytes(*rest.first_chunk()?)) + 256, 2),
        2 => (usize::try_from(u32::from_le_bytes(*rest.first_chunk()?)).ok()?, 4),
        // More than a block can hold.
        _ => return None,
    };
    let [low, middle, high] = *rest.get(size_len..)?.first_chunk()?;
    let header = u32::from_le_bytes([low, middle, high, 0]);
    let start = magic.len() + 1 + size_len + MIN_BLOCK_LEN;
    let content = start..start.checked_add(len)?;
    let (bytes, checksum) = (stored.get(content.clone())?, stored.get(content.end..)?);
    // One that is the last, not compressed, and as long as the content.
    let is_bare = u32::try_from(len).is_ok_and(|len| header == (len << 3 | LAST_BLOCK));
    if !is_bare || len > max_len.min(MAX_BLOCK_CONTENT) {
        return None;
    }
    let is_whole = match descriptor & CHECKSUM {
        0 => checksum.is_empty(),
        // The lower half of it; it tells of accidents and proves nothing.
        _ => checksum == (XxHash64::oneshot(0, bytes) as u32).to_le_bytes(),
    };
    is_whole.then_some(content)
}

/// Returns `plain` as one zstd frame; see [`Compressor`], which is cheaper for many chunks.
///
/// # Errors
/// zstd has no memory.
pub fn compress(plain: &[u8], level: i32) -> Result<Vec<u8>, CodecError> {
    Compressor::new(level)?.compress(plain)
}

/// Returns the content of the one zstd frame that fills `stored`; see [`Decompressor::decompress`].
///
/// # Errors
/// As there.
pub fn decompress(stored: &[u8], max_len: usize) -> Result<Vec<u8>, CodecError> {
    Decompressor::new()?.decompress(stored, max_len)
}

/// Returns a reader of the content of the one zstd frame that fills `stored`, which fails where there is more of it than
/// `max_len` bytes. Memory is taken for the frame's window, at most 128 MiB, and not for all of the content.
///
/// # Errors
/// `stored` is something else, or says that it holds more than `max_len` bytes. What else is wrong the reader reports;
/// [`CodecError::of_reader`] tells what it is.
pub fn reader(stored: &[u8], max_len: usize) -> Result<impl BufRead, CodecError> {
    capacity(stored, max_len)?;
    let frame = zstd::stream::read::Decoder::with_buffer(stored).map_err(CodecError::damaged)?;
    let bounded = Bounded {
        frame,
        left: Some(max_len),
        limit: max_len,
    };
    Ok(BufReader::with_capacity(READ_BYTES, bounded))
}

/// A frame's content, as far as it is allowed to go; more of it is an error, not its end.
struct Bounded<R> {
    frame: R,
    /// How many bytes may still come; `None` once there were more.
    left: Option<usize>,
    limit: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let limit = self.limit;
        let too_large = || io::Error::other(CodecError::TooLarge { limit });
        let left = self.left.ok_or_else(too_large)?;
        let read = self.frame.read(buffer);
        let read = read.map_err(|error| io::Error::other(CodecError::damaged(error)))?;
        self.left = left.checked_sub(read);
        self.left.map(|_| read).ok_or_else(too_large)
    }
}

/// Returns the length of its content that a zstd frame states, in bytes; `None` if it states none or is none.
pub fn stated_len(stored: &[u8]) -> Option<u64> {
    zstd_safe::get_frame_content_size(stored).ok().flatten()
}

/// Returns the verified plain bytes of a chunk; see [`Decompressor::decode_verified`].
///
/// # Errors
/// As there.
pub fn decode_verified(
    id: ChunkId,
    algorithm: DigestAlgorithm,
    stored: &[u8],
    max_len: usize,
) -> Result<Vec<u8>, CodecError> {
    Decompressor::new()?.decode_verified(id, algorithm, stored, max_len)
}

/// Checks that `plain` is the content of the chunk `id`.
///
/// # Errors
/// [`CodecError::WrongContent`].
pub fn verify(id: ChunkId, algorithm: DigestAlgorithm, plain: &[u8]) -> Result<(), CodecError> {
    let found = ChunkId::of(algorithm, plain);
    match found == id {
        true => Ok(()),
        false => Err(CodecError::WrongContent { expected: id, found }),
    }
}

/// Stored bytes that are not the chunk they should be.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum CodecError {
    /// Another compression, which casync can be told to use.
    #[error("the chunk is compressed with {0}; only zstd can be read")]
    OtherCompression(&'static str),
    /// Not compressed at all, or cut off before its first block.
    #[error("the chunk is not a zstd frame")]
    NotZstd,
    /// zstd cannot read it.
    #[error("the chunk's zstd frame is damaged: {reason}")]
    Damaged {
        /// What zstd said.
        reason: String,
    },
    /// More content than allowed.
    #[error("the chunk holds more than {limit} bytes")]
    TooLarge {
        /// The most allowed.
        limit: usize,
    },
    /// Something follows the frame.
    #[error("the chunk's zstd frame ends at byte {end}, but the chunk goes on")]
    TrailingBytes {
        /// Where the frame ends.
        end: usize,
    },
    /// Content of another chunk.
    #[error("the chunk's content has the id {found}, not {expected}")]
    WrongContent {
        /// The id asked for.
        expected: ChunkId,
        /// The id of what is there.
        found: ChunkId,
    },
    /// zstd could not compress.
    #[error("compress a chunk: {reason}")]
    Compress {
        /// What zstd said.
        reason: String,
    },
}

impl CodecError {
    /// Takes the error of a [`reader`] out again.
    pub fn of_reader(error: io::Error) -> Self {
        error.downcast().unwrap_or_else(Self::damaged)
    }

    fn compress(error: io::Error) -> Self {
        Self::Compress {
            reason: error.to_string(),
        }
    }

    fn damaged(reason: impl fmt::Display) -> Self {
        Self::Damaged {
            reason: reason.to_string(),
        }
    }
}

/// Tells from a few kilobytes here and there whether all bytes are about as frequent as each other, which is so in
/// content that is compressed already, and seldom in any other.
fn is_mixed(plain: &[u8]) -> bool {
    let step = plain.len() / SPOTS;
    if step < SPOT_LEN {
        return false;
    }
    let mut counts = [0u32; 256];
    for spot in plain
        .chunks_exact(step)
        .filter_map(<[u8]>::first_chunk::<SPOT_LEN>)
    {
        for byte in spot {
            counts[usize::from(*byte)] += 1;
        }
    }
    // Least where all are equally frequent.
    let squares: u32 = counts.iter().map(|count| count * count).sum();
    squares <= MIXED
}

/// Checks that one frame fills `stored` and returns a buffer size that is enough for its content.
fn capacity(stored: &[u8], max_len: usize) -> Result<usize, CodecError> {
    match stored {
        stored if stored.starts_with(&MAGIC) => {}
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => return Err(CodecError::OtherCompression("xz")),
        [0x1f, 0x8b, ..] => return Err(CodecError::OtherCompression("gzip")),
        _ => return Err(CodecError::NotZstd),
    }
    let end = zstd_safe::find_frame_compressed_size(stored)
        .map_err(|code| CodecError::damaged(zstd_safe::get_error_name(code)))?;
    if end != stored.len() {
        return Err(CodecError::TrailingBytes { end });
    }
    let claim = zstd_safe::get_frame_content_size(stored).map_err(CodecError::damaged)?;
    // A block holds at most 128 KiB and takes at least three bytes, so no honest frame holds more than this.
    let blocks = stored.len().div_ceil(MIN_BLOCK_LEN);
    let possible = blocks.saturating_mul(MAX_BLOCK_CONTENT).min(max_len);
    match claim {
        Some(claim) if claim > max_len as u64 => Err(CodecError::TooLarge { limit: max_len }),
        Some(claim) => Ok(usize::try_from(claim).unwrap_or(possible).min(possible)),
        None => Ok(possible),
    }
}

/// Bytes decompressed at a time for a reader.
const READ_BYTES: usize = 64 << 10;
/// The level that finds out what can be saved at all: at that price, and by repetitions alone.
const GLANCE_LEVEL: i32 = -1;
/// It is worth more than a glance if that saves more than one part in so many.
const WORTHWHILE: usize = 50;
/// Places that are looked at, and bytes at each.
const SPOTS: usize = 16;
const SPOT_LEN: usize = 256;
/// The sum of the squares of how often each byte is found: evenly mixed ones have 69,600 on average.
const MIXED: u32 = 85_000;

/// What a frame begins with, and what the byte behind it says (RFC 8878, 3.1.1).
const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const SINGLE_SEGMENT: u8 = 1 << 5;
const CHECKSUM: u8 = 1 << 2;
/// A dictionary, or something nobody has a meaning for.
const NOT_SIMPLE: u8 = 0b1_1011;
/// In a block's header, below the bits for its kind, which is 0, and its length.
const LAST_BLOCK: u32 = 1;

/// About as many as there are processors to keep busy; a compressor takes more than a MiB.
const MAX_SPARE: usize = 8;

const MIN_BLOCK_LEN: usize = 3;
const MAX_BLOCK_CONTENT: usize = 128 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{streamed, synthetic};

    const MAX: usize = 1 << 20;

    fn plain() -> Vec<u8> {
        (0..200_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect()
    }

    /// A frame as desync writes it: with its content's size and a checksum.
    fn with_checksum(plain: &[u8]) -> Vec<u8> {
        let mut compressor = bulk::Compressor::new(3).unwrap();
        compressor.include_checksum(true).unwrap();
        compressor.compress(plain).unwrap()
    }

    #[test]
    fn frames_with_and_without_size_and_checksum_are_read() {
        let plain = plain();
        for stored in [
            compress(&plain, 3).unwrap(),
            compress(&plain, 19).unwrap(),
            with_checksum(&plain),
            streamed(&plain, false),
            streamed(&plain, true),
        ] {
            assert_eq!(decompress(&stored, MAX).unwrap(), plain);
        }
        assert_eq!(decompress(&compress(b"", 3).unwrap(), MAX).unwrap(), b"");
    }

    #[test]
    fn content_that_cannot_be_compressed_is_left_nearly_as_it_is() {
        let plain = synthetic(100_000);
        let frame = compress(&plain, 3).unwrap();
        assert!((plain.len()..plain.len() + 20).contains(&frame.len()));
        assert_eq!(decompress(&frame, MAX).unwrap(), plain);
    }

    #[test]
    fn content_that_can_be_compressed_is_compressed_as_far_as_the_level_goes() {
        let once = synthetic(50_000);
        // What repeats looks no less mixed for it.
        let twice = [&once[..], &once[..]].concat();
        assert!(is_mixed(&twice));
        let mut text = plain();
        text.extend(&once);
        for plain in [&twice, &text, &once[..10].to_vec()] {
            for level in [1, 3, 12] {
                let expected = bulk::Compressor::new(level).unwrap().compress(plain).unwrap();
                assert_eq!(compress(plain, level).unwrap(), expected, "{level}");
            }
        }
    }

    #[test]
    fn content_that_lies_bare_in_its_frame_is_found() {
        let data = synthetic(MAX_BLOCK_CONTENT + 1);
        for len in [0, 1, 255, 256, 257, 65_791, 65_792, MAX_BLOCK_CONTENT] {
            let plain = &data[..len];
            for stored in [compress(plain, 3).unwrap(), with_checksum(plain)] {
                assert_eq!(&stored[bare_content(&stored, len).unwrap()], plain, "{len}");
                assert_eq!(decompress(&stored, len).unwrap(), plain);
                assert_eq!(bare_content(&[&stored[..], &[0]].concat(), MAX), None);
                assert_eq!(bare_content(&stored[..stored.len() - 1], MAX), None);
                assert!(len == 0 || bare_content(&stored, len - 1).is_none());
            }
        }
        for other in [
            compress(&data, 3).unwrap(),
            compress(&plain(), 3).unwrap(),
            streamed(&data[..1000], false),
        ] {
            assert_eq!(bare_content(&other, MAX), None);
        }
    }

    #[test]
    fn nothing_is_found_bare_that_would_be_refused_or_unpacked_to_something_else() {
        let plain = synthetic(300);
        for stored in [compress(&plain, 3).unwrap(), with_checksum(&plain)] {
            for at in (0..20).chain(stored.len() - 20..stored.len()) {
                for bit in 0..8 {
                    let mut damaged = stored.clone();
                    damaged[at] ^= 1 << bit;
                    if let Some(content) = bare_content(&damaged, MAX) {
                        assert_eq!(decompress(&damaged, MAX).unwrap(), damaged[content], "{at} {bit}");
                    }
                }
            }
        }
    }

    #[test]
    fn content_over_the_bound_is_refused_whether_the_frame_says_so_or_not() {
        let plain = vec![0u8; 1 << 20];
        for stored in [compress(&plain, 3).unwrap(), streamed(&plain, false)] {
            assert_eq!(decompress(&stored, plain.len()).unwrap().len(), plain.len());
            assert_eq!(
                decompress(&stored, plain.len() - 1),
                Err(CodecError::TooLarge {
                    limit: plain.len() - 1
                })
            );
        }
    }

    #[test]
    fn a_reader_tells_content_over_the_bound_from_its_end() {
        let plain = plain();
        let limit = plain.len() - 1;
        let (stated, unstated) = (compress(&plain, 3).unwrap(), streamed(&plain, false));
        assert_eq!(stated_len(&unstated), None);
        for stored in [&stated, &unstated] {
            let mut read = Vec::new();
            reader(stored, plain.len())
                .unwrap()
                .read_to_end(&mut read)
                .unwrap();
            assert!(read == plain);
        }
        assert_eq!(reader(&stated, limit).err(), Some(CodecError::TooLarge { limit }));
        let mut content = reader(&unstated, limit).unwrap();
        let mut read = Vec::new();
        for _ in 0..2 {
            let error = content.read_to_end(&mut read).unwrap_err();
            assert_eq!(CodecError::of_reader(error), CodecError::TooLarge { limit });
        }
        assert!(plain.starts_with(&read));
    }

    #[test]
    fn a_reader_names_damage_as_the_codec_does() {
        let mut stored = streamed(&plain(), true);
        *stored.last_mut().unwrap() ^= 1;
        let error = reader(&stored, MAX)
            .unwrap()
            .read_to_end(&mut Vec::new())
            .unwrap_err();
        assert!(matches!(CodecError::of_reader(error), CodecError::Damaged { .. }));
    }

    #[test]
    fn a_claimed_size_alone_takes_no_memory() {
        // Magic, descriptor with an 8-byte size and a window, window, size of 100 MiB, one empty last block.
        let mut stored = vec![0x28, 0xb5, 0x2f, 0xfd, 0xc0, 0x58];
        stored.extend((100u64 << 20).to_le_bytes());
        stored.extend([1, 0, 0]);
        assert!(capacity(&stored, 128 << 20).unwrap() < 1 << 20);
        assert!(decompress(&stored, 128 << 20).is_err());
    }

    #[test]
    fn anything_but_exactly_one_zstd_frame_is_refused() {
        let stored = compress(b"some bytes", 3).unwrap();
        let end = stored.len();
        let twice = [stored.clone(), stored.clone()].concat();
        assert_eq!(decompress(&twice, MAX), Err(CodecError::TrailingBytes { end }));
        let longer = [stored.as_slice(), &[0]].concat();
        assert_eq!(decompress(&longer, MAX), Err(CodecError::TrailingBytes { end }));
        for length in 0..end {
            assert!(decompress(&stored[..length], MAX).is_err(), "{length}");
        }
        let skippable = [0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0];
        assert_eq!(decompress(&skippable, MAX), Err(CodecError::NotZstd));
        assert_eq!(decompress(b"plain", MAX), Err(CodecError::NotZstd));
    }

    #[test]
    fn other_compressions_are_named() {
        assert_eq!(
            decompress(b"\xfd7zXZ\0...", MAX),
            Err(CodecError::OtherCompression("xz"))
        );
        assert_eq!(
            decompress(b"\x1f\x8b\x08", MAX),
            Err(CodecError::OtherCompression("gzip"))
        );
    }

    #[test]
    fn only_content_with_the_right_id_is_handed_out() {
        let algorithm = DigestAlgorithm::Sha512_256;
        let id = ChunkId::of(algorithm, b"right");
        let right = compress(b"right", 3).unwrap();
        assert_eq!(decode_verified(id, algorithm, &right, MAX).unwrap(), b"right");
        let wrong = compress(b"wrong", 3).unwrap();
        assert!(matches!(
            decode_verified(id, algorithm, &wrong, MAX),
            Err(CodecError::WrongContent { expected, .. }) if expected == id
        ));
    }
}
