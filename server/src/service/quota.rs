// SPDX-License-Identifier: MIT
//! How many bytes a token may upload in a day.
//!
//! Counted in memory and written down every few seconds, so a crash forgets a few seconds of uploads.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::error::ServiceError;
use super::{Access, Service};
use crate::db::{now, uploads};

/// Bytes uploaded today.
#[derive(Debug, Default)]
pub(super) struct Uploaded {
    days: Mutex<HashMap<String, Day>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Day {
    /// Days since 1970-01-01 UTC.
    day: i64,
    bytes: u64,
    written: bool,
}

impl Uploaded {
    pub(super) fn new(today: Vec<(String, u64)>, now: i64) -> Self {
        let days = today.into_iter().map(|(token, bytes)| {
            let day = Day {
                day: day_of(now),
                bytes,
                written: true,
            };
            (token, day)
        });
        Self {
            days: Mutex::new(days.collect()),
        }
    }

    /// Counts `bytes` for `token`, unless that makes more than `most` today; then tells how long today is still.
    fn charge(&self, token: &str, bytes: u64, most: u64, now: i64) -> Result<(), Duration> {
        let mut days = self.days();
        let entry = days.entry(token.to_owned()).or_default();
        if entry.day != day_of(now) {
            *entry = Day {
                day: day_of(now),
                ..Day::default()
            };
        }
        let after = entry.bytes.saturating_add(bytes);
        if after > most {
            let left = SECONDS_PER_DAY - now.rem_euclid(SECONDS_PER_DAY);
            return Err(Duration::from_secs(left.unsigned_abs()));
        }
        entry.bytes = after;
        entry.written = false;
        Ok(())
    }

    /// Returns the figures that have not been written down: token, day, bytes.
    fn unwritten(&self) -> Vec<(String, i64, u64)> {
        let days = self.days();
        let unwritten = days.iter().filter(|(_, day)| !day.written);
        unwritten
            .map(|(token, day)| (token.clone(), day.day, day.bytes))
            .collect()
    }

    /// Notes that `rows` were written down; what was added to them meanwhile was not.
    fn note_written(&self, rows: &[(String, i64, u64)]) {
        let mut days = self.days();
        for (token, day, bytes) in rows {
            if let Some(entry) = days.get_mut(token) {
                entry.written = (entry.day, entry.bytes) == (*day, *bytes);
            }
        }
    }

    fn days(&self) -> MutexGuard<'_, HashMap<String, Day>> {
        self.days.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    /// Counts `bytes` that the bearer of a token uploaded.
    ///
    /// # Errors
    /// [`ServiceError::TooMany`] once they are more than a token may upload in a day.
    pub fn charge_upload(&self, access: &Access, bytes: usize) -> Result<(), ServiceError> {
        let most = self.limits.upload_bytes_per_day;
        if most == 0 {
            return Ok(());
        }
        let token = access.actor().token_id;
        let charged = self.uploaded.charge(&token, bytes as u64, most, now());
        charged.map_err(|wait| ServiceError::TooMany {
            code: "upload-quota",
            detail: format!("a token may upload {most} bytes a day (UTC); this one has, or would have, more"),
            wait,
        })
    }

    /// Writes down what was uploaded since the last time.
    ///
    /// # Errors
    /// The database failed; the figures are kept for the next time.
    pub async fn write_uploaded(&self) -> Result<(), ServiceError> {
        let unwritten = self.uploaded.unwritten();
        if unwritten.is_empty() {
            return Ok(());
        }
        let rows = unwritten.clone();
        let written = self
            .database
            .write("count uploads", move |tx| uploads::write(tx, &rows));
        written.await?;
        self.uploaded.note_written(&unwritten);
        Ok(())
    }
}

/// Returns the day that `now` (seconds since 1970-01-01 UTC) is in.
pub(super) fn day_of(now: i64) -> i64 {
    now.div_euclid(SECONDS_PER_DAY)
}

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_may_upload_so_much_a_day_and_again_the_next_day() {
        let noon = 100 * SECONDS_PER_DAY + SECONDS_PER_DAY / 2;
        let uploaded = Uploaded::new(vec![("0a".to_owned(), 40)], noon);
        assert_eq!(uploaded.charge("0a", 60, 100, noon), Ok(()));
        let wait = uploaded.charge("0a", 1, 100, noon).unwrap_err();
        assert_eq!(wait.as_secs(), SECONDS_PER_DAY.unsigned_abs() / 2);
        assert_eq!(uploaded.charge("0b", 100, 100, noon), Ok(()));
        assert_eq!(
            uploaded.charge("0a", 100, 100, noon + SECONDS_PER_DAY / 2),
            Ok(())
        );
        let mut unwritten = uploaded.unwritten();
        unwritten.sort();
        assert_eq!(
            unwritten,
            [("0a".to_owned(), 101, 100), ("0b".to_owned(), 100, 100)]
        );
    }

    #[test]
    fn a_figure_is_written_down_until_that_has_worked_and_again_when_it_grows() {
        let uploaded = Uploaded::new(Vec::new(), 0);
        let row = |bytes| vec![("0a".to_owned(), 0, bytes)];
        uploaded.charge("0a", 10, 100, 0).unwrap();
        assert_eq!(uploaded.unwritten(), row(10));
        assert_eq!(uploaded.unwritten(), row(10), "the database failed");
        uploaded.charge("0a", 5, 100, 0).unwrap();
        uploaded.note_written(&row(10));
        assert_eq!(uploaded.unwritten(), row(15), "some came meanwhile");
        uploaded.note_written(&row(15));
        assert!(uploaded.unwritten().is_empty());
    }
}
