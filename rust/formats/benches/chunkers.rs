// SPDX-License-Identifier: MIT
//! Speed of the chunkers and digests on one thread: `cargo bench -p vsekai-formats`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use vsekai_formats::chunker::{Buzhash, BuzhashRules, FastCdc};
use vsekai_formats::{ChunkId, ChunkSizes, Chunker, DigestAlgorithm};

fn main() {
    let data = noise(256 << 20);
    let buzhash = Buzhash::new(ChunkSizes::DEFAULT, BuzhashRules::Modern);
    measure("buzhash 16:64:256", &data, |data| cut(&buzhash, data));
    if let Ok(fastcdc) = FastCdc::new(ChunkSizes::DEFAULT) {
        measure("FastCDC 16:64:256", &data, |data| cut(&fastcdc, data));
    }
    for algorithm in [DigestAlgorithm::Sha512_256, DigestAlgorithm::Sha256] {
        measure(&format!("{algorithm:?}"), &data, |data| {
            black_box(ChunkId::of(algorithm, data));
            1
        });
    }
}

fn cut(chunker: &dyn Chunker, data: &[u8]) -> usize {
    let (mut rest, mut chunks) = (data, 0);
    while !rest.is_empty() {
        rest = &rest[chunker.cut(rest)..];
        chunks += 1;
    }
    chunks
}

/// Prints the best of five runs: the one least disturbed by the rest of the machine.
fn measure(name: &str, data: &[u8], run: impl Fn(&[u8]) -> usize) {
    let mut best = Duration::MAX;
    let mut chunks = 0;
    for _ in 0..5 {
        let start = Instant::now();
        chunks = black_box(run(black_box(data)));
        best = best.min(start.elapsed());
    }
    let speed = data.len() as f64 / best.as_secs_f64() / 1e6;
    println!("{name:<20} {speed:>8.0} MB/s  {chunks} chunks");
}

fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words.take(len / 8).flatten().collect()
}
