// SPDX-License-Identifier: MIT
//! Work that blocks (files, compression, hashing), moved off the async threads.

use std::sync::LazyLock;

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::error::StoreError;

/// As [`blocking`] for several pieces of work, `count` of them, each of which may fail by itself.
pub(crate) async fn blocking_each<T, F>(
    action: &'static str,
    count: usize,
    work: F,
) -> Vec<Result<T, StoreError>>
where
    T: Send + 'static,
    F: FnOnce() -> Vec<Result<T, StoreError>> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(outcomes) => outcomes,
        Err(error) => {
            let cut_off = || StoreError::io(action, std::io::Error::other(error.to_string()));
            (0..count).map(|_| Err(cut_off())).collect()
        }
    }
}

/// Waits for a turn at work that keeps a processor busy and holds memory, such as decoding what has come: however many
/// answers come at once, only so many are worked on. The turn ends when what is returned is dropped.
pub async fn turn() -> Option<SemaphorePermit<'static>> {
    static TURNS: LazyLock<Semaphore> = LazyLock::new(|| {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        // Half of them may wait for the disk.
        Semaphore::new((processors * 2).clamp(FEWEST_TURNS, Semaphore::MAX_PERMITS))
    });
    // The semaphore is never closed, so a turn always comes.
    TURNS.acquire().await.ok()
}

/// Turns at the same time at the least.
const FEWEST_TURNS: usize = 4;

/// As [`blocking`], when it is its [`turn`].
pub(crate) async fn computing<T, F>(action: &'static str, work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    let turn = turn().await;
    blocking(action, move || {
        let _until_done = turn;
        work()
    })
    .await
}

/// Runs `work` on a thread that may block. `action` names it if it is cut off.
pub(crate) async fn blocking<T, F>(action: &'static str, work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        // The runtime is shutting down, or `work` panicked, which it must not.
        Err(error) => Err(StoreError::io(action, std::io::Error::other(error))),
    }
}
