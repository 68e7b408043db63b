// SPDX-License-Identifier: MIT
//! The update engine: plans, downloads, verifies, switches versions all-or-nothing, repairs, rolls back and
//! starts the game.
//!
//! One [`Updater`] works on one install folder. At every instant the folder holds a complete old version or a
//! complete new one: a version is built beside the installed one, made durable, and put in its place by
//! replacing one small file.
//!
//! The engine never prints, exits, reads the environment or panics. It tells an [`Observer`] what happens, and
//! a [`Control`] pauses, limits or cancels it from any thread; the command line, the Godot classes and tests
//! are thin shells around that.

mod bearable;
mod building;
mod care;
mod carry;
mod choice;
mod choices;
mod control;
mod disk;
mod download;
mod history;
mod install;
mod installed;
mod leftover;
mod lock;
mod mirrors;
mod origin;
mod players;
mod progress;
pub mod read_token;
mod run;
mod servers;
mod session;
mod share;
mod stage;
mod tree;
mod watch;
mod window;

pub mod clock;
pub mod config;
pub mod error;
pub mod event;
pub mod launch;
pub mod needed;
pub mod pace;
pub mod paths;
pub mod plan;
pub mod policy;
pub mod preferences;
pub mod record;
pub mod release;
pub mod relocate;
pub mod starts;
pub mod state;
pub mod status;
pub mod trust;
pub mod uninstall;
pub mod updater;
pub mod verify;
pub mod versions;
pub mod words;

pub use config::InstallConfig;
pub use control::Control;
pub use error::{EngineError, ErrorCode, ErrorReport};
pub use event::{Event, NoticeCode, Observer, Progress, Step};
pub use launch::{GameExit, GameOutput, LaunchEntry, LaunchOptions, RunningGame};
pub use pace::{Surroundings, UnknownSurroundings};
pub use plan::PlanSummary;
pub use policy::{Decision, NetworkKind, Wish};
pub use preferences::Preferences;
pub use record::InstalledVersion;
pub use relocate::MoveReport;
pub use state::{Phase, State, StateName};
pub use status::{
    ChannelView, ChannelsView, CheckOutcome, Done, RepairReport, RollbackOutcome, Status, UpdateOutcome,
};
pub use trust::TrustView;
pub use uninstall::{UninstallReport, UserFiles};
pub use updater::Updater;
pub use verify::VerifyReport;
pub use versions::{Removal, VersionRole, VersionView};
