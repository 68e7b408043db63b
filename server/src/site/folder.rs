// SPDX-License-Identifier: MIT
//! A site in a folder.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use fs_err as fs;
use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::mpsc;
use vsekai_formats::ChunkId;
use vsekai_formats::release::address;
use vsekai_store::local::Naming;
use vsekai_store::{Chunk, ChunkStore as _, LocalStore, StoreFormat, WriteStore as _, durable};

use super::SiteError;
use crate::service::blocking;
use crate::storage::{StorageError, TEMPORARY_PREFIX, lock_file};

/// A folder.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    store: LocalStore,
    // Held, never read: the system lets go of the lock when the last handle is dropped.
    _lock: Arc<fs::File>,
}

impl Folder {
    pub(super) fn open(root: &Path, max_chunk: usize) -> Result<Self, SiteError> {
        let failed = StorageError::io("create the folder of the site");
        durable::create_folders(root).map_err(&failed)?;
        let lock = match lock_file(&root.join(LOCK)) {
            Ok(Some(lock)) => lock,
            Ok(None) => {
                return Err(SiteError::InUse {
                    path: root.to_owned(),
                });
            }
            Err(error) => return Err(StorageError::io("lock the folder of the site")(error).into()),
        };
        let store = root.join(address::STORE);
        durable::create_folders(&store).map_err(&failed)?;
        let format = StoreFormat::default().with_max_chunk(max_chunk);
        Ok(Self {
            // A chunk gets its name when it is on the disk, so that a name can be believed after a power cut.
            store: LocalStore::open_naming(store, format, Naming::OnceDurable)?,
            root: root.to_owned(),
            _lock: Arc::new(lock),
        })
    }

    pub(super) fn name(&self) -> String {
        self.root.display().to_string()
    }

    pub(super) async fn has_chunk(&self, id: ChunkId) -> Result<bool, SiteError> {
        Ok(self.store.has(id).await?)
    }

    pub(super) async fn put_chunk(&self, chunk: Chunk) -> Result<u64, SiteError> {
        self.store.put(&chunk).await?;
        Ok(chunk.compressed().map_or(0, Bytes::len) as u64)
    }

    pub(super) async fn sync_chunks(&self) -> Result<(), SiteError> {
        Ok(self.store.sync().await?)
    }

    pub(super) async fn read(&self, path: &str, max: usize) -> Result<Option<Bytes>, SiteError> {
        let path = self.root.join(path);
        let read =
            blocking(move || Ok(read(&path, max).map_err(StorageError::io("read a file of the site"))?));
        Ok(read.await?)
    }

    pub(super) async fn put(&self, path: &str, bytes: Bytes) -> Result<(), SiteError> {
        let path = self.root.join(path);
        let written = blocking(move || {
            let failed = StorageError::io("write a file of the site");
            if let Some(folder) = path.parent() {
                durable::create_folders(folder).map_err(&failed)?;
            }
            Ok(durable::replace(&path, TEMPORARY_PREFIX, &bytes).map_err(&failed)?)
        });
        Ok(written.await?)
    }

    /// Lists files from a thread of its own, a few hundred ahead of whoever takes them.
    pub(super) fn files(&self, path: &str) -> BoxStream<'static, Result<String, SiteError>> {
        let (root, folder) = (self.root.clone(), self.root.join(path));
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::task::spawn_blocking(move || {
            let listed = walk(&root, &folder, &sender);
            if let Err(error) = listed {
                // Nobody listens any more, if this fails.
                let _ = sender.blocking_send(Err(StorageError::io("list the site")(error).into()));
            }
        });
        stream::unfold(receiver, |mut receiver| async move {
            let next = receiver.recv().await?;
            Some((next, receiver))
        })
        .boxed()
    }

    pub(super) async fn remove(&self, path: &str) -> Result<(), SiteError> {
        let path = self.root.join(path);
        let removed = blocking(move || {
            Ok(durable::remove(&path).map_err(StorageError::io("remove a file of the site"))?)
        });
        Ok(removed.await?)
    }
}

fn read(path: &Path, max: usize) -> io::Result<Option<Bytes>> {
    let file = match fs::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut bytes = Vec::new();
    file.take(max as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= max).then(|| bytes.into()))
}

type Sender = mpsc::Sender<Result<String, SiteError>>;

/// Sends the path of every regular file below `folder`, relative to `root`. Links are not followed.
fn walk(root: &Path, folder: &Path, sender: &Sender) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let (kind, path) = (entry.file_type()?, entry.path());
        if kind.is_dir() {
            walk(root, &path, sender)?;
        }
        let relative = path.strip_prefix(root).ok().and_then(Path::to_str);
        if let Some(relative) = relative.filter(|_| kind.is_file())
            && sender.blocking_send(Ok(relative.replace('\\', "/"))).is_err()
        {
            return Ok(());
        }
    }
    Ok(())
}

const LOCK: &str = ".vsekai-site.lock";
const AHEAD: usize = 512;
