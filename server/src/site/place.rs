// SPDX-License-Identifier: MIT
//! Where a site is: a folder or a bucket.

use std::path::Path;

use bytes::Bytes;
use futures::stream::BoxStream;
use vsekai_formats::ChunkId;
use vsekai_store::Chunk;
use vsekai_store::s3::S3Store;

use super::SiteError;
use super::bucket::Bucket;
use super::folder::Folder;

/// Where a site is.
#[derive(Debug)]
pub enum Place {
    /// In a folder.
    Folder(Folder),
    /// In an S3 bucket.
    Bucket(Bucket),
}

/// What a file is, which decides how it is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A chunk or an index.
    Binary,
    /// Signed metadata or a target.
    Json,
    /// A list of files, compressed.
    Zstd,
    /// The one file that clients ask for anew each time.
    Timestamp,
    /// What only writers read.
    Record,
}

/// How long others may keep a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caching {
    /// For ever: what is at this address never changes.
    Immutable,
    /// Only after asking whether it has changed.
    Revalidate,
    /// Not at all: it is not for everybody.
    Private,
}

impl Caching {
    /// Returns the value of `Cache-Control`.
    pub const fn header(self) -> &'static str {
        match self {
            Self::Immutable => "public, max-age=31536000, immutable",
            Self::Revalidate => "no-cache",
            Self::Private => "private, no-store",
        }
    }
}

impl Kind {
    /// Returns the media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Binary => "application/octet-stream",
            Self::Json | Self::Timestamp | Self::Record => "application/json",
            Self::Zstd => "application/zstd",
        }
    }

    /// Returns how long others may keep it.
    pub const fn caching(self) -> Caching {
        match self {
            Self::Binary | Self::Json | Self::Zstd => Caching::Immutable,
            Self::Timestamp | Self::Record => Caching::Revalidate,
        }
    }
}

impl Place {
    /// Opens the folder `root`, which is made if it is not there, and locks it against a second writer.
    ///
    /// # Errors
    /// Somebody else is writing it, or it cannot be made.
    pub fn folder(root: &Path, max_chunk: usize) -> Result<Self, SiteError> {
        Folder::open(root, max_chunk).map(Self::Folder)
    }

    /// Names a place in a bucket. Nothing keeps a second writer out of it.
    pub fn bucket(store: S3Store) -> Self {
        Self::Bucket(Bucket::new(store))
    }

    /// Returns the place for messages.
    pub fn name(&self) -> String {
        match self {
            Self::Folder(folder) => folder.name(),
            Self::Bucket(bucket) => bucket.name(),
        }
    }

    pub(super) async fn has_chunk(&self, id: ChunkId) -> Result<bool, SiteError> {
        match self {
            Self::Folder(folder) => folder.has_chunk(id).await,
            Self::Bucket(bucket) => bucket.has_chunk(id).await,
        }
    }

    /// Writes a chunk, which is durable after [`Place::sync_chunks`]; returns its length in bytes.
    pub(super) async fn put_chunk(&self, chunk: Chunk) -> Result<u64, SiteError> {
        match self {
            Self::Folder(folder) => folder.put_chunk(chunk).await,
            Self::Bucket(bucket) => bucket.put_chunk(chunk).await,
        }
    }

    pub(super) async fn sync_chunks(&self) -> Result<(), SiteError> {
        match self {
            Self::Folder(folder) => folder.sync_chunks().await,
            // What a bucket has accepted is durable.
            Self::Bucket(_) => Ok(()),
        }
    }

    /// Returns the file at `path` if there is one of at most `max` bytes; a longer one is as good as none.
    pub(super) async fn read(&self, path: &str, max: usize) -> Result<Option<Bytes>, SiteError> {
        match self {
            Self::Folder(folder) => folder.read(path, max).await,
            Self::Bucket(bucket) => bucket.read(path, max).await,
        }
    }

    /// Writes a file, durably and in one step.
    pub(super) async fn put(&self, path: &str, kind: Kind, bytes: Bytes) -> Result<(), SiteError> {
        match self {
            Self::Folder(folder) => folder.put(path, bytes).await,
            Self::Bucket(bucket) => bucket.put(path, kind, bytes).await,
        }
    }

    /// Lists the files below the folder `path`.
    pub(super) fn files(&self, path: &'static str) -> BoxStream<'static, Result<String, SiteError>> {
        match self {
            Self::Folder(folder) => folder.files(path),
            Self::Bucket(bucket) => bucket.files(path),
        }
    }

    /// Removes a file; one that is not there is no error.
    pub(super) async fn remove(&self, path: &str) -> Result<(), SiteError> {
        match self {
            Self::Folder(folder) => folder.remove(path).await,
            Self::Bucket(bucket) => bucket.remove(path).await,
        }
    }
}
