// SPDX-License-Identifier: MIT
//! The data folder: one folder holds everything the server knows.
//!
//! ```text
//! server.sqlite     releases, channels, tokens, the ledger of chunks
//! store/            chunks (castr): <4 hex>/<64 hex>.cacnk, unless they are in a bucket
//! bucket            the bucket that they are in, and what shows there that it is ours
//! index/            indexes, each named by its SHA-256
//! documents/        manifests and contents, each named by its SHA-256
//! online/           the server's own keys: <title>/online-<16 hex>.pem, for their owner alone
//! dev-keys/         all other keys of the titles of a server for development
//! lock              held while a server runs
//! whole             held by those who read all of it, and alone by those who remove something
//! unclean           there while a server runs; still there at start after a crash
//! ```

mod cached;
mod content;
mod owner;
mod store;

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use vsekai_formats::release::Slug;
use vsekai_store::s3::S3Store;
use vsekai_store::{ChunkStore as _, StoreError, durable};

#[cfg(target_os = "linux")]
pub use cached::CachedFile;
pub use cached::read_cached;
pub use content::ContentFolder;
pub use store::{DataPlace, Store};

pub(crate) use owner::OWNER;

/// An open data folder. While it lives no other server can open it.
#[derive(Debug)]
pub struct DataFolder {
    root: PathBuf,
    store: Store,
    indexes: ContentFolder,
    documents: ContentFolder,
    was_unclean: bool,
    // Held, never read: the system lets go of the lock when the process ends, however it ends.
    _lock: fs::File,
}

impl DataFolder {
    /// Opens the data folder at `place`, making what is missing, and locks it against a second server.
    ///
    /// `max_chunk` is the largest plain chunk in bytes.
    ///
    /// # Errors
    /// Another server has it, files cannot be made, or its bucket does not answer or belongs to another data folder.
    pub async fn open(place: impl Into<DataPlace>, max_chunk: usize) -> Result<Self, StorageError> {
        let place = place.into();
        let (folder, place) = tokio::task::spawn_blocking(move || (Locked::open(&place), place))
            .await
            .map_err(|error| StorageError::io("open the data folder")(io::Error::other(error)))?;
        let Locked { lock, was_unclean } = folder?;
        Ok(Self {
            store: place.store(max_chunk).await?,
            indexes: index_folder(&place.root),
            documents: document_folder(&place.root),
            root: place.root,
            was_unclean,
            _lock: lock,
        })
    }

    /// Tells whether the last server may have been cut off in the middle of something.
    pub fn was_unclean(&self) -> bool {
        self.was_unclean
    }

    /// Returns the chunk store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the indexes.
    pub fn indexes(&self) -> &ContentFolder {
        &self.indexes
    }

    /// Returns the manifests and contents.
    pub fn documents(&self) -> &ContentFolder {
        &self.documents
    }

    /// Returns the folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Records that everything is in order, for the next start. Call it last.
    ///
    /// # Errors
    /// The mark cannot be removed; the next start takes a little longer.
    pub fn mark_clean(&self) -> Result<(), StorageError> {
        let removed = fs::remove_file(self.root.join(UNCLEAN));
        removed.map_err(StorageError::io("mark the data folder as in order"))
    }
}

/// A data folder that is ours and has all its parts.
struct Locked {
    lock: fs::File,
    was_unclean: bool,
}

impl Locked {
    fn open(place: &DataPlace) -> Result<Self, StorageError> {
        let root = &place.root;
        durable::create_folders(root).map_err(StorageError::io("create the data folder"))?;
        let lock = lock(root)?;
        place.begin_store()?;
        index_folder(root).prepare()?;
        document_folder(root).prepare()?;
        let marker = root.join(UNCLEAN);
        let was_unclean = fs::metadata(&marker).is_ok() || fs::metadata(database_path(root)).is_err();
        durable::replace(&marker, TEMPORARY_PREFIX, b"")
            .map_err(StorageError::io("mark the data folder as in use"))?;
        Ok(Self { lock, was_unclean })
    }
}

/// Keeps everything in the data folder `root` from being collected until the file is dropped; waits for a collection
/// that is under way. This blocks. Whoever copies or checks a whole data folder that a server uses needs it.
///
/// # Errors
/// The file for it cannot be made.
pub fn keep_whole(root: &Path) -> Result<fs::File, StorageError> {
    let failed = StorageError::io("keep the data folder whole");
    let file = open_lock(&root.join(WHOLE)).map_err(&failed)?;
    file.file().lock_shared().map_err(&failed)?;
    Ok(file)
}

/// Claims the right to remove files from the data folder `root` until the file is dropped; `None` while somebody
/// else has it or needs everything to stay.
///
/// # Errors
/// The file for it cannot be made.
pub fn begin_collecting(root: &Path) -> Result<Option<fs::File>, StorageError> {
    lock_file(&root.join(WHOLE)).map_err(StorageError::io("begin to collect"))
}

/// Returns the place of the database in the data folder `root`.
pub fn database_path(root: &Path) -> PathBuf {
    root.join("server.sqlite")
}

/// Names the folder of indexes in the data folder `root`.
pub fn index_folder(root: &Path) -> ContentFolder {
    ContentFolder::new(root.join("index"))
}

/// Names the folder of manifests and contents in the data folder `root`.
pub fn document_folder(root: &Path) -> ContentFolder {
    ContentFolder::new(root.join("documents"))
}

/// Returns the folder of the server's own keys in the data folder `root`.
pub fn online_folder(root: &Path) -> PathBuf {
    root.join("online")
}

/// Returns the folder of the keys of `title` that a server for development makes.
pub fn dev_keys_folder(root: &Path, title: &Slug) -> PathBuf {
    root.join(DEV_KEYS).join(title.as_str())
}

/// A failed operation on a data folder.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// A server or a backup is at work in the folder.
    #[error("another server is using the data folder {path}", path = path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A file that a row of the database names is not there, or is another one.
    #[error("{path} is not what the database says: expected {expected} bytes, found {found}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Length in the database.
        expected: u64,
        /// Length found.
        found: u64,
    },
    /// The chunks of a data folder are not where they were said to be.
    #[error("the chunks of {root} are in {found}, not in {given}; give the --chunks that they were put there with, none for the folder itself", root = root.display())]
    Elsewhere {
        /// The data folder.
        root: PathBuf,
        /// Where its chunks are.
        found: String,
        /// Where they were said to be.
        given: String,
    },
    /// A bucket has the chunks of another data folder.
    #[error("{bucket} has the chunks of another data folder; if that one is gone for good, remove the object {owner} there", owner = OWNER)]
    OfAnother {
        /// The bucket.
        bucket: String,
    },
    /// The store of chunks failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file operation failed; the source names the path.
    #[error("{action}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file error.
        source: io::Error,
    },
}

impl StorageError {
    /// Returns a function that says what was being done when a file operation failed.
    pub fn io(action: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::Io { action, source }
    }

    /// No bucket means the folder itself.
    fn elsewhere(root: &Path, found: Option<&str>, given: Option<&S3Store>) -> Self {
        const HERE: &str = "the folder itself";
        Self::Elsewhere {
            root: root.to_owned(),
            found: found.unwrap_or(HERE).to_owned(),
            given: given.map_or_else(|| HERE.to_owned(), S3Store::name),
        }
    }
}

fn lock(root: &Path) -> Result<fs::File, StorageError> {
    match lock_file(&root.join("lock")) {
        Ok(Some(file)) => Ok(file),
        Ok(None) => Err(StorageError::InUse {
            path: root.to_owned(),
        }),
        Err(error) => Err(StorageError::io("lock the data folder")(error)),
    }
}

/// Locks the file `path`, which is made if it is not there, until the handle is dropped; `None` if another process
/// holds the lock.
pub(crate) fn lock_file(path: &Path) -> io::Result<Option<fs::File>> {
    let file = open_lock(path)?;
    match file.file().try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn open_lock(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    options.open(path)
}

/// Names of files being written begin with this.
pub const TEMPORARY_PREFIX: &str = ".tmp-";
/// Folder of the keys of titles for development.
pub const DEV_KEYS: &str = "dev-keys";
const UNCLEAN: &str = "unclean";
const WHOLE: &str = "whole";

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_server_cannot_open_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let first = DataFolder::open(folder.path(), 1 << 20).await.unwrap();
        let second = DataFolder::open(folder.path(), 1 << 20).await;
        assert!(matches!(second, Err(StorageError::InUse { .. })), "{second:?}");
        drop(first);
        assert!(DataFolder::open(folder.path(), 1 << 20).await.is_ok());
    }

    #[tokio::test]
    async fn a_folder_is_unclean_until_it_is_marked() {
        let folder = tempfile::tempdir().unwrap();
        let opened = DataFolder::open(folder.path(), 1 << 20).await.unwrap();
        assert!(opened.was_unclean(), "a store without a database");
        fs::write(database_path(folder.path()), b"").unwrap();
        drop(opened);
        let opened = DataFolder::open(folder.path(), 1 << 20).await.unwrap();
        assert!(opened.was_unclean());
        opened.mark_clean().unwrap();
        drop(opened);
        let again = DataFolder::open(folder.path(), 1 << 20).await.unwrap();
        assert!(!again.was_unclean());
    }
}
