// SPDX-License-Identifier: MIT
//! What holds for every input of the fuzz targets; the tests of `vsekai-formats` replay the corpus by the same functions.

use vsekai_formats::DigestAlgorithm::Sha512_256;
use vsekai_formats::catar::{DecodeLimits, Decoder};
use vsekai_formats::codec::{self, Decompressor};
use vsekai_formats::{ChunkId, Index, IndexLimits};

/// An index is refused, or writes back as the very same bytes.
pub fn index(bytes: &[u8]) {
    if let Ok(index) = Index::from_bytes(bytes, &IndexLimits::default()) {
        assert_eq!(index.to_bytes(), bytes);
    }
}

/// An archive is read to its end or to an error.
pub fn catar(bytes: &[u8]) {
    let mut decoder = Decoder::new(bytes, DecodeLimits::default());
    while let Ok(Some(_)) = decoder.next_event() {}
}

/// Stored chunks decompress within their bound or not at all, whatever was decompressed before, to what lies bare in
/// them if anything does, and several have the ids together that they have alone.
pub fn chunk(bytes: &[u8]) {
    let mut used = Decompressor::new().unwrap();
    let mut plains = Vec::new();
    for frame in frames(bytes) {
        let plain = codec::decompress(frame, MAX);
        assert_eq!(used.decompress(frame, MAX), plain);
        if let Some(content) = codec::bare_content(frame, MAX) {
            assert_eq!(plain.as_deref(), Ok(&frame[content]));
        }
        if let Ok(plain) = plain {
            assert!(plain.len() <= MAX);
            plains.push(plain);
        }
    }
    let plains: Vec<&[u8]> = plains.iter().map(Vec::as_slice).collect();
    let alone: Vec<ChunkId> = plains
        .iter()
        .map(|plain| ChunkId::of(Sha512_256, plain))
        .collect();
    assert_eq!(ChunkId::of_each(Sha512_256, &plains), alone);
}

/// Returns the pieces that begin with zstd's first bytes, and what lies before them.
fn frames(bytes: &[u8]) -> Vec<&[u8]> {
    let windows = bytes.windows(MAGIC.len()).enumerate().skip(1);
    let starts = windows.filter(|(_, window)| *window == MAGIC).map(|(at, _)| at);
    let cuts: Vec<usize> = [0].into_iter().chain(starts).chain([bytes.len()]).collect();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

const MAX: usize = 1 << 18;
const MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
