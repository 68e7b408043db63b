// SPDX-License-Identifier: MIT
//! Chunks on their way to clients, as they are stored. They are not verified again: every client does that.

use std::io;

use bytes::Bytes;
use fs_err as fs;
use futures::future::join_all;
use vsekai_formats::ChunkId;
use vsekai_store::http::batch::ABSENT;
use vsekai_store::s3::S3Store;
use vsekai_store::{ChunkStore as _, LocalStore, StoreError, bounded};

use super::error::ServiceError;
use super::{Service, blocking, turn};
#[cfg(target_os = "linux")]
use crate::storage::CachedFile;
use crate::storage::{Store, read_cached};

impl Service {
    /// Opens a chunk that can be sent without a wait for a disk; `None` says nothing about it.
    #[cfg(target_os = "linux")]
    pub fn open_cached_chunk(&self, id: ChunkId) -> Option<CachedFile> {
        match self.store() {
            Store::Folder(store) => CachedFile::open(&store.path(id), store.format().max_stored()),
            Store::Bucket(_) => None,
        }
    }

    /// Returns a chunk.
    ///
    /// # Errors
    /// [`StoreError::Missing`] within [`ServiceError::Store`], or the store failed.
    pub async fn read_chunk(&self, id: ChunkId) -> Result<Bytes, ServiceError> {
        match self.store() {
            Store::Folder(store) => {
                if let Some(bytes) = read_cached(&store.path(id), store.format().max_stored()) {
                    return Ok(bytes.into());
                }
                let store = store.clone();
                blocking(move || {
                    let mut bytes = Vec::new();
                    read_stored(&store, id, &mut bytes)?;
                    Ok(bytes.into())
                })
                .await
            }
            Store::Bucket(store) => self.read_from(store, id).await,
        }
    }

    /// Returns the length of a chunk in bytes.
    ///
    /// # Errors
    /// As [`Service::read_chunk`].
    pub async fn chunk_len(&self, id: ChunkId) -> Result<u64, ServiceError> {
        match self.store() {
            Store::Folder(store) => Ok(store.stored_len(id).await?),
            Store::Bucket(store) => {
                let _turn = turn(&self.bucket_reads).await?;
                Ok(store.stored_len(id).await?)
            }
        }
    }

    /// Reads some of `ids` from position `from` on, each behind its length: a few hundred KiB of them or one from a
    /// folder, a few from a bucket. `None` stands for a chunk that is withheld, as if it were missing.
    ///
    /// Returns `ids`, the position to go on from, and the frames, as `http::post_fetch_chunks` sends them.
    ///
    /// # Errors
    /// The store failed. A missing chunk is no error, it has [`ABSENT`] for its length.
    pub async fn read_chunks(
        &self,
        ids: Vec<Option<ChunkId>>,
        from: usize,
    ) -> Result<(Vec<Option<ChunkId>>, usize, Bytes), ServiceError> {
        match self.store().clone() {
            Store::Folder(store) => {
                blocking(move || {
                    let mut frames = Vec::with_capacity(FRAME_BYTES + FRAME_BYTES / 4);
                    let mut done = from;
                    for id in ids.iter().skip(from) {
                        if frames.len() >= FRAME_BYTES {
                            break;
                        }
                        match id {
                            Some(id) => push_frame(&mut frames, |frames| read_stored(&store, *id, frames))?,
                            None => push_absent(&mut frames),
                        }
                        done += 1;
                    }
                    Ok((ids, done, frames.into()))
                })
                .await
            }
            Store::Bucket(store) => {
                let (store, few) = (&store, ids.iter().copied().skip(from).take(READ_AT_ONCE));
                let reads = few.map(|id| async move {
                    match id {
                        Some(id) => self.read_from(store, id).await.map(Some),
                        None => Ok(None),
                    }
                });
                let read = join_all(reads).await;
                let (mut frames, done) = (Vec::new(), from + read.len());
                for stored in read {
                    match stored {
                        Ok(Some(stored)) => push_frame(&mut frames, |frames| {
                            frames.extend_from_slice(&stored);
                            Ok(())
                        })?,
                        Ok(None) | Err(ServiceError::Store(StoreError::Missing { .. })) => {
                            push_absent(&mut frames);
                        }
                        Err(error) => return Err(error),
                    }
                }
                Ok((ids, done, frames.into()))
            }
        }
    }

    /// Reads a chunk from the bucket, of which only so many are asked for at a time.
    async fn read_from(&self, store: &S3Store, id: ChunkId) -> Result<Bytes, ServiceError> {
        let _turn = turn(&self.bucket_reads).await?;
        Ok(store.read_stored(id).await?)
    }
}

/// Appends a chunk as it is stored.
fn read_stored(store: &LocalStore, id: ChunkId, bytes: &mut Vec<u8>) -> Result<(), StoreError> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => StoreError::missing(store.name(), id),
        _ => StoreError::io("read chunk", error),
    };
    let most = store.format().max_stored() as u64;
    let file = fs::File::open(store.path(id)).map_err(failed)?;
    let read = bounded::append(&file, most.saturating_add(1), bytes);
    match read.map_err(failed)? as u64 > most {
        true => Err(StoreError::invalid(store.name(), id, "it is too long")),
        false => Ok(()),
    }
}

/// Appends what `append` appends behind its length, unless that is missing.
fn push_frame(
    frames: &mut Vec<u8>,
    append: impl FnOnce(&mut Vec<u8>) -> Result<(), StoreError>,
) -> Result<(), ServiceError> {
    let start = frames.len();
    push_absent(frames);
    let behind = frames.len();
    match append(frames) {
        Err(StoreError::Missing { .. }) => return Ok(()),
        appended => appended?,
    }
    let length = u32::try_from(frames.len() - behind)
        .map_err(|_| ServiceError::Internal("a chunk is longer than any may be".to_owned()))?;
    if let Some(place) = frames.get_mut(start..behind) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    Ok(())
}

fn push_absent(frames: &mut Vec<u8>) {
    frames.extend_from_slice(&ABSENT.to_le_bytes());
}

/// Bytes of chunks read from a folder and sent together.
const FRAME_BYTES: usize = 256 << 10;
/// Chunks read from a bucket and sent together: enough to hide how long it takes to answer.
const READ_AT_ONCE: usize = 8;
