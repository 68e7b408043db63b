// SPDX-License-Identifier: MIT
//! Copies of a data folder, taken while a server runs on it.
//!
//! A backup is a data folder itself: to restore it, start a server on it or on a copy of it. Files come first
//! and the database last, so an interrupted backup still is the one before.

use std::path::Path;
use std::sync::Arc;

use fs_err as fs;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use vsekai_formats::ChunkId;
use vsekai_formats::release::Pinned;
use vsekai_store::{PruneStore, bounded, durable};

use crate::db::Database;
use crate::db::chunks::ChunkSizes;
use crate::db::references::References;
use crate::limits::Limits;
use crate::service::{ServiceError, keep_whole};
use crate::storage::{
    ContentFolder, DEV_KEYS, DataFolder, DataPlace, StorageError, TEMPORARY_PREFIX, database_path,
    document_folder, index_folder, online_folder,
};

/// What a backup copied; files that were there already are not copied again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copied {
    /// Chunks.
    pub chunks: usize,
    /// Manifests, contents and indexes.
    pub documents: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// Brings the backup `target` up to date with the data folder `source`.
///
/// Everything copied is checked against its digest; `target` is made if it is not there.
///
/// # Errors
/// A server runs on `target`, a file of `source` is missing or damaged, or `target` cannot be written.
pub async fn backup(
    source: impl Into<DataPlace>,
    target: impl Into<DataPlace>,
    limits: &Limits,
) -> Result<Copied, ServiceError> {
    copy(&source.into(), &target.into(), limits, Chunks::Missing).await
}

/// As [`backup`], but chunks stay where they are: in a bucket that is kept by other means.
///
/// # Errors
/// As there.
pub async fn backup_without_chunks(
    source: impl Into<DataPlace>,
    target: impl Into<DataPlace>,
    limits: &Limits,
) -> Result<Copied, ServiceError> {
    copy(&source.into(), &target.into(), limits, Chunks::None).await
}

/// Which chunks to copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunks {
    /// Those that the target lacks.
    Missing,
    None,
}

async fn copy(
    source: &DataPlace,
    target: &DataPlace,
    limits: &Limits,
    chunks: Chunks,
) -> Result<Copied, ServiceError> {
    let folder = DataFolder::open(target, limits.chunk_bytes).await?;
    let (from, to) = (&source.root, &target.root);
    let _whole = keep_whole(from).await?;
    let copy = to.join("server.sqlite.new");
    remove_database(&copy)?;
    let database = Database::open(&database_path(from)).await?;
    database.copy_to(&copy).await?;
    database.close().await?;
    let database = Database::open(&copy).await?;
    let references = database.read("read everything", References::all).await?;
    database.close().await?;

    let mut copied = Copied::default();
    copy_documents(
        &document_folder(from),
        folder.documents(),
        references.documents(),
        &mut copied,
    )?;
    copy_documents(
        &index_folder(from),
        folder.indexes(),
        references.indexes(),
        &mut copied,
    )?;
    if chunks == Chunks::Missing {
        let from = source.store(limits.chunk_bytes).await?.shared();
        copy_chunks(&from, &folder.store().shared(), &references.chunks, &mut copied).await?;
    }
    copy_keys(&online_folder(from), &online_folder(to))?;
    copy_keys(&from.join(DEV_KEYS), &to.join(DEV_KEYS))?;
    put_database(&copy, &database_path(to))?;
    folder.mark_clean()?;
    Ok(copied)
}

fn copy_documents<'a>(
    source: &ContentFolder,
    target: &ContentFolder,
    wanted: impl Iterator<Item = &'a Pinned>,
    copied: &mut Copied,
) -> Result<(), ServiceError> {
    for pinned in wanted.filter(|pinned| target.open_file(pinned).is_err()) {
        target.put(&source.read_verified(pinned)?)?;
        copied.documents += 1;
        copied.bytes += pinned.length;
    }
    Ok(())
}

async fn copy_chunks(
    source: &Arc<dyn PruneStore>,
    target: &Arc<dyn PruneStore>,
    wanted: &[(ChunkId, ChunkSizes)],
    copied: &mut Copied,
) -> Result<(), ServiceError> {
    let there = target.lengths().await?;
    let lacks = |(id, sizes): &&(ChunkId, ChunkSizes)| there.get(id) != Some(&sizes.stored);
    let copies = wanted.iter().filter(lacks).map(|(id, sizes)| async move {
        target.put(&source.get(*id).await?).await?;
        Ok::<u64, ServiceError>(sizes.stored)
    });
    let mut copies = stream::iter(copies).buffer_unordered(COPIES_AT_ONCE);
    while let Some(bytes) = copies.try_next().await? {
        copied.chunks += 1;
        copied.bytes += bytes;
    }
    Ok(target.sync().await?)
}

/// A server without its keys could not sign what it serves. They stay readable by their owner alone.
fn copy_keys(source: &Path, target: &Path) -> Result<(), StorageError> {
    let failed = StorageError::io("copy keys");
    let titles = match fs::read_dir(source) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        titles => titles.map_err(&failed)?,
    };
    for title in titles {
        let title = title.map_err(&failed)?;
        let folder = target.join(title.file_name());
        durable::create_folders(&folder).map_err(&failed)?;
        for key in fs::read_dir(title.path()).map_err(&failed)? {
            let key = key.map_err(&failed)?;
            if !key.file_type().map_err(&failed)?.is_file() {
                continue;
            }
            let bytes = bounded::read_file(key.path(), MAX_KEY_FILE).map_err(&failed)?;
            let copy = folder.join(key.file_name());
            durable::replace_secret(&copy, TEMPORARY_PREFIX, &bytes).map_err(&failed)?;
        }
    }
    Ok(())
}

/// Puts the copied database in place of the one before, durably.
fn put_database(copy: &Path, place: &Path) -> Result<(), StorageError> {
    let failed = StorageError::io("put the copied database in place");
    fs::File::open(copy)
        .and_then(|file| file.sync_all())
        .map_err(&failed)?;
    remove_side_files(place)?;
    fs::rename(copy, place).map_err(&failed)?;
    match place.parent() {
        Some(folder) => durable::sync_folder(folder).map_err(&failed),
        None => Ok(()),
    }
}

fn remove_database(path: &Path) -> Result<(), StorageError> {
    remove_side_files(path)?;
    remove(path)
}

/// The write-ahead log of another database would be taken for this one's.
fn remove_side_files(path: &Path) -> Result<(), StorageError> {
    ["-wal", "-shm"].into_iter().try_for_each(|suffix| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        remove(Path::new(&name))
    })
}

fn remove(path: &Path) -> Result<(), StorageError> {
    durable::remove(path).map_err(StorageError::io("remove the database of an earlier backup"))
}

const COPIES_AT_ONCE: usize = 8;
/// Longest file beside keys that is copied, in bytes; a key takes some hundred.
const MAX_KEY_FILE: usize = 1 << 20;
