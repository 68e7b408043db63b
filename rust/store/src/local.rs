// SPDX-License-Identifier: MIT
//! A chunk store in a folder (castr): `<4 hex>/<64 hex><extension>`.
//!
//! A chunk becomes visible by one rename and so is never seen in part by another process. What survives a
//! power cut is only promised after [`LocalStore::sync`](crate::WriteStore::sync). When chunks get their names
//! is a choice ([`Naming`]): at once, where a chunk that a power cut tore is found when it is read, because
//! every read is verified; or when they are on the disk, for stores that others trust by the name alone.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use fs_err as fs;
use tokio::task::{JoinHandle, spawn_blocking};
use vsekai_formats::{ChunkId, DigestAlgorithm};

use crate::bounded;
use crate::chunk::Chunk;
use crate::durable;
use crate::error::StoreError;
use crate::format::StoreFormat;
use crate::prefixes::Prefixes;
use crate::staging::{Staged, Staging};
use crate::task::{blocking, blocking_each};
use crate::{ChunkStore, KnownIds, PruneStore, WriteStore};

/// A chunk store in a folder.
///
/// A folder `<4 hex>` in it may be a link, to another disk for example: its chunks are the store's as all others are, for
/// reading, writing, listing and removing. No other linked folder is. Such a link is made while nobody writes to the store:
/// an open store does not look again which disk a folder is on, and a sync may then leave the new one out.
///
/// Cloning gives another handle on the same store, with the same list of chunks to sync.
#[derive(Clone, Debug)]
pub struct LocalStore(Arc<Shared>);

/// When a chunk that is put gets its name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Naming {
    /// At once: other handles and processes see it before it survives a power cut. For caches.
    #[default]
    AtOnce,
    /// Once its content survives a power cut: others see it from the next sync on, or from one that is made
    /// in between. After a failed sync, this handle and its clones refuse to write.
    OnceDurable,
}

#[derive(Debug)]
struct Shared {
    /// As it was given, for messages.
    name: String,
    /// From the file system's root on: making a file below any other asks for the working folder each time.
    root: PathBuf,
    /// Folders that were there a moment ago.
    folders: Prefixes,
    format: StoreFormat,
    unsynced: Mutex<Unsynced>,
    /// Held during a sync: who finds nothing left to sync waits for the one that took it.
    syncing: tokio::sync::Mutex<()>,
    failures: AtomicU64,
    staging: Option<Staging>,
    /// The flush that is under way while more chunks are put.
    behind: tokio::sync::Mutex<Option<JoinHandle<Result<(), StoreError>>>>,
}

/// What was put since the last sync.
#[derive(Debug, Default)]
struct Unsynced {
    files: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
}

/// A chunk's file, at its start, and its length in bytes. It stays readable when the chunk is replaced or removed.
#[derive(Debug)]
struct StoredChunk {
    file: fs::File,
    len: u64,
}

/// What lies in a store's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreEntry {
    /// A chunk of the store's format, in its place.
    Chunk(ChunkId),
    /// What a writer left when it was killed.
    Temporary(PathBuf),
    /// Anything else: chunks of another format, chunks in the wrong folder, files that are no chunks.
    Foreign(PathBuf),
}

impl LocalStore {
    /// Opens the store in the folder `root`, which must exist.
    ///
    /// # Errors
    /// [`StoreError::Io`] if there is no such folder.
    pub fn open(root: impl Into<PathBuf>, format: StoreFormat) -> Result<Self, StoreError> {
        Self::open_naming(root, format, Naming::AtOnce)
    }

    /// As [`LocalStore::open`], with a say in when chunks get their names.
    ///
    /// # Errors
    /// As there.
    pub fn open_naming(
        root: impl Into<PathBuf>,
        format: StoreFormat,
        naming: Naming,
    ) -> Result<Self, StoreError> {
        let root = root.into();
        let found = fs::metadata(&root).map_err(|error| StoreError::io("open chunk store", error))?;
        if !found.is_dir() {
            let error = format!("{} is not a folder", root.display());
            let error = io::Error::new(io::ErrorKind::NotADirectory, error);
            return Err(StoreError::io("open chunk store", error));
        }
        let name = root.display().to_string();
        let root = std::path::absolute(root).map_err(|error| StoreError::io("open chunk store", error))?;
        let staging = match naming {
            Naming::AtOnce => None,
            Naming::OnceDurable => {
                let staging = Staging::open(&root);
                Some(staging.map_err(|error| StoreError::io("open chunk store", error))?)
            }
        };
        Ok(Self(Arc::new(Shared {
            name,
            root,
            folders: Prefixes::default(),
            format,
            unsynced: Mutex::default(),
            syncing: tokio::sync::Mutex::default(),
            failures: AtomicU64::new(0),
            staging,
            behind: tokio::sync::Mutex::default(),
        })))
    }

    /// Opens the store in the folder `root`, which is made if it is not there.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the folder cannot be made.
    pub fn create(root: impl Into<PathBuf>, format: StoreFormat) -> Result<Self, StoreError> {
        let root = root.into();
        durable::create_folders(&root).map_err(|error| StoreError::io("create chunk store", error))?;
        Self::open(root, format)
    }

    /// Returns the store's folder, from the file system's root on.
    pub fn root(&self) -> &Path {
        &self.0.root
    }

    /// Returns how the store keeps its chunks.
    pub fn format(&self) -> StoreFormat {
        self.0.format
    }

    /// Returns the place of a chunk, whether it is there or not.
    pub fn path(&self, id: ChunkId) -> PathBuf {
        self.0.path(id)
    }

    /// Returns the length in bytes of a chunk as it is stored.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Invalid`] if it is longer than any chunk of the store's format.
    pub async fn stored_len(&self, id: ChunkId) -> Result<u64, StoreError> {
        let shared = self.0.clone();
        blocking("look for chunk", move || Ok(shared.open_chunk(id)?.len)).await
    }

    /// Lists what lies in the store, without reading any chunk. This blocks on the disk.
    ///
    /// # Errors
    /// Each item may be an error; the listing goes on after it where it can.
    pub fn entries(&self) -> impl Iterator<Item = Result<StoreEntry, StoreError>> {
        let shared = self.0.clone();
        let (folders, error) = match fs::read_dir(&shared.root) {
            Ok(folders) => (Some(folders), None),
            Err(error) => (None, Some(Err(list_error(error)))),
        };
        let inner = folders
            .into_iter()
            .flatten()
            .flat_map(move |folder| match folder {
                Ok(folder) => shared.entries_of(folder.path()),
                Err(error) => vec![Err(list_error(error))],
            });
        error.into_iter().chain(inner)
    }

    fn chunk_ids(&self) -> impl Iterator<Item = Result<ChunkId, StoreError>> {
        self.entries().filter_map(|entry| match entry {
            Ok(StoreEntry::Chunk(id)) => Some(Ok(id)),
            Ok(_) => None,
            Err(error) => Some(Err(error)),
        })
    }

    async fn sync_all(&self) -> Result<(), StoreError> {
        let shared = self.0.clone();
        if shared.staging.is_none() {
            let mut batch = mem::take(&mut *shared.unsynced());
            if !batch.files.is_empty() {
                // Any of the folders may be new: what made it may be another writer's put, under way or failed.
                batch.folders.insert(shared.root.clone());
            }
            return blocking("sync chunks", move || batch.sync()).await;
        }
        if let Some(flush) = self.0.behind.lock().await.take() {
            joined(flush.await)?;
        }
        blocking("sync chunks", move || match &shared.staging {
            Some(staging) => staging.finish().map_err(sync_error),
            None => Ok(()),
        })
        .await
    }

    /// Makes the disk work while more chunks are put. One flush is under way at a time, and nobody waits for it: the
    /// next one takes all that was put meanwhile, so that a slow disk gets larger flushes and not more of them.
    async fn flush_if(&self, enough: bool) -> Result<(), StoreError> {
        if !enough {
            return Ok(());
        }
        if self.0.staging.is_none() {
            // Keeps the list short for callers that never sync, such as caches.
            return self.sync().await;
        }
        let Ok(mut behind) = self.0.behind.try_lock() else {
            return Ok(());
        };
        if behind.as_ref().is_some_and(|flush| !flush.is_finished()) {
            return Ok(());
        }
        if let Some(flush) = behind.take() {
            joined(flush.await)?;
        }
        let shared = self.0.clone();
        *behind = Some(spawn_blocking(move || match &shared.staging {
            Some(staging) => staging.flush().map_err(sync_error),
            None => Ok(()),
        }));
        Ok(())
    }

    /// Makes these chunks survive a power cut, whoever put them, and whenever.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if one is not there; otherwise as [`WriteStore::sync`].
    pub async fn sync_chunks(&self, ids: &[ChunkId]) -> Result<(), StoreError> {
        for id in ids {
            if !self.has(*id).await? {
                return Err(StoreError::missing(self.name(), *id));
            }
        }
        let paths: Vec<PathBuf> = ids.iter().map(|id| self.0.path(*id)).collect();
        let mut batch = Unsynced::default();
        batch.folders.insert(self.0.root.clone());
        batch
            .folders
            .extend(paths.iter().filter_map(|path| Some(path.parent()?.to_owned())));
        batch.files.extend(paths);
        blocking("sync chunks", move || batch.sync()).await
    }
}

#[async_trait]
impl ChunkStore for LocalStore {
    async fn get(&self, id: ChunkId) -> Result<Chunk, StoreError> {
        let shared = self.0.clone();
        blocking("read chunk", move || {
            let stored = shared.read_chunk(id)?;
            Chunk::decode(&shared.name(), id, shared.format, stored)
        })
        .await
    }

    async fn get_each(&self, ids: &[ChunkId]) -> Vec<Result<Chunk, StoreError>> {
        let (shared, wanted) = (self.0.clone(), ids.to_vec());
        let work = move || {
            let stored = wanted.into_iter().map(|id| (id, shared.read_chunk(id)));
            Chunk::decode_each(&shared.name(), shared.format, stored.collect())
        };
        blocking_each("read chunks", ids.len(), work).await
    }

    async fn has(&self, id: ChunkId) -> Result<bool, StoreError> {
        let shared = self.0.clone();
        blocking("look for chunk", move || shared.has_chunk(id)).await
    }

    fn name(&self) -> String {
        self.0.name()
    }
}

#[async_trait]
impl WriteStore for LocalStore {
    async fn put(&self, chunk: &Chunk) -> Result<(), StoreError> {
        let (shared, chunk) = (self.0.clone(), chunk.clone());
        let enough = blocking("write chunk", move || shared.put_chunk(&chunk)).await?;
        self.flush_if(enough).await
    }

    async fn put_absent(&self, chunk: &Chunk) -> Result<bool, StoreError> {
        let (shared, chunk) = (self.0.clone(), chunk.clone());
        match blocking("write chunk", move || shared.put_absent(&chunk)).await? {
            None => Ok(false),
            Some(enough) => self.flush_if(enough).await.map(|()| true),
        }
    }

    async fn put_plains(
        &self,
        digest: DigestAlgorithm,
        plains: Vec<Bytes>,
        is_known: KnownIds,
    ) -> Result<Vec<ChunkId>, StoreError> {
        let shared = self.0.clone();
        let put = move || {
            let (mut ids, mut enough) = (Vec::with_capacity(plains.len()), false);
            for chunk in Chunk::new_each(digest, plains) {
                if !is_known(chunk.id()) {
                    enough |= shared.put_absent(&chunk)?.unwrap_or(false);
                }
                ids.push(chunk.id());
            }
            Ok((ids, enough))
        };
        let (ids, enough) = blocking("write chunks", put).await?;
        self.flush_if(enough).await?;
        Ok(ids)
    }

    /// Syncs every chunk put through this handle or its clones, and their folders, since the last call.
    ///
    /// Chunks that cannot be synced are removed: after a failed sync the system may hold for clean what
    /// never reached the disk, so a second sync would prove nothing.
    async fn sync(&self) -> Result<(), StoreError> {
        let before = self.0.failures.load(Ordering::Relaxed);
        let _turn = self.0.syncing.lock().await;
        if self.0.failures.load(Ordering::Relaxed) != before {
            // What the caller put may have been in the batch that another sync lost.
            let error = io::Error::other("another sync of the same store failed at the same time");
            return Err(StoreError::io("sync chunks", error));
        }
        let outcome = self.sync_all().await;
        if outcome.is_err() {
            self.0.failures.fetch_add(1, Ordering::Relaxed);
        }
        outcome
    }
}

#[async_trait]
impl PruneStore for LocalStore {
    async fn ids(&self) -> Result<Vec<ChunkId>, StoreError> {
        let store = self.clone();
        blocking("list chunks", move || {
            let mut ids: Vec<ChunkId> = store.chunk_ids().collect::<Result<_, _>>()?;
            ids.sort_unstable();
            Ok(ids)
        })
        .await
    }

    async fn lengths(&self) -> Result<HashMap<ChunkId, u64>, StoreError> {
        let store = self.clone();
        blocking("list chunks", move || {
            let mut lengths = HashMap::new();
            for id in store.chunk_ids() {
                let id = id?;
                match fs::metadata(store.path(id)) {
                    Ok(found) => drop(lengths.insert(id, found.len())),
                    // It was removed a moment ago.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(list_error(error)),
                }
            }
            Ok(lengths)
        })
        .await
    }

    async fn remove(&self, id: ChunkId) -> Result<(), StoreError> {
        let shared = self.0.clone();
        blocking("remove chunk", move || {
            let path = shared.path(id);
            // Before the file: a chunk that waits for its name could get it in between.
            if let Some(staging) = &shared.staging {
                staging.remove(id);
            }
            let outcome = fs::remove_file(&path);
            shared.unsynced().files.remove(&path);
            match outcome {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    Err(StoreError::io("remove chunk", error))
                }
                _ => Ok(()),
            }
        })
        .await
    }
}

impl Shared {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn path(&self, id: ChunkId) -> PathBuf {
        self.root.join(id.store_path(self.format.extension()))
    }

    fn unsynced(&self) -> MutexGuard<'_, Unsynced> {
        // Nothing can panic between two changes of the lists, so they are whole even then.
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_chunk(&self, id: ChunkId) -> Result<bool, StoreError> {
        if self.staged(id).is_some() {
            return Ok(true);
        }
        match fs::metadata(self.path(id)) {
            Ok(found) => Ok(found.is_file()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io("look for chunk", error)),
        }
    }

    /// Returns where a chunk lies that has no name yet.
    fn staged(&self, id: ChunkId) -> Option<PathBuf> {
        self.staging.as_ref()?.find(id)
    }

    fn open_chunk(&self, id: ChunkId) -> Result<StoredChunk, StoreError> {
        if let Some(temporary) = self.staged(id) {
            match self.open_file(id, &temporary) {
                // It got its name meanwhile.
                Err(StoreError::Missing { .. }) => {}
                outcome => return outcome,
            }
        }
        self.open_file(id, &self.path(id))
    }

    fn open_file(&self, id: ChunkId, path: &Path) -> Result<StoredChunk, StoreError> {
        // Looked at before it is opened: opening a pipe would wait for its other end.
        match fs::metadata(path) {
            Ok(found) if found.is_file() => {}
            Ok(_) => return Err(StoreError::invalid(self.name(), id, "not a regular file")),
            Err(error) => return Err(self.read_error(id, error)),
        }
        let file = fs::File::open(path).map_err(|error| self.read_error(id, error))?;
        let len = file.metadata().map_err(|error| self.read_error(id, error))?.len();
        if len > self.format.max_stored() as u64 {
            let reason = format!("{len} bytes, more than the allowed {}", self.format.max_stored());
            return Err(StoreError::invalid(self.name(), id, reason));
        }
        Ok(StoredChunk { file, len })
    }

    fn read_chunk(&self, id: ChunkId) -> Result<Bytes, StoreError> {
        let StoredChunk { file, len } = self.open_chunk(id)?;
        // One byte more than the file should have tells a file that grows meanwhile; it fails verification.
        let mut stored = Vec::with_capacity(usize::try_from(len).unwrap_or(0).saturating_add(1));
        bounded::append(&file, len.saturating_add(1), &mut stored)
            .map_err(|error| self.read_error(id, error))?;
        Ok(stored.into())
    }

    fn read_error(&self, id: ChunkId, error: io::Error) -> StoreError {
        match error.kind() {
            io::ErrorKind::NotFound => StoreError::missing(self.name(), id),
            _ => StoreError::io("read chunk", error),
        }
    }

    /// Stores a chunk, and tells whether it is time to flush.
    fn put_chunk(&self, chunk: &Chunk) -> Result<bool, StoreError> {
        let made = self.make_folder(chunk.id())?;
        self.put_in_folder(chunk, made)
    }

    /// As [`Shared::put_chunk`], but nothing if the store has the chunk.
    fn put_absent(&self, chunk: &Chunk) -> Result<Option<bool>, StoreError> {
        let made = self.make_folder(chunk.id())?;
        // Nothing is in a folder that was not there.
        match !made && self.has_chunk(chunk.id())? {
            true => Ok(None),
            false => self.put_in_folder(chunk, made).map(Some),
        }
    }

    /// Makes the folder of a chunk unless it was there a moment ago, and tells whether that had to be done.
    fn make_folder(&self, id: ChunkId) -> Result<bool, StoreError> {
        let path = self.path(id);
        match path.parent().filter(|_| !self.folders.contains(id)) {
            None => Ok(false),
            Some(folder) => {
                let made = durable::create_folder(folder).map_err(write_error)?;
                self.folders.insert(id);
                Ok(made)
            }
        }
    }

    fn put_in_folder(&self, chunk: &Chunk, made: bool) -> Result<bool, StoreError> {
        let written = chunk.encoded(self.format, |stored| self.write_chunk(chunk.id(), stored, made));
        written.and_then(|enough| enough)
    }

    fn write_chunk(&self, id: ChunkId, stored: &[u8], made: bool) -> Result<bool, StoreError> {
        let path = self.path(id);
        let Some(folder) = path.parent().map(Path::to_owned) else {
            return Err(StoreError::invalid(self.name(), id, "its path has no folder"));
        };
        let write = || match &self.staging {
            Some(_) => {
                let temporary = durable::write_beside(&path, TEMPORARY_PREFIX, stored)?;
                temporary.keep().map_err(|refused| refused.error)
            }
            None => durable::replace_unsynced(&path, TEMPORARY_PREFIX, stored).map(|()| PathBuf::new()),
        };
        let (mut written, mut made) = (write(), made);
        if matches!(&written, Err(error) if error.kind() == io::ErrorKind::NotFound) {
            // Whoever pruned the store took the folder away.
            made |= durable::create_folder(&folder).map_err(write_error)?;
            written = write();
        }
        if let Some(staging) = &self.staging {
            let staged = Staged {
                temporary: written.map_err(write_error)?,
                path,
                is_folder_new: made,
            };
            return staging.put(id, staged, stored.len()).map_err(write_error);
        }
        if let Err(error) = written {
            // Windows refuses to replace a file that is being read; the same chunk by another writer will do.
            if !self.holds(id, error.kind()) {
                return Err(write_error(error));
            }
        }
        let mut unsynced = self.unsynced();
        unsynced.folders.insert(folder);
        unsynced.files.insert(path);
        Ok(unsynced.files.len() >= MAX_UNSYNCED)
    }

    fn holds(&self, id: ChunkId, refused_with: io::ErrorKind) -> bool {
        refused_with == io::ErrorKind::PermissionDenied
            && self
                .read_chunk(id)
                .and_then(|stored| Chunk::decode(&self.name(), id, self.format, stored))
                .is_ok()
    }

    fn entries_of(&self, folder: PathBuf) -> Vec<Result<StoreEntry, StoreError>> {
        // Reads and writes follow a link in the place of chunks, and what lies behind any other is not the store's.
        let found = match has_chunks(&folder) {
            true => fs::metadata(&folder),
            false => fs::symlink_metadata(&folder),
        };
        if !found.is_ok_and(|found| found.is_dir()) {
            return vec![Ok(self.classify(folder))];
        }
        match fs::read_dir(&folder) {
            Ok(files) => files
                .map(|file| match file {
                    Ok(file) => Ok(self.classify(file.path())),
                    Err(error) => Err(list_error(error)),
                })
                .collect(),
            Err(error) => vec![Err(list_error(error))],
        }
    }

    fn classify(&self, path: PathBuf) -> StoreEntry {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if name.starts_with(TEMPORARY_PREFIX) {
            return StoreEntry::Temporary(path);
        }
        let id = name
            .strip_suffix(self.format.extension())
            .and_then(|stem| stem.parse::<ChunkId>().ok());
        match id {
            Some(id) if self.path(id) == path => StoreEntry::Chunk(id),
            _ => StoreEntry::Foreign(path),
        }
    }
}

impl Unsynced {
    fn sync(self) -> Result<(), StoreError> {
        let failed = durable::sync_files(&self.files);
        let mut first_error = None;
        for (path, error) in failed {
            let _ = fs::remove_file(path);
            first_error.get_or_insert(error);
        }
        for (folder, error) in durable::sync_folders(&self.folders) {
            for file in self.files.iter().filter(|file| file.starts_with(&folder)) {
                let _ = fs::remove_file(file);
            }
            first_error.get_or_insert(error);
        }
        match first_error {
            Some(error) => Err(sync_error(error)),
            None => Ok(()),
        }
    }
}

fn write_error(error: io::Error) -> StoreError {
    StoreError::io("write chunk", error)
}

fn sync_error(error: io::Error) -> StoreError {
    StoreError::io("sync chunks", error)
}

fn joined(outcome: Result<Result<(), StoreError>, tokio::task::JoinError>) -> Result<(), StoreError> {
    outcome.unwrap_or_else(|error| Err(sync_error(io::Error::other(error))))
}

fn list_error(error: io::Error) -> StoreError {
    StoreError::io("list chunks", error)
}

/// Tells whether a folder of a store is named as one that chunks lie in.
fn has_chunks(folder: &Path) -> bool {
    let name = folder.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| {
        name.len() == 4 && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Names of files being written begin with this, as desync's do, so that its `prune` clears them away too.
const TEMPORARY_PREFIX: &str = ".tmp-cacnk";

/// Chunks that may wait for a sync before one of the puts makes it.
const MAX_UNSYNCED: usize = 16_384;
