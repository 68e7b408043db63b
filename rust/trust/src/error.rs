// SPDX-License-Identifier: MIT
//! Why signed metadata or a target is refused, and what went wrong on the way.

use std::io;
use std::path::PathBuf;

use vsekai_store::StoreError;

/// A failed operation on signed metadata. What was trusted before is trusted still.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
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
    /// There is no room for the trusted state.
    #[error("not enough free space in {}: {needed} bytes are needed for the trusted state", path.display())]
    DiskFull {
        /// The folder of the state.
        path: PathBuf,
        /// Bytes of the state.
        needed: u64,
    },
    /// The server failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Too few valid signatures by the keys that may sign.
    #[error("the {role} metadata is not signed by the keys that may sign it: {reason}")]
    Signature {
        /// The role, by its name in TUF.
        role: String,
        /// What is wrong with the signatures.
        reason: String,
    },
    /// Bytes that are not what was announced, or not what such metadata looks like.
    #[error("the {what} cannot be believed: {reason}")]
    Malformed {
        /// The metadata or target.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A document that only a newer launcher can read.
    #[error("the {what} is of the form {form}, which this launcher does not know")]
    NewerForm {
        /// The document.
        what: String,
        /// The version of its form.
        form: u32,
    },
    /// The validity of the metadata is over.
    #[error("the {role} metadata was valid until {expired} only")]
    Expired {
        /// The role.
        role: String,
        /// Since when it is not valid any more, RFC 3339.
        expired: String,
    },
    /// The server offers something older than what is trusted already.
    #[error(
        "the server offers version {offered} of the {role} metadata, but version {trusted} is known already"
    )]
    RolledBack {
        /// The role.
        role: String,
        /// The version that is trusted.
        trusted: u64,
        /// The version that was offered.
        offered: u64,
    },
    /// The clock shows an earlier time than it did at the last update.
    #[error("the clock of this computer shows {now}, which is before {latest}, when it was looked at last")]
    ClockSetBack {
        /// The time now, RFC 3339.
        now: String,
        /// The latest time known, RFC 3339.
        latest: String,
    },
    /// The trusted state cannot be read although it is there, or is missing although it must be there.
    #[error("the trusted state in {} cannot be read: {reason}", path.display())]
    State {
        /// The folder of the state.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The pinned root is of another publisher than the one this install began with.
    #[error("the root {pinned} does not lead to the root {known} that this installation began with")]
    OtherRoot {
        /// SHA-256 of the pinned root.
        pinned: String,
        /// SHA-256 of the root that was trusted first.
        known: String,
    },
    /// There is no root to start from.
    #[error("no root key is known for this title")]
    NoRoot,
    /// The signed metadata does not list what was asked for.
    #[error("nothing is signed for {what}")]
    NotListed {
        /// What was asked for.
        what: String,
    },
}
