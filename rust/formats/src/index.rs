// SPDX-License-Identifier: MIT
//! Indexes (`.caibx` of a blob, `.caidx` of a catar): the list of chunks that make up a stream.
//!
//! Both have the same bytes. All integers are little-endian:
//!
//! ```text
//! 0         48, INDEX type, feature flags, chunk size min, avg, max   6 x u64
//! 48        all ones, TABLE type                                      2 x u64
//! 64 + 40i  end of chunk i in the stream (u64), its id (32 bytes)
//! 64 + 40n  0, 0, 48, 56 + 40n, TAIL marker                           5 x u64
//! ```
//!
//! Reading makes every check casync makes, and then caps counts and sizes by [`IndexLimits`]. No memory is
//! taken because of a number in the input: the list grows with the items that are really there.

use std::io::{self, Read, Write};

use crate::by_digest::ByDigest;
use crate::flags;
use crate::id::{ChunkId, DigestAlgorithm};
use crate::input::Input;

/// The list of chunks that make up a stream, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The hash function of the chunk ids.
    ///
    /// Reading takes it from the flags. desync up to 1.0.4 sets the flag for SHA-512/256 also on indexes of
    /// catars made with `--digest sha256`; a reader whose first chunk does not verify may set this to
    /// [`other_digest`] and try again. Writing sets the flag from this field.
    pub digest: DigestAlgorithm,
    /// Feature flags, see [`crate::flags`].
    pub feature_flags: u64,
    /// Smallest chunk size the chunker aimed at, in bytes.
    pub chunk_min: u64,
    /// Average chunk size the chunker aimed at, in bytes.
    pub chunk_avg: u64,
    /// Largest chunk size, in bytes; no chunk is larger.
    pub chunk_max: u64,
    /// The chunks, gapless from 0.
    pub chunks: Vec<IndexChunk>,
}

/// One chunk of an [`Index`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexChunk {
    /// Where it starts in the stream.
    pub start: u64,
    /// Its length in bytes, 1 or more.
    pub size: u32,
    /// Its id.
    pub id: ChunkId,
}

impl IndexChunk {
    /// Returns where the chunk ends in the stream (exclusive).
    pub fn end(&self) -> u64 {
        self.start.saturating_add(u64::from(self.size))
    }

    /// Returns the bytes of the stream it holds.
    pub fn range(&self) -> std::ops::Range<u64> {
        self.start..self.end()
    }
}

/// What an index may ask for before it is refused.
#[derive(Clone, Copy, Debug)]
pub struct IndexLimits {
    /// Most chunks. The default, four million, stands for 256 GiB at common sizes and 192 MiB of memory.
    pub max_chunks: usize,
    /// Largest chunk in bytes. The default is casync's 128 MiB; callers that hold several chunks in memory
    /// should set less.
    pub max_chunk_size: u64,
    /// Longest stream in bytes. The default is 16 TiB, the largest file of common file systems.
    pub max_total_size: u64,
}

impl IndexLimits {
    /// Returns the limits of index files of at most `bytes` bytes, the rest as by default.
    pub fn for_bytes(bytes: usize) -> Self {
        Self {
            max_chunks: bytes.saturating_sub(FIXED_LEN) / ITEM_LEN,
            ..Self::default()
        }
    }

    /// Returns the length of the longest index file that has no more chunks than these limits allow, in bytes.
    pub fn max_bytes(&self) -> usize {
        self.max_chunks.saturating_mul(ITEM_LEN).saturating_add(FIXED_LEN)
    }
}

impl Default for IndexLimits {
    fn default() -> Self {
        Self {
            max_chunks: 1 << 22,
            max_chunk_size: MAX_CHUNK_SIZE,
            max_total_size: 1 << 44,
        }
    }
}

impl Index {
    /// Starts an index without chunks; sizes are those of the chunker in use.
    pub fn new(feature_flags: u64, digest: DigestAlgorithm, chunk_sizes: (u64, u64, u64)) -> Self {
        let (chunk_min, chunk_avg, chunk_max) = chunk_sizes;
        Self {
            digest,
            feature_flags: flags::with_digest(feature_flags, digest),
            chunk_min,
            chunk_avg,
            chunk_max,
            chunks: Vec::new(),
        }
    }

    /// Appends a chunk behind the last one.
    pub fn push(&mut self, id: ChunkId, size: u32) {
        let start = self.total_size();
        self.chunks.push(IndexChunk { start, size, id });
    }

    /// Reads an index that fills `bytes` to the end.
    ///
    /// # Errors
    /// The first rule it breaks, with the offset.
    pub fn from_bytes(bytes: &[u8], limits: &IndexLimits) -> Result<Self, IndexError> {
        Self::read(bytes, limits)
    }

    /// Reads an index that is all `input` has. Reads are 40 bytes or more; slow inputs deserve a buffer.
    ///
    /// # Errors
    /// The first rule it breaks, with the offset.
    pub fn read(input: impl Read, limits: &IndexLimits) -> Result<Self, IndexError> {
        let mut reader = IndexReader::new(input, limits)?;
        let mut index = reader.header().clone();
        for chunk in &mut reader {
            index.chunks.push(chunk?);
        }
        Ok(index)
    }

    /// Returns the index file: 104 bytes and 40 for each chunk.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED_LEN + ITEM_LEN * self.chunks.len());
        self.push_header(&mut bytes);
        for chunk in &self.chunks {
            bytes.extend_from_slice(&item(chunk));
        }
        self.push_tail(&mut bytes);
        bytes
    }

    /// Writes what [`Index::to_bytes`] returns, piece by piece.
    ///
    /// # Errors
    /// What `output` reports.
    pub fn write(&self, mut output: impl Write) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(HEADERS_LEN);
        self.push_header(&mut bytes);
        output.write_all(&bytes)?;
        for chunk in &self.chunks {
            output.write_all(&item(chunk))?;
        }
        bytes.clear();
        self.push_tail(&mut bytes);
        output.write_all(&bytes)
    }

    /// Returns the length of the stream in bytes.
    pub fn total_size(&self) -> u64 {
        self.chunks.last().map_or(0, IndexChunk::end)
    }

    /// Returns each distinct id once, in order of first appearance.
    pub fn unique_ids(&self) -> Vec<ChunkId> {
        self.unique_chunks().map(|chunk| chunk.id).collect()
    }

    /// Returns the first chunk with each distinct id, in order.
    pub fn unique_chunks(&self) -> impl Iterator<Item = &IndexChunk> {
        let firsts = self.first_positions().into_iter().zip(0..);
        let chunks = self.chunks.iter().zip(firsts);
        chunks.filter_map(|(chunk, (first, position))| (first == position).then_some(chunk))
    }

    /// Returns for each chunk the position of the first one with its id, which is its own for most.
    pub fn first_positions(&self) -> Vec<u32> {
        // An index of more chunks than there are numbers would not fit into memory.
        let positions = (0..=u32::MAX).zip(&self.chunks).map(|(position, _)| position);
        let id = |position: u32| Some(self.chunks.get(position as usize)?.id);
        let mut firsts = vec![0; self.chunks.len()];
        for (position, first) in ByDigest::sort(positions, id).with_first() {
            if let Some(place) = firsts.get_mut(position as usize) {
                *place = first;
            }
        }
        firsts
    }

    /// Returns the position of the chunk that holds byte `offset` of the stream.
    pub fn chunk_at(&self, offset: u64) -> Option<usize> {
        let position = self.chunks.partition_point(|chunk| chunk.end() <= offset);
        (position < self.chunks.len()).then_some(position)
    }

    fn push_header(&self, bytes: &mut Vec<u8>) {
        let fields = [
            INDEX_LEN,
            INDEX_TYPE,
            flags::with_digest(self.feature_flags, self.digest),
            self.chunk_min,
            self.chunk_avg,
            self.chunk_max,
            TABLE_LEN,
            TABLE_TYPE,
        ];
        push_u64s(bytes, &fields);
    }

    fn push_tail(&self, bytes: &mut Vec<u8>) {
        let table_len = (TABLE_HEADER_LEN + ITEM_LEN * self.chunks.len() + TAIL_LEN) as u64;
        push_u64s(bytes, &[0, 0, INDEX_LEN, table_len, TAIL_MARKER]);
    }
}

/// Returns the digest an index does not name, for the fallback described at [`Index::digest`].
pub const fn other_digest(digest: DigestAlgorithm) -> DigestAlgorithm {
    match digest {
        DigestAlgorithm::Sha512_256 => DigestAlgorithm::Sha256,
        DigestAlgorithm::Sha256 => DigestAlgorithm::Sha512_256,
    }
}

/// Reads an index chunk by chunk, in constant memory.
///
/// As an iterator it ends only after the tail and the end of the input have been checked; an error is the
/// last item.
#[derive(Debug)]
pub struct IndexReader<R> {
    input: Input<R>,
    limits: IndexLimits,
    header: Index,
    chunks: usize,
    position: u64,
    done: bool,
}

impl<R: Read> IndexReader<R> {
    /// Reads and checks the two headers.
    ///
    /// # Errors
    /// The first rule they break, with the offset.
    pub fn new(input: R, limits: &IndexLimits) -> Result<Self, IndexError> {
        let mut input = Input::new(input);
        let header = read_headers(&mut input, limits)?;
        Ok(Self {
            input,
            limits: *limits,
            header,
            chunks: 0,
            position: 0,
            done: false,
        })
    }

    /// Returns flags, digest and chunk sizes; the list of chunks is empty.
    pub fn header(&self) -> &Index {
        &self.header
    }

    fn read_next(&mut self) -> Result<Option<IndexChunk>, IndexError> {
        let offset = self.input.offset;
        let mut bytes = [0u8; ITEM_LEN];
        fill(&mut self.input, &mut bytes, "an item or the tail")?;
        let end = u64_at(&bytes, 0);
        if end == 0 {
            self.check_tail(&bytes, offset)?;
            return Ok(None);
        }
        let chunk = self.check_item(end, &bytes, offset)?;
        self.position = end;
        self.chunks += 1;
        Ok(Some(chunk))
    }

    fn check_item(&self, end: u64, bytes: &[u8; ITEM_LEN], offset: u64) -> Result<IndexChunk, IndexError> {
        if self.chunks >= self.limits.max_chunks {
            let limit = self.limits.max_chunks;
            return Err(IndexError::TooManyChunks { offset, limit });
        }
        let start = self.position;
        let Some(size) = end.checked_sub(start).filter(|size| *size > 0) else {
            return Err(IndexError::NotAscending { offset, start, end });
        };
        let limit = self.header.chunk_max.min(self.limits.max_chunk_size);
        let narrow = u32::try_from(size).ok().filter(|_| size <= limit);
        let Some(size) = narrow else {
            return Err(IndexError::ChunkTooLarge { offset, size, limit });
        };
        if end > self.limits.max_total_size {
            let limit = self.limits.max_total_size;
            return Err(IndexError::StreamTooLong { offset, end, limit });
        }
        let mut id = [0u8; 32];
        id.copy_from_slice(&bytes[8..]);
        let id = ChunkId::from_bytes(id);
        Ok(IndexChunk { start, size, id })
    }

    fn check_tail(&mut self, bytes: &[u8; TAIL_LEN], offset: u64) -> Result<(), IndexError> {
        let table_len = (TABLE_HEADER_LEN + ITEM_LEN * self.chunks + TAIL_LEN) as u64;
        expect("tail fill", u64_at(bytes, 8), 0, offset + 8)?;
        expect("tail index offset", u64_at(bytes, 16), INDEX_LEN, offset + 16)?;
        expect("tail table size", u64_at(bytes, 24), table_len, offset + 24)?;
        expect("tail marker", u64_at(bytes, 32), TAIL_MARKER, offset + 32)?;
        match at_end(&mut self.input)? {
            true => Ok(()),
            false => Err(IndexError::TrailingBytes {
                offset: self.input.offset,
            }),
        }
    }
}

impl<R: Read> Iterator for IndexReader<R> {
    type Item = Result<IndexChunk, IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.read_next();
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

/// An index that cannot be read; offsets are bytes from its start.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The input failed.
    #[error("read the index at byte {offset}: {source}")]
    Read {
        /// Where.
        offset: u64,
        /// The input's error.
        source: io::Error,
    },
    /// The input ends too early.
    #[error("the index is cut off at byte {offset}, inside {part}")]
    Truncated {
        /// Where the input ends.
        offset: u64,
        /// What should be there.
        part: &'static str,
    },
    /// A field has another value than the format demands.
    #[error("the {field} of the index at byte {offset} is {found:#x}, not {expected:#x}")]
    Field {
        /// Where.
        offset: u64,
        /// The field.
        field: &'static str,
        /// What is there.
        found: u64,
        /// What must be there.
        expected: u64,
    },
    /// The feature flags contradict themselves or are unknown.
    #[error("the index has feature flags {found:#x} with {reason}")]
    Flags {
        /// The flags.
        found: u64,
        /// What is wrong with them.
        reason: &'static str,
    },
    /// Chunk sizes that are no sizes.
    #[error("the index has chunk sizes {min}:{avg}:{max}, not 1 to {limit} bytes in ascending order")]
    ChunkSizes {
        /// Smallest size.
        min: u64,
        /// Average size.
        avg: u64,
        /// Largest size.
        max: u64,
        /// Largest allowed.
        limit: u64,
    },
    /// A chunk ends where it starts or before.
    #[error("the chunk at byte {offset} of the index ends at {end}, but starts at {start}")]
    NotAscending {
        /// Where.
        offset: u64,
        /// Start in the stream.
        start: u64,
        /// End in the stream.
        end: u64,
    },
    /// A chunk is larger than allowed.
    #[error("the chunk at byte {offset} of the index has {size} bytes, more than {limit}")]
    ChunkTooLarge {
        /// Where.
        offset: u64,
        /// Its size.
        size: u64,
        /// The largest allowed.
        limit: u64,
    },
    /// More chunks than [`IndexLimits::max_chunks`].
    #[error("the index goes on at byte {offset} with more than {limit} chunks")]
    TooManyChunks {
        /// Where.
        offset: u64,
        /// The most allowed.
        limit: usize,
    },
    /// A longer stream than [`IndexLimits::max_total_size`].
    #[error("the chunk at byte {offset} of the index ends at {end}, beyond {limit}")]
    StreamTooLong {
        /// Where.
        offset: u64,
        /// End in the stream.
        end: u64,
        /// The longest allowed.
        limit: u64,
    },
    /// Something follows the index.
    #[error("the index has trailing bytes from byte {offset}")]
    TrailingBytes {
        /// Where they start.
        offset: u64,
    },
}

fn read_headers<R: Read>(input: &mut Input<R>, limits: &IndexLimits) -> Result<Index, IndexError> {
    let mut bytes = [0u8; HEADERS_LEN];
    fill(input, &mut bytes, "the header")?;
    expect("header type", u64_at(&bytes, 8), INDEX_TYPE, 8)?;
    expect("header size", u64_at(&bytes, 0), INDEX_LEN, 0)?;
    expect("table size", u64_at(&bytes, 48), TABLE_LEN, 48)?;
    expect("table type", u64_at(&bytes, 56), TABLE_TYPE, 56)?;
    let found = u64_at(&bytes, 16);
    if let Some(reason) = flags::fault(found) {
        return Err(IndexError::Flags { found, reason });
    }
    let [min, avg, max] = [24, 32, 40].map(|at| u64_at(&bytes, at));
    let limit = limits.max_chunk_size.min(MAX_CHUNK_SIZE);
    if !(1 <= min && min <= avg && avg <= max && max <= limit) {
        return Err(IndexError::ChunkSizes { min, avg, max, limit });
    }
    Ok(Index::new(found, flags::digest(found), (min, avg, max)))
}

fn fill<R: Read>(input: &mut Input<R>, bytes: &mut [u8], part: &'static str) -> Result<(), IndexError> {
    let outcome = input.fill(bytes);
    let offset = input.offset;
    match outcome {
        Ok(true) => Ok(()),
        Ok(false) => Err(IndexError::Truncated { offset, part }),
        Err(source) => Err(IndexError::Read { offset, source }),
    }
}

/// Tells whether nothing follows; what follows counts as not read.
fn at_end<R: Read>(input: &mut Input<R>) -> Result<bool, IndexError> {
    let offset = input.offset;
    let read = input.read_some(&mut [0]);
    input.offset = offset;
    read.map(|read| read == 0)
        .map_err(|source| IndexError::Read { offset, source })
}

fn expect(field: &'static str, found: u64, expected: u64, offset: u64) -> Result<(), IndexError> {
    match found == expected {
        true => Ok(()),
        false => Err(IndexError::Field {
            offset,
            field,
            found,
            expected,
        }),
    }
}

fn item(chunk: &IndexChunk) -> [u8; ITEM_LEN] {
    let mut bytes = [0u8; ITEM_LEN];
    bytes[..8].copy_from_slice(&chunk.end().to_le_bytes());
    bytes[8..].copy_from_slice(chunk.id.as_bytes());
    bytes
}

fn push_u64s(bytes: &mut Vec<u8>, values: &[u64]) {
    for value in values {
        bytes.extend_from_slice(&value.to_le_bytes());
    }
}

/// Reads a u64 at a constant offset that lies inside `bytes`.
fn u64_at<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    let mut value = [0u8; 8];
    value.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(value)
}

/// Largest chunk that casync accepts, in bytes.
pub const MAX_CHUNK_SIZE: u64 = 128 << 20;

const INDEX_LEN: u64 = 48;
const INDEX_TYPE: u64 = 0x9682_4d9c_7b12_9ff9;
const TABLE_LEN: u64 = u64::MAX;
const TABLE_TYPE: u64 = 0xe75b_9e11_2f17_417d;
const TAIL_MARKER: u64 = 0x4b4f_050e_5549_ecd1;
const HEADERS_LEN: usize = 64;
const TABLE_HEADER_LEN: usize = 16;
const ITEM_LEN: usize = 40;
const TAIL_LEN: usize = 40;
/// Length of an index without chunks.
const FIXED_LEN: usize = HEADERS_LEN + TAIL_LEN;

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Index {
        let digest = DigestAlgorithm::Sha512_256;
        let mut index = Index::new(flags::for_blob(digest), digest, (4, 8, 16));
        for size in [5u32, 16, 1] {
            index.push(ChunkId::of(digest, &size.to_le_bytes()), size);
        }
        index
    }

    fn read(bytes: &[u8]) -> Result<Index, IndexError> {
        Index::from_bytes(bytes, &IndexLimits::default())
    }

    fn with_u64(at: usize, value: u64) -> Vec<u8> {
        let mut bytes = sample().to_bytes();
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        bytes
    }

    #[test]
    fn an_index_reads_back_as_it_was_written() {
        let index = sample();
        let bytes = index.to_bytes();
        assert_eq!(bytes.len(), 104 + 40 * 3);
        assert_eq!(read(&bytes).unwrap(), index);
        let mut written = Vec::new();
        index.write(&mut written).unwrap();
        assert_eq!(written, bytes);
        assert_eq!(index.total_size(), 22);
    }

    #[test]
    fn an_empty_index_has_104_bytes() {
        let digest = DigestAlgorithm::Sha256;
        let index = Index::new(flags::for_blob(digest), digest, (1, 1, 1));
        assert_eq!(index.to_bytes().len(), 104);
        let back = read(&index.to_bytes()).unwrap();
        assert_eq!((back.total_size(), back.digest), (0, digest));
    }

    #[test]
    fn every_cut_off_index_is_refused_with_the_offset_of_the_end() {
        let bytes = sample().to_bytes();
        for length in 0..bytes.len() {
            match read(&bytes[..length]) {
                Err(IndexError::Truncated { offset, .. }) => assert_eq!(offset, length as u64),
                other => panic!("{length}: {other:?}"),
            }
        }
    }

    #[test]
    fn wrong_headers_are_refused() {
        for at in [0, 8, 48, 56] {
            let bytes = with_u64(at, 47);
            assert!(
                matches!(read(&bytes), Err(IndexError::Field { offset, .. }) if offset == at as u64),
                "{at}"
            );
        }
        assert!(matches!(
            read(&with_u64(16, 0x2_0000_0000)),
            Err(IndexError::Flags { .. })
        ));
        for (at, value) in [(24, 0), (24, 9), (32, 17), (40, 7), (40, MAX_CHUNK_SIZE + 1)] {
            assert!(
                matches!(read(&with_u64(at, value)), Err(IndexError::ChunkSizes { .. })),
                "{at} {value}"
            );
        }
    }

    #[test]
    fn chunks_that_are_empty_go_back_or_are_too_large_are_refused() {
        for end in [5, 4] {
            assert!(matches!(
                read(&with_u64(104, end)),
                Err(IndexError::NotAscending {
                    offset: 104,
                    start: 5,
                    ..
                })
            ));
        }
        for end in [22, u64::MAX] {
            assert!(matches!(
                read(&with_u64(104, end)),
                Err(IndexError::ChunkTooLarge { offset: 104, .. })
            ));
        }
    }

    #[test]
    fn a_wrong_tail_and_trailing_bytes_are_refused() {
        for at in [192, 200, 208, 216] {
            let expected = at as u64;
            assert!(
                matches!(read(&with_u64(at, 7)), Err(IndexError::Field { offset, .. }) if offset == expected),
                "{at}"
            );
        }
        let mut bytes = sample().to_bytes();
        bytes.push(0);
        assert!(matches!(
            read(&bytes),
            Err(IndexError::TrailingBytes { offset: 224 })
        ));
    }

    #[test]
    fn limits_of_the_caller_hold() {
        let bytes = sample().to_bytes();
        let base = IndexLimits::default();
        let few = IndexLimits {
            max_chunks: 2,
            ..base
        };
        assert!(matches!(
            Index::from_bytes(&bytes, &few),
            Err(IndexError::TooManyChunks { limit: 2, .. })
        ));
        let short = IndexLimits {
            max_total_size: 21,
            ..base
        };
        assert!(matches!(
            Index::from_bytes(&bytes, &short),
            Err(IndexError::StreamTooLong { end: 22, .. })
        ));
        let small = IndexLimits {
            max_chunk_size: 15,
            ..base
        };
        assert!(matches!(
            Index::from_bytes(&bytes, &small),
            Err(IndexError::ChunkSizes { limit: 15, .. })
        ));
    }

    #[test]
    fn limits_of_a_length_fit_the_indexes_of_that_length() {
        let bytes = sample().to_bytes();
        let limits = IndexLimits::for_bytes(bytes.len());
        assert_eq!((limits.max_chunks, limits.max_bytes()), (3, bytes.len()));
        assert_eq!(IndexLimits::for_bytes(bytes.len() - 1).max_chunks, 2);
        assert_eq!(IndexLimits::for_bytes(0).max_chunks, 0);
    }

    #[test]
    fn the_digest_field_decides_the_flag_that_is_written() {
        let mut index = sample();
        index.digest = DigestAlgorithm::Sha256;
        let back = read(&index.to_bytes()).unwrap();
        assert_eq!(back.digest, DigestAlgorithm::Sha256);
        assert_eq!(back.feature_flags, flags::for_blob(DigestAlgorithm::Sha256));
        assert_eq!(other_digest(back.digest), DigestAlgorithm::Sha512_256);
    }

    #[test]
    fn chunks_are_found_by_offset_and_counted_once() {
        let mut index = sample();
        index.push(index.chunks[0].id, 5);
        assert_eq!(index.unique_ids().len(), 3);
        let found: Vec<_> = [0, 4, 5, 20, 21, 26, 27]
            .map(|offset| index.chunk_at(offset))
            .into();
        assert_eq!(
            found,
            [Some(0), Some(0), Some(1), Some(1), Some(2), Some(3), None]
        );
    }
}
