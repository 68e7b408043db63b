// SPDX-License-Identifier: MIT
//! What the engine tells while it works.

use serde::{Serialize, Serializer};

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
        /// What it is about.
        code: NoticeCode,
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

/// What a notice is about, by stable names for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoticeCode {
    /// One of several addresses of the server does not help.
    AddressFailed,
    /// Files of the player's own were taken along to another version.
    Carried,
    /// A channel of the title cannot be used.
    ChannelRefused,
    /// A document of a version in the folder is damaged.
    DamagedDocument,
    /// A record of the folder is damaged.
    DamagedRecord,
    /// Installed files that were to be taken over are damaged.
    DamagedSeed,
    /// The root that the server shows is trusted from now on.
    FirstUse,
    /// What the game prints cannot be shown.
    GameLog,
    /// Files of the player's own stay with another version.
    LeftBehind,
    /// The publisher's keys changed.
    NewRoot,
    /// The game starts without a log.
    NoGameLog,
    /// The installed version keeps failing, and there is no other one.
    NoGoodVersion,
    /// A version that a game runs from could not be marked as in use.
    NotMarked,
    /// A damaged document could not be fetched again.
    NotMended,
    /// What worked is not kept in mind for the next time.
    NotRemembered,
    /// A version cannot take the place of one that keeps failing.
    NotSound,
    /// The channel offers something older than what is installed.
    OlderOffered,
    /// A version that kept failing was gone back from.
    RolledBack,
    /// Something about a start could not be written down.
    StartRecord,
    /// An old version could not be removed yet.
    Tidy,
    /// A record of the folder is not damaged and cannot be read: not now, or not by this launcher.
    UnreadRecord,
    /// A download waits, by the preferences.
    Waits,
    /// What is installed was taken back by its publisher.
    Withdrawn,
}

impl NoticeCode {
    /// Returns the name as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AddressFailed => "address-failed",
            Self::Carried => "carried",
            Self::ChannelRefused => "channel-refused",
            Self::DamagedDocument => "damaged-document",
            Self::DamagedRecord => "damaged-record",
            Self::DamagedSeed => "damaged-seed",
            Self::FirstUse => "first-use",
            Self::GameLog => "game-log",
            Self::LeftBehind => "left-behind",
            Self::NewRoot => "new-root",
            Self::NoGameLog => "no-game-log",
            Self::NoGoodVersion => "no-good-version",
            Self::NotMarked => "not-marked",
            Self::NotMended => "not-mended",
            Self::NotRemembered => "not-remembered",
            Self::NotSound => "not-sound",
            Self::OlderOffered => "older-offered",
            Self::RolledBack => "rolled-back",
            Self::StartRecord => "start-record",
            Self::Tidy => "tidy",
            Self::UnreadRecord => "unread-record",
            Self::Waits => "waits",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Tells whether the notice is of something that went wrong in the install folder, which a player who looks for the
    /// cause of trouble should see. What a state or an error tells too is none, nor what the next time mends by itself.
    pub const fn is_problem(self) -> bool {
        match self {
            Self::DamagedDocument
            | Self::DamagedRecord
            | Self::DamagedSeed
            | Self::GameLog
            | Self::LeftBehind
            | Self::NoGameLog
            | Self::NoGoodVersion
            | Self::NotMarked
            | Self::NotMended
            | Self::NotSound
            | Self::StartRecord
            | Self::UnreadRecord => true,
            Self::AddressFailed
            | Self::Carried
            | Self::ChannelRefused
            | Self::FirstUse
            | Self::NewRoot
            | Self::NotRemembered
            | Self::OlderOffered
            | Self::RolledBack
            | Self::Tidy
            | Self::Waits
            | Self::Withdrawn => false,
        }
    }
}

impl Serialize for NoticeCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
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
