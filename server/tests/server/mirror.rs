// SPDX-License-Identifier: MIT
//! Mirrors: what another server signed, all of it, and nothing else.

use std::path::{Path, PathBuf};

use fs_err as fs;
use tempfile::TempDir;
use vsekai_server::Limits;
use vsekai_server::backup::backup;
use vsekai_server::export::Options;
use vsekai_server::mirror::{MirrorError, Mirrored, MirroredTitle, Source};
use vsekai_server::site::{Place, Site, Written};
use vsekai_server::storage::dev_keys_folder;
use vsekai_store::{HttpOptions, RetryPolicy};
use vsekai_trust::TrustError;
use vsekai_trust::publisher::KeyRole;

use crate::build::{Build, TITLE};
use crate::client::{TestServer, chunk_path};
use crate::export::{export_to, files};
use crate::signer::slug;

/// A folder with a site and what its mirror remembers.
struct Mirror {
    folder: TempDir,
    root: Vec<u8>,
}

impl Mirror {
    /// Begins a mirror that trusts the root of `server`.
    fn of(server: &TestServer) -> Self {
        let keys = dev_keys_folder(server.folder.path(), &slug(TITLE));
        Self {
            folder: tempfile::tempdir().unwrap(),
            root: fs::read(keys.join("root.json")).unwrap(),
        }
    }

    fn site(&self) -> PathBuf {
        self.folder.path().join("site")
    }

    async fn pull(&self, server: &TestServer) -> Result<(Mirrored, Written), MirrorError> {
        let options = HttpOptions {
            retry: RetryPolicy::NEVER,
            ..HttpOptions::default()
        };
        let limits = Limits::default();
        let state = self.folder.path().join("state");
        let source = Source::new(&server.running.url(), options, &state, &limits)?;
        let title = MirroredTitle {
            name: slug(TITLE),
            root: self.root.clone().into(),
        };
        let place = Place::folder(&self.site(), limits.chunk_bytes)?;
        let mut site = Site::open(place, false).await?;
        let mirrored = source.mirror(&title, &mut site).await?;
        Ok((mirrored, site.written()))
    }
}

fn change_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn a_mirror_has_what_an_export_has() {
    let server = TestServer::start().await;
    server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    server.client.publish(&Build::new("1.1.0", 2, 2), "beta").await;
    let mirror = Mirror::of(&server);
    let (mirrored, _) = mirror.pull(&server).await.unwrap();
    assert_eq!((mirrored.releases, mirrored.gone), (2, 0));
    let exported = tempfile::tempdir().unwrap();
    export_to(server.folder.path(), exported.path(), &Options::default())
        .await
        .unwrap();
    let (mirrored, exported) = (files(&mirror.site()), files(exported.path()));
    // The export has earlier versions of signed metadata as well.
    for (address, bytes) in &mirrored {
        assert_eq!(exported.get(address), Some(bytes), "{address}");
    }
    let lacks = |address: &&String| !mirrored.contains_key(*address);
    for address in exported.keys().filter(lacks) {
        let is_metadata = address.starts_with(&format!("titles/{TITLE}/tuf/"));
        assert!(is_metadata && !address.contains("/targets/"), "{address}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_second_pull_brings_only_what_is_new() {
    let server = TestServer::start().await;
    let (first, second) = (Build::new("1.0.0", 1, 1), Build::new("1.1.0", 2, 2));
    server.client.publish(&first, "stable").await;
    let mirror = Mirror::of(&server);
    mirror.pull(&server).await.unwrap();
    let (again, written) = mirror.pull(&server).await.unwrap();
    assert_eq!((again, written), (Mirrored::default(), Written::default()));
    server.client.publish(&second, "stable").await;
    let (update, written) = mirror.pull(&server).await.unwrap();
    let is_new = |id| !first.chunks.iter().any(|(known, ..)| *known == id);
    let new = second.chunks.iter().filter(|(id, ..)| is_new(*id)).count();
    assert_eq!((update.releases, written.chunks), (1, new as u64));
    server.stop().await;
}

#[tokio::test]
async fn a_pull_that_broke_off_goes_on_with_what_it_has() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    let lost = server.folder.path().join(chunk_path(build.chunks[0].0));
    let aside = lost.with_extension("aside");
    fs::rename(&lost, &aside).unwrap();
    let mirror = Mirror::of(&server);
    assert!(mirror.pull(&server).await.is_err());
    let begun = files(&mirror.site());
    assert!(
        begun.keys().all(|address| address.starts_with("store/")),
        "{begun:?}"
    );
    fs::rename(&aside, &lost).unwrap();
    let (_, written) = mirror.pull(&server).await.unwrap();
    assert_eq!(written.chunks as usize, build.chunks.len() - begun.len());
    server.stop().await;
}

#[tokio::test]
async fn changed_chunks_and_documents_are_refused() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    let data = server.folder.path();
    let chunk = data.join(chunk_path(build.chunks[2].0));
    let contents = data
        .join("documents")
        .join(build.manifest.contents.sha256.to_string());
    let index = data.join("index").join(build.manifest.index.sha256.to_string());
    for path in [&chunk, &contents, &index] {
        let mirror = Mirror::of(&server);
        change_byte(path);
        assert!(mirror.pull(&server).await.is_err(), "{}", path.display());
        let shown = files(&mirror.site());
        assert!(
            shown.keys().all(|address| address.starts_with("store/")),
            "{shown:?}"
        );
        change_byte(path);
        mirror.pull(&server).await.unwrap();
    }
    server.stop().await;
}

#[tokio::test]
async fn a_server_with_another_root_is_refused() {
    let (server, other) = (TestServer::start().await, TestServer::start().await);
    server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    let mirror = Mirror::of(&other);
    let refused = mirror.pull(&server).await;
    assert!(
        matches!(refused, Err(MirrorError::Trust(TrustError::Signature { .. }))),
        "{refused:?}"
    );
    assert!(files(&mirror.site()).is_empty());
    server.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn a_server_that_goes_back_is_refused_and_the_mirror_stays() {
    let server = TestServer::start().await;
    server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    let old = tempfile::tempdir().unwrap();
    backup(server.folder.path(), old.path(), &Limits::default())
        .await
        .unwrap();
    // Two, since the older server signs once more when it starts.
    server.client.publish(&Build::new("1.1.0", 2, 2), "stable").await;
    server.client.publish(&Build::new("1.2.0", 3, 3), "stable").await;
    let mirror = Mirror::of(&server);
    mirror.pull(&server).await.unwrap();
    let before = files(&mirror.site());
    server.stop().await;
    let older = TestServer::open(old, Limits::default()).await;
    let refused = mirror.pull(&older).await;
    assert!(
        matches!(refused, Err(MirrorError::Trust(TrustError::RolledBack { .. }))),
        "{refused:?}"
    );
    assert_eq!(files(&mirror.site()), before);
    older.stop().await;
}

#[tokio::test]
async fn roots_that_replaced_the_pinned_one_are_all_mirrored() {
    let server = TestServer::start().await;
    server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    let mirror = Mirror::of(&server);
    for _ in 0..2 {
        let change = server
            .client
            .signed(|editor| editor.renew(&KeyRole::Root).unwrap())
            .await;
        let posted = server.client.post_change(&change.unwrap()).await;
        assert!(posted.status().is_success(), "{}", posted.text().await.unwrap());
    }
    mirror.pull(&server).await.unwrap();
    for version in 1..=3 {
        let path = format!("titles/{TITLE}/tuf/{version}.root.json");
        assert!(mirror.site().join(&path).is_file(), "{path}");
    }
    server.stop().await;
}
