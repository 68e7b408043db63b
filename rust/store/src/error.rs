// SPDX-License-Identifier: MIT
//! What can go wrong with a store.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use vsekai_formats::ChunkId;

/// What was asked of a store: a chunk, or a file by its path below the store's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// A chunk, by its id.
    Chunk(ChunkId),
    /// A document or index, by its path relative to the store's root, without query.
    File(String),
}

impl Object {
    /// Returns the chunk's id, or `None` for a file.
    pub fn chunk_id(&self) -> Option<ChunkId> {
        match self {
            Self::Chunk(id) => Some(*id),
            Self::File(_) => None,
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chunk(id) => write!(f, "chunk {id}"),
            Self::File(path) => write!(f, "{path:?}"),
        }
    }
}

impl From<ChunkId> for Object {
    fn from(id: ChunkId) -> Self {
        Self::Chunk(id)
    }
}

/// A failed store operation.
///
/// It can be cloned, so that requests merged into one can all be told of its failure.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// The store does not have the object.
    #[error("{store} does not have {object}")]
    Missing {
        /// The store's name.
        store: String,
        /// What was asked for.
        object: Object,
    },
    /// The store has something else under the object's name.
    #[error("{store} has a damaged {object}: {reason}")]
    Invalid {
        /// The store's name.
        store: String,
        /// What was asked for.
        object: Object,
        /// What is wrong with it.
        reason: String,
    },
    /// The store answered that it cannot serve for now: overloaded, failing, or limiting requests.
    #[error("{store} cannot serve at the moment: {reason}")]
    Unavailable {
        /// The store's name.
        store: String,
        /// What the server said.
        reason: String,
        /// The status of its answer.
        status: u16,
        /// How long the store asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// The store did not answer, or broke off.
    #[error("{store} cannot be reached: {reason}")]
    Unreachable {
        /// The store's name.
        store: String,
        /// What the network said.
        reason: String,
    },
    /// The store refuses.
    #[error("{store} refused: {reason}")]
    Refused {
        /// The store's name.
        store: String,
        /// Its answer.
        reason: String,
        /// The status that refuses, if one does.
        status: Option<u16>,
        /// Whether other credentials would help (401, 403).
        credentials: bool,
    },
    /// A file operation failed; the source names the path.
    #[error("{action}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file error, with its path.
        source: Arc<io::Error>,
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
    /// Wraps a file error that happened while doing `action`, such as "write chunk".
    pub fn io(action: &'static str, source: io::Error) -> Self {
        Self::Io {
            action,
            source: Arc::new(source),
        }
    }

    /// Says that `store` does not have `object`.
    pub fn missing(store: impl Into<String>, object: impl Into<Object>) -> Self {
        Self::Missing {
            store: store.into(),
            object: object.into(),
        }
    }

    /// Says that what `store` has under `object` is not it.
    pub fn invalid(store: impl Into<String>, object: impl Into<Object>, reason: impl fmt::Display) -> Self {
        Self::Invalid {
            store: store.into(),
            object: object.into(),
            reason: reason.to_string(),
        }
    }

    /// Returns what a caller can do about it.
    pub fn class(&self) -> StoreErrorClass {
        match self {
            Self::Unavailable { .. } | Self::Unreachable { .. } => StoreErrorClass::Retry,
            Self::Missing { .. } | Self::Invalid { .. } => StoreErrorClass::OtherStore,
            Self::Refused { .. } | Self::Io { .. } => StoreErrorClass::UserMustAct,
        }
    }

    /// Tells whether the store answered that it does not have the object.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }
}
