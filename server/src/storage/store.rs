// SPDX-License-Identifier: MIT
//! Where the chunks of a data folder are: in it, or in an S3 bucket that belongs to it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fs_err as fs;
use vsekai_store::s3::S3Store;
use vsekai_store::{LocalStore, PruneStore, StoreFormat, durable};

use super::StorageError;
use super::owner::Owner;

/// A data folder, and where its owner says that its chunks are.
#[derive(Clone, Debug)]
pub struct DataPlace {
    /// The folder.
    pub root: PathBuf,
    /// The bucket that its chunks are in; without one they are in the folder.
    pub bucket: Option<S3Store>,
}

/// The chunks of a data folder.
///
/// Callers tell the two apart where time goes other ways: a folder is read by threads that block and made durable by
/// one sync for many chunks; a bucket is asked for several chunks at once, and what it has accepted is durable.
#[derive(Clone, Debug)]
pub enum Store {
    /// In the folder.
    Folder(LocalStore),
    /// In a bucket, under the same names.
    Bucket(S3Store),
}

impl Store {
    /// Returns the store for work that is the same in both.
    pub fn shared(&self) -> Arc<dyn PruneStore> {
        match self {
            Self::Folder(store) => Arc::new(store.clone()),
            Self::Bucket(store) => Arc::new(store.clone()),
        }
    }
}

impl<P: AsRef<Path> + ?Sized> From<&P> for DataPlace {
    /// Names a data folder that holds its chunks itself.
    fn from(root: &P) -> Self {
        Self {
            root: root.as_ref().to_owned(),
            bucket: None,
        }
    }
}

impl From<&Self> for DataPlace {
    fn from(place: &Self) -> Self {
        place.clone()
    }
}

impl DataPlace {
    /// Opens the store. `max_chunk` is the largest plain chunk in bytes.
    ///
    /// # Errors
    /// [`StorageError::Elsewhere`]; [`StorageError::OfAnother`]; it does not answer.
    pub async fn store(&self, max_chunk: usize) -> Result<Store, StorageError> {
        match (&self.bucket, Owner::read(&self.root)?) {
            (None, None) => {
                let format = StoreFormat::default().with_max_chunk(max_chunk);
                Ok(Store::Folder(LocalStore::open(store_folder(&self.root), format)?))
            }
            (Some(bucket), Some(owner)) => {
                owner.check(&self.root, bucket).await?;
                Ok(Store::Bucket(bucket.clone()))
            }
            (given, owner) => {
                let found = owner.as_ref().map(Owner::bucket);
                Err(StorageError::elsewhere(&self.root, found, given.as_ref()))
            }
        }
    }

    /// Decides where the chunks are, unless that is decided. Nobody else may be doing so.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn begin_store(&self) -> Result<(), StorageError> {
        let folder = store_folder(&self.root);
        match &self.bucket {
            _ if Owner::read(&self.root)?.is_some() || fs::metadata(&folder).is_ok() => Ok(()),
            Some(bucket) => Owner::begin(&self.root, bucket),
            None => {
                durable::create_folders(&folder).map_err(StorageError::io("create the folder for chunks"))
            }
        }
    }
}

fn store_folder(root: &Path) -> PathBuf {
    root.join("store")
}
