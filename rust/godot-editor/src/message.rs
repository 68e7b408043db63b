// SPDX-License-Identifier: MIT
//! What the worker threads tell the main thread, one variant for each signal of `VSekaiPublisher`.

use std::path::PathBuf;

use vsekai_godot_common::fields::Fields;
use vsekai_godot_common::outbox::{Outbox, Supersede};

use crate::failure::Failure;

/// The way from the worker threads to the main thread.
pub type Messages = Outbox<Message, Progress>;

/// One signal to come. Progress is not among them: only its latest value counts.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// A line for the log that a program printed, as it is.
    Log(Level, String),
    /// A line for the log that the dock says in its own language: the text, with places such as `{0}` for the values.
    Said(Level, &'static str, Vec<String>),
    /// Something did not work.
    Failed(Failure),
    /// The local server started or ended.
    Server(Option<LocalAddress>),
    /// A build was exported into this folder.
    Exported(PathBuf),
    /// What publishing would do.
    Previewed(Fields),
    /// A release was published.
    Published(Fields),
    /// What is published.
    Listed(Vec<Fields>),
    /// An operation is over.
    Finished(Operation, bool),
}

impl Supersede for Message {
    fn supersedes(&self, older: &Self) -> bool {
        // Somebody who lets a game talk without end cares for its last words.
        matches!((self, older), (Self::Log(..), Self::Log(..)))
    }
}

/// How much a line of the log matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What a child program says.
    Output,
    /// What was done.
    Info,
    /// What should be looked at.
    Warning,
}

impl Level {
    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Output => "output",
            Self::Info => "info",
            Self::Warning => "warning",
        }
    }
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub step: &'static str,
    /// How much of it, in bytes or, for an export, in percent.
    pub done: u64,
    /// How much in all; 0 where it cannot be told.
    pub total: u64,
}

/// Where the local server is, and where it keeps what a publisher needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalAddress {
    /// Base address.
    pub url: String,
    /// Its data.
    pub data: PathBuf,
    /// The keys of the title.
    pub keys: PathBuf,
    /// The file with the write token.
    pub token_file: PathBuf,
}

/// Something that can be asked for; one at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// `start_server()`.
    StartServer,
    /// `export_build()`.
    ExportBuild,
    /// `preview()`.
    Preview,
    /// `publish()`.
    Publish,
    /// `promote()`.
    Promote,
    /// `withdraw()`.
    Withdraw,
    /// `list_releases()`.
    ListReleases,
    /// `try_player()`.
    TryPlayer,
}

impl Operation {
    /// Returns the name of the method that starts it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StartServer => "start_server",
            Self::ExportBuild => "export_build",
            Self::Preview => "preview",
            Self::Publish => "publish",
            Self::Promote => "promote",
            Self::Withdraw => "withdraw",
            Self::ListReleases => "list_releases",
            Self::TryPlayer => "try_player",
        }
    }
}
