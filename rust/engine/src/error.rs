// SPDX-License-Identifier: MIT
//! What can go wrong, in words a player can act on.

use std::io;
use std::path::PathBuf;

use serde::Serialize;
use vsekai_formats::name::NameError;
use vsekai_formats::release::{Platform, ProgramFormat, Version};
use vsekai_store::StoreError;
use vsekai_trust::TrustError;

use crate::preferences::PreferenceError;

/// A failed engine operation. The installed version is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done, as in "cannot ... PATH".
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is not enough room.
    #[error("not enough free space in {}: {needed} bytes are needed, {available} are free, {} are missing", path.display(), needed.saturating_sub(*available))]
    DiskFull {
        /// The install folder.
        path: PathBuf,
        /// Bytes the operation needs, reserve included.
        needed: u64,
        /// Bytes that are free.
        available: u64,
    },
    /// A store or server failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Signed metadata is refused, or what is trusted cannot be kept.
    #[error(transparent)]
    Trust(TrustError),
    /// The server does not have what was asked for.
    #[error("the server has no {what}")]
    NotOffered {
        /// What was asked for, with its name.
        what: String,
    },
    /// A document from the server cannot be believed.
    #[error("the {what} is not valid: {reason}")]
    BadDocument {
        /// Which document.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What the install folder remembers is missing or damaged; no server has a part in that.
    #[error("the {what} is not valid: {reason}")]
    BadRecord {
        /// Which record.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A document of a version in the install folder is missing or damaged. Its digest is on record, so a repair can fetch
    /// it again.
    #[error("the {what} is damaged: {reason}")]
    DamagedDocument {
        /// Which document.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A small record of the install folder is damaged, and the install can do without it.
    #[error("the {what} is damaged: {reason}")]
    LostRecord {
        /// Which record.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A newer launcher wrote it; it is as it was.
    #[error("the {what} needs a newer launcher (schema {schema}, this one knows {known})")]
    NewerForm {
        /// The record or document.
        what: String,
        /// The version of its form.
        schema: u64,
        /// The newest version that this launcher knows.
        known: u32,
    },
    /// A release names a file that must not be created.
    #[error("the release cannot be installed: {0}")]
    BadName(#[from] NameError),
    /// The start program is for another system.
    #[error("the release for {platform} cannot be started: \"{program}\" is {found}")]
    WrongPlatform {
        /// The platform the release claims.
        platform: Platform,
        /// The program.
        program: String,
        /// What it is.
        found: ProgramFormat,
    },
    /// The release is empty.
    #[error("the release holds no files, so it would empty the install folder")]
    EmptyRelease,
    /// The release asks for a newer launcher.
    #[error("this release needs launcher {needed} or newer, this is {found}")]
    LauncherTooOld {
        /// Version asked for.
        needed: String,
        /// Version running.
        found: String,
    },
    /// The release asks for a newer engine.
    #[error("this release needs engine {needed} or newer, this is {found}")]
    EngineTooOld {
        /// Version asked for.
        needed: String,
        /// Version running.
        found: String,
    },
    /// Somebody else is updating the same folder.
    #[error("another launcher is working on {}", path.display())]
    Locked {
        /// The install folder.
        path: PathBuf,
    },
    /// The game must not run meanwhile.
    #[error("a game runs from {}", path.display())]
    GameRunning {
        /// The install folder.
        path: PathBuf,
    },
    /// There is no install in the folder.
    #[error("nothing is installed in {}", path.display())]
    NotInstalled {
        /// The install folder.
        path: PathBuf,
    },
    /// There is no version to go back to.
    #[error("there is no earlier version to go back to")]
    NothingToRollBackTo,
    /// Installed files are damaged.
    #[error("{} installed files are damaged, the first is \"{}\"", files.len(), files.first().map_or("", String::as_str))]
    Damaged {
        /// Their paths.
        files: Vec<String>,
    },
    /// Files of a version beside the installed one are damaged or missing. A repair is for the installed one and mends none
    /// of them.
    #[error("files of version {version} are damaged or missing, {} in all, the first is \"{}\"", files.len(), files.first().map_or("", String::as_str))]
    DamagedVersion {
        /// The version.
        version: Version,
        /// Paths of what is damaged or missing, in order.
        files: Vec<String>,
    },
    /// The game did not start.
    #[error("cannot start {}: {source}", program.display())]
    Launch {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The release has no such start program.
    #[error("this version has no VR start program")]
    NoVrEntry,
    /// The caller did not say what is needed.
    #[error("{0}")]
    InvalidInput(String),
    /// The player cancelled.
    #[error("cancelled")]
    Cancelled,
    /// A defect of this program.
    #[error("internal error: {0}")]
    Internal(String),
}

/// Stable names of error kinds, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ErrorCode {
    /// No connection to the server.
    Offline,
    /// The server answered with an error.
    Server,
    /// The server wants other credentials or refuses.
    Refused,
    /// The server wants a read token, or another one.
    Private,
    /// The server does not have it.
    NotFound,
    /// Bytes that do not match their digest, on the server or on disk.
    Damaged,
    /// A version beside the installed one is not as it was published, and cannot be used.
    DamagedVersion,
    /// Something that the publisher did not sign.
    Untrusted,
    /// Signed metadata whose validity is over.
    Expired,
    /// The server offers something older than it did before.
    RolledBack,
    /// The clock was set back.
    Clock,
    /// What is trusted cannot be read, is missing, or is of another publisher.
    TrustState,
    /// Not enough room.
    DiskFull,
    /// Another launcher holds the folder.
    Locked,
    /// The game must be ended first.
    GameRunning,
    /// The system does not allow it.
    Permission,
    /// A file operation failed otherwise.
    Disk,
    /// The release is for another system.
    WrongPlatform,
    /// The release cannot be installed safely.
    BadRelease,
    /// The launcher is too old.
    LauncherTooOld,
    /// Nothing is installed.
    NotInstalled,
    /// There is no earlier version.
    NoPrevious,
    /// The game did not start.
    Launch,
    /// The caller's input does not make sense.
    InvalidInput,
    /// The player cancelled.
    Cancelled,
    /// A defect of this program.
    Internal,
}

impl ErrorCode {
    /// Returns the name as it stands in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Server => "server",
            Self::Refused => "refused",
            Self::Private => "private",
            Self::NotFound => "not-found",
            Self::Damaged => "damaged",
            Self::DamagedVersion => "damaged-version",
            Self::Untrusted => "untrusted",
            Self::Expired => "expired",
            Self::RolledBack => "rolled-back",
            Self::Clock => "clock",
            Self::TrustState => "trust-state",
            Self::DiskFull => "disk-full",
            Self::Locked => "locked",
            Self::GameRunning => "game-running",
            Self::Permission => "permission",
            Self::Disk => "disk",
            Self::WrongPlatform => "wrong-platform",
            Self::BadRelease => "bad-release",
            Self::LauncherTooOld => "launcher-too-old",
            Self::NotInstalled => "not-installed",
            Self::NoPrevious => "no-previous",
            Self::Launch => "launch",
            Self::InvalidInput => "invalid-input",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// An [`EngineError`] for people and programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ErrorReport {
    /// The kind.
    pub code: ErrorCode,
    /// One sentence without a full stop.
    pub message: String,
    /// What to do next, one sentence without a full stop.
    pub hint: Option<String>,
    /// What led to it, for a report: a line for each cause, or nothing.
    pub detail: String,
    /// Whether trying again can help.
    pub retry: bool,
    /// Whether a repair mends it.
    pub repair: bool,
}

impl ErrorReport {
    /// Returns what happened and what to do next in one line.
    pub fn line(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}. {hint}", self.message),
            None => self.message.clone(),
        }
    }
}

impl EngineError {
    /// Returns the kind of the error.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Io { source, .. } => io_code(source),
            Self::DiskFull { .. } => ErrorCode::DiskFull,
            Self::Store(error) => store_code(error),
            Self::Trust(error) => trust_code(error),
            Self::NotOffered { .. } => ErrorCode::NotFound,
            Self::BadDocument { .. }
            | Self::BadRecord { .. }
            | Self::DamagedDocument { .. }
            | Self::LostRecord { .. }
            | Self::Damaged { .. } => ErrorCode::Damaged,
            Self::DamagedVersion { .. } => ErrorCode::DamagedVersion,
            Self::BadName(_) | Self::EmptyRelease => ErrorCode::BadRelease,
            Self::WrongPlatform { .. } => ErrorCode::WrongPlatform,
            Self::LauncherTooOld { .. } | Self::EngineTooOld { .. } | Self::NewerForm { .. } => {
                ErrorCode::LauncherTooOld
            }
            Self::Locked { .. } => ErrorCode::Locked,
            Self::GameRunning { .. } => ErrorCode::GameRunning,
            Self::NotInstalled { .. } => ErrorCode::NotInstalled,
            Self::NothingToRollBackTo => ErrorCode::NoPrevious,
            Self::Launch { .. } => ErrorCode::Launch,
            Self::NoVrEntry | Self::InvalidInput(_) => ErrorCode::InvalidInput,
            Self::Cancelled => ErrorCode::Cancelled,
            Self::Internal(_) => ErrorCode::Internal,
        }
    }

    /// Returns what the player can do next.
    pub fn hint(&self) -> Option<String> {
        let text = match self.code() {
            ErrorCode::Offline => {
                "Check the network connection and the server address, then try again; what was downloaded is kept"
            }
            ErrorCode::Server => "Try again later; what was downloaded is kept",
            ErrorCode::Refused => "Tell whoever runs the server",
            ErrorCode::Private => {
                "If the channel is private, ask its publisher for a read token and keep it with the install"
            }
            ErrorCode::NotFound if matches!(self, Self::Store(_)) => {
                "No server has all of this release yet; try again later, what was downloaded is kept"
            }
            ErrorCode::NotFound => {
                "Check the title, channel and platform, or wait until a build is published"
            }
            ErrorCode::Damaged => match self {
                Self::Damaged { .. } => "Repair fetches the damaged parts again",
                Self::DamagedDocument { .. } => "Repair fetches it again",
                Self::LostRecord { .. } => {
                    "The game can be played; before its next start, or the next change, the file is put aside under a name that ends in .damaged; what was set in it is to be set again"
                }
                Self::BadRecord { .. } => {
                    "A file of the launcher's in the install folder is damaged, maybe by the disk: put it back from a copy, or install into another folder"
                }
                _ => "Try again later; the server or a cache on the way delivered something damaged",
            },
            ErrorCode::DamagedVersion => {
                "The installed version is as it was; choose another one, or remove the damaged one"
            }
            ErrorCode::Untrusted => {
                "Nothing was changed and the game can be played; try again later, and tell the publisher if it stays so"
            }
            ErrorCode::Expired => {
                "The game can be played; check that this computer's clock is right, or try again when the server has renewed its signatures"
            }
            ErrorCode::RolledBack => {
                "The game can be played; try again later, and tell the publisher if it stays so"
            }
            ErrorCode::Clock => {
                "Set the clock right and try again; if it is right and was wrong before, reset what is trusted"
            }
            ErrorCode::TrustState => {
                "The game can be played; to update again, reset what is trusted with the root file the publisher gives out"
            }
            ErrorCode::DiskFull => "Free some space or choose another folder, then try again",
            ErrorCode::Locked => "Close the other launcher, or wait until it is done",
            ErrorCode::GameRunning => "End the game first",
            ErrorCode::Permission => "Choose a folder you may write to",
            ErrorCode::WrongPlatform | ErrorCode::BadRelease => {
                "Nothing was changed; tell the publisher, and try again when a corrected build is out"
            }
            ErrorCode::LauncherTooOld => "Update the launcher first",
            ErrorCode::NotInstalled => "Install first",
            ErrorCode::Launch => "Verify the installation, then try again",
            ErrorCode::Internal => "Please report this with the details",
            ErrorCode::Disk | ErrorCode::NoPrevious | ErrorCode::InvalidInput | ErrorCode::Cancelled => {
                return None;
            }
        };
        Some(text.to_owned())
    }

    /// Says of a document that it is not a server's but the install folder's.
    pub(crate) fn at_home(self) -> Self {
        match self {
            Self::BadDocument { what, reason } => Self::BadRecord { what, reason },
            other => other,
        }
    }

    /// Says of a document of a version in the folder that a repair can fetch it again.
    pub(crate) fn fetchable(self) -> Self {
        match self {
            Self::BadRecord { what, reason } => Self::DamagedDocument { what, reason },
            other => other,
        }
    }

    /// Says of a record that the install can do without it.
    pub(crate) fn bearable(self) -> Self {
        match self {
            Self::BadRecord { what, reason } => Self::LostRecord { what, reason },
            other => other,
        }
    }

    /// Tells whether trying the same again can help.
    pub fn retry(&self) -> bool {
        use ErrorCode::{
            Cancelled, Clock, Damaged, Disk, DiskFull, Expired, GameRunning, Locked, NotFound, Offline,
            RolledBack, Server, Untrusted,
        };
        let is_at_home = matches!(
            self,
            Self::BadRecord { .. } | Self::DamagedDocument { .. } | Self::LostRecord { .. }
        );
        !is_at_home
            && matches!(
                self.code(),
                Offline
                    | Server
                    | NotFound
                    | Damaged
                    | Untrusted
                    | Expired
                    | RolledBack
                    | Clock
                    | DiskFull
                    | Disk
                    | Locked
                    | GameRunning
                    | Cancelled
            )
    }

    /// Tells whether a repair mends what is wrong: it fetches again what the server has, which no record of the launcher's
    /// own is, and no file but those of the installed version.
    pub fn repair(&self) -> bool {
        matches!(self, Self::DamagedDocument { .. } | Self::Damaged { .. })
    }

    /// Returns the error for people and programs.
    pub fn report(&self) -> ErrorReport {
        ErrorReport {
            code: self.code(),
            message: self.to_string(),
            hint: self.hint(),
            detail: causes(self),
            retry: self.retry(),
            repair: self.repair(),
        }
    }
}

/// Returns what led to an error, a line for each cause, the last one last; empty if nothing is known.
pub fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn io_code(error: &io::Error) -> ErrorCode {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorCode::DiskFull,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorCode::Permission,
        _ => ErrorCode::Disk,
    }
}

fn trust_code(error: &TrustError) -> ErrorCode {
    match error {
        TrustError::Io { source, .. } => io_code(source),
        TrustError::DiskFull { .. } => ErrorCode::DiskFull,
        TrustError::Store(error) => store_code(error),
        TrustError::Signature { .. } | TrustError::Malformed { .. } | TrustError::NotListed { .. } => {
            ErrorCode::Untrusted
        }
        TrustError::NewerForm { .. } => ErrorCode::LauncherTooOld,
        TrustError::Expired { .. } => ErrorCode::Expired,
        TrustError::RolledBack { .. } => ErrorCode::RolledBack,
        TrustError::ClockSetBack { .. } => ErrorCode::Clock,
        TrustError::State { .. } | TrustError::OtherRoot { .. } => ErrorCode::TrustState,
        TrustError::NoRoot => ErrorCode::InvalidInput,
    }
}

impl From<TrustError> for EngineError {
    fn from(error: TrustError) -> Self {
        match error {
            // A server that fails is the same failure whatever was asked of it.
            TrustError::Store(error) => Self::Store(error),
            other => Self::Trust(other),
        }
    }
}

fn store_code(error: &StoreError) -> ErrorCode {
    match error {
        StoreError::Missing { .. } => ErrorCode::NotFound,
        StoreError::Invalid { .. } => ErrorCode::Damaged,
        StoreError::Unavailable { .. } => ErrorCode::Server,
        StoreError::Unreachable { .. } => ErrorCode::Offline,
        StoreError::Refused {
            credentials: true, ..
        } => ErrorCode::Private,
        StoreError::Refused { .. } => ErrorCode::Refused,
        StoreError::Io { source, .. } => io_code(source),
    }
}

impl From<PreferenceError> for EngineError {
    fn from(error: PreferenceError) -> Self {
        Self::InvalidInput(error.to_string())
    }
}

/// Attaches what was being done, and to which path, to a file error.
pub(crate) trait IoContext<T> {
    /// Names the action (as in "cannot ... PATH") and the path.
    fn during(self, action: &'static str, path: impl Into<PathBuf>) -> Result<T, EngineError>;
}

impl<T> IoContext<T> for io::Result<T> {
    fn during(self, action: &'static str, path: impl Into<PathBuf>) -> Result<T, EngineError> {
        self.map_err(|source| EngineError::Io {
            action,
            path: path.into(),
            source,
        })
    }
}
