// SPDX-License-Identifier: MIT
//! Installed files whose bits flip: all of them are found, and only what is damaged is fetched again.

mod support;

use std::path::Path;

use fs_err as fs;
use support::{Scene, game};
use vsekai_engine::EngineError;
use vsekai_formats::index::{Index, IndexLimits};
use vsekai_formats::layout::Layout;
use vsekai_formats::release::{Contents, address};
use vsekai_formats::{ChunkId, codec};

const FLIPS: u64 = 1000;
/// Every so many-th flip is repaired.
const REPAIRED: u64 = 20;

#[tokio::test(flavor = "multi_thread")]
async fn every_flipped_bit_is_found_and_only_its_chunk_is_fetched_again() {
    let scene = Scene::installed().await;
    let Scene { web, player, .. } = &scene;
    let files = game(1);
    let total: u64 = files.values().map(|(bytes, _)| bytes.len() as u64).sum();
    let mut repaired = 0;
    for flip in 0..FLIPS {
        let (path, offset) = place(&files, total * flip / FLIPS + flip % 7);
        let file = player.current().join(&path);
        let whole = fs::read(&file).unwrap();
        let mut bytes = whole.clone();
        bytes[offset] ^= 1 << (flip % 8);
        overwrite(&file, &bytes);
        let report = player.updater.verify().await.unwrap();
        assert_eq!(
            report.damaged,
            std::slice::from_ref(&path),
            "bit {} of byte {offset}",
            flip % 8
        );
        if flip % REPAIRED != 0 {
            overwrite(&file, &whole);
            continue;
        }
        web.reset();
        let done = player.updater.repair().await.unwrap();
        assert_eq!(done.repaired, std::slice::from_ref(&path));
        let chunk = chunk_of(&scene, &path, offset);
        let fetched: Vec<_> = web
            .served()
            .into_iter()
            .filter(|path| path.starts_with("/store/"))
            .collect();
        assert_eq!(fetched, [format!("/store/{}", chunk.store_path(".cacnk"))]);
        player.assert_has(&files);
        repaired += 1;
    }
    assert!(player.updater.verify().await.unwrap().is_intact());
    println!("{FLIPS} flipped bits: all found; {repaired} repaired with one chunk each");
}

/// Returns which file a position of all bytes lies in, and where.
#[tokio::test(flavor = "multi_thread")]
async fn no_server_is_blamed_for_a_document_that_was_damaged_at_home() {
    let scene = Scene::installed().await;
    let player = &scene.player;
    let name = player.current().file_name().unwrap().to_owned();
    let documents = scene.root.path().join(".vsekai/releases").join(name);
    for document in ["manifest.json", "contents.json.zst", "index.caidx"] {
        let file = documents.join(document);
        let whole = fs::read(&file).unwrap();
        let mut bytes = whole.clone();
        bytes[whole.len() / 2] ^= 1;
        overwrite(&file, &bytes);
        let error = player.updater.verify().await.unwrap_err();
        assert!(matches!(error, EngineError::BadRecord { .. }), "{error:?}");
        assert!(!error.retry() && !error.hint().unwrap().contains("server"));
        overwrite(&file, &whole);
    }
    assert!(player.updater.verify().await.unwrap().is_intact());
}

fn place(files: &support::Files, mut position: u64) -> (String, usize) {
    for (path, (bytes, _)) in files {
        if position < bytes.len() as u64 {
            return (path.clone(), position as usize);
        }
        position -= bytes.len() as u64;
    }
    // The last positions wrap around.
    place(files, position)
}

/// Returns the chunk that holds a byte of a file.
fn chunk_of(scene: &Scene, path: &str, offset: usize) -> ChunkId {
    let manifest = &scene.first;
    let place = address::contents(&manifest.title, manifest.platform, &manifest.version);
    let stored = fs::read(scene.site.path().join(place)).unwrap();
    let json = codec::decompress(&stored, 1 << 24).unwrap();
    let contents: Contents = serde_json::from_slice(&json).unwrap();
    let name = address::index_name(&manifest.title, manifest.platform, &manifest.version);
    let index = fs::read(scene.site.path().join("index").join(name)).unwrap();
    let index = Index::from_bytes(&index, &IndexLimits::default()).unwrap();
    let entry = contents
        .entries
        .iter()
        .position(|entry| entry.path.as_str() == path);
    let layout = Layout::of(&contents).unwrap();
    let at = layout.payload(entry.unwrap()).unwrap().start + offset as u64;
    let chunk = index.chunks.iter().find(|chunk| chunk.range().contains(&at));
    chunk.unwrap().id
}

/// Changes an installed file's bytes, which no other version shares here.
fn overwrite(file: &Path, bytes: &[u8]) {
    let mode = fs::metadata(file).unwrap().permissions();
    fs::remove_file(file).unwrap();
    fs::write(file, bytes).unwrap();
    fs::set_permissions(file, mode).unwrap();
}
