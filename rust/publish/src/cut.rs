// SPDX-License-Identifier: MIT
//! Cuts a stream that arrives in pieces into chunks, on all processors, always at the same places.
//!
//! The stream is divided into regions; a chunk never crosses from one region into the next. Inside a region
//! a cut depends on nothing but the bytes since the last cut, so regions can be cut independently of each
//! other and of how the stream was divided into pieces.

use rayon::prelude::*;
use vsekai_formats::chunker::Chunker;
use vsekai_formats::index::Index;
use vsekai_formats::{ChunkId, DigestAlgorithm};

/// Cuts one stream.
pub(crate) struct Cutter<'a> {
    chunker: &'a dyn Chunker,
    /// Ends of the regions, ascending; the last is the end of the stream.
    region_ends: &'a [u64],
    /// Where in the stream the next chunk starts.
    position: u64,
}

/// A part of a region in memory.
struct Piece<'a> {
    bytes: &'a [u8],
    /// Whether the region ends here.
    closed: bool,
}

impl<'a> Cutter<'a> {
    pub(crate) fn new(chunker: &'a dyn Chunker, region_ends: &'a [u64]) -> Self {
        Self {
            chunker,
            region_ends,
            position: 0,
        }
    }

    /// Appends the chunks that are certain to `index` and returns how many bytes at the end of `bytes` are
    /// left over: less than a largest chunk, to be put before the next bytes.
    ///
    /// `bytes` starts where the next chunk does.
    pub(crate) fn update(&mut self, bytes: &[u8], index: &mut Index) -> usize {
        let pieces = self.divide(bytes);
        let chunker = self.chunker;
        let cuts: Vec<Vec<&[u8]>> = pieces.par_iter().map(|piece| cut(chunker, piece)).collect();
        let chunks: Vec<&[u8]> = cuts.into_iter().flatten().collect();
        let name = |chunk: &&[u8]| ChunkId::of(DigestAlgorithm::Sha512_256, chunk);
        let ids: Vec<ChunkId> = chunks.par_iter().map(name).collect();
        let mut used = 0;
        for (chunk, id) in chunks.iter().zip(ids) {
            // A chunk is at most 128 MiB long.
            index.push(id, u32::try_from(chunk.len()).unwrap_or(u32::MAX));
            used += chunk.len();
        }
        self.position = self.position.saturating_add(used as u64);
        bytes.len() - used
    }

    fn divide<'b>(&self, bytes: &'b [u8]) -> Vec<Piece<'b>> {
        let mut rest = bytes;
        let mut at = self.position;
        let mut pieces = Vec::new();
        let first = self.region_ends.partition_point(|end| *end <= at);
        for end in self.region_ends.iter().skip(first) {
            let len = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
            match rest.split_at_checked(len) {
                Some((piece, after)) => {
                    pieces.push(Piece {
                        bytes: piece,
                        closed: true,
                    });
                    rest = after;
                    at = *end;
                }
                None => {
                    pieces.push(Piece {
                        bytes: rest,
                        closed: false,
                    });
                    break;
                }
            }
        }
        pieces
    }
}

/// Cuts a piece; the end of a piece whose region goes on is left out, for a cut there needs to see more.
fn cut<'b>(chunker: &dyn Chunker, piece: &Piece<'b>) -> Vec<&'b [u8]> {
    let mut chunks = Vec::new();
    let mut rest = piece.bytes;
    while !rest.is_empty() && (piece.closed || rest.len() >= chunker.sizes().max()) {
        let Some((chunk, after)) = rest
            .split_at_checked(chunker.cut(rest))
            .filter(|(chunk, _)| !chunk.is_empty())
        else {
            break;
        };
        chunks.push(chunk);
        rest = after;
    }
    chunks
}
