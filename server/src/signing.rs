// SPDX-License-Identifier: MIT
//! How long what the server signs holds, and when it signs anew.

use std::time::Duration;

use jiff::SignedDuration;
use serde::Deserialize;
use vsekai_trust::online::Periods;

use crate::limits::seconds;

/// The server's own signing of snapshots and timestamps.
///
/// In the configuration file these stand in `[signing]`, in whole seconds.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Signing {
    /// How long a timestamp holds. This is how long somebody between server and players can keep them on an
    /// old state without their noticing, and how long the server may be down before updates stop.
    #[serde(deserialize_with = "seconds")]
    pub timestamp_holds: Duration,
    /// How often timestamps are signed anew.
    #[serde(deserialize_with = "seconds")]
    pub timestamp_every: Duration,
    /// How long a snapshot holds; it is signed anew after half of that, and after every change.
    #[serde(deserialize_with = "seconds")]
    pub snapshot_holds: Duration,
    /// How long before its end the log begins to warn about metadata that only people can sign anew.
    #[serde(deserialize_with = "seconds")]
    pub warn_before: Duration,
}

impl Default for Signing {
    fn default() -> Self {
        Self {
            timestamp_holds: DAY,
            timestamp_every: Duration::from_secs(60 * 60),
            snapshot_holds: 7 * DAY,
            warn_before: 30 * DAY,
        }
    }
}

impl Signing {
    /// Returns how long things hold.
    pub fn periods(&self) -> Periods {
        let signed = |duration| SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
        Periods {
            snapshot: signed(self.snapshot_holds),
            timestamp: signed(self.timestamp_holds),
        }
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
