// SPDX-License-Identifier: MIT
//! Work that blocks (files, compression, hashing), moved off the async threads.

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
