// SPDX-License-Identifier: MIT
//! Fetching the chunks that a plan needs, under the player's control: many in one answer where the server
//! offers that, one by one everywhere.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use tokio::task::JoinHandle;
use vsekai_store::http::batch::MOST_CHUNKS;
use vsekai_store::{Chunk, ChunkStore, HttpBatches, StoreError, StoreFormat};

use crate::error::EngineError;
use crate::mirrors::Stores;
use crate::needed::{NeededChunk, NeededChunks};
use crate::progress::Meter;
use crate::session::Session;
use crate::stage::Stage;
use crate::state::Input;
use crate::window::Window;

/// Where chunks come from.
#[derive(Debug)]
pub(crate) struct Source {
    /// One by one, as every host of static files can.
    pub(crate) store: Stores,
    /// Many at once, from each address that can.
    pub(crate) batches: Vec<HttpBatches>,
    /// Most requests at the same time.
    pub(crate) connections: usize,
}

/// A download under way.
#[derive(Clone, Copy)]
pub(crate) struct Download<'a> {
    pub(crate) session: &'a Session,
    pub(crate) source: &'a Source,
    pub(crate) stage: &'a Arc<Stage>,
    pub(crate) meter: &'a Meter<'a>,
}

/// What one request brought.
#[derive(Debug, Default)]
struct Brought {
    bytes: u64,
    /// Chunks that it should have brought and did not, by number.
    left: Vec<u32>,
    failed: bool,
    not_offered: bool,
}

/// Chunks as they came, with what they are to be.
type Stored = Vec<(NeededChunk, Bytes)>;

impl<'a> Download<'a> {
    /// Fetches the chunks with these numbers and writes each where it belongs as it comes.
    ///
    /// Whatever was written before an error or a cancellation is found again by the next run.
    pub(crate) async fn fetch_all(self, chunks: Vec<u32>) -> Result<(), EngineError> {
        tokio::select! {
            biased;
            error = tell_pauses(self.session) => Err(error),
            result = self.fetch_now(chunks) => result,
        }
    }

    /// Does the same where the state machine has no pause; a pause still stops the bytes.
    pub(crate) async fn fetch_now(self, chunks: Vec<u32>) -> Result<(), EngineError> {
        let mut left = chunks;
        for batches in &self.source.batches {
            // What single requests can get in one round trip is not worth asking for another way.
            if left.len() <= self.source.connections {
                break;
            }
            left = self.in_batches(batches, left).await?;
        }
        self.one_by_one(left).await
    }

    /// Fetches many chunks in each answer from one address; returns those that did not come that way.
    async fn in_batches(self, batches: &'a HttpBatches, chunks: Vec<u32>) -> Result<Vec<u32>, EngineError> {
        let mut window = Window::new(FIRST_BATCHES, self.source.connections.min(MOST_BATCHES));
        let (mut left, mut failures, mut offered) = (Vec::new(), 0, true);
        let mut lots = lots(self.stage.chunks(), chunks);
        let started = Instant::now();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < window.size() && offered && failures < MOST_FAILURES {
                let Some(lot) = lots.next() else { break };
                running.push(self.fetch_lot(batches, lot).boxed());
            }
            let Some(brought) = running.next().await else {
                break;
            };
            let mut brought = brought?;
            left.append(&mut brought.left);
            offered &= !brought.not_offered;
            failures += u32::from(brought.failed);
            match brought.failed {
                true => window.failed(started.elapsed()),
                false => window.completed(started.elapsed(), brought.bytes),
            }
        }
        left.extend(lots.flatten().map(|chunk| chunk.number));
        Ok(left)
    }

    /// Fetches each chunk by a request of its own, with all the patience of the store.
    async fn one_by_one(self, chunks: Vec<u32>) -> Result<(), EngineError> {
        let mut window = Window::new(FIRST_REQUESTS, self.source.connections);
        let mut chunks = self.stage.chunks().select(chunks);
        let started = Instant::now();
        let mut running: FuturesUnordered<BoxFuture<'a, Result<u64, EngineError>>> = FuturesUnordered::new();
        loop {
            while running.len() < window.size() {
                let Some(chunk) = chunks.next() else { break };
                running.push(self.fetch_one(chunk).boxed());
            }
            match running.next().await {
                Some(fetched) => window.completed(started.elapsed(), fetched?),
                None => return Ok(()),
            }
        }
    }

    /// Fetches one chunk and writes it where it belongs.
    async fn fetch_one(self, chunk: NeededChunk) -> Result<u64, EngineError> {
        wait_while_paused(self.session).await?;
        let fetched = self
            .session
            .unless_cancelled(self.source.store.get(chunk.id))
            .await?;
        let plain = fetched.plain().clone();
        // The stored form is of no use any more, and would be kept while the plain one is written.
        drop(fetched);
        if plain.len() != chunk.size as usize {
            let reason = format!("chunk {} has {} bytes, not {}", chunk.id, plain.len(), chunk.size);
            return Err(EngineError::BadDocument {
                what: "chunk index".to_owned(),
                reason,
            });
        }
        let stage = self.stage.clone();
        let stored_size = u64::from(chunk.stored_size);
        joined(start_writing(move || stage.write(&chunk, &plain)).await.await)?;
        self.meter.add(stored_size);
        Ok(stored_size)
    }

    /// Fetches chunks in one answer and writes them in groups while the next ones come.
    async fn fetch_lot(self, batches: &HttpBatches, lot: Vec<NeededChunk>) -> Result<Brought, EngineError> {
        wait_while_paused(self.session).await?;
        let ids = lot.iter().map(|chunk| chunk.id).collect();
        let opened = self.session.unless_cancelled(batches.open(ids)).await;
        let mut brought = Brought::default();
        let mut batch = match opened {
            Ok(Some(batch)) => batch,
            Ok(None) => {
                brought.not_offered = true;
                brought.left = numbers(lot);
                return Ok(brought);
            }
            Err(error) => return given_up(error, brought, numbers(lot)),
        };
        let mut writer = Writer::new(self);
        let mut lot = lot.into_iter();
        let ended = loop {
            match self.session.unless_cancelled(batch.next()).await {
                Ok(Some((_, stored))) => match (lot.next(), stored) {
                    (Some(chunk), Some(stored)) => writer.add(chunk, stored, &mut brought).await?,
                    (chunk, _) => brought.left.extend(numbers(chunk)),
                },
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        // What has come is kept, however the answer ended.
        writer.finish(&mut brought).await?;
        match ended {
            Ok(()) => Ok(brought),
            Err(error) => given_up(error, brought, numbers(lot)),
        }
    }
}

/// Leaves `rest` to be fetched one by one; what only the player can end is an error.
fn given_up(error: EngineError, brought: Brought, rest: Vec<u32>) -> Result<Brought, EngineError> {
    let EngineError::Store(error) = error else {
        return Err(error);
    };
    tracing::debug!(%error, rest = rest.len(), "an answer with many chunks broke off");
    let mut brought = brought;
    brought.left.extend(rest);
    brought.failed = true;
    Ok(brought)
}

/// Decodes and writes chunks on other threads, a group at a time and one group behind the network.
struct Writer<'a> {
    download: Download<'a>,
    group: Stored,
    /// Bytes of the group as they came.
    bytes: usize,
    /// Bytes that they become.
    plain_bytes: u64,
    writing: Option<Writing>,
}

/// A group that another thread writes.
struct Writing {
    chunks: Vec<NeededChunk>,
    /// Tells of each chunk whether it was what it should be.
    ended: JoinHandle<Result<Vec<bool>, EngineError>>,
}

impl<'a> Writer<'a> {
    fn new(download: Download<'a>) -> Self {
        Self {
            download,
            group: Vec::new(),
            bytes: 0,
            plain_bytes: 0,
            writing: None,
        }
    }

    async fn add(
        &mut self,
        chunk: NeededChunk,
        stored: Bytes,
        brought: &mut Brought,
    ) -> Result<(), EngineError> {
        self.bytes += stored.len();
        self.plain_bytes += u64::from(chunk.size);
        self.group.push((chunk, stored));
        match self.bytes >= GROUP_BYTES || self.plain_bytes >= GROUP_PLAIN_BYTES {
            true => self.write(brought).await,
            false => Ok(()),
        }
    }

    async fn finish(mut self, brought: &mut Brought) -> Result<(), EngineError> {
        self.write(brought).await?;
        self.settle(brought).await
    }

    /// Waits for the group before and hands over this one, so that memory holds two of them at the most.
    async fn write(&mut self, brought: &mut Brought) -> Result<(), EngineError> {
        self.settle(brought).await?;
        (self.bytes, self.plain_bytes) = (0, 0);
        let group = std::mem::take(&mut self.group);
        let chunks = group.iter().map(|(chunk, _)| *chunk).collect();
        let stage = self.download.stage.clone();
        let ended = start_writing(move || write_group(&stage, group)).await;
        self.writing = Some(Writing { chunks, ended });
        Ok(())
    }

    async fn settle(&mut self, brought: &mut Brought) -> Result<(), EngineError> {
        let Some(Writing { chunks, ended }) = self.writing.take() else {
            return Ok(());
        };
        let written = joined(ended.await)?;
        let mut bytes = 0;
        for (chunk, written) in chunks.into_iter().zip(written) {
            match written {
                true => bytes += u64::from(chunk.stored_size),
                // The way for single chunks asks once more, past every cache, and says what is wrong.
                false => brought.left.push(chunk.number),
            }
        }
        brought.bytes += bytes;
        self.download.meter.add(bytes);
        Ok(())
    }
}

/// Starts `work` on a thread that may block, when it is its turn.
async fn start_writing<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> JoinHandle<Result<T, EngineError>> {
    let turn = vsekai_store::turn().await;
    tokio::task::spawn_blocking(move || {
        let _until_done = turn;
        work()
    })
}

/// Verifies chunks and writes those that are what they should be; tells which ones.
fn write_group(stage: &Stage, group: Stored) -> Result<Vec<bool>, EngineError> {
    let (chunks, stored): (Vec<_>, Vec<_>) = group.into_iter().unzip();
    // Nothing is decoded beyond what the index says of that very chunk.
    let stored = chunks.iter().zip(stored);
    let stored = stored.map(|(chunk, stored)| (chunk.id, chunk.size as usize, Ok(stored)));
    let decoded = Chunk::decode_each_within("server", StoreFormat::default(), stored);
    let write = |(chunk, decoded): (&NeededChunk, Result<Chunk, StoreError>)| match decoded {
        Ok(decoded) if decoded.plain().len() == chunk.size as usize => {
            stage.write(chunk, decoded.plain()).map(|()| true)
        }
        _ => Ok(false),
    };
    chunks.iter().zip(decoded).map(write).collect()
}

fn numbers(chunks: impl IntoIterator<Item = NeededChunk>) -> Vec<u32> {
    chunks.into_iter().map(|chunk| chunk.number).collect()
}

/// Divides chunks into lots for one request each.
fn lots(chunks: &NeededChunks, wanted: Vec<u32>) -> impl Iterator<Item = Vec<NeededChunk>> {
    let mut rest = chunks.select(wanted);
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let mut lot = Vec::new();
        while lot.len() < MOST_CHUNKS && bytes < LOT_BYTES {
            let Some(chunk) = rest.next() else { break };
            bytes += u64::from(chunk.stored_size);
            lot.push(chunk);
        }
        (!lot.is_empty()).then_some(lot)
    })
}

fn joined<T>(outcome: Result<Result<T, EngineError>, tokio::task::JoinError>) -> Result<T, EngineError> {
    outcome.map_err(|error| EngineError::Internal(format!("writing a chunk was cut off: {error}")))?
}

async fn wait_while_paused(session: &Session) -> Result<(), EngineError> {
    let mut paused = session.control.paused();
    let resumed = async {
        // The sender lives as long as the control, so this only ends by resuming.
        let _ = paused.wait_for(|paused| !paused).await;
        Ok::<(), EngineError>(())
    };
    session.unless_cancelled(resumed).await
}

/// Moves the state machine between downloading and paused; only returns on a defect.
async fn tell_pauses(session: &Session) -> EngineError {
    let mut paused = session.control.paused();
    let mut told = false;
    let bytes = Valve(session);
    loop {
        let now = *paused.borrow_and_update();
        if now != told && !session.token.is_cancelled() {
            let input = if now { Input::Pause } else { Input::Resume };
            if let Err(error) = session.machine.apply(input) {
                return error;
            }
            // Bodies that are on their way stop too; they go on where they were.
            bytes.stop(now);
            told = now;
        }
        if paused.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

/// Stops and starts the network while downloading, and leaves it open behind.
struct Valve<'a>(&'a Session);

impl Valve<'_> {
    fn stop(&self, stop: bool) {
        let throttle = self.0.control.throttle();
        match stop {
            true => throttle.pause(),
            false => throttle.resume(),
        }
    }
}

impl Drop for Valve<'_> {
    fn drop(&mut self) {
        self.stop(false);
    }
}

/// Answers with many chunks at first, and at the most: each is large, and few are enough to fill any line.
const FIRST_BATCHES: usize = 2;
const MOST_BATCHES: usize = 8;
/// Failures after which single requests take over, which know how to wait.
const MOST_FAILURES: u32 = 4;
/// Bytes asked for in one request: enough to make up for a round trip on a fast line, few enough that a
/// broken one costs little.
const LOT_BYTES: u64 = 4 << 20;
/// Bytes decoded and written in one go on another thread.
const GROUP_BYTES: usize = 256 << 10;
/// What these may decode to: all of it is in memory at once, and what compresses well becomes a hundred times as much.
const GROUP_PLAIN_BYTES: u64 = 2 << 20;
/// Single requests at first.
const FIRST_REQUESTS: usize = 8;
