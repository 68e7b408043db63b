// SPDX-License-Identifier: MIT
//! A folder of files named by the SHA-256 of their bytes.

use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use fs_err as fs;
use vsekai_formats::ChunkId;
use vsekai_formats::release::Pinned;
use vsekai_store::durable;

use super::{StorageError, TEMPORARY_PREFIX};

/// A folder of files named by the SHA-256 of their bytes. A file never changes, so a name is its content.
///
/// All methods block on the disk.
#[derive(Clone, Debug)]
pub struct ContentFolder {
    root: Arc<PathBuf>,
}

impl ContentFolder {
    /// Names the folder `root` without touching it.
    pub fn new(root: PathBuf) -> Self {
        Self { root: Arc::new(root) }
    }

    /// Makes the folder if it is not there and clears what killed writers left. Nobody may be writing.
    ///
    /// # Errors
    /// The folder cannot be made or listed.
    pub fn prepare(&self) -> Result<(), StorageError> {
        durable::create_folders(&self.root).map_err(StorageError::io("create a folder for documents"))?;
        let clear = StorageError::io("clear unfinished documents");
        for entry in fs::read_dir(self.root.as_path()).map_err(&clear)? {
            let entry = entry.map_err(&clear)?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with(TEMPORARY_PREFIX) {
                fs::remove_file(entry.path()).map_err(&clear)?;
            }
        }
        Ok(())
    }

    /// Stores `bytes` durably and returns what names them.
    ///
    /// # Errors
    /// The file could not be written; nothing is visible then.
    pub fn put(&self, bytes: &[u8]) -> Result<Pinned, StorageError> {
        let pinned = Pinned::of(bytes);
        // Written even if a file of that name is there: a power cut may have torn that one.
        durable::replace(&self.path(pinned.sha256), TEMPORARY_PREFIX, bytes)
            .map_err(StorageError::io("store a document"))?;
        Ok(pinned)
    }

    /// Opens the file that `pinned` names.
    ///
    /// # Errors
    /// It is not there or has another length. Its bytes are not hashed again; clients do that.
    pub fn open_file(&self, pinned: &Pinned) -> Result<fs::File, StorageError> {
        let path = self.path(pinned.sha256);
        let file = fs::File::open(&path).map_err(StorageError::io("open a document"))?;
        let found = file
            .metadata()
            .map_err(StorageError::io("open a document"))?
            .len();
        match found == pinned.length {
            true => Ok(file),
            false => Err(StorageError::Damaged {
                path,
                expected: pinned.length,
                found,
            }),
        }
    }

    /// Reads the file that `pinned` names and hashes it.
    ///
    /// # Errors
    /// It is not there or is another one.
    pub fn read_verified(&self, pinned: &Pinned) -> Result<Bytes, StorageError> {
        let mut file = self.open_file(pinned)?;
        let mut bytes = Vec::new();
        let mut bounded = (&mut file).take(pinned.length);
        bounded
            .read_to_end(&mut bytes)
            .map_err(StorageError::io("read a document"))?;
        match pinned.matches(&bytes) {
            true => Ok(bytes.into()),
            false => {
                let error = format!(
                    "{} does not have the content it is named by",
                    file.path().display()
                );
                Err(StorageError::io("read a document")(io::Error::other(error)))
            }
        }
    }

    /// Lists the names of all files.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn list(&self) -> Result<Vec<ChunkId>, StorageError> {
        let failed = StorageError::io("list documents");
        let mut names = Vec::new();
        for entry in fs::read_dir(self.root.as_path()).map_err(&failed)? {
            let name = entry.map_err(&failed)?.file_name();
            names.extend(name.to_str().and_then(|name| name.parse::<ChunkId>().ok()));
        }
        Ok(names)
    }

    /// Returns the length in bytes of the file of that name.
    ///
    /// # Errors
    /// It is not there.
    pub fn length(&self, sha256: ChunkId) -> Result<u64, StorageError> {
        let found = fs::metadata(self.path(sha256)).map_err(StorageError::io("look for a document"))?;
        Ok(found.len())
    }

    /// Removes the file of that name if it is there.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, sha256: ChunkId) -> Result<(), StorageError> {
        durable::remove(&self.path(sha256)).map_err(StorageError::io("remove a document"))
    }

    fn path(&self, sha256: ChunkId) -> PathBuf {
        self.root.join(sha256.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_comes_back_and_damage_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let documents = ContentFolder::new(folder.path().join("documents"));
        documents.prepare().unwrap();
        let pinned = documents.put(b"a manifest").unwrap();
        assert_eq!(documents.read_verified(&pinned).unwrap(), "a manifest");
        assert_eq!(documents.list().unwrap(), [pinned.sha256]);
        fs::write(documents.path(pinned.sha256), b"b manifest").unwrap();
        assert!(documents.read_verified(&pinned).is_err());
        fs::write(documents.path(pinned.sha256), b"short").unwrap();
        assert!(matches!(
            documents.open_file(&pinned),
            Err(StorageError::Damaged { .. })
        ));
    }

    #[test]
    fn unfinished_files_are_cleared_when_the_folder_is_prepared() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(".tmp-x");
        fs::write(&left, b"half").unwrap();
        ContentFolder::new(folder.path().to_owned()).prepare().unwrap();
        assert!(fs::metadata(&left).is_err());
    }
}
