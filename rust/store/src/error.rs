// SPDX-License-Identifier: MIT
//! What can go wrong with a store.

use std::time::Duration;

use vsekai_formats::ChunkId;

/// A failed store operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store does not have the chunk.
    #[error("{store} does not have chunk {id}")]
    Missing {
        /// The store's name.
        store: String,
        /// The chunk asked for.
        id: ChunkId,
    },
    /// The store has something else under the chunk's id.
    #[error("{store} has a damaged chunk {id}: {reason}")]
    Invalid {
        /// The store's name.
        store: String,
        /// The chunk asked for.
        id: ChunkId,
        /// What is wrong with it.
        reason: String,
    },
    /// The store did not answer, or broke off.
    #[error("{store} cannot be reached: {reason}")]
    Unreachable {
        /// The store's name.
        store: String,
        /// What the network said.
        reason: String,
        /// How long the store asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// The store refuses.
    #[error("{store} refused: {reason}")]
    Refused {
        /// The store's name.
        store: String,
        /// Its answer.
        reason: String,
        /// Whether other credentials would help (401, 403).
        credentials: bool,
    },
    /// A file operation failed; the source names the path.
    #[error("{action}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file error, with its path.
        source: std::io::Error,
    },
}

/// What a caller can do about a [`StoreError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreErrorClass {
    /// Try the same again, later.
    Retry,
    /// Try another store.
    OtherStore,
    /// A person has to act (credentials, disk).
    UserMustAct,
}

impl StoreError {
    /// Returns what a caller can do about it.
    pub fn class(&self) -> StoreErrorClass {
        match self {
            Self::Unreachable { .. } => StoreErrorClass::Retry,
            Self::Missing { .. } | Self::Invalid { .. } => StoreErrorClass::OtherStore,
            Self::Refused { .. } | Self::Io { .. } => StoreErrorClass::UserMustAct,
        }
    }
}
