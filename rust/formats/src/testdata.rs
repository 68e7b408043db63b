// SPDX-License-Identifier: MIT
//! Data that the published vectors of the desync protocol are made from.

use sha2::{Digest as _, Sha256};

/// Returns the first `len` bytes of SHA-256(0) || SHA-256(1) || ... over little-endian u64 counters.
pub fn synthetic(len: usize) -> Vec<u8> {
    let blocks = (0u64..).take(len.div_ceil(32));
    let mut bytes: Vec<u8> = blocks
        .flat_map(|counter| Sha256::digest(counter.to_le_bytes()))
        .collect();
    bytes.truncate(len);
    bytes
}

/// Returns where the chunks of `data` end.
pub fn cut_ends(chunker: &dyn crate::chunker::Chunker, data: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    while let Some(rest) = data.get(at..).filter(|rest| !rest.is_empty()) {
        at += chunker.cut(&rest[..rest.len().min(chunker.sizes().max())]);
        ends.push(at);
    }
    ends
}

#[test]
fn synthetic_data_has_its_published_hash() {
    assert_eq!(
        hex::encode(Sha256::digest(synthetic(3_000_000))),
        "72051d9c5e4407e09d42bca2d09039d36787f38e85da3014ae87fae30c2bf8d8"
    );
}
