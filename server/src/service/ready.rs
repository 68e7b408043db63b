// SPDX-License-Identifier: MIT
//! Whether clients should be sent to this server.

use std::time::Duration;

use tokio::time::timeout;

use super::{Service, ServiceError, blocking};
use crate::db::metadata;
use crate::storage::{OWNER, Store};

impl Service {
    /// Checks that the server can do its work now.
    ///
    /// # Errors
    /// [`ServiceError::Unavailable`] if it is stopping or its database or store does not answer; the log has more.
    pub async fn ready(&self) -> Result<(), ServiceError> {
        let not_ready =
            |reason: &str| ServiceError::Unavailable(format!("the server is not ready: {reason}"));
        if self.stopping.is_cancelled() {
            return Err(not_ready("it is stopping"));
        }
        let read = self
            .database
            .read("see whether the database answers", metadata::titles);
        if let Err(error) = read.await {
            tracing::error!(%error, "not ready");
            return Err(not_ready("its database does not answer"));
        }
        match self.store_answers().await? {
            true => Ok(()),
            false => Err(not_ready("its store is not there")),
        }
    }

    async fn store_answers(&self) -> Result<bool, ServiceError> {
        match self.store().clone() {
            Store::Folder(store) => {
                blocking(move || Ok(fs_err::metadata(store.root()).is_ok_and(|found| found.is_dir()))).await
            }
            Store::Bucket(store) => {
                let found = timeout(PATIENCE, store.has_file(OWNER)).await;
                Ok(matches!(found, Ok(Ok(true))))
            }
        }
    }
}

/// Those who ask ask often, and do not wait for long.
const PATIENCE: Duration = Duration::from_secs(5);
