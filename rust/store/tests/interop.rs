// SPDX-License-Identifier: MIT
//! Our stores against the real desync: its servers, and its folders.

mod support;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use bytes::Bytes;
use fs_err as fs;
use support::{chunk, conformance, small_format};
use vsekai_formats::codec;
use vsekai_store::http::ProxyChoice;
use vsekai_store::{
    Auth, ChunkStore as _, HttpIndexStore, HttpOptions, HttpOrigin, HttpStore, IndexName, IndexStore as _,
    LocalStore, PruneStore as _, RetryPolicy, Secret, StoreError, StoreFormat, WriteStore as _,
};
use vsekai_tests::stock::DesyncServer;
use vsekai_tests::tool;
use xtask::tools::Tool;

/// Options with many quick attempts.
fn options() -> HttpOptions {
    HttpOptions {
        retry: RetryPolicy {
            attempts: 100,
            base: Duration::from_millis(20),
            max_delay: Duration::from_millis(100),
            max_retry_after: Duration::from_secs(1),
        },
        proxy: ProxyChoice::Direct,
        ..HttpOptions::default()
    }
}

fn store(server: &DesyncServer, format: StoreFormat) -> HttpStore {
    HttpStore::new(HttpOrigin::new(server.address(), options()).unwrap(), format)
}

#[tokio::test]
async fn desyncs_chunk_server_keeps_the_promises_of_a_store() {
    let Some(desync) = tool(Tool::Desync) else { return };
    for (arguments, compressed) in [(&[][..], true), (&["-u"][..], false)] {
        let folder = tempfile::tempdir().unwrap();
        let server = DesyncServer::start(&desync, "chunk-server", folder.path(), arguments);
        let format = StoreFormat {
            compressed,
            ..small_format()
        };
        conformance::check_writing(&store(&server, format)).await;
        // The server keeps compressed chunks whatever goes over the wire.
        let local = LocalStore::open(folder.path(), small_format()).unwrap();
        for id in local.ids().await.unwrap() {
            local.get(id).await.unwrap();
        }
    }
}

#[tokio::test]
async fn desyncs_authorization_is_met_and_its_refusal_is_told() {
    let Some(desync) = tool(Tool::Desync) else { return };
    let folder = tempfile::tempdir().unwrap();
    let arguments = ["--authorization", "Bearer token"];
    let server = DesyncServer::start(&desync, "chunk-server", folder.path(), &arguments);
    let known = HttpOptions {
        auth: Auth::Bearer(Secret::from("token")),
        ..options()
    };
    let known = HttpStore::new(HttpOrigin::new(server.address(), known).unwrap(), small_format());
    known.put(&chunk(1, 1000)).await.unwrap();
    let stranger = store(&server, small_format());
    let outcome = stranger.get(chunk(1, 1000).id()).await;
    assert!(
        matches!(
            outcome,
            Err(StoreError::Refused {
                credentials: true,
                ..
            })
        ),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_store_filled_by_desync_is_read_and_one_filled_by_us_serves_desync() {
    let Some(desync) = tool(Tool::Desync) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
    fs::create_dir(&theirs).unwrap();
    let blob = folder.path().join("blob");
    fs::write(&blob, chunk(7, 3_000_000).plain()).unwrap();
    let index = folder.path().join("blob.caibx");
    run(
        &desync,
        folder.path(),
        &["make", "-s", "theirs", "blob.caibx", "blob"],
    );
    let theirs = LocalStore::open(&theirs, StoreFormat::default()).unwrap();
    let ours = LocalStore::create(&ours, StoreFormat::default()).unwrap();
    let ids = theirs.ids().await.unwrap();
    assert!(ids.len() > 10);
    for id in &ids {
        let read = theirs.get(*id).await.unwrap();
        // Without their compressed bytes, so that desync reads ours.
        let again = vsekai_store::Chunk::from_verified(*id, read.plain().clone(), None);
        ours.put(&again).await.unwrap();
    }
    ours.sync().await.unwrap();
    assert_eq!(ours.ids().await.unwrap(), ids);
    run(
        &desync,
        folder.path(),
        &["extract", "-s", "ours", index.to_str().unwrap(), "out"],
    );
    assert_eq!(
        fs::read(folder.path().join("out")).unwrap(),
        fs::read(&blob).unwrap()
    );
    // desync's own prune and verify find nothing amiss with our folder.
    run(
        &desync,
        folder.path(),
        &["prune", "-y", "-s", "ours", "blob.caibx"],
    );
    assert_eq!(ours.ids().await.unwrap(), ids);
}

#[tokio::test]
async fn indexes_are_kept_on_desyncs_index_server() {
    let Some(desync) = tool(Tool::Desync) else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("blob"), chunk(7, 300_000).plain()).unwrap();
    run(&desync, folder.path(), &["make", "blob.caibx", "blob"]);
    let index = Bytes::from(fs::read(folder.path().join("blob.caibx")).unwrap());
    let served = folder.path().join("served");
    fs::create_dir(&served).unwrap();
    let server = DesyncServer::start(&desync, "index-server", &served, &[]);
    let store = HttpIndexStore::new(HttpOrigin::new(server.address(), options()).unwrap());
    let name = IndexName::parse("some.caibx").unwrap();
    assert!(!store.has_index(&name).await.unwrap());
    assert!(store.get_index(&name, 1 << 20).await.unwrap_err().is_missing());
    store.put_index(&name, index.clone()).await.unwrap();
    assert!(store.has_index(&name).await.unwrap());
    assert_eq!(store.get_index(&name, 1 << 20).await.unwrap(), index);
    let too_long = store.get_index(&name, index.len() - 1).await;
    assert!(
        matches!(too_long, Err(StoreError::Invalid { .. })),
        "{too_long:?}"
    );
    let junk = store.put_index(&name, Bytes::from_static(b"no index")).await;
    assert!(
        matches!(
            junk,
            Err(StoreError::Refused {
                credentials: false,
                ..
            })
        ),
        "{junk:?}"
    );
}

#[tokio::test]
async fn a_store_filled_by_casync_is_read() {
    let Some(casync) = tool(Tool::Casync) else { return };
    let folder = tempfile::tempdir().unwrap();
    let blob = chunk(9, 1_000_000);
    fs::write(folder.path().join("blob"), blob.plain()).unwrap();
    run(
        &casync,
        folder.path(),
        &["make", "--store=theirs.castr", "blob.caibx", "blob"],
    );
    let store = LocalStore::open(folder.path().join("theirs.castr"), StoreFormat::default()).unwrap();
    let mut bytes = 0;
    for id in store.ids().await.unwrap() {
        let read = store.get(id).await.unwrap();
        let frame = read.compressed().unwrap();
        assert_eq!(
            codec::decompress(frame, read.plain().len()).unwrap(),
            read.plain().as_ref()
        );
        bytes += read.plain().len();
    }
    assert_eq!(bytes, blob.plain().len());
}

fn run(program: &Path, folder: &Path, arguments: &[&str]) {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
