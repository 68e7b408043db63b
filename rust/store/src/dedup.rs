// SPDX-License-Identifier: MIT
//! One request for all who want the same chunk at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared, WeakShared};
use vsekai_formats::ChunkId;

use crate::ChunkStore;
use crate::chunk::Chunk;
use crate::error::StoreError;

/// Merges requests for one chunk that are under way at the same time.
///
/// Nothing is remembered beyond that: who asks after a failure makes a new request. When one of the askers
/// gives up, the others still get their answer; when all do, the request is dropped.
#[derive(Clone, Debug)]
pub struct Dedup {
    store: Arc<dyn ChunkStore>,
    under_way: Arc<UnderWay>,
}

type Request = BoxFuture<'static, Result<Chunk, StoreError>>;

#[derive(Debug, Default)]
struct UnderWay(Mutex<Requests>);

#[derive(Debug, Default)]
struct Requests {
    by_id: HashMap<ChunkId, (u64, WeakShared<Request>)>,
    started: u64,
}

/// Strikes a request off the list when it ends, however it ends.
struct Entry {
    under_way: Arc<UnderWay>,
    id: ChunkId,
    number: u64,
}

impl Dedup {
    /// Merges requests to `store`.
    pub fn new(store: Arc<dyn ChunkStore>) -> Self {
        Self {
            store,
            under_way: Arc::default(),
        }
    }

    /// Joins the request for `id` that is under way, or starts one.
    fn request(&self, id: ChunkId) -> Shared<Request> {
        let mut requests = self.under_way.lock();
        if let Some(request) = requests.by_id.get(&id).and_then(|(_, request)| request.upgrade()) {
            return request;
        }
        requests.started += 1;
        let entry = Entry {
            under_way: self.under_way.clone(),
            id,
            number: requests.started,
        };
        let store = self.store.clone();
        let request = async move {
            let outcome = store.get(id).await;
            // Before anyone sees the outcome, so that nobody joins a request that is over.
            drop(entry);
            outcome
        };
        let request = request.boxed().shared();
        let number = requests.started;
        if let Some(weak) = request.downgrade() {
            requests.by_id.insert(id, (number, weak));
        }
        request
    }
}

#[async_trait]
impl ChunkStore for Dedup {
    async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError> {
        self.request(id).await
    }

    async fn has(&self, id: ChunkId) -> Result<bool, StoreError> {
        self.store.has(id).await
    }

    fn name(&self) -> String {
        self.store.name()
    }
}

impl UnderWay {
    fn lock(&self) -> MutexGuard<'_, Requests> {
        // Every change of the list is complete before anything could panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut requests = self.under_way.lock();
        // A later request for the same chunk may have taken the place of one that was given up.
        if requests
            .by_id
            .get(&self.id)
            .is_some_and(|(number, _)| *number == self.number)
        {
            requests.by_id.remove(&self.id);
        }
    }
}
