// SPDX-License-Identifier: MIT
//! The same folder gives the same release, and the release is the folder.

mod common;

use common::{build, game, noise, write};
use vsekai_formats::release::EntryKind;
use vsekai_formats::{ChunkId, DigestAlgorithm};

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
    for entry in release.entries() {
        if let EntryKind::File { digest, size, .. } = entry.kind {
            let bytes = fs_err::read(dir.path().join(entry.path.as_str())).unwrap();
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
    if std::process::Command::new("desync")
        .arg("--help")
        .output()
        .is_err()
    {
        assert!(
            std::env::var_os("CI").is_none(),
            "install desync for this test: apt install desync"
        );
        eprintln!("skipped: desync is not installed");
        return;
    }
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
    let unpacked = std::process::Command::new("desync")
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
