// SPDX-License-Identifier: MIT
//! What can go wrong with a command.

use std::io;

use vsekai_formats::catar::{DecodeError, EncodeError};
use vsekai_formats::chunker::ChunkSizesError;
use vsekai_formats::codec::CodecError;
use vsekai_formats::index::IndexError;
use vsekai_store::config::ConfigError;
use vsekai_store::location::LocationError;
use vsekai_store::{OpenError, StoreError};

/// A command that did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum DesyncError {
    /// Flags that cannot be used together.
    #[error("{0}")]
    Usage(String),
    /// The user stopped it.
    #[error("interrupted")]
    Interrupted,
    /// A store that cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A store or index that does not do what is asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The location of an index.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Chunk sizes the chunker cannot cut to.
    #[error(transparent)]
    Sizes(#[from] ChunkSizesError),
    /// An index that cannot be read.
    #[error("{name} cannot be read: {source}")]
    Index {
        /// The index's location.
        name: String,
        /// What is wrong with it.
        source: IndexError,
    },
    /// An archive that cannot be read.
    #[error("{name} cannot be unpacked: {source}")]
    Decode {
        /// The archive's location.
        name: String,
        /// What is wrong with it.
        source: DecodeError,
    },
    /// An archive that cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// A chunk that cannot be decompressed or compressed.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A file operation failed; the source names the path.
    #[error("{action}: {source}")]
    File {
        /// What was being done.
        action: &'static str,
        /// The file error, with its path.
        source: io::Error,
    },
    /// Something was checked and found wrong.
    #[error("{0}")]
    Damaged(String),
    /// A fault of this program.
    #[error("internal error: {0}")]
    Internal(String),
}

impl DesyncError {
    /// Wraps a file error; use it as `map_err(DesyncError::file("read the seed"))`.
    pub(crate) fn file(action: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::File { action, source }
    }

    /// Returns the exit code: 1 for every failure, as desync has it, and 130 for an interrupt. Work that is
    /// not done is never 0.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Interrupted => 130,
            _ => 1,
        }
    }
}

impl From<tokio::task::JoinError> for DesyncError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::Internal(error.to_string())
    }
}
