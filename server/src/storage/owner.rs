// SPDX-License-Identifier: MIT
//! To whom the chunks in a bucket belong.
//!
//! Two servers with one bucket would collect what the other one needs. So a data folder whose chunks are in a bucket
//! has a file `bucket` that says where and a random word, and the object `.vsekai-owner` beside the chunks has that
//! word too.

use std::io;
use std::path::Path;

use bytes::Bytes;
use vsekai_store::s3::{FileHeaders, S3Store};
use vsekai_store::{ChunkStore as _, Object, StoreError, bounded, durable};

use super::{StorageError, TEMPORARY_PREFIX};

/// What the file `bucket` says.
#[derive(Debug)]
pub(super) struct Owner {
    bucket: String,
    word: String,
}

impl Owner {
    /// Reads the file in the data folder `root`; `None` if its chunks are in no bucket.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn read(root: &Path) -> Result<Option<Self>, StorageError> {
        let failed = StorageError::io("read where chunks are");
        let path = root.join(FILE);
        let text = match bounded::read_text_file(&path, MAX_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text.map_err(&failed)?,
        };
        let lines = text.trim_end().split_once('\n');
        let (bucket, word) = lines.ok_or_else(|| {
            let error = format!("{} does not have a bucket and a word", path.display());
            failed(io::Error::other(error))
        })?;
        Ok(Some(Self {
            bucket: bucket.to_owned(),
            word: word.to_owned(),
        }))
    }

    /// Writes the file.
    ///
    /// # Errors
    /// The data folder cannot be written.
    pub(super) fn begin(root: &Path, bucket: &S3Store) -> Result<(), StorageError> {
        let word = hex::encode(rand::random::<[u8; 16]>());
        let text = format!("{}\n{word}\n", bucket.name());
        durable::replace(&root.join(FILE), TEMPORARY_PREFIX, text.as_bytes())
            .map_err(StorageError::io("write where chunks are"))
    }

    /// Returns the name of the bucket.
    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Checks that `bucket` belongs to the data folder `root`, which has this file. A bucket may get another address;
    /// one that belongs to nobody is taken if the file names it.
    ///
    /// # Errors
    /// [`StorageError::OfAnother`]; [`StorageError::Elsewhere`]; the bucket does not answer.
    pub(super) async fn check(&self, root: &Path, bucket: &S3Store) -> Result<(), StorageError> {
        if self.has(bucket).await? {
            return Ok(());
        }
        if bucket.name() != self.bucket {
            return Err(StorageError::elsewhere(root, Some(&self.bucket), Some(bucket)));
        }
        let headers = FileHeaders {
            content_type: "text/plain",
            cache_control: "no-store",
        };
        let word = Bytes::from(self.word.clone());
        // Another data folder may take it at the same moment.
        match bucket.create_file(OWNER, headers, word).await? || self.has(bucket).await? {
            true => Ok(()),
            false => Err(StoreError::missing(bucket.name(), Object::File(OWNER.to_owned())).into()),
        }
    }

    /// Tells whether `bucket` belongs to the data folder, `false` if to nobody.
    async fn has(&self, bucket: &S3Store) -> Result<bool, StorageError> {
        match bucket.get_file(OWNER, self.word.len()).await {
            Ok(word) if word == self.word => Ok(true),
            Ok(_) | Err(StoreError::Invalid { .. }) => Err(StorageError::OfAnother {
                bucket: bucket.name(),
            }),
            Err(StoreError::Missing { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

const FILE: &str = "bucket";
/// Longest such file, in bytes; it has two short lines.
const MAX_BYTES: usize = 4 << 10;
/// The object, relative to the chunks.
pub(crate) const OWNER: &str = ".vsekai-owner";
