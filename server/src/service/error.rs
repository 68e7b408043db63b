// SPDX-License-Identifier: MIT
//! Why a request was refused: what the client may know, and what only the log may.

use std::time::Duration;

use vsekai_formats::ChunkId;
use vsekai_store::StoreError;
use vsekai_trust::publisher::KeyError;

use crate::db::DatabaseError;
use crate::room::Full;
use crate::storage::StorageError;

/// A refused or failed request.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// There is no such thing, or it is none of the client's business.
    #[error("{0} does not exist")]
    NotFound(String),
    /// The request itself makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// No token, or one that is unknown, expired or revoked. Which of these is not told.
    #[error("a valid token is needed (Authorization: Bearer ...)")]
    Unauthorized,
    /// The token is good, but not for this.
    #[error("the token does not allow this: {0}")]
    Forbidden(String),
    /// More bytes than allowed.
    #[error("{what} may have at most {limit} bytes")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The most allowed.
        limit: usize,
    },
    /// The client stopped sending.
    #[error("the request's body did not arrive in time")]
    Stalled,
    /// The client's connection broke off.
    #[error("the request's body broke off")]
    Broken,
    /// The upload is not what it says it is.
    #[error("{detail}")]
    Invalid {
        /// A word for programs.
        code: &'static str,
        /// What is wrong, for people.
        detail: String,
    },
    /// The upload is not of a kind that can be stored here.
    #[error("{0}")]
    Unsupported(String),
    /// Something else is there already.
    #[error("{detail}")]
    Conflict {
        /// A word for programs.
        code: &'static str,
        /// What is there, for people.
        detail: String,
    },
    /// A release names chunks that nobody has uploaded.
    #[error("{total} chunks of the release have not been uploaded")]
    MissingChunks {
        /// The first of them.
        first: Vec<ChunkId>,
        /// How many there are.
        total: usize,
    },
    /// Too many requests, or too many bytes.
    #[error("{detail}")]
    TooMany {
        /// A word for programs.
        code: &'static str,
        /// What there was too much of, for people.
        detail: String,
        /// When it is worth trying again.
        wait: Duration,
    },
    /// The server cannot do its work now.
    #[error("{0}")]
    Unavailable(String),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The data folder failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The chunk store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key of the server cannot be read or made.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A task of the server was lost.
    #[error("{0}")]
    Internal(String),
}

/// The kind of answer an error leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// 400.
    BadRequest,
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 408.
    TimedOut,
    /// 409.
    Conflict,
    /// 413.
    TooLarge,
    /// 415.
    Unsupported,
    /// 422.
    Invalid,
    /// 429.
    TooMany,
    /// 500.
    Internal,
    /// 503.
    Unavailable,
}

impl ServiceError {
    /// Returns the kind of answer this leads to.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::BadRequest(_) | Self::Broken => ErrorKind::BadRequest,
            Self::Unauthorized => ErrorKind::Unauthorized,
            Self::Forbidden(_) => ErrorKind::Forbidden,
            Self::TooLarge { .. } => ErrorKind::TooLarge,
            Self::Stalled => ErrorKind::TimedOut,
            Self::Invalid { .. } | Self::MissingChunks { .. } => ErrorKind::Invalid,
            Self::Unsupported(_) => ErrorKind::Unsupported,
            Self::Conflict { .. } => ErrorKind::Conflict,
            Self::TooMany { .. } => ErrorKind::TooMany,
            Self::Unavailable(_) => ErrorKind::Unavailable,
            Self::Store(StoreError::Missing { .. }) => ErrorKind::NotFound,
            // A bucket: it is down, overloaded, or its credentials have ended. Clients can do nothing but wait.
            Self::Store(
                StoreError::Unavailable { .. } | StoreError::Unreachable { .. } | StoreError::Refused { .. },
            ) => ErrorKind::Unavailable,
            Self::Database(_) | Self::Storage(_) | Self::Store(_) | Self::Key(_) | Self::Internal(_) => {
                ErrorKind::Internal
            }
        }
    }

    /// Returns what the client may read. Files, tables and their troubles are for the log alone.
    pub fn outside(&self) -> String {
        match self {
            Self::Store(StoreError::Missing { object, .. }) => format!("{object} does not exist"),
            _ if self.kind() == ErrorKind::Internal => {
                "the server could not do this; its log says why".to_owned()
            }
            Self::Store(_) => "the store of chunks does not answer; try again later".to_owned(),
            _ => self.to_string(),
        }
    }

    /// Returns a word that programs can act on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Invalid { code, .. } | Self::Conflict { code, .. } | Self::TooMany { code, .. } => code,
            Self::MissingChunks { .. } => "missing-chunks",
            _ => match self.kind() {
                ErrorKind::BadRequest => "bad-request",
                ErrorKind::Unauthorized => "unauthorized",
                ErrorKind::Forbidden => "forbidden",
                ErrorKind::NotFound => "not-found",
                ErrorKind::TimedOut => "timed-out",
                ErrorKind::Conflict => "conflict",
                ErrorKind::TooLarge => "too-large",
                ErrorKind::Unsupported => "unsupported",
                ErrorKind::Invalid => "invalid",
                ErrorKind::TooMany => "too-many",
                ErrorKind::Internal => "internal",
                ErrorKind::Unavailable => "unavailable",
            },
        }
    }

    /// Tells whether the log alone says what is wrong.
    pub fn is_for_the_log(&self) -> bool {
        let is_store = matches!(self, Self::Store(_)) && self.kind() == ErrorKind::Unavailable;
        is_store || self.kind() == ErrorKind::Internal
    }

    /// Returns when it is worth trying again, if that is known.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            Self::TooMany { wait, .. } => Some(*wait),
            _ => (self.kind() == ErrorKind::Unavailable).then_some(UNAVAILABLE_FOR),
        }
    }

    /// Makes an error for an upload that is not what it says it is.
    pub fn invalid(code: &'static str, detail: impl ToString) -> Self {
        Self::Invalid {
            code,
            detail: detail.to_string(),
        }
    }

    /// Makes an error for a request that came too soon after others.
    pub fn too_soon(wait: Duration) -> Self {
        Self::TooMany {
            code: "too-many",
            detail: "too many requests in a short time; Retry-After says when to go on".to_owned(),
            wait,
        }
    }

    /// Makes an error for something that is there already.
    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::Conflict {
            code,
            detail: detail.into(),
        }
    }
}

impl From<Full> for ServiceError {
    fn from(full: Full) -> Self {
        let detail = match full {
            Full::OfAll => "other uploads take all the memory that there is for them; try again later",
            Full::OfToken => {
                "other uploads with the same token take all the memory that one gets; try again later"
            }
        };
        Self::Unavailable(detail.to_owned())
    }
}

/// Long enough for most troubles of a bucket to pass, and shorter than people wait.
pub(crate) const UNAVAILABLE_FOR: Duration = Duration::from_secs(5);
