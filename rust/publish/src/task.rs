// SPDX-License-Identifier: MIT
//! Work that blocks, beside the tasks that talk to the server.

use crate::PublishError;

/// Runs `work`, which reads files, computes for long, or asks a person.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PublishError> + Send + 'static,
) -> Result<T, PublishError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| PublishError::Internal(error.to_string()))?
}
