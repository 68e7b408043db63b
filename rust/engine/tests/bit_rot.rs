// SPDX-License-Identifier: MIT
//! Installed files and documents whose bits flip: all of them are found, and only what is damaged is fetched again.

mod support;

use std::path::{Path, PathBuf};

use fs_err as fs;
use support::web::Answer;
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

#[tokio::test(flavor = "multi_thread")]
async fn no_server_is_blamed_for_a_document_that_was_damaged_at_home() {
    let scene = Scene::installed().await;
    let updater = &scene.player.updater;
    for document in [MANIFEST, CONTENTS, INDEX] {
        let file = documents(&scene).join(document);
        let whole = fs::read(&file).unwrap();
        overwrite(&file, &flipped(&whole));
        for error in [
            updater.verify().await.unwrap_err(),
            updater.verify_quick().await.unwrap_err(),
        ] {
            assert!(matches!(error, EngineError::DamagedDocument { .. }), "{error:?}");
            let hint = error.hint().unwrap();
            assert!(hint.contains("Repair") && !hint.contains("server"), "{hint}");
            assert!(!error.retry());
        }
        overwrite(&file, &whole);
    }
    assert!(updater.verify().await.unwrap().is_intact());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_damaged_or_gone_is_fetched_again_by_a_repair() {
    let scene = Scene::installed().await;
    let Scene { web, player, .. } = &scene;
    let tree = player.current();
    for document in [MANIFEST, CONTENTS, INDEX] {
        let file = documents(&scene).join(document);
        let whole = fs::read(&file).unwrap();
        for damage in [Some(flipped(&whole)), None] {
            match damage {
                Some(bytes) => overwrite(&file, &bytes),
                None => fs::remove_file(&file).unwrap(),
            }
            web.reset();
            let repaired = player.updater.repair().await.unwrap();
            assert!(repaired.repaired.is_empty() && repaired.done.is_none());
            assert_eq!(fs::read(&file).unwrap(), whole);
            assert_eq!(web.chunks_served(), 0);
        }
    }
    assert!(player.updater.verify().await.unwrap().is_intact());
    assert_eq!(player.current(), tree);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_repaired_by_a_list_of_files_that_was_damaged_with_them() {
    let scene = Scene::installed().await;
    let Scene { web, player, .. } = &scene;
    let file = documents(&scene).join(CONTENTS);
    let damaged = flipped(&fs::read(&file).unwrap());
    overwrite(&file, &damaged);
    fs::remove_file(player.current().join("data/changed.txt")).unwrap();
    for fault in [Answer::Status(404), Answer::FlipBit] {
        web.on(move |_| fault.clone());
        player.updater.repair().await.unwrap_err();
        assert_eq!(fs::read(&file).unwrap(), damaged, "nothing false takes its place");
    }
    web.reset();
    let repaired = player.updater.repair().await.unwrap();
    assert_eq!(repaired.repaired, ["data/changed.txt"]);
    player.assert_has(&game(1));
    assert!(player.updater.verify().await.unwrap().is_intact());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_takes_along_what_a_damaged_list_of_files_says_nothing_of() {
    for can_be_fetched in [true, false] {
        let scene = Scene::installed().await;
        let Scene { web, player, .. } = &scene;
        overwrite(&documents(&scene).join(CONTENTS), b"damaged");
        fs::write(player.current().join("mine.txt"), b"mine").unwrap();
        scene.site.publish(&game(2), "2.0", 2);
        let manifest = &scene.first;
        let lacking = address::contents(&manifest.title, manifest.platform, &manifest.version);
        web.on(move |path| match !can_be_fetched && path.ends_with(&lacking) {
            true => Answer::Status(404),
            false => Answer::Serve,
        });
        player.updater.update().await.unwrap();
        let is_there = player.current().join("mine.txt").exists();
        let reused = player.plans().last().unwrap().reused_bytes;
        assert_eq!((is_there, reused > 0), (can_be_fetched, can_be_fetched));
        for (path, (bytes, _)) in game(2) {
            assert_eq!(fs::read(player.current().join(path)).unwrap(), bytes);
        }
    }
}

const MANIFEST: &str = "manifest.json";
const CONTENTS: &str = "contents.json.zst";
const INDEX: &str = "index.caidx";

/// Returns the folder of the installed version's documents.
fn documents(scene: &Scene) -> PathBuf {
    let name = scene.player.current().file_name().unwrap().to_owned();
    scene.root.path().join(".vsekai/releases").join(name)
}

/// Returns `bytes` with a bit changed in the middle.
fn flipped(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    bytes
}

/// Returns which file a position of all bytes lies in, and where.
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
