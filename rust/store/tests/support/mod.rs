// SPDX-License-Identifier: MIT
//! What the store tests share: a server that misbehaves on order, and the promises every store must keep.

#![allow(dead_code, reason = "every test binary uses its own part")]

pub mod bad_server;
pub mod conformance;
pub mod stores;
pub mod tls_server;

use vsekai_formats::DigestAlgorithm;
use vsekai_store::{Chunk, StoreFormat};

/// A format with small chunks, so that limits are cheap to reach.
pub fn small_format() -> StoreFormat {
    StoreFormat::default().with_max_chunk(MAX_CHUNK)
}

/// A chunk of `len` bytes that differ for every `seed` and compress about as well as game data.
pub fn chunk(seed: u64, len: usize) -> Chunk {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let plain: Vec<u8> = (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8 & 0x3f
        })
        .collect();
    Chunk::new(DigestAlgorithm::Sha512_256, plain)
}

pub const MAX_CHUNK: usize = 256 << 10;
