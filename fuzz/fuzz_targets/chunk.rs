// SPDX-License-Identifier: MIT
//! Stored chunks decompress within their bound or not at all, whatever was decompressed before, to what lies bare in
//! them if anything does, and several have the ids together that they have alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vsekai_formats::ChunkId;
use vsekai_formats::DigestAlgorithm::Sha512_256;
use vsekai_formats::codec::{self, Decompressor};

const MAX: usize = 1 << 18;
const MAGIC: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

fuzz_target!(|bytes: &[u8]| {
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
});

/// Returns the pieces that begin with zstd's first bytes, and what lies before them.
fn frames(bytes: &[u8]) -> Vec<&[u8]> {
    let windows = bytes.windows(MAGIC.len()).enumerate().skip(1);
    let starts = windows.filter(|(_, window)| *window == MAGIC).map(|(at, _)| at);
    let cuts: Vec<usize> = [0].into_iter().chain(starts).chain([bytes.len()]).collect();
    cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}
