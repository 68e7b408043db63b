// SPDX-License-Identifier: MIT
//! How often releases are fetched, counted in memory and written down now and then. Nothing tells who fetched.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Service;
use super::error::ServiceError;
use super::indexes::IndexName;
use crate::db::downloads;

/// Downloads that have not been written down yet, by index.
#[derive(Debug, Default)]
pub(super) struct Downloads(Mutex<HashMap<String, u64>>);

impl Downloads {
    fn pending(&self) -> MutexGuard<'_, HashMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// Notes that a client fetched an index, which each does once for each release that it takes.
    pub fn note_download(&self, name: &IndexName) {
        let mut pending = self.downloads.pending();
        match pending.get_mut(name.as_str()) {
            Some(count) => *count += 1,
            None => drop(pending.insert(name.as_str().to_owned(), 1)),
        }
    }

    /// Writes down what was noted. What a crash loses of it is no great loss.
    ///
    /// # Errors
    /// The database failed; the figures are kept for the next time.
    pub async fn write_downloads(&self) -> Result<(), ServiceError> {
        let noted = std::mem::take(&mut *self.downloads.pending());
        if noted.is_empty() {
            return Ok(());
        }
        let rows = noted.clone();
        let written = self
            .database
            .write("count downloads", move |tx| downloads::add(tx, &rows));
        if let Err(error) = written.await {
            let mut pending = self.downloads.pending();
            for (name, count) in noted {
                *pending.entry(name).or_default() += count;
            }
            return Err(error.into());
        }
        Ok(())
    }
}
