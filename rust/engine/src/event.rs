// SPDX-License-Identifier: MIT
//! What the engine tells while it works.

use serde::Serialize;

use crate::error::ErrorReport;
use crate::launch::GameExit;
use crate::plan::PlanSummary;
use crate::state::{Phase, StateName};
use crate::verify::VerifyReport;

/// Receives [`Event`]s.
///
/// Called from worker threads, in order, one call at a time; an implementation must return quickly.
pub trait Observer: Send + Sync {
    /// Takes one event.
    fn on_event(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Observer for F {
    fn on_event(&self, event: Event) {
        self(event);
    }
}

/// Something the engine tells; its JSON form is one line of `vsekai --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The state changed.
    State {
        /// The new state.
        state: StateName,
        /// Its phase, for `CheckForUpdates`.
        #[serde(skip_serializing_if = "Option::is_none")]
        phase: Option<Phase>,
    },
    /// What an update would do.
    Plan(PlanSummary),
    /// How far it is; at most ten a second.
    Progress(Progress),
    /// Something worth knowing that is no error.
    Notice {
        /// A stable name.
        code: &'static str,
        /// One sentence.
        message: String,
    },
    /// The operation failed.
    Failed(ErrorReport),
    /// What a full check found.
    Verified(VerifyReport),
    /// The game runs.
    GameStarted {
        /// Its process id.
        pid: u32,
    },
    /// The game ended.
    GameExited(GameExit),
}

/// What [`Progress`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// Bytes fetched from the network, as served.
    Download,
    /// Bytes of files taken over from the installed version.
    Apply,
    /// Bytes of files checked.
    Verify,
}

impl Step {
    /// Returns the stable name, as events carry it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Apply => "apply",
            Self::Verify => "verify",
        }
    }
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Progress {
    /// What is counted.
    pub step: Step,
    /// Bytes done.
    pub done_bytes: u64,
    /// Bytes in all.
    pub total_bytes: u64,
    /// Bytes read from the network by this operation so far, documents and repetitions included.
    pub network_bytes: u64,
    /// Speed over the last seconds, in bytes per second.
    pub bytes_per_second: u64,
    /// Seconds left at that speed, where it can be told.
    pub seconds_left: Option<u64>,
}
