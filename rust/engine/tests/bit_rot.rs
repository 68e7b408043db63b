// SPDX-License-Identifier: MIT
//! Installed files and documents whose bits flip: all of them are found, and only what is damaged is fetched again.

mod support;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use fs_err as fs;
use support::web::Answer;
use support::{Scene, game, listing, memory_folder};
use vsekai_engine::{CheckOutcome, EngineError, ErrorCode, UserFiles};
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
    for file in each_document(&scene) {
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
    for file in each_document(&scene) {
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
async fn a_manifest_with_a_bit_of_its_schema_flipped_is_not_taken_for_a_newer_launchers() {
    let scene = Scene::installed().await;
    let updater = &scene.player.updater;
    let file = documents(&scene).join(MANIFEST);
    let whole = fs::read_to_string(&file).unwrap();
    let damaged = whole.replacen("\"schema\":1", "\"schema\":3", 1);
    assert_ne!(damaged, whole);
    overwrite(&file, damaged.as_bytes());
    let damage = updater.status().unwrap().damage;
    assert!(damage.len() == 1 && damage[0].repair, "{damage:?}");
    updater.repair().await.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), whole);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_check_and_the_status_tell_of_damaged_documents_whether_the_server_can_be_asked_or_not() {
    let scene = Scene::installed().await;
    let Scene { web, player, .. } = &scene;
    assert_eq!(player.updater.status().unwrap().damage, []);
    for file in each_document(&scene) {
        let whole = fs::read(&file).unwrap();
        for damage in [Some(flipped(&whole)), None] {
            match &damage {
                Some(bytes) => overwrite(&file, bytes),
                None => fs::remove_file(&file).unwrap(),
            }
            for is_online in [true, false] {
                web.on(move |_| match is_online {
                    true => Answer::Serve,
                    false => Answer::HangUp,
                });
                let before = player.notices("damaged-document").len();
                assert_eq!(player.updater.check().await.is_ok(), is_online);
                let told = player.notices("damaged-document").split_off(before);
                assert!(
                    told.len() == 1 && told[0].contains("Repair"),
                    "{}: {told:?}",
                    file.display()
                );
                let damage = player.updater.status().unwrap().damage;
                assert!(damage.len() == 1 && damage[0].line() == told[0], "{damage:?}");
            }
            assert_eq!(fs::read(&file).ok(), damage, "a look mends nothing");
            let _ = fs::remove_file(&file);
            fs::write(&file, &whole).unwrap();
        }
    }
    assert_eq!(player.updater.status().unwrap().damage, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_changes_nothing_in_the_folder_whatever_is_damaged_and_offered() {
    let scene = Scene::installed().await;
    let Scene { web, player, .. } = &scene;
    let root = scene.root.path();
    scene.site.publish(&game(2), "2.0", 2);
    let everything = || {
        let mut found = listing(root);
        // What is remembered of the server's signed metadata, so that it never shows older ones.
        found.retain(|path, _| !path.starts_with(root.join(".vsekai/trust")));
        found
    };
    let whole = each_document(&scene).map(|file| {
        let whole = fs::read(&file).unwrap();
        (file, whole)
    });
    for (file, whole) in &whole {
        overwrite(file, &flipped(whole));
        for record in ["preferences.json", "starts.json", "read-token.json"] {
            fs::write(root.join(".vsekai").join(record), b"damaged").unwrap();
        }
        web.reset();
        let before = everything();
        let CheckOutcome::Available { plan } = player.updater.check().await.unwrap() else {
            panic!("not offered")
        };
        assert!(plan.reused_bytes > 0, "planned as an update would go about it");
        let damaged = player.updater.verify().await.unwrap_err();
        assert_eq!(damaged.code(), ErrorCode::Damaged, "{damaged}");
        player.updater.verify_quick().await.unwrap_err();
        player.updater.channels().await.unwrap();
        assert_eq!(everything(), before, "{}", file.display());
        overwrite(file, whole);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_documents_of_an_older_version_are_fetched_before_it_is_gone_back_to() {
    for document in [MANIFEST, CONTENTS, INDEX] {
        let scene = Scene::installed().await;
        let Scene { web, player, .. } = &scene;
        let file = documents(&scene).join(document);
        scene.site.publish(&game(2), "2.0", 2);
        player.updater.update().await.unwrap();
        let whole = fs::read(&file).unwrap();
        overwrite(&file, &flipped(&whole));
        web.on(|_| Answer::HangUp);
        let before = listing(scene.root.path());
        let error = player.updater.rollback().await.unwrap_err();
        assert_eq!(error.code(), ErrorCode::Offline, "{error}");
        assert!(player.notices("damaged-document")[0].contains("version 1.0"));
        assert_eq!(listing(scene.root.path()), before, "{document}");
        player.assert_has(&game(2));
        web.reset();
        player.updater.rollback().await.unwrap();
        player.assert_has(&game(1));
        assert_eq!(fs::read(&file).unwrap(), whole);
        assert!(player.updater.verify().await.unwrap().is_intact());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_whose_files_are_damaged_or_gone_is_named_and_not_taken_for_the_installed_one() {
    let scene = Scene::installed().await;
    let Scene { player, .. } = &scene;
    let (updater, older) = (&player.updater, player.current());
    scene.site.publish(&game(2), "2.0", 2);
    updater.update().await.unwrap();
    let damages: [fn(&Path); 2] = [
        |older| fs::remove_file(older.join("data/changed.txt")).unwrap(),
        |older| fs::remove_dir_all(older).unwrap(),
    ];
    for damage in damages {
        damage(&older);
        for error in [
            updater.rollback().await.unwrap_err(),
            updater.rollback_to("1.0").await.unwrap_err(),
        ] {
            let EngineError::DamagedVersion { version, files } = &error else {
                panic!("{error:?}")
            };
            assert_eq!(version.as_str(), "1.0");
            assert!(files.iter().any(|file| file == "data/changed.txt"), "{files:?}");
            let report = error.report();
            assert_eq!(report.code.as_str(), "damaged-version");
            assert!(!report.repair && !report.retry);
            assert!(report.message.starts_with("files of version 1.0 are damaged"));
            assert!(!report.hint.unwrap().to_lowercase().contains("repair"));
        }
        player.assert_has(&game(2));
    }
    assert!(updater.repair().await.unwrap().done.is_none());
    let error = updater.rollback().await.unwrap_err();
    assert!(matches!(error, EngineError::DamagedVersion { .. }), "{error:?}");
    updater.remove_version("1.0").await.unwrap();
    assert_eq!(
        updater.rollback().await.unwrap_err().code(),
        ErrorCode::NoPrevious
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repair_fetches_the_documents_of_older_versions_where_they_can_be_had() {
    let scene = Scene::installed().await;
    let Scene { web, player, .. } = &scene;
    let file = documents(&scene).join(INDEX);
    scene.site.publish(&game(2), "2.0", 2);
    player.updater.update().await.unwrap();
    let whole = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    web.on(|_| Answer::Status(404));
    assert!(player.updater.repair().await.unwrap().done.is_none());
    assert!(player.notices("not-mended")[0].starts_with("1.0 cannot be gone back to: "));
    web.reset();
    assert!(player.updater.repair().await.unwrap().done.is_none());
    assert_eq!(fs::read(&file).unwrap(), whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_was_fetched_again_does_not_make_its_version_younger() {
    let scene = Scene::installed().await;
    let updater = &scene.player.updater;
    let installed_at = || {
        let listed = updater.versions().unwrap()[0].installed_at;
        assert_eq!(updater.status().unwrap().installed_at, listed);
        listed
    };
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    for file in each_document(&scene) {
        let file = fs::OpenOptions::new().write(true).open(file).unwrap();
        file.file().set_modified(long_ago).unwrap();
    }
    for file in each_document(&scene) {
        overwrite(&file, b"damaged");
        updater.repair().await.unwrap();
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), long_ago);
        assert_eq!(installed_at(), 1_000_000_000, "{}", file.display());
    }
    fs::remove_dir_all(documents(&scene)).unwrap();
    updater.repair().await.unwrap();
    assert_eq!(installed_at(), 0, "what nobody knows any more is not made up");
    assert!(updater.verify_quick().await.unwrap().is_intact());
}

#[tokio::test(flavor = "multi_thread")]
async fn something_else_in_the_place_of_a_document_is_damage_that_a_repair_mends() {
    let scene = Scene::installed().await;
    let updater = &scene.player.updater;
    for file in each_document(&scene) {
        let whole = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        fs::create_dir_all(file.join("inner")).unwrap();
        let error = updater.verify().await.unwrap_err();
        assert!(matches!(error, EngineError::DamagedDocument { .. }), "{error:?}");
        updater.repair().await.unwrap();
        assert_eq!(fs::read(&file).unwrap(), whole);
    }
    let folder = documents(&scene);
    fs::remove_dir_all(&folder).unwrap();
    fs::write(&folder, b"no folder").unwrap();
    updater.repair().await.unwrap();
    assert!(updater.verify().await.unwrap().is_intact());
}

#[tokio::test(flavor = "multi_thread")]
#[cfg(target_os = "linux")]
async fn a_document_that_the_disk_does_not_give_back_is_named_and_not_taken_for_damaged() {
    let scene = Scene::installed().await;
    let updater = &scene.player.updater;
    for file in each_document(&scene) {
        let whole = fs::read(&file).unwrap();
        support::make_unreadable(&file);
        for error in [
            updater.verify().await.unwrap_err(),
            updater.repair().await.unwrap_err(),
        ] {
            assert_eq!(error.code(), ErrorCode::Disk, "{error}");
            assert!(error.to_string().contains(file.to_str().unwrap()), "{error}");
        }
        assert!(file.is_symlink(), "nothing takes its place");
        fs::remove_file(&file).unwrap();
        fs::write(&file, whole).unwrap();
    }
    assert!(updater.verify().await.unwrap().is_intact());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_damaged_list_of_files_cannot_tell_stops_a_move_and_an_uninstall_before_they_begin() {
    let scene = Scene::installed().await;
    let updater = &scene.player.updater;
    overwrite(&documents(&scene).join(CONTENTS), b"damaged");
    let elsewhere = memory_folder();
    let to = elsewhere.path().join("new");
    let before = listing(scene.root.path());
    for error in [
        updater.move_to(&to).await.unwrap_err(),
        updater.uninstall(UserFiles::Keep).await.unwrap_err(),
    ] {
        assert!(matches!(error, EngineError::DamagedDocument { .. }), "{error:?}");
    }
    assert!(!to.exists());
    assert_eq!(listing(scene.root.path()), before);
    updater.repair().await.unwrap();
    updater.move_to(&to).await.unwrap();
}

const MANIFEST: &str = "manifest.json";
const CONTENTS: &str = "contents.json.zst";
const INDEX: &str = "index.caidx";

/// Returns the folder of the installed version's documents.
fn documents(scene: &Scene) -> PathBuf {
    let name = scene.player.current().file_name().unwrap().to_owned();
    scene.root.path().join(".vsekai/releases").join(name)
}

/// Returns the files of the installed version's documents.
fn each_document(scene: &Scene) -> [PathBuf; 3] {
    [MANIFEST, CONTENTS, INDEX].map(|document| documents(scene).join(document))
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
        .position(|entry| entry.path.to_string() == path);
    let layout = Layout::of(contents.clone().into()).unwrap();
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
