// SPDX-License-Identifier: MIT
//! Thousands of damaged indexes, chunks and archives: each gives a typed error or content that is right,
//! never a panic and never more memory than the bound.

use vsekai_formats::catar::{DecodeLimits, Decoder, Encoder, Metadata};
use vsekai_formats::{ChunkId, DigestAlgorithm, Index, IndexLimits, codec, flags};

const ROUNDS: u64 = 12_000;

/// A small, fast generator: the same damage on every machine and every run.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// Damages `good` in one to four places.
    fn damage(&mut self, good: &[u8]) -> Vec<u8> {
        let mut bytes = good.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            match self.below(7) {
                0 => bytes.truncate(at),
                1 => bytes.extend_from_within(..at),
                2 => {
                    bytes.drain(at..bytes.len().min(at + 40));
                }
                3 => self.overwrite(
                    &mut bytes,
                    at & !7,
                    &INTERESTING[self.0 as usize % INTERESTING.len()],
                ),
                4 => self.overwrite(&mut bytes, at, &INTERESTING[self.0 as usize % INTERESTING.len()]),
                _ => {
                    let flip = 1 << self.below(8);
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte ^= flip;
                    }
                }
            }
        }
        bytes
    }

    fn overwrite(&mut self, bytes: &mut [u8], at: usize, value: &u64) {
        for (byte, new) in bytes.iter_mut().skip(at).zip(value.to_le_bytes()) {
            *byte = new;
        }
    }
}

const INTERESTING: [u64; 12] = [
    0,
    1,
    15,
    16,
    17,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 40,
    1 << 63,
    u64::MAX - 15,
    u64::MAX,
];

fn sample_index() -> Vec<u8> {
    let digest = DigestAlgorithm::Sha512_256;
    let mut index = Index::new(flags::for_blob(digest), digest, (16, 64, 256));
    for number in 0..20u32 {
        index.push(ChunkId::of(digest, &number.to_le_bytes()), 1 + number * 12);
    }
    index.to_bytes()
}

fn sample_archive() -> Vec<u8> {
    let folder = Metadata {
        mode: 0o755,
        xattrs: [(b"user.a".to_vec(), b"value".to_vec())].into(),
        ..Metadata::default()
    };
    let mut encoder = Encoder::new(Vec::new(), DigestAlgorithm::Sha512_256);
    encoder.folder(None, &folder).unwrap();
    encoder
        .file(Some(b"a"), &folder, 100, &mut [7; 100].as_slice())
        .unwrap();
    encoder.folder(Some(b"b"), &folder).unwrap();
    encoder.link(Some(b"c"), &folder, b"../a").unwrap();
    encoder.leave().unwrap();
    let device = Metadata {
        mode: 0o60_600,
        ..Metadata::default()
    };
    encoder.device(Some(b"d"), &device, 8, 1).unwrap();
    encoder.leave().unwrap();
    encoder.finish().unwrap()
}

#[test]
fn damaged_indexes_are_refused_or_consistent() {
    let good = sample_index();
    let mut noise = Noise(1);
    let mut refused = 0;
    for _ in 0..ROUNDS {
        let bytes = noise.damage(&good);
        match Index::from_bytes(&bytes, &IndexLimits::default()) {
            Ok(index) => {
                assert_eq!(index.to_bytes(), bytes);
                assert!(
                    index
                        .chunks
                        .iter()
                        .all(|chunk| u64::from(chunk.size) <= index.chunk_max)
                );
            }
            Err(error) => {
                assert!(!error.to_string().is_empty());
                refused += 1;
            }
        }
    }
    assert!(refused > ROUNDS / 2, "{refused}");
}

#[test]
fn damaged_chunks_never_pass_for_the_right_ones() {
    let digest = DigestAlgorithm::Sha512_256;
    let plain: Vec<u8> = (0..4000u32).flat_map(|n| (n * n).to_le_bytes()).collect();
    let id = ChunkId::of(digest, &plain);
    let good = codec::compress(&plain, 3).unwrap();
    let mut noise = Noise(2);
    let mut decompressor = codec::Decompressor::new().unwrap();
    for _ in 0..ROUNDS {
        let bytes = noise.damage(&good);
        match decompressor.decode_verified(id, digest, &bytes, 1 << 16) {
            Ok(found) => assert_eq!(found, plain),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        if let Ok(found) = decompressor.decompress(&bytes, 1 << 16) {
            assert!(found.capacity() <= 1 << 16);
        }
    }
}

#[test]
fn damaged_archives_are_read_to_an_end_or_an_error() {
    let good = sample_archive();
    let mut noise = Noise(3);
    let mut refused = 0;
    for _ in 0..ROUNDS {
        let bytes = noise.damage(&good);
        let mut decoder = Decoder::new(bytes.as_slice(), DecodeLimits::default());
        let mut steps = 0;
        loop {
            match decoder.next_event() {
                Ok(Some(_)) => steps += 1,
                Ok(None) => break,
                Err(error) => {
                    assert!(!error.to_string().is_empty());
                    refused += 1;
                    break;
                }
            }
            assert!(steps <= bytes.len(), "an archive has fewer nodes than bytes");
        }
    }
    assert!(refused > ROUNDS / 2, "{refused}");
}
