// SPDX-License-Identifier: MIT
//! Data for tests: what the published vectors of the desync protocol are made from, and lists of contents.

use std::io::Write as _;

use sha2::{Digest as _, Sha256};

use crate::id::ChunkId;
use crate::name::TreePath;
use crate::release::{Contents, Entries, Entry, EntryKind, SCHEMA};

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

/// Returns a frame as casync writes it: without the length of its content; optionally with a checksum.
pub fn streamed(plain: &[u8], checksum: bool) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
    encoder.include_checksum(checksum).unwrap();
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// Returns an entry of a list of contents.
pub fn entry(path: &str, kind: EntryKind) -> Entry {
    let path = TreePath::parse(path).unwrap();
    Entry { path, kind }
}

/// Returns a file that is no program; its digest is zeros.
pub fn file(path: &str, size: u64) -> Entry {
    let kind = EntryKind::File {
        size,
        executable: false,
        digest: ChunkId::from_bytes([0; 32]),
    };
    entry(path, kind)
}

/// Returns a list of contents without chunks.
pub fn contents(entries: &[Entry]) -> Contents {
    Contents {
        schema: SCHEMA,
        entries: Entries::of(entries).unwrap(),
        stored_sizes: vec![],
    }
}

#[test]
fn synthetic_data_has_its_published_hash() {
    assert_eq!(
        hex::encode(Sha256::digest(synthetic(3_000_000))),
        "72051d9c5e4407e09d42bca2d09039d36787f38e85da3014ae87fae30c2bf8d8"
    );
}
