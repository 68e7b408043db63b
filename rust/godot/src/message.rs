// SPDX-License-Identifier: MIT
//! What the worker tells the main thread, one variant for each signal of `VSekaiUpdater`.

use vsekai_engine::{
    Decision, ErrorReport, GameExit, MoveReport, NetworkKind, NoticeCode, PlanSummary, Preferences, Progress,
    RollbackOutcome, UninstallReport, VerifyReport, VersionView,
};

use crate::outbox::{Outbox, Supersede};
use crate::view::StatusView;

/// The way from the worker to the main thread.
pub type Messages = Outbox<Message, Progress>;

/// One signal to come. Progress is not among them: only its latest value counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// The state changed.
    State {
        /// Its name.
        state: String,
        /// Its phase, or nothing.
        phase: String,
    },
    /// What an update would do.
    Plan(PlanSummary, Option<Judgement>),
    /// What the player's settings make of the plan.
    Decided(Decision),
    /// What the system says of the connection.
    Network(NetworkKind),
    /// The player's settings.
    Preferences(Preferences),
    /// The versions in the install.
    Versions(Vec<VersionView>),
    /// Another version in the install is the current one.
    Switched(RollbackOutcome),
    /// The game is removed.
    Uninstalled(UninstallReport),
    /// The install lies elsewhere now.
    Moved(MoveReport),
    /// What is installed, offered and running.
    Status(StatusView),
    /// Something did not work.
    Failed(ErrorReport),
    /// What a check of every installed byte found.
    Verified(VerifyReport),
    /// Something worth knowing that is no error.
    Notice {
        /// What it is about.
        code: NoticeCode,
        /// One sentence.
        message: String,
    },
    /// The channels that offer something for this platform.
    Channels {
        /// Their names.
        names: Vec<String>,
        /// The one that is followed.
        current: String,
    },
    /// The game runs.
    GameStarted {
        /// Its process id.
        pid: u32,
    },
    /// The game ended.
    GameExited(GameExit),
    /// An operation is over.
    Finished {
        /// The name of the method that started it.
        operation: &'static str,
        /// Whether it did what it was asked to.
        ok: bool,
    },
}

/// What the player's settings say of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Judgement {
    /// What is to be done.
    pub decision: Decision,
    /// The version that is pinned, or nothing.
    pub pinned: String,
}

impl Supersede for Message {
    fn supersedes(&self, older: &Self) -> bool {
        use Message::{State, Status};
        matches!(
            (self, older),
            (State { .. }, State { .. }) | (Status(_), Status(_))
        )
    }
}
