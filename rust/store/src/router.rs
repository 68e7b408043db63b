// SPDX-License-Identifier: MIT
//! Several stores with different chunks, asked in order.

use std::sync::Arc;

use async_trait::async_trait;
use vsekai_formats::ChunkId;

use crate::ChunkStore;
use crate::chunk::Chunk;
use crate::combine::{Batch, worst};
use crate::error::StoreError;

/// Asks stores in the given order until one has the chunk.
///
/// It goes on after every failure, not only after "missing": a broken store must not hide the ones behind it.
#[derive(Clone, Debug)]
pub struct Router {
    stores: Vec<Arc<dyn ChunkStore>>,
    name: String,
}

impl Router {
    /// Makes a store of `stores`, the first one preferred. Without any, every chunk is missing.
    pub fn new(stores: Vec<Arc<dyn ChunkStore>>) -> Self {
        let names: Vec<String> = stores.iter().map(|store| store.name()).collect();
        Self {
            stores,
            name: names.join(", "),
        }
    }
}

#[async_trait]
impl ChunkStore for Router {
    async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError> {
        let mut failures = Vec::new();
        for store in &self.stores {
            match store.get(id).await {
                Ok(chunk) => return Ok(chunk),
                Err(error) => failures.push(error),
            }
        }
        Err(worst(&self.name, id.into(), failures))
    }

    async fn get_each(&self, ids: &[ChunkId]) -> Vec<Result<Chunk, StoreError>> {
        let mut batch = Batch::new(ids);
        for store in &self.stores {
            let open = batch.open();
            if open.is_empty() {
                break;
            }
            batch.take(store.get_each(&open).await);
        }
        batch.finish(|id, failures| worst(&self.name, id.into(), failures))
    }

    async fn has(&self, id: ChunkId) -> Result<bool, StoreError> {
        let mut failures = Vec::new();
        for store in &self.stores {
            match store.has(id).await {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => failures.push(error),
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
