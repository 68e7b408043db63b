// SPDX-License-Identifier: MIT
//! The stores that wrap stores.

mod support;

use std::sync::Arc;

use fs_err as fs;
use support::stores::{MemoryStore, unreachable};
use support::{chunk, conformance, small_format};
use vsekai_formats::ChunkId;
use vsekai_store::{Cache, Chunk, ChunkStore, Dedup, Failover, LocalStore, Router, StoreError, WriteStore};

fn chunks() -> Vec<Chunk> {
    (0..5).map(|seed| chunk(seed, 1000)).collect()
}

fn refused(store: &str) -> StoreError {
    StoreError::Refused {
        store: store.to_owned(),
        reason: "status 401".to_owned(),
        status: Some(401),
        credentials: true,
    }
}

fn ids() -> Vec<ChunkId> {
    chunks().iter().map(Chunk::id).collect()
}

/// What may go wrong with the chunk `id`.
fn failures(id: ChunkId) -> [StoreError; 5] {
    [
        StoreError::missing("first", id),
        StoreError::invalid("first", id, "damage"),
        refused("first"),
        unreachable("first"),
        StoreError::io("read chunk", std::io::Error::other("bad sector")),
    ]
}

#[tokio::test]
async fn all_wrappers_keep_the_promises_of_a_store() {
    let known = chunks();
    let memory = || -> Arc<dyn ChunkStore> { MemoryStore::new("memory", chunks()) };
    let empty = || -> Arc<dyn ChunkStore> { MemoryStore::new("empty", []) };
    let wrappers: Vec<Arc<dyn ChunkStore>> = vec![
        Arc::new(Router::new(vec![empty(), memory()])),
        Arc::new(Failover::new(vec![empty(), memory()])),
        Arc::new(Dedup::new(memory())),
        Arc::new(Cache::new(MemoryStore::new("cache", []), memory())),
        Arc::new(Dedup::new(Arc::new(Cache::new(
            MemoryStore::new("cache", chunks().into_iter().take(2)),
            Arc::new(Failover::new(vec![empty(), memory()])),
        )))),
    ];
    for wrapper in wrappers {
        conformance::check_reading(&*wrapper, &known).await;
    }
}

#[tokio::test]
async fn a_cached_chunk_is_not_fetched_again() {
    let upstream = MemoryStore::new("upstream", chunks());
    let cache = Cache::new(MemoryStore::new("cache", []), upstream.clone());
    for _ in 0..3 {
        cache.get(chunks()[0].id()).await.unwrap();
    }
    assert_eq!(upstream.gets(), 1);
}

#[tokio::test]
async fn a_damaged_cached_chunk_is_fetched_again_and_mended() {
    let folder = tempfile::tempdir().unwrap();
    let local = LocalStore::create(folder.path(), small_format()).unwrap();
    let chunk = &chunks()[0];
    local.put(chunk).await.unwrap();
    fs::write(local.path(chunk.id()), b"damage").unwrap();
    let upstream = MemoryStore::new("upstream", chunks());
    let cache = Cache::new(Arc::new(local.clone()), upstream.clone());
    assert_eq!(cache.get(chunk.id()).await.unwrap().plain(), chunk.plain());
    assert_eq!(local.get(chunk.id()).await.unwrap().plain(), chunk.plain());
    assert_eq!(upstream.gets(), 1);
}

#[tokio::test]
async fn a_cache_that_fails_only_makes_things_slower() {
    let broken = MemoryStore::new("cache", []);
    broken.fail_with(Some(StoreError::io(
        "write chunk",
        std::io::Error::other("disk full"),
    )));
    let cache = Cache::new(broken, MemoryStore::new("upstream", chunks()));
    conformance::check_reading(&cache, &chunks()).await;
}

#[tokio::test]
async fn failing_over_covers_missing_damaged_refused_and_unreachable() {
    let id = chunks()[0].id();
    for failure in failures(id) {
        let first = MemoryStore::new("first", []);
        first.fail_with(Some(failure));
        let second = MemoryStore::new("second", chunks());
        let stores: [Arc<dyn ChunkStore>; 2] = [first, second];
        for store in [
            Arc::new(Failover::new(stores.to_vec())) as Arc<dyn ChunkStore>,
            Arc::new(Router::new(stores.to_vec())),
        ] {
            assert!(store.get(id).await.is_ok());
        }
    }
}

#[tokio::test]
async fn a_group_stays_with_the_store_that_answers() {
    let first = MemoryStore::new("first", chunks());
    let second = MemoryStore::new("second", chunks());
    let group = Failover::new(vec![first.clone(), second.clone()]);
    first.fail_with(Some(unreachable("first")));
    for chunk in chunks() {
        group.get(chunk.id()).await.unwrap();
    }
    assert_eq!((first.gets(), second.gets(), group.active()), (1, 5, 1));
    first.fail_with(None);
    second.fail_with(Some(unreachable("second")));
    group.get(chunks()[0].id()).await.unwrap();
    assert_eq!(group.active(), 0);
}

#[tokio::test]
async fn a_chunk_one_member_lacks_does_not_change_who_is_asked_first() {
    let first = MemoryStore::new("first", chunks().into_iter().skip(1));
    let group = Failover::new(vec![first, MemoryStore::new("second", chunks())]);
    group.get(chunks()[0].id()).await.unwrap();
    assert_eq!(group.active(), 0);
}

#[tokio::test]
async fn what_a_cache_lacks_is_fetched_together_and_kept() {
    let near = MemoryStore::new("cache", chunks().into_iter().take(2));
    let upstream = MemoryStore::new("upstream", chunks().into_iter().take(4));
    let cache = Cache::new(near.clone(), upstream.clone());
    for fetched in [vec![3], vec![3, 1]] {
        let found = cache.get_each(&ids()).await;
        let good: Vec<bool> = found.iter().map(Result::is_ok).collect();
        assert_eq!(good, [true, true, true, true, false]);
        assert_eq!(upstream.batches(), fetched);
    }
    assert!(cache.get_each(&ids()[..4]).await.iter().all(Result::is_ok));
    assert_eq!(upstream.batches(), [3, 1]);
    assert_eq!(near.batches(), [5, 5, 4]);
}

#[tokio::test]
async fn what_one_store_does_not_give_is_asked_of_the_next_together() {
    let stores = || {
        let first = MemoryStore::new("first", chunks().into_iter().take(2));
        (first, MemoryStore::new("second", chunks()))
    };
    let (first, second) = stores();
    let group = Failover::new(vec![first.clone(), second.clone()]);
    assert!(group.get_each(&ids()).await.iter().all(Result::is_ok));
    assert_eq!((first.batches(), second.batches()), (vec![5], vec![3]));
    assert_eq!(group.active(), 0);
    first.fail_with(Some(unreachable("first")));
    for _ in 0..2 {
        assert!(group.get_each(&ids()).await.iter().all(Result::is_ok));
    }
    assert_eq!((first.batches(), second.batches()), (vec![5, 5], vec![3, 5, 5]));
    assert_eq!(group.active(), 1);

    let (first, second) = stores();
    let router = Router::new(vec![first.clone(), second.clone()]);
    assert!(router.get_each(&ids()).await.iter().all(Result::is_ok));
    assert_eq!((first.batches(), second.batches()), (vec![5], vec![3]));
}

/// A wrapper around two stores with some of the chunks each, which fail so.
fn wrapped(which: usize, failures: [Option<&StoreError>; 2]) -> Arc<dyn ChunkStore> {
    let [first, second] = [("first", 0), ("second", 1)].map(|(name, from)| {
        let some = chunks().into_iter().skip(from).take(2);
        MemoryStore::new(name, some)
    });
    first.fail_with(failures[0].cloned());
    second.fail_with(failures[1].cloned());
    match which {
        0 => Arc::new(Cache::new(first, second)),
        1 => Arc::new(Failover::new(vec![first, second])),
        _ => Arc::new(Router::new(vec![first, second])),
    }
}

#[tokio::test]
async fn a_chunk_among_others_ends_as_it_does_alone() {
    let shown = |outcome: Result<Chunk, StoreError>| match outcome {
        Ok(chunk) => Ok(chunk.id()),
        Err(error) => Err(error.to_string()),
    };
    let asked = [ids(), ids()].concat();
    let failures = failures(asked[0]);
    let all = || std::iter::once(None).chain(failures.iter().map(Some));
    for (first, second) in all().flat_map(|first| all().map(move |second| (first, second))) {
        for which in 0..3 {
            let mut alone = Vec::new();
            for id in &asked {
                alone.push(shown(wrapped(which, [first, second]).get(*id).await));
            }
            let together = wrapped(which, [first, second]).get_each(&asked).await;
            let together: Vec<_> = together.into_iter().map(shown).collect();
            assert_eq!(together, alone, "{which}: {first:?}, {second:?}");
        }
    }
}

#[tokio::test]
async fn missing_is_said_only_if_every_store_says_so() {
    let id = chunks()[0].id();
    let silent = MemoryStore::new("silent", []);
    silent.fail_with(Some(unreachable("silent")));
    let stores: [Arc<dyn ChunkStore>; 2] = [silent.clone(), MemoryStore::new("empty", [])];
    let group = Failover::new(stores.to_vec());
    let router = Router::new(stores.to_vec());
    for outcome in [group.get(id).await, router.get(id).await] {
        assert!(
            matches!(outcome, Err(StoreError::Unreachable { .. })),
            "{outcome:?}"
        );
    }
    assert!(group.has(id).await.is_err() && router.has(id).await.is_err());
    silent.fail_with(None);
    for outcome in [group.get(id).await, router.get(id).await] {
        assert!(outcome.unwrap_err().is_missing());
    }
    for store in [&group as &dyn ChunkStore, &router] {
        assert!(!store.has(id).await.unwrap());
    }
}

#[tokio::test]
async fn without_stores_everything_is_missing() {
    let id = chunks()[0].id();
    assert!(Failover::new(Vec::new()).get(id).await.unwrap_err().is_missing());
    assert!(Router::new(Vec::new()).get(id).await.unwrap_err().is_missing());
}

#[tokio::test]
async fn requests_for_one_chunk_at_one_time_become_one() {
    let upstream = MemoryStore::new("upstream", chunks());
    upstream.close_gate();
    let dedup = Dedup::new(upstream.clone());
    let (one, two) = (chunks()[0].id(), chunks()[1].id());
    let requests = futures::future::join_all((0..20).map(|n| dedup.get(if n % 2 == 0 { one } else { two })));
    let open = async {
        tokio::task::yield_now().await;
        upstream.open_gate();
    };
    let (outcomes, ()) = futures::join!(requests, open);
    assert!(outcomes.iter().all(Result::is_ok));
    assert_eq!(upstream.gets(), 2);
}

#[tokio::test]
async fn a_failure_reaches_all_who_wait_and_nobody_later() {
    let upstream = MemoryStore::new("upstream", chunks());
    upstream.fail_with(Some(unreachable("upstream")));
    let dedup = Dedup::new(upstream.clone());
    let id = chunks()[0].id();
    upstream.close_gate();
    let requests = futures::future::join_all((0..5).map(|_| dedup.get(id)));
    let open = async {
        tokio::task::yield_now().await;
        upstream.open_gate();
    };
    let (outcomes, ()) = futures::join!(requests, open);
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Err(StoreError::Unreachable { .. })))
    );
    assert_eq!(upstream.gets(), 1);
    upstream.fail_with(None);
    assert!(dedup.get(id).await.is_ok());
}

#[tokio::test]
async fn who_gives_up_does_not_take_the_others_with_him() {
    let upstream = MemoryStore::new("upstream", chunks());
    upstream.close_gate();
    let dedup = Dedup::new(upstream.clone());
    let id = chunks()[0].id();
    let mut first = Box::pin(dedup.get(id));
    let mut second = Box::pin(dedup.get(id));
    assert!(futures::poll!(&mut first).is_pending());
    assert!(futures::poll!(&mut second).is_pending());
    drop(first);
    upstream.open_gate();
    assert!(second.await.is_ok());
    assert_eq!(upstream.gets(), 1);
}

#[tokio::test]
async fn a_request_all_gave_up_on_is_made_anew() {
    let upstream = MemoryStore::new("upstream", chunks());
    upstream.close_gate();
    let dedup = Dedup::new(upstream.clone());
    let id = chunks()[0].id();
    {
        let mut given_up = Box::pin(dedup.get(id));
        assert!(futures::poll!(&mut given_up).is_pending());
    }
    upstream.open_gate();
    assert!(dedup.get(id).await.is_ok());
    assert_eq!(upstream.gets(), 2);
}
