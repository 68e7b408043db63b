// SPDX-License-Identifier: MIT
//! Index files of known data, byte for byte as desync 1.0.4 and casync 2 write them.

use sha2::{Digest as _, Sha256};
use vsekai_formats::chunker::{BlockCutter, BlockWriter, Buzhash, BuzhashRules};
use vsekai_formats::{ChunkId, ChunkSizes, DigestAlgorithm, Index, flags};

use DigestAlgorithm::{Sha256 as Sha2, Sha512_256};

/// Which program's index to reproduce.
#[derive(Clone, Copy)]
enum Writer {
    Desync104,
    Casync,
}

/// Returns the first `len` bytes of SHA-256(0) || SHA-256(1) || ... over little-endian u64 counters.
fn synthetic(len: usize) -> Vec<u8> {
    let blocks = (0u64..).take(len.div_ceil(32));
    let mut bytes: Vec<u8> = blocks
        .flat_map(|counter| Sha256::digest(counter.to_le_bytes()))
        .collect();
    bytes.truncate(len);
    bytes
}

fn index(data: &[u8], sizes: &str, digest: DigestAlgorithm, writer: Writer) -> Index {
    let (rules, feature_flags) = match writer {
        Writer::Desync104 => (BuzhashRules::DesyncLegacy, flags::for_blob_legacy(digest)),
        Writer::Casync => (BuzhashRules::Casync, flags::for_blob(digest)),
    };
    let sizes: ChunkSizes = sizes.parse().unwrap();
    let mut index = Index::new(feature_flags, digest, sizes.for_index());
    let mut cutter = BlockCutter::new(Buzhash::new(sizes, rules), |chunk| {
        index.push(ChunkId::of(digest, &chunk), u32::try_from(chunk.len()).unwrap());
        Ok(())
    });
    let mut writer = BlockWriter::new(sizes, |block| cutter.cut(block));
    writer.read_from(data).unwrap();
    writer.finish().unwrap();
    cutter.finish().unwrap();
    index
}

fn check(data: &[u8], sizes: &str, digest: DigestAlgorithm, writer: Writer, chunks: usize, sha256: &str) {
    let index = index(data, sizes, digest, writer);
    let bytes = index.to_bytes();
    assert_eq!(index.chunks.len(), chunks, "{sizes} {digest:?}");
    assert_eq!(hex::encode(Sha256::digest(&bytes)), sha256, "{sizes} {digest:?}");
}

#[test]
fn indexes_of_the_synthetic_blob_match_desync_and_casync() {
    use Writer::{Casync, Desync104};
    let blob = synthetic(3_000_000);
    for (sizes, digest, writer, chunks, sha256) in [
        (
            "16:64:256",
            Sha512_256,
            Desync104,
            47,
            "720228aad4417e06a3b29d99e7aada9ae0945697a2f441834f74c87173e52017",
        ),
        (
            "16:64:256",
            Sha2,
            Desync104,
            47,
            "6948e6c3e0ced3a421bf2608cd2019522f5c1c50ce38d77e89d41f1cbe3c83d9",
        ),
        (
            "16:64:256",
            Sha512_256,
            Casync,
            47,
            "dbf7da1d062443dc943ff5837889cf415138c34405121eeb14f6d8c18cd78330",
        ),
        (
            "1:4:16",
            Sha512_256,
            Desync104,
            758,
            "f629c1db232758b78f8a82e6c76788eb8eb813e692830ff66ebd85d9ce3b92ef",
        ),
        (
            "256:1024:4096",
            Sha512_256,
            Desync104,
            4,
            "727c22f40bb6d4891f857e25a820157dd9f3e4ed57a4f0ce1bf701f7ef671d96",
        ),
        (
            "64:64:64",
            Sha512_256,
            Desync104,
            46,
            "48e0b7c8034dda1ca8339d2f6a1430f538e7267227dca3572fdbd7c45a7b4b4e",
        ),
    ] {
        check(&blob, sizes, digest, writer, chunks, sha256);
    }
}

#[test]
fn indexes_of_zeros_and_tiny_blobs_match_desync() {
    for (data, chunks, sha256) in [
        (
            vec![0; 1_000_000],
            4,
            "c7e0420801beaa807015000271142b3c9818185d8c9cce9aa13bd0433eba2f28",
        ),
        (
            synthetic(16384),
            1,
            "6e6af298b580d83921e42c5a4cc078c74f90c66d4e0e9440a53d5889074a74c1",
        ),
        (
            synthetic(16385),
            1,
            "ab5e8ba06cc7a1b6cedf45cdcb43951a58dff96ec860591425cd44800502fcf8",
        ),
        (
            vec![],
            0,
            "36b9d418ffbe5b2593e584ed813a2ed45e69915db055ceb4e15b3b3a57977c20",
        ),
    ] {
        check(&data, "16:64:256", Sha512_256, Writer::Desync104, chunks, sha256);
    }
}

#[test]
fn chunk_ids_of_the_synthetic_blob_match_desync() {
    let blob = synthetic(3_000_000);
    let index = index(&blob, "16:64:256", Sha512_256, Writer::Desync104);
    for (position, start, size, id) in [
        (
            0,
            0,
            80921,
            "0fac270dc01e8432b80e21552476de6483653a3b261f710457abdd5c8f22e860",
        ),
        (
            1,
            80921,
            57299,
            "9f0c3d2c709f1b9d28ecbfde5cdcf70bf7e1bf317fbf115896d75e0a5aef9aa5",
        ),
        (
            2,
            138_220,
            49192,
            "ccb2b7fdf100a825cc8325a75e5cee8bc207821e7284e5f19be39d7c6e562c81",
        ),
        (
            46,
            2_969_955,
            30045,
            "d0d736a2d872e71666ed17fd439ec59450418ec4005317a0c5e27827c7b65984",
        ),
    ] {
        let chunk = index.chunks[position];
        assert_eq!(
            (chunk.start, chunk.size, chunk.id.to_string()),
            (start, size, id.to_owned())
        );
    }
}

#[test]
fn a_boundary_at_the_minimum_is_cut_by_casync_and_not_by_old_desync() {
    let mut data = synthetic(1_000_000);
    data[16376..16384].copy_from_slice(&27205u64.to_le_bytes());
    let legacy = "596e710de165d13800dbf581cd7d67ae958f2c40f056e47ea2178ace563fcb0c";
    check(&data, "16:64:256", Sha512_256, Writer::Desync104, 16, legacy);
    let casync = "5231c62a6824203c66eed6d97d4298189ecc180fdc905bffdb911a10e63423dc";
    check(&data, "16:64:256", Sha512_256, Writer::Casync, 17, casync);
}
