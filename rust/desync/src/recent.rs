// SPDX-License-Identifier: MIT
//! The last chunks of a store: what comes again soon, such as zeros that fill many chunks, is not fetched again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vsekai_formats::ChunkId;
use vsekai_store::{Chunk, ChunkStore, StoreError};

/// A store whose last chunks are remembered.
#[derive(Debug)]
pub(crate) struct Recent {
    store: Arc<dyn ChunkStore>,
    /// The one used last at the end.
    last: Mutex<VecDeque<Chunk>>,
}

impl Recent {
    /// Remembers what comes from `store`.
    pub(crate) fn new(store: Arc<dyn ChunkStore>) -> Self {
        Self {
            store,
            last: Mutex::default(),
        }
    }

    /// As [`ChunkStore::get`].
    pub(crate) async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError> {
        if let Some(chunk) = self.known(id) {
            return Ok(chunk);
        }
        let chunk = self.store.get(id).await?;
        self.remember(&chunk);
        Ok(chunk)
    }

    /// As [`ChunkStore::get_each`], but that a chunk that is asked for several times is fetched once.
    pub(crate) async fn get_each(&self, ids: &[ChunkId]) -> Vec<Result<Chunk, StoreError>> {
        let mut outcomes: HashMap<ChunkId, Result<Chunk, StoreError>> = HashMap::with_capacity(ids.len());
        let mut wanted: Vec<ChunkId> = Vec::with_capacity(ids.len());
        for id in ids {
            match self.known(*id) {
                Some(chunk) => drop(outcomes.insert(*id, Ok(chunk))),
                None if wanted.contains(id) => {}
                None => wanted.push(*id),
            }
        }
        if !wanted.is_empty() {
            let fetched = self.store.get_each(&wanted).await;
            fetched.iter().flatten().for_each(|chunk| self.remember(chunk));
            outcomes.extend(wanted.into_iter().zip(fetched));
        }
        let outcome = |id: &ChunkId| {
            let known = outcomes.get(id).cloned();
            // There is one for each.
            known.unwrap_or_else(|| Err(StoreError::missing(self.store.name(), *id)))
        };
        ids.iter().map(outcome).collect()
    }

    fn known(&self, id: ChunkId) -> Option<Chunk> {
        let mut last = self.last();
        let place = last.iter().position(|chunk| chunk.id() == id)?;
        let chunk = last.remove(place)?;
        last.push_back(chunk.clone());
        Some(chunk)
    }

    fn remember(&self, chunk: &Chunk) {
        if chunk.plain().len() > MOST_BYTES {
            return;
        }
        let mut last = self.last();
        if last.iter().any(|known| known.id() == chunk.id()) {
            return;
        }
        // Without its stored form, which nobody asks for here.
        last.push_back(Chunk::from_verified(chunk.id(), chunk.plain().clone(), None));
        let bytes = |last: &VecDeque<Chunk>| last.iter().map(|chunk| chunk.plain().len()).sum::<usize>();
        while last.len() > MOST_CHUNKS || bytes(&last) > MOST_BYTES {
            last.pop_front();
        }
    }

    fn last(&self) -> MutexGuard<'_, VecDeque<Chunk>> {
        // Whatever is in it was verified, so it serves even after a panic.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes that are remembered at the most: eight chunks of the largest size by default.
const MOST_BYTES: usize = 2 << 20;
/// Chunks that are remembered at the most, so that looking for one among them takes no time.
const MOST_CHUNKS: usize = 32;

#[cfg(test)]
mod tests {
    use vsekai_formats::DigestAlgorithm;
    use vsekai_store::{LocalStore, PruneStore as _, StoreFormat, WriteStore as _};

    use super::*;

    fn chunk(content: u8, len: usize) -> Chunk {
        Chunk::new(DigestAlgorithm::Sha512_256, vec![content; len])
    }

    /// A store with these chunks in a folder, and the same with a memory.
    async fn stores(folder: &tempfile::TempDir, chunks: &[Chunk]) -> (LocalStore, Recent) {
        let store = LocalStore::create(folder.path(), StoreFormat::default()).unwrap();
        for chunk in chunks {
            store.put(chunk).await.unwrap();
        }
        (store.clone(), Recent::new(Arc::new(store)))
    }

    #[tokio::test]
    async fn a_chunk_that_comes_again_is_not_fetched_again() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (chunk(1, 1000), chunk(2, 1000));
        let (store, recent) = stores(&folder, &[one.clone(), two.clone()]).await;
        recent.get(one.id()).await.unwrap();
        store.remove(one.id()).await.unwrap();
        assert_eq!(recent.get(one.id()).await.unwrap().plain(), one.plain());

        let absent = chunk(3, 1000).id();
        let asked = [two.id(), absent, one.id(), two.id(), absent];
        for _ in 0..2 {
            let found = recent.get_each(&asked).await;
            let found: Vec<Option<&[u8]>> = found
                .iter()
                .map(|found| found.as_ref().ok().map(|chunk| &chunk.plain()[..]))
                .collect();
            let [first, second] = [&one, &two].map(|chunk| Some(&chunk.plain()[..]));
            assert_eq!(found, [second, None, first, second, None]);
            store.remove(two.id()).await.unwrap();
        }
        assert!(recent.get_each(&[]).await.is_empty());
    }

    #[tokio::test]
    async fn no_more_is_remembered_than_there_is_room_for() {
        let folder = tempfile::tempdir().unwrap();
        let large: Vec<Chunk> = (0..4).map(|content| chunk(content, MOST_BYTES / 3)).collect();
        let huge = chunk(9, MOST_BYTES + 1);
        let all = [&large[..], std::slice::from_ref(&huge)].concat();
        let (store, recent) = stores(&folder, &all).await;
        recent.get(huge.id()).await.unwrap();
        for chunk in &large[..3] {
            recent.get(chunk.id()).await.unwrap();
        }
        // The first one was used last, so the second one makes room.
        recent.get(large[0].id()).await.unwrap();
        recent.get(large[3].id()).await.unwrap();
        for chunk in &all {
            store.remove(chunk.id()).await.unwrap();
        }
        let mut known = Vec::new();
        for chunk in &all {
            known.push(recent.get(chunk.id()).await.is_ok());
        }
        assert_eq!(known, [true, false, true, true, false]);
    }

    #[test]
    fn small_chunks_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::create(folder.path(), StoreFormat::default()).unwrap();
        let recent = Recent::new(Arc::new(store));
        for content in 0..100 {
            recent.remember(&chunk(content, 1));
            recent.remember(&chunk(content, 1));
        }
        let known = (0..100).filter(|content| recent.known(chunk(*content, 1).id()).is_some());
        assert_eq!(known.count(), MOST_CHUNKS);
    }
}
