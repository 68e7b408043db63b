// SPDX-License-Identifier: MIT
//! Which chunks indexes name, in little memory.

use std::collections::HashSet;

use vsekai_formats::ChunkId;
use vsekai_formats::release::Pinned;

use super::error::ServiceError;
use super::verify;
use crate::limits::Limits;
use crate::storage::ContentFolder;

/// The first eight bytes of a chunk's id. Two chunks of one server that share them would have to be made on purpose;
/// then one that nothing needs is kept, or a figure is a little off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ChunkKey(u64);

impl ChunkKey {
    pub(super) fn of(id: ChunkId) -> Self {
        let mut first = [0; 8];
        for (byte, from) in first.iter_mut().zip(id.as_bytes()) {
            *byte = *from;
        }
        Self(u64::from_be_bytes(first))
    }
}

/// Reads an index and returns its chunks, each once.
pub(super) fn chunks_of(
    folder: &ContentFolder,
    index: &Pinned,
    limits: &Limits,
) -> Result<Vec<ChunkKey>, ServiceError> {
    let index = verify::read_index(&folder.read_verified(index)?, limits)?;
    Ok(index.unique_ids().into_iter().map(ChunkKey::of).collect())
}

/// Returns the chunks of all of `indexes`.
///
/// # Errors
/// One of them is missing or damaged: then nobody knows what it needs.
pub(super) fn chunks_of_all<'a>(
    folder: &ContentFolder,
    indexes: impl Iterator<Item = &'a Pinned>,
    limits: &Limits,
) -> Result<HashSet<ChunkKey>, ServiceError> {
    let mut all = HashSet::new();
    for index in indexes {
        all.extend(chunks_of(folder, index, limits)?);
    }
    Ok(all)
}
