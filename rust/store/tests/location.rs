// SPDX-License-Identifier: MIT
//! From locations to stores.

mod support;

use fs_err as fs;
use support::bad_server::closed_url;
use support::stores::{Files, file_server};
use support::{chunk, conformance, small_format};
use vsekai_store::config::Config;
use vsekai_store::http::ProxyChoice;
use vsekai_store::{
    ChunkStore as _, HttpOptions, LocalStore, OpenError, RetryPolicy, StoreOpener, WriteStore as _,
};

fn opener() -> StoreOpener {
    StoreOpener {
        format: small_format(),
        http: HttpOptions {
            retry: RetryPolicy::NEVER,
            proxy: ProxyChoice::Direct,
            ..HttpOptions::default()
        },
        ..StoreOpener::default()
    }
}

fn folder() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap().to_owned();
    (folder, path)
}

#[tokio::test]
async fn folders_and_servers_open_for_reading_and_writing() {
    let (_folder, path) = folder();
    let server = file_server(Files::default()).await;
    for location in [path, server.url("store")] {
        conformance::check_writing(&*opener().open_writable(&location).unwrap()).await;
    }
}

#[tokio::test]
async fn a_group_reads_from_whoever_answers_and_is_not_written_to() {
    let (_folder, path) = folder();
    let body = chunk(1, 100);
    opener().open_local(&path).unwrap().put(&body).await.unwrap();
    let group = format!("{}|{path}", closed_url().await);
    let store = opener().open(&group).unwrap();
    assert_eq!(store.get(body.id()).await.unwrap().plain(), body.plain());
    assert!(matches!(
        opener().open_writable(&group),
        Err(OpenError::Group(..))
    ));
    assert!(matches!(
        opener().open_prunable(&group),
        Err(OpenError::Group(..))
    ));
    assert!(matches!(
        opener().open_prunable("http://localhost/"),
        Err(OpenError::Kind(..))
    ));
}

#[tokio::test]
async fn several_stores_and_a_cache_open_as_one() {
    let ((_a, a), (_b, b), (_c, cache)) = (folder(), folder(), folder());
    let (one, two) = (chunk(1, 100), chunk(2, 100));
    opener().open_local(&a).unwrap().put(&one).await.unwrap();
    opener().open_local(&b).unwrap().put(&two).await.unwrap();
    let all = opener().open_all(&[a, b], Some(&cache)).unwrap();
    conformance::check_reading(&*all, &[one, two]).await;
    assert_eq!(
        opener().open_prunable(&cache).unwrap().ids().await.unwrap().len(),
        2
    );
}

#[tokio::test]
async fn options_are_found_by_location_from_the_working_folder() {
    let (folder, _) = folder();
    fs::create_dir(folder.path().join("plain")).unwrap();
    let key = folder.path().join("pl*").display().to_string();
    let json = serde_json::json!({"store-options": {key: {"uncompressed": true}}});
    let opener = StoreOpener {
        config: Config::parse(json.to_string().as_bytes()).unwrap(),
        working_folder: Some(folder.path().to_owned()),
        ..opener()
    };
    let store = opener
        .open_local(folder.path().join("plain").to_str().unwrap())
        .unwrap();
    assert!(!store.format().compressed);
}

#[tokio::test]
async fn encryption_and_missing_folders_are_refused() {
    let (folder, path) = folder();
    let json = serde_json::json!({"store-options": {&path: {"encryption": true}}});
    let encrypted = StoreOpener {
        config: Config::parse(json.to_string().as_bytes()).unwrap(),
        ..opener()
    };
    let error = encrypted.open(&path).unwrap_err();
    assert!(error.to_string().contains("encrypted"), "{error}");
    let missing = folder.path().join("missing");
    assert!(opener().open(missing.to_str().unwrap()).is_err());
    assert!(!missing.exists());
    LocalStore::create(&missing, small_format()).unwrap();
    opener().open(missing.to_str().unwrap()).unwrap();
}
