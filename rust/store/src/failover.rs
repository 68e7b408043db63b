// SPDX-License-Identifier: MIT
//! Several stores with the same chunks, of which one that works is enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use vsekai_formats::ChunkId;

use crate::ChunkStore;
use crate::chunk::Chunk;
use crate::combine::{Batch, worst};
use crate::error::StoreError;

/// Asks the store that answered last, and the others in turn when it fails.
///
/// Every failure counts, missing and damaged chunks too: a mirror may be incomplete or bad in places. Only a
/// store that does not answer or refuses loses its place; one bad chunk is no reason to leave it for good.
#[derive(Debug)]
pub struct Failover {
    stores: Vec<Arc<dyn ChunkStore>>,
    active: AtomicUsize,
    name: String,
}

impl Failover {
    /// Makes a store of `stores`, the first one asked first. Without any, every chunk is missing.
    pub fn new(stores: Vec<Arc<dyn ChunkStore>>) -> Self {
        let names: Vec<String> = stores.iter().map(|store| store.name()).collect();
        Self {
            stores,
            active: AtomicUsize::new(0),
            name: names.join(" | "),
        }
    }

    /// Returns the position of the store that is asked first at the moment.
    pub fn active(&self) -> usize {
        self.active.load(Ordering::Relaxed)
    }

    /// Returns all stores with their positions, the active one first.
    fn in_turn(&self) -> impl Iterator<Item = (usize, &Arc<dyn ChunkStore>)> {
        let stores = self.stores.iter().enumerate();
        stores.cycle().skip(self.active()).take(self.stores.len())
    }

    /// Moves on from the store at `position`, unless another request has done so already.
    fn leave(&self, position: usize) {
        let next = (position + 1) % self.stores.len().max(1);
        let moved = self
            .active
            .compare_exchange(position, next, Ordering::Relaxed, Ordering::Relaxed);
        if moved.is_ok() {
            tracing::debug!(position, next, "store does not answer, asking the next one first");
        }
    }

    fn note(&self, position: usize, error: &StoreError) {
        if matches!(
            error,
            StoreError::Unavailable { .. } | StoreError::Unreachable { .. } | StoreError::Refused { .. }
        ) {
            self.leave(position);
        }
    }
}

#[async_trait]
impl ChunkStore for Failover {
    async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError> {
        let mut failures = Vec::new();
        for (position, store) in self.in_turn() {
            match store.get(id).await {
                Ok(chunk) => return Ok(chunk),
                Err(error) => {
                    self.note(position, &error);
                    failures.push(error);
                }
            }
        }
        Err(worst(&self.name, id.into(), failures))
    }

    async fn get_each(&self, ids: &[ChunkId]) -> Vec<Result<Chunk, StoreError>> {
        let mut batch = Batch::new(ids);
        for (position, store) in self.in_turn() {
            let open = batch.open();
            if open.is_empty() {
                break;
            }
            let answers = store.get_each(&open).await;
            for error in answers.iter().filter_map(|answer| answer.as_ref().err()) {
                self.note(position, error);
            }
            batch.take(answers);
        }
        batch.finish(|id, failures| worst(&self.name, id.into(), failures))
    }

    async fn has(&self, id: ChunkId) -> Result<bool, StoreError> {
        let mut failures = Vec::new();
        for (position, store) in self.in_turn() {
            match store.has(id).await {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => {
                    self.note(position, &error);
                    failures.push(error);
                }
            }
        }
        match failures.is_empty() {
            true => Ok(false),
            false => Err(worst(&self.name, id.into(), failures)),
        }
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}
