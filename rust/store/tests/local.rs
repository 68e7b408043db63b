// SPDX-License-Identifier: MIT
//! The folder store.

mod support;

use std::collections::BTreeSet;

use fs_err as fs;
use proptest::prelude::*;
use support::{MAX_CHUNK, chunk, conformance, small_format};
use vsekai_formats::{ChunkId, DigestAlgorithm};
use vsekai_store::local::StoreEntry;
use vsekai_store::{Chunk, ChunkStore, LocalStore, PruneStore, StoreError, StoreFormat, WriteStore};

fn store(format: StoreFormat) -> (tempfile::TempDir, LocalStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::create(folder.path().join("a/store.castr"), format).unwrap();
    (folder, store)
}

fn uncompressed() -> StoreFormat {
    StoreFormat {
        compressed: false,
        ..small_format()
    }
}

fn plant(store: &LocalStore, id: ChunkId, bytes: &[u8]) {
    let path = store.path(id);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn keeps_the_promises_of_a_store() {
    for format in [small_format(), uncompressed()] {
        let (_folder, store) = store(format);
        conformance::check_writing(&store).await;
    }
}

#[tokio::test]
async fn finds_damage_and_mends_it() {
    for format in [small_format(), uncompressed()] {
        let (_folder, store) = store(format);
        conformance::check_damage(&store, &|id, bytes| plant(&store, id, bytes), format.compressed).await;
    }
}

#[tokio::test]
async fn lists_and_removes_its_chunks() {
    let (_folder, store) = store(small_format());
    let chunks: Vec<Chunk> = (0..20).map(|seed| chunk(seed, 100)).collect();
    for chunk in &chunks {
        store.put(chunk).await.unwrap();
    }
    conformance::check_pruning(&store, &chunks).await;
}

#[tokio::test]
async fn a_folder_that_was_pruned_is_made_again() {
    let (_folder, store) = store(small_format());
    conformance::check_pruned_folder(&store, |id| store.path(id)).await;
}

#[tokio::test]
async fn files_lie_where_casync_looks_for_them() {
    let (_folder, store) = store(small_format());
    let chunk = chunk(1, 1000);
    store.put(&chunk).await.unwrap();
    let id = chunk.id().to_string();
    let path = store.root().join(&id[..4]).join(format!("{id}.cacnk"));
    let stored = fs::read(&path).unwrap();
    let plain = vsekai_formats::codec::decompress(&stored, MAX_CHUNK).unwrap();
    assert_eq!(plain, chunk.plain().as_ref());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(
            mode & 0o700,
            0o600,
            "readable by its owner, and by others as the umask allows"
        );
    }
}

#[tokio::test]
async fn ids_of_the_other_digest_are_told_apart() {
    let format = StoreFormat {
        digest: DigestAlgorithm::Sha256,
        ..small_format()
    };
    let (_folder, store) = store(format);
    let right = Chunk::new(DigestAlgorithm::Sha256, &b"content"[..]);
    store.put(&right).await.unwrap();
    assert_eq!(store.get(right.id()).await.unwrap().plain(), right.plain());
    let wrong = Chunk::new(DigestAlgorithm::Sha512_256, &b"content"[..]);
    store.put(&wrong).await.unwrap();
    assert!(matches!(
        store.get(wrong.id()).await,
        Err(StoreError::Invalid { .. })
    ));
}

#[tokio::test]
async fn compressed_bytes_pass_through_unchanged() {
    let (_folder, first) = store(small_format());
    let (_folder2, second) = store(small_format());
    let chunk = chunk(1, 20_000);
    // Another level than the store's own, so that compressing again would be noticed.
    let frame = vsekai_formats::codec::compress(chunk.plain(), 12).unwrap();
    plant(&first, chunk.id(), &frame);
    second.put(&first.get(chunk.id()).await.unwrap()).await.unwrap();
    assert_eq!(fs::read(second.path(chunk.id())).unwrap(), frame);
}

#[tokio::test]
async fn the_stored_length_of_a_chunk_is_that_of_its_file() {
    let (_folder, store) = store(small_format());
    let chunk = chunk(1, 20_000);
    store.put(&chunk).await.unwrap();
    let stored = fs::read(store.path(chunk.id())).unwrap().len() as u64;
    assert_eq!(store.stored_len(chunk.id()).await.unwrap(), stored);
    store.remove(chunk.id()).await.unwrap();
    assert!(store.stored_len(chunk.id()).await.unwrap_err().is_missing());
}

#[tokio::test]
async fn entries_tell_chunks_from_what_else_lies_there() {
    let (_folder, store) = store(small_format());
    let chunk = chunk(1, 100);
    store.put(&chunk).await.unwrap();
    let id = chunk.id().to_string();
    let wrong_folder = store.root().join("0000");
    fs::create_dir(&wrong_folder).unwrap();
    let foreign = [
        store.root().join("README"),
        store.root().join(&id[..4]).join(&id),
        wrong_folder.join(format!("{id}.cacnk")),
        wrong_folder.join("x.cacnk"),
    ];
    let temporary = wrong_folder.join(".tmp-cacnk123");
    for path in foreign.iter().chain([&temporary]) {
        fs::write(path, b"x").unwrap();
    }
    let found: Vec<StoreEntry> = store.entries().map(Result::unwrap).collect();
    assert_eq!(found.len(), 6);
    assert!(found.contains(&StoreEntry::Chunk(chunk.id())));
    assert!(found.contains(&StoreEntry::Temporary(temporary)));
    for path in foreign {
        assert!(found.contains(&StoreEntry::Foreign(path.clone())), "{path:?}");
    }
}

#[tokio::test]
async fn a_chunk_that_cannot_be_synced_is_an_error_and_is_forgotten() {
    let (_folder, store) = store(small_format());
    let (lost, kept) = (chunk(1, 100), chunk(2, 100));
    store.put(&lost).await.unwrap();
    store.put(&kept).await.unwrap();
    // A chunk that vanished since it was put fails the sync as one on a failing disk does.
    fs::remove_file(store.path(lost.id())).unwrap();
    assert!(matches!(store.sync().await, Err(StoreError::Io { .. })));
    assert!(!store.has(lost.id()).await.unwrap());
    assert!(store.has(kept.id()).await.unwrap());
    store.sync().await.unwrap();
}

#[tokio::test]
async fn chunks_of_an_earlier_process_can_be_synced_by_id() {
    let (_folder, store) = store(small_format());
    let chunk = chunk(1, 100);
    store.put(&chunk).await.unwrap();
    let later = LocalStore::open(store.root(), small_format()).unwrap();
    later.sync_chunks(&[chunk.id()]).await.unwrap();
    let unknown = support::chunk(2, 100).id();
    assert!(
        later
            .sync_chunks(&[chunk.id(), unknown])
            .await
            .unwrap_err()
            .is_missing()
    );
}

#[tokio::test]
async fn opening_needs_a_folder_and_creating_makes_it() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("x/y");
    let error = LocalStore::open(&missing, small_format()).unwrap_err();
    assert!(
        error.to_string().contains(&missing.display().to_string()),
        "{error}"
    );
    LocalStore::create(&missing, small_format()).unwrap();
    LocalStore::open(&missing, small_format()).unwrap();
    fs::write(folder.path().join("file"), b"").unwrap();
    assert!(LocalStore::open(folder.path().join("file"), small_format()).is_err());
    assert!(LocalStore::create(folder.path().join("file"), small_format()).is_err());
}

#[cfg(unix)]
#[tokio::test]
async fn something_that_is_no_file_is_damage_and_is_never_waited_for() {
    let (_folder, store) = store(small_format());
    let id = chunk(1, 100).id();
    fs::create_dir_all(store.path(id)).unwrap();
    assert!(matches!(store.get(id).await, Err(StoreError::Invalid { .. })));
    assert!(!store.has(id).await.unwrap());
    fs::remove_dir(store.path(id)).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(store.path(id))
        .status()
        .unwrap();
    assert!(made.success());
    assert!(matches!(store.get(id).await, Err(StoreError::Invalid { .. })));
}

#[derive(Clone, Debug)]
enum Step {
    Put(u64),
    Damage(u64),
    Remove(u64),
    Get(u64),
    Sync,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u64..8).prop_map(Step::Put),
        (0u64..8).prop_map(Step::Damage),
        (0u64..8).prop_map(Step::Remove),
        (0u64..8).prop_map(Step::Get),
        Just(Step::Sync),
        Just(Step::Reopen),
    ]
}

#[derive(Default)]
struct Model {
    whole: BTreeSet<u64>,
    damaged: BTreeSet<u64>,
}

async fn run(steps: Vec<Step>) {
    let (_folder, mut store) = store(small_format());
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Put(seed) => {
                store.put(&chunk(seed, 200)).await.unwrap();
                model.damaged.remove(&seed);
                model.whole.insert(seed);
            }
            Step::Damage(seed) if model.whole.remove(&seed) => {
                plant(&store, chunk(seed, 200).id(), b"damage");
                model.damaged.insert(seed);
            }
            Step::Damage(_) => {}
            Step::Remove(seed) => {
                model.whole.remove(&seed);
                model.damaged.remove(&seed);
                store.remove(chunk(seed, 200).id()).await.unwrap();
            }
            Step::Get(seed) => match store.get(chunk(seed, 200).id()).await {
                Ok(_) => assert!(model.whole.contains(&seed)),
                Err(StoreError::Missing { .. }) => {
                    assert!(!model.whole.contains(&seed) && !model.damaged.contains(&seed));
                }
                Err(StoreError::Invalid { .. }) => assert!(model.damaged.contains(&seed)),
                Err(other) => panic!("{other}"),
            },
            Step::Sync => store.sync().await.unwrap(),
            Step::Reopen => store = LocalStore::open(store.root(), small_format()).unwrap(),
        }
        let listed = store.ids().await.unwrap().len();
        assert_eq!(listed, model.whole.len() + model.damaged.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn behaves_as_a_set_of_chunks_whatever_happens_to_it(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(steps));
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_linked_folder_of_chunks_is_the_store_s_and_no_other_link_is() {
    let (folder, store) = store(small_format());
    let chunk = chunk(1, 1000);
    let other_disk = folder.path().join("other disk");
    fs::create_dir(&other_disk).unwrap();
    let place = store.path(chunk.id());
    let (links, foreign) = (place.parent().unwrap(), store.root().join("elsewhere"));
    for link in [links, foreign.as_path()] {
        fs::os::unix::fs::symlink(&other_disk, link).unwrap();
    }
    store.put(&chunk).await.unwrap();
    store.sync().await.unwrap();
    assert!(other_disk.join(place.file_name().unwrap()).exists());
    assert_eq!(store.get(chunk.id()).await.unwrap().plain(), chunk.plain());
    assert_eq!(store.ids().await.unwrap(), [chunk.id()]);
    assert_eq!(store.lengths().await.unwrap().len(), 1);
    let entries: Vec<StoreEntry> = store.entries().map(Result::unwrap).collect();
    assert_eq!(entries.len(), 2, "{entries:?}");
    assert!(entries.contains(&StoreEntry::Foreign(foreign)), "{entries:?}");
    store.remove(chunk.id()).await.unwrap();
    assert!(!store.has(chunk.id()).await.unwrap());
    assert!(store.ids().await.unwrap().is_empty());
}
