// SPDX-License-Identifier: MIT
//! Exports: the whole public side, only what is new, in an order that never shows a half.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use fs_err as fs;
use reqwest::StatusCode;
use vsekai_server::Limits;
use vsekai_server::export::{Exported, Options, export};
use vsekai_server::site::{Place, SiteError};
use vsekai_server::storage::DataPlace;

use crate::build::{Build, TITLE};
use crate::client::{TestServer, chunk_path};

/// Exports into the folder `site`.
pub async fn export_to(
    data: impl Into<DataPlace>,
    site: &Path,
    options: &Options,
) -> Result<Exported, SiteError> {
    let limits = Limits::default();
    let place = Place::folder(site, limits.chunk_bytes)?;
    export(data, place, &limits, options).await
}

/// Reads every file of a site by its address, but for what only writers read.
pub fn files(site: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![site.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let address = path.strip_prefix(site).unwrap().to_str().unwrap().to_owned();
            if !address.starts_with('.') {
                found.insert(address, fs::read(&path).unwrap());
            }
        }
    }
    found
}

#[tokio::test]
async fn an_export_has_every_file_byte_for_byte_as_the_server_serves_it() {
    let server = TestServer::start().await;
    let site = tempfile::tempdir().unwrap();
    server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    server.client.publish(&Build::new("1.1.0", 2, 2), "beta").await;
    export_to(server.folder.path(), site.path(), &Options::default())
        .await
        .unwrap();
    let files = files(site.path());
    for (address, bytes) in &files {
        let answer = server.client.get(address).await;
        assert_eq!(answer.status(), StatusCode::OK, "{address}");
        assert_eq!(answer.bytes().await.unwrap(), bytes, "{address}");
    }
    let count = |part: &str| files.keys().filter(|address| address.contains(part)).count();
    assert_eq!(count(".caidx"), 2);
    assert_eq!(count("contents.json.zst"), 2);
    // A pointer and a manifest for each of the two channels.
    assert_eq!(count("/targets/"), 4);
    assert_eq!(count("timestamp.json"), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_second_export_writes_only_what_is_new() {
    let server = TestServer::start().await;
    let site = tempfile::tempdir().unwrap();
    let (first, second) = (Build::new("1.0.0", 1, 1), Build::new("1.1.0", 2, 2));
    let options = Options::default();
    server.client.publish(&first, "stable").await;
    let done = export_to(server.folder.path(), site.path(), &options)
        .await
        .unwrap();
    assert_eq!(done.written.chunks, first.chunks.len() as u64);
    let again = export_to(server.folder.path(), site.path(), &options)
        .await
        .unwrap();
    assert_eq!(again, Exported::default());

    server.client.publish(&second, "stable").await;
    let done = export_to(server.folder.path(), site.path(), &options)
        .await
        .unwrap();
    let is_new = |id| !first.chunks.iter().any(|(known, ..)| *known == id);
    let new = second.chunks.iter().filter(|(id, ..)| is_new(*id)).count();
    assert!(new < second.chunks.len());
    // Index, contents, manifest, pointer, role, snapshot, timestamp.
    assert_eq!((done.written.chunks, done.written.documents), (new as u64, 7));
    server.stop().await;
}

#[tokio::test]
async fn what_is_gone_is_removed_when_asked_and_after_its_time() {
    let server = TestServer::start().await;
    let site = tempfile::tempdir().unwrap();
    server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    export_to(server.folder.path(), site.path(), &Options::default())
        .await
        .unwrap();
    let chunk = chunk_path(vsekai_formats::ChunkId::from_bytes([7; 32]));
    let foreign = ["store/notes.txt", "titles/README"];
    let old = [chunk.as_str(), "index/old_1_linux-x86_64.caidx"];
    for path in foreign.iter().chain(&old) {
        fs::create_dir_all(site.path().join(path).parent().unwrap()).unwrap();
        fs::write(site.path().join(path), b"x").unwrap();
    }
    let prune = |hours: u64| Options {
        prune: Some(Duration::from_secs(hours * 3600)),
        ..Options::default()
    };
    let kept = export_to(server.folder.path(), site.path(), &prune(1))
        .await
        .unwrap();
    let kept = kept.pruned.unwrap();
    assert_eq!((kept.removed, kept.waiting), (0, 2));
    assert!(site.path().join(&chunk).is_file());
    let removed = export_to(server.folder.path(), site.path(), &prune(0))
        .await
        .unwrap();
    let removed = removed.pruned.unwrap();
    assert_eq!((removed.removed, removed.waiting), (2, 0));
    assert!(old.iter().all(|path| !site.path().join(path).exists()));
    assert!(foreign.iter().all(|path| site.path().join(path).is_file()));
    // Everything else is still there, and believed to be.
    let again = export_to(server.folder.path(), site.path(), &prune(0))
        .await
        .unwrap();
    assert_eq!(again.written.documents + again.written.chunks, 0);
    server.stop().await;
}

#[tokio::test]
async fn a_site_that_lost_files_is_mended_when_everything_is_looked_at() {
    let server = TestServer::start().await;
    let site = tempfile::tempdir().unwrap();
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    export_to(server.folder.path(), site.path(), &Options::default())
        .await
        .unwrap();
    let before = files(site.path());
    let index = before.keys().find(|address| address.ends_with(".caidx")).unwrap();
    fs::remove_file(site.path().join(chunk_path(build.chunks[0].0))).unwrap();
    fs::write(site.path().join(index), b"damaged").unwrap();
    let check = Options {
        look_at_everything: true,
        ..Options::default()
    };
    let mended = export_to(server.folder.path(), site.path(), &check)
        .await
        .unwrap();
    assert_eq!((mended.written.chunks, mended.written.documents), (1, 1));
    assert_eq!(files(site.path()), before);
    server.stop().await;
}

#[tokio::test]
async fn an_older_data_folder_does_not_replace_a_newer_site() {
    let server = TestServer::start().await;
    let site = tempfile::tempdir().unwrap();
    server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    let backup = tempfile::tempdir().unwrap();
    let copied = vsekai_server::backup::backup(server.folder.path(), backup.path(), &Limits::default()).await;
    copied.unwrap();
    server.client.publish(&Build::new("1.1.0", 2, 2), "stable").await;
    let options = Options::default();
    export_to(server.folder.path(), site.path(), &options)
        .await
        .unwrap();
    let before = files(site.path());
    let refused = export_to(backup.path(), site.path(), &options).await;
    assert!(matches!(refused, Err(SiteError::Newer { .. })), "{refused:?}");
    assert_eq!(files(site.path()), before);
    server.stop().await;
}

#[tokio::test]
async fn two_exports_do_not_write_one_folder_at_once() {
    let server = TestServer::start().await;
    let site = tempfile::tempdir().unwrap();
    let held = Place::folder(site.path(), 1 << 20).unwrap();
    let refused = export_to(server.folder.path(), site.path(), &Options::default()).await;
    assert!(matches!(refused, Err(SiteError::InUse { .. })), "{refused:?}");
    drop(held);
    let taken = export_to(server.folder.path(), site.path(), &Options::default()).await;
    assert!(taken.is_ok(), "{taken:?}");
    server.stop().await;
}

#[tokio::test]
async fn an_export_that_breaks_off_shows_nothing_new_and_goes_on_later() {
    let server = TestServer::start().await;
    let site = tempfile::tempdir().unwrap();
    let (first, second) = (Build::new("1.0.0", 1, 1), Build::new("1.1.0", 2, 2));
    let options = Options::default();
    server.client.publish(&first, "stable").await;
    export_to(server.folder.path(), site.path(), &options)
        .await
        .unwrap();
    let before = files(site.path());
    server.client.publish(&second, "stable").await;
    // The last chunk cannot be read for now.
    let lost = server
        .folder
        .path()
        .join(chunk_path(second.chunks.last().unwrap().0));
    let aside = lost.with_extension("aside");
    fs::rename(&lost, &aside).unwrap();
    assert!(
        export_to(server.folder.path(), site.path(), &options)
            .await
            .is_err()
    );
    let after = files(site.path());
    for (address, bytes) in &after {
        let is_chunk = address.starts_with("store/");
        assert!(is_chunk || before.get(address) == Some(bytes), "{address}");
    }
    fs::rename(&aside, &lost).unwrap();
    export_to(server.folder.path(), site.path(), &options)
        .await
        .unwrap();
    let done = files(site.path());
    let timestamp = format!("titles/{TITLE}/tuf/timestamp.json");
    let served = server.client.get(&timestamp).await.bytes().await.unwrap();
    assert_eq!(served, done[&timestamp]);
    server.stop().await;
}

#[tokio::test]
async fn an_index_without_its_chunks_is_left_out() {
    let server = TestServer::start().await;
    let site = tempfile::tempdir().unwrap();
    let build = Build::new("1.0.0", 1, 1);
    let sent = server
        .client
        .send(reqwest::Method::PUT, "index/early.caidx", build.index.clone())
        .await;
    assert_eq!(sent.status(), StatusCode::CREATED);
    let options = Options::default();
    let done = export_to(server.folder.path(), site.path(), &options)
        .await
        .unwrap();
    assert_eq!(done.incomplete_indexes, ["early.caidx"]);
    assert!(!site.path().join("index/early.caidx").exists());
    server.client.put_chunks(&build).await;
    let done = export_to(server.folder.path(), site.path(), &options)
        .await
        .unwrap();
    assert!(done.incomplete_indexes.is_empty());
    assert_eq!(done.written.chunks, build.chunks.len() as u64);
    server.stop().await;
}
