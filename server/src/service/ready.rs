// SPDX-License-Identifier: MIT
//! Whether clients should be sent to this server.

use super::{Service, ServiceError, blocking};
use crate::db::metadata;

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
        let store = self.store().root().to_owned();
        let found = blocking(move || Ok(fs_err::metadata(store).is_ok_and(|found| found.is_dir())));
        match found.await? {
            true => Ok(()),
            false => Err(not_ready("its store is not there")),
        }
    }
}
