// SPDX-License-Identifier: MIT
//! Fetching the chunks that a plan needs, several at a time, under the player's control.

use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use vsekai_store::ChunkStore;

use crate::error::EngineError;
use crate::plan::NeededChunk;
use crate::progress::Meter;
use crate::session::Session;
use crate::stage::Stage;
use crate::state::Input;

/// Fetches `chunks` and writes each where it belongs as it comes.
///
/// Whatever was written before an error or a cancellation is found again by the next run.
pub(crate) async fn fetch_all(
    session: &Session,
    store: &Arc<dyn ChunkStore>,
    stage: &Stage<'_>,
    chunks: &[&NeededChunk],
    connections: usize,
    meter: &Meter<'_>,
) -> Result<(), EngineError> {
    tokio::select! {
        biased;
        error = tell_pauses(session) => Err(error),
        result = fetch_now(session, store, stage, chunks, connections, meter) => result,
    }
}

/// Does the same where the state machine has no pause; a pause still stops the bytes.
pub(crate) async fn fetch_now(
    session: &Session,
    store: &Arc<dyn ChunkStore>,
    stage: &Stage<'_>,
    chunks: &[&NeededChunk],
    connections: usize,
    meter: &Meter<'_>,
) -> Result<(), EngineError> {
    let fetch = |chunk: NeededChunk| async move {
        wait_while_paused(session).await?;
        fetch_one(session, store, stage, &chunk).await?;
        meter.add(u64::from(chunk.stored_size));
        Ok(())
    };
    // Owned values: futures over borrowed ones could not be sent to another thread.
    let owned: Vec<NeededChunk> = chunks.iter().copied().cloned().collect();
    stream::iter(owned)
        .map(fetch)
        .buffer_unordered(connections.max(1))
        .try_collect()
        .await
}

/// Fetches one chunk and writes it where it belongs.
async fn fetch_one(
    session: &Session,
    store: &Arc<dyn ChunkStore>,
    stage: &Stage<'_>,
    chunk: &NeededChunk,
) -> Result<(), EngineError> {
    let fetched = session.unless_cancelled(store.get(chunk.id)).await?;
    let plain = fetched.plain();
    if plain.len() != chunk.size as usize {
        let reason = format!("chunk {} has {} bytes, not {}", chunk.id, plain.len(), chunk.size);
        return Err(EngineError::BadDocument {
            what: "chunk index".to_owned(),
            reason,
        });
    }
    // Short writes into the page cache: cheaper here than a hand-over to another thread.
    tokio::task::block_in_place(|| stage.write(chunk, plain))
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
