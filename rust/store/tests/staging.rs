// SPDX-License-Identifier: MIT
//! The folder store whose chunks get their names when they are on the disk.

mod support;

use std::time::Duration;

use fs_err as fs;
use support::{MAX_CHUNK, chunk, conformance, small_format};
use vsekai_formats::DigestAlgorithm;
use vsekai_store::local::StoreEntry;
use vsekai_store::{Chunk, ChunkStore, LocalStore, Naming, PruneStore, StoreError, WriteStore};

fn store() -> (tempfile::TempDir, LocalStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::open_naming(folder.path(), small_format(), Naming::OnceDurable).unwrap();
    (folder, store)
}

fn temporaries(store: &LocalStore) -> Vec<std::path::PathBuf> {
    let entries = store.entries().map(Result::unwrap);
    let found = entries.filter_map(|entry| match entry {
        StoreEntry::Temporary(path) => Some(path),
        _ => None,
    });
    found.collect()
}

/// A chunk that does not compress.
fn noise(seed: u64) -> Chunk {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let words = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    let plain: Vec<u8> = words.take(MAX_CHUNK / 8).flatten().collect();
    Chunk::new(DigestAlgorithm::Sha512_256, plain)
}

#[tokio::test]
async fn keeps_the_promises_of_a_store() {
    let (_folder, store) = store();
    conformance::check_writing(&store).await;
}

#[tokio::test]
async fn finds_damage_and_mends_it() {
    let (_folder, store) = store();
    let plant = |id, bytes: &[u8]| {
        let path = store.path(id);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    let (right, other) = (chunk(1, 5000), chunk(2, 5000));
    plant(
        right.id(),
        &vsekai_formats::codec::compress(other.plain(), 3).unwrap(),
    );
    assert!(matches!(
        store.get(right.id()).await,
        Err(StoreError::Invalid { .. })
    ));
    store.put(&right).await.unwrap();
    assert_eq!(store.get(right.id()).await.unwrap().plain(), right.plain());
    store.sync().await.unwrap();
    assert_eq!(store.get(right.id()).await.unwrap().plain(), right.plain());
    assert!(temporaries(&store).is_empty());
}

#[tokio::test]
async fn only_the_writer_sees_a_chunk_before_it_is_synced() {
    let (folder, store) = store();
    let other = LocalStore::open(folder.path(), small_format()).unwrap();
    let chunk = chunk(1, 1000);
    assert!(store.put_absent(&chunk).await.unwrap());
    assert!(!store.put_absent(&chunk).await.unwrap());
    assert_eq!(store.get(chunk.id()).await.unwrap().plain(), chunk.plain());
    assert!(!other.has(chunk.id()).await.unwrap());
    assert_eq!(temporaries(&other).len(), 1);
    store.sync().await.unwrap();
    assert_eq!(other.get(chunk.id()).await.unwrap().plain(), chunk.plain());
    assert!(temporaries(&other).is_empty());
}

#[tokio::test]
async fn what_is_put_plain_is_hashed_and_stored_unless_it_is_known() {
    let (_folder, store) = store();
    let (new, known) = (chunk(1, 1000), chunk(2, 1000));
    let known_id = known.id();
    let put = store.put_plains(
        DigestAlgorithm::Sha512_256,
        vec![new.plain().clone(), known.plain().clone()],
        std::sync::Arc::new(move |id| id == known_id),
    );
    assert_eq!(put.await.unwrap(), [new.id(), known_id]);
    store.sync().await.unwrap();
    assert_eq!(store.ids().await.unwrap(), [new.id()]);
}

#[tokio::test]
async fn a_chunk_that_waits_for_its_name_can_be_removed() {
    let (_folder, store) = store();
    let chunk = chunk(1, 1000);
    store.put(&chunk).await.unwrap();
    store.remove(chunk.id()).await.unwrap();
    assert!(!store.has(chunk.id()).await.unwrap());
    store.remove(chunk.id()).await.unwrap();
    store.sync().await.unwrap();
    assert!(!store.has(chunk.id()).await.unwrap());
}

#[tokio::test]
async fn a_chunk_that_is_lost_fails_the_sync_and_all_that_follow() {
    let (_folder, store) = store();
    let (lost, beside, later) = (chunk(1, 100), chunk(2, 100), chunk(3, 100));
    store.put(&lost).await.unwrap();
    for path in temporaries(&store) {
        fs::remove_file(path).unwrap();
    }
    store.put(&beside).await.unwrap();
    assert!(matches!(store.sync().await, Err(StoreError::Io { .. })));
    assert!(!store.has(lost.id()).await.unwrap());
    // The other one was on the disk when the loss was found: it has its name, and then is whole, or is gone.
    match store.get(beside.id()).await {
        Ok(found) => assert_eq!(found.plain(), beside.plain()),
        Err(error) => assert!(error.is_missing(), "{error}"),
    }
    assert!(store.put(&later).await.is_err());
    assert!(store.sync().await.is_err());
    assert!(temporaries(&store).is_empty());
    let anew = LocalStore::open_naming(store.root(), small_format(), Naming::OnceDurable).unwrap();
    anew.put(&lost).await.unwrap();
    anew.sync().await.unwrap();
    assert!(anew.ids().await.unwrap().contains(&lost.id()));
}

#[tokio::test]
async fn no_chunk_gets_its_name_unless_all_that_wait_are_on_the_disk() {
    let (_folder, store) = store();
    let (lost, beside) = (chunk(1, 100), chunk(2, 100));
    let place = store.path(lost.id());
    // The store looks at a folder that it did not make before it syncs, and this one is gone by then.
    let folder_of_lost = place.parent().unwrap();
    fs::create_dir(folder_of_lost).unwrap();
    store.put(&lost).await.unwrap();
    store.put(&beside).await.unwrap();
    fs::remove_dir_all(folder_of_lost).unwrap();
    assert!(matches!(store.sync().await, Err(StoreError::Io { .. })));
    for chunk in [&lost, &beside] {
        assert!(!store.has(chunk.id()).await.unwrap());
    }
    assert!(temporaries(&store).is_empty());
}

#[tokio::test]
async fn a_folder_that_was_pruned_is_made_again() {
    let (_folder, store) = store();
    conformance::check_pruned_folder(&store, |id| store.path(id)).await;
    assert!(temporaries(&store).is_empty());
}

#[tokio::test]
async fn a_store_that_is_dropped_leaves_nothing_behind() {
    let (folder, store) = store();
    store.put(&chunk(1, 1000)).await.unwrap();
    drop(store);
    let left = LocalStore::open(folder.path(), small_format()).unwrap();
    assert!(left.ids().await.unwrap().is_empty());
    assert!(temporaries(&left).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn chunks_are_named_before_anyone_asks_while_more_are_put() {
    let (folder, store) = store();
    let other = LocalStore::open(folder.path(), small_format()).unwrap();
    let mut chunks = Vec::new();
    let put = async {
        while other.ids().await.unwrap().is_empty() {
            let chunk = noise(chunks.len() as u64);
            assert!(store.put_absent(&chunk).await.unwrap());
            chunks.push(chunk);
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(30), put).await;
    waited.expect("nothing is named before the store is synced");
    store.sync().await.unwrap();
    assert_eq!(other.ids().await.unwrap().len(), chunks.len());
    for chunk in &chunks {
        assert!(!store.put_absent(chunk).await.unwrap());
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_chunk_on_another_file_system_is_synced_too() {
    let (folder, store) = store();
    let Ok(elsewhere) = tempfile::tempdir_in("/dev/shm") else {
        println!("SKIPPED: there is no second file system at /dev/shm");
        return;
    };
    let chunk = chunk(1, 1000);
    let name = chunk.id().to_string();
    fs::os::unix::fs::symlink(elsewhere.path(), folder.path().join(&name[..4])).unwrap();
    store.put(&chunk).await.unwrap();
    store.sync().await.unwrap();
    assert!(elsewhere.path().join(format!("{name}.cacnk")).is_file());
}
