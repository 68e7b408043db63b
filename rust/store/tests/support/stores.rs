// SPDX-License-Identifier: MIT
//! Stores for tests: one in memory whose state the test can change, and one behind HTTP.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::join_all;
use tokio::sync::Semaphore;
use vsekai_formats::ChunkId;
use vsekai_store::{Chunk, ChunkStore, StoreError, WriteStore};

use super::bad_server::{BadServer, Reply, Request};

/// A store in memory that fails when told to.
#[derive(Debug)]
pub struct MemoryStore {
    name: String,
    chunks: Mutex<HashMap<ChunkId, Chunk>>,
    failure: Mutex<Option<StoreError>>,
    gets: AtomicUsize,
    batches: Mutex<Vec<usize>>,
    gate: Semaphore,
}

impl MemoryStore {
    pub fn new(name: &str, chunks: impl IntoIterator<Item = Chunk>) -> Arc<Self> {
        let chunks = chunks.into_iter().map(|chunk| (chunk.id(), chunk)).collect();
        Arc::new(Self {
            name: name.to_owned(),
            chunks: Mutex::new(chunks),
            failure: Mutex::new(None),
            gets: AtomicUsize::new(0),
            batches: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        })
    }

    /// Makes every operation fail so, until told otherwise.
    pub fn fail_with(&self, failure: Option<StoreError>) {
        *self.failure.lock().unwrap() = failure;
    }

    /// Holds all reads until [`MemoryStore::open_gate`].
    pub fn close_gate(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    pub fn open_gate(&self) {
        self.gate.add_permits(1000);
    }

    /// How often a chunk was asked for.
    pub fn gets(&self) -> usize {
        self.gets.load(Ordering::SeqCst)
    }

    /// How many chunks were asked for together, each time.
    pub fn batches(&self) -> Vec<usize> {
        self.batches.lock().unwrap().clone()
    }

    fn check(&self) -> Result<(), StoreError> {
        match &*self.failure.lock().unwrap() {
            Some(failure) => Err(failure.clone()),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl ChunkStore for MemoryStore {
    async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError> {
        self.gets.fetch_add(1, Ordering::SeqCst);
        let _permit = self.gate.acquire().await.unwrap();
        self.check()?;
        let found = self.chunks.lock().unwrap().get(&id).cloned();
        found.ok_or_else(|| StoreError::missing(self.name(), id))
    }

    async fn get_each(&self, ids: &[ChunkId]) -> Vec<Result<Chunk, StoreError>> {
        self.batches.lock().unwrap().push(ids.len());
        join_all(ids.iter().map(|id| self.get(*id))).await
    }

    async fn has(&self, id: ChunkId) -> Result<bool, StoreError> {
        self.check()?;
        Ok(self.chunks.lock().unwrap().contains_key(&id))
    }

    fn name(&self) -> String {
        self.name.clone()
    }
}

#[async_trait]
impl WriteStore for MemoryStore {
    async fn put(&self, chunk: &Chunk) -> Result<(), StoreError> {
        self.check()?;
        self.chunks.lock().unwrap().insert(chunk.id(), chunk.clone());
        Ok(())
    }

    async fn sync(&self) -> Result<(), StoreError> {
        self.check()
    }
}

pub fn unreachable(store: &str) -> StoreError {
    StoreError::Unreachable {
        store: store.to_owned(),
        reason: "no answer".to_owned(),
    }
}

/// What a [`file_server`] serves: bodies by path with query.
pub type Files = Arc<Mutex<HashMap<String, Bytes>>>;

/// A well-behaved server of `files` that takes PUT as well.
pub async fn file_server(files: Files) -> BadServer {
    BadServer::start(move |_, request| answer(&files, request)).await
}

pub fn answer(files: &Files, request: &Request) -> Reply {
    let mut files = files.lock().unwrap();
    if request.method == "PUT" {
        files.insert(request.target.clone(), request.body.clone().into());
        return Reply::status(201);
    }
    match files.get(&request.target) {
        Some(body) => Reply::ok(body.to_vec()),
        None => Reply::status(404),
    }
}
