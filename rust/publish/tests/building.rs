// SPDX-License-Identifier: MIT
//! The same folder gives the same release, and the release is the folder.

mod common;

use common::{build, game, noise, write};
use vsekai_formats::release::EntryKind;
use vsekai_formats::{ChunkId, DigestAlgorithm};
use xtask::tools::Tool;

#[test]
fn the_same_tree_gives_the_same_bytes_with_any_number_of_threads() {
    let (first, second) = (game(), game());
    let expected = build(first.path(), "1");
    for threads in [1, 2, 5] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let found = pool.install(|| build(second.path(), "1"));
        assert_eq!(found.index(), expected.index(), "{threads}");
        assert_eq!(found.entries(), expected.entries(), "{threads}");
    }
}

#[test]
fn digests_are_those_of_the_files_also_across_buffers() {
    let dir = game();
    // Longer than both buffers together, and not a multiple of either.
    write(dir.path(), "data/huge.bin", &noise(7, (40 << 20) + 12_345));
    let release = build(dir.path(), "1");
    let mut files = 0;
    for entry in release.entries().iter() {
        if let EntryKind::File { digest, size, .. } = entry.kind {
            let bytes = fs_err::read(dir.path().join(entry.path.to_string())).unwrap();
            assert_eq!(bytes.len() as u64, size);
            assert_eq!(
                ChunkId::of(DigestAlgorithm::Sha512_256, &bytes),
                digest,
                "{}",
                entry.path
            );
            files += 1;
        }
    }
    assert_eq!(files, release.files());
    for chunk in &release.index().chunks {
        assert!(chunk.size <= 256 << 10);
        assert_eq!(release.read_chunk(chunk).unwrap().len(), chunk.size as usize);
    }
}

#[test]
fn a_change_in_one_file_leaves_the_chunks_of_the_others_alone() {
    let dir = game();
    let before = build(dir.path(), "1");
    write(dir.path(), "data/deeper/other.bin", &noise(4, 25_000));
    let after = build(dir.path(), "2");
    let known = before.index().unique_ids();
    let new: u64 = after
        .index()
        .unique_chunks()
        .filter(|chunk| !known.contains(&chunk.id))
        .map(|chunk| u64::from(chunk.size))
        .sum();
    assert!((25_000..60_000).contains(&new), "{new}");
}

#[test]
fn a_stock_desync_unpacks_the_tree() {
    let Some(desync) = vsekai_tests::tool(Tool::Desync) else {
        return;
    };
    let (dir, out) = (game(), tempfile::tempdir().unwrap());
    let release = build(dir.path(), "1");
    let store = out.path().join("store");
    for chunk in release.index().unique_chunks() {
        let plain = release.read_chunk(chunk).unwrap();
        let path = store.join(chunk.id.store_path(".cacnk"));
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, vsekai_formats::codec::compress(&plain, 3).unwrap()).unwrap();
    }
    let (index, tree) = (out.path().join("tree.caidx"), out.path().join("tree"));
    fs_err::write(&index, release.index().to_bytes()).unwrap();
    fs_err::create_dir(&tree).unwrap();
    let unpacked = std::process::Command::new(desync)
        // Where it looks for its configuration; there is none.
        .env("HOME", out.path())
        .args(["untar", "--no-same-owner", "-i", "-s"])
        .args([&store, &index, &tree])
        .output()
        .unwrap();
    assert!(
        unpacked.status.success(),
        "{}",
        String::from_utf8_lossy(&unpacked.stderr)
    );
    let again = build(&tree, "1");
    assert_eq!(again.index(), release.index());
}

/// A Godot pack of format 3 with `files`, padded to 16 bytes, directory at the end.
fn pack(files: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = b"GDPC".to_vec();
    for value in [3u32, 4, 6, 3, 0] {
        bytes.extend(value.to_le_bytes());
    }
    bytes.resize(112, 0);
    let mut directory = (files.len() as u32).to_le_bytes().to_vec();
    for file in files {
        directory.extend(4u32.to_le_bytes());
        directory.extend(b"file");
        directory.extend((bytes.len() as u64 - 112).to_le_bytes());
        directory.extend((file.len() as u64).to_le_bytes());
        directory.extend([0; 20]);
        bytes.extend(file);
        bytes.resize(bytes.len().next_multiple_of(16), 0);
    }
    let at = bytes.len() as u64;
    bytes[24..32].copy_from_slice(&112u64.to_le_bytes());
    bytes[32..40].copy_from_slice(&at.to_le_bytes());
    bytes.extend(directory);
    bytes
}

#[test]
fn resources_of_a_pack_keep_their_chunks_when_they_move() {
    let dir = game();
    let files: Vec<Vec<u8>> = (10..30)
        .map(|seed| noise(seed, 30_000 + seed as usize * 1000))
        .collect();
    write(dir.path(), "game.pck", &pack(&files));
    let before = build(dir.path(), "1");
    let mut moved = files.clone();
    moved.reverse();
    moved.push(noise(99, 40_000));
    write(dir.path(), "game.pck", &pack(&moved));
    let after = build(dir.path(), "2");
    let known = before.index().unique_ids();
    let new = after
        .index()
        .unique_chunks()
        .filter(|chunk| !known.contains(&chunk.id));
    let new: u64 = new.map(|chunk| u64::from(chunk.size)).sum();
    // The new resource, the directory, and the chunks that the pack's head and end share with a resource.
    assert!((40_000..200_000).contains(&new), "{new} of {}", after.bytes());
}
