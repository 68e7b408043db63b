// SPDX-License-Identifier: MIT
//! The promises of [`ChunkStore`] and [`WriteStore`], as checks that every implementation must pass.

use std::path::PathBuf;

use futures::future::join_all;
use vsekai_formats::{ChunkId, DigestAlgorithm};
use vsekai_store::{Chunk, ChunkStore, PruneStore, StoreError, WriteStore};

use super::{MAX_CHUNK, chunk};

/// Puts bytes under a chunk's name behind the store's back.
pub type Plant<'a> = &'a dyn Fn(ChunkId, &[u8]);

/// Checks a store that has all of `known` and nothing else.
pub async fn check_reading(store: &dyn ChunkStore, known: &[Chunk]) {
    for chunk in known {
        let found = store.get(chunk.id()).await.unwrap();
        assert_eq!((found.id(), found.plain()), (chunk.id(), chunk.plain()));
        assert!(store.has(chunk.id()).await.unwrap());
    }
    let all = join_all(known.iter().map(|chunk| store.get(chunk.id()))).await;
    for (chunk, found) in known.iter().zip(all) {
        assert_eq!(found.unwrap().plain(), chunk.plain());
    }
    let unknown = chunk(u64::MAX, 10).id();
    assert!(!store.has(unknown).await.unwrap());
    match store.get(unknown).await {
        Err(StoreError::Missing { object, .. }) => assert_eq!(object.chunk_id(), Some(unknown)),
        other => panic!("a chunk that is not there gave {other:?}"),
    }
    check_reading_together(store, known, unknown).await;
    assert!(!store.name().is_empty());
    assert!(
        !store.name().contains(['?', '@']),
        "{} may show a secret",
        store.name()
    );
}

/// Checks an empty store that can be written to.
pub async fn check_writing(store: &dyn WriteStore) {
    let sizes = [1, 2, 47, 1000, 65_536, MAX_CHUNK - 1, MAX_CHUNK];
    let chunks: Vec<Chunk> = (1..).zip(sizes).map(|(seed, len)| chunk(seed, len)).collect();
    for chunk in &chunks {
        assert!(!store.has(chunk.id()).await.unwrap());
        assert!(store.put_absent(chunk).await.unwrap());
        assert!(!store.put_absent(chunk).await.unwrap());
        store.put(chunk).await.unwrap();
    }
    store.sync().await.unwrap();
    store.sync().await.unwrap();
    check_reading(store, &chunks).await;
    check_concurrent_writing(store).await;
}

/// Checks that chunks that are asked for together come in their order, each with its own outcome.
async fn check_reading_together(store: &dyn ChunkStore, known: &[Chunk], unknown: ChunkId) {
    let mut ids: Vec<ChunkId> = known.iter().map(Chunk::id).collect();
    ids.insert(known.len() / 2, unknown);
    let found = store.get_each(&ids).await;
    assert_eq!(found.len(), ids.len());
    for (id, found) in ids.iter().zip(found) {
        match known.iter().find(|chunk| chunk.id() == *id) {
            Some(chunk) => assert_eq!(found.unwrap().plain(), chunk.plain()),
            None => assert!(found.unwrap_err().is_missing()),
        }
    }
    assert!(store.get_each(&[]).await.is_empty());
}

/// Checks that a store finds out whatever lies under a chunk's name and is not it, and that a put mends it.
pub async fn check_damage(store: &dyn WriteStore, plant: Plant<'_>, compressed: bool) {
    let right = chunk(500, 5000);
    let other = chunk(501, 5000);
    let stored = |chunk: &Chunk| match compressed {
        true => vsekai_formats::codec::compress(chunk.plain(), 3).unwrap(),
        false => chunk.plain().to_vec(),
    };
    let mut flipped = stored(&right);
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let longer = [stored(&right), vec![0]].concat();
    let bomb = stored(&Chunk::new(DigestAlgorithm::Sha512_256, vec![0; MAX_CHUNK + 1]));
    let cut = stored(&right)[..middle].to_vec();
    let damages = [
        ("nothing", Vec::new()),
        ("half of it", cut),
        ("a flipped bit", flipped),
        ("a byte more", longer),
        ("another chunk", stored(&other)),
        ("more than a chunk may hold", bomb),
        ("a web page", b"<!doctype html><p>Please log in".to_vec()),
        ("megabytes", vec![0x28; 3 * MAX_CHUNK]),
    ];
    for (what, bytes) in damages {
        plant(right.id(), &bytes);
        match store.get(right.id()).await {
            Err(StoreError::Invalid { object, .. }) => assert_eq!(object.chunk_id(), Some(right.id())),
            other => panic!("{what} under a chunk's name gave {other:?}"),
        }
        // Among others, it alone is wrong.
        store.put(&other).await.unwrap();
        let together = store.get_each(&[other.id(), right.id(), other.id()]).await;
        let good: Vec<bool> = together.iter().map(Result::is_ok).collect();
        assert_eq!(good, [true, false, true], "{what}");
        assert!(
            store.has(right.id()).await.unwrap(),
            "{what} is there, if damaged"
        );
        store.put(&right).await.unwrap();
        assert_eq!(store.get(right.id()).await.unwrap().plain(), right.plain());
    }
}

/// Checks listing and removing, on a store with exactly the chunks `known`.
pub async fn check_pruning(store: &dyn PruneStore, known: &[Chunk]) {
    let mut expected: Vec<ChunkId> = known.iter().map(Chunk::id).collect();
    expected.sort_unstable();
    assert_eq!(store.ids().await.unwrap(), expected);
    let lengths = store.lengths().await.unwrap();
    assert_eq!(lengths.len(), expected.len());
    assert!(lengths.values().all(|len| *len > 0));
    while let Some(id) = expected.pop() {
        store.remove(id).await.unwrap();
        assert!(!store.has(id).await.unwrap());
        // What is gone is gone.
        store.remove(id).await.unwrap();
        assert_eq!(store.ids().await.unwrap(), expected);
    }
}

/// Checks that a store in a folder stores chunks again after somebody else removed them with the folder `path` says
/// they lie in.
pub async fn check_pruned_folder(store: &dyn WriteStore, path: impl Fn(ChunkId) -> PathBuf) {
    let chunk = chunk(600, 5000);
    for absent in [false, true] {
        store.put(&chunk).await.unwrap();
        store.sync().await.unwrap();
        fs_err::remove_dir_all(path(chunk.id()).parent().unwrap()).unwrap();
        assert!(!store.has(chunk.id()).await.unwrap());
        match absent {
            true => assert!(store.put_absent(&chunk).await.unwrap()),
            false => store.put(&chunk).await.unwrap(),
        }
        store.sync().await.unwrap();
        assert!(path(chunk.id()).is_file());
        assert_eq!(store.get(chunk.id()).await.unwrap().plain(), chunk.plain());
    }
}

async fn check_concurrent_writing(store: &dyn WriteStore) {
    let chunk = chunk(400, 30_000);
    let puts = join_all((0..8).map(|_| store.put(&chunk)));
    let gets = join_all((0..8).map(|_| store.get(chunk.id())));
    let (puts, gets) = futures::join!(puts, gets);
    assert!(puts.iter().all(Result::is_ok), "{puts:?}");
    for found in gets {
        match found {
            Ok(found) => assert_eq!(found.plain(), chunk.plain()),
            Err(error) => assert!(error.is_missing(), "a chunk being written gave {error}"),
        }
    }
    assert_eq!(store.get(chunk.id()).await.unwrap().plain(), chunk.plain());
}
