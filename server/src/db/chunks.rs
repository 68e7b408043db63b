// SPDX-License-Identifier: MIT
//! The ledger of chunks: a row says that the chunk is in the store, verified, and survives a power cut.

use rusqlite::{OptionalExtension as _, Transaction, params};
use vsekai_formats::ChunkId;

use super::{signed, unsigned};

/// Sizes of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSizes {
    /// Bytes before compression.
    pub plain: u64,
    /// Bytes in the store and as served.
    pub stored: u64,
}

/// Adds chunks; those that are there already keep their row.
pub fn insert(transaction: &Transaction<'_>, chunks: &[(ChunkId, ChunkSizes)]) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO chunks (id, plain_bytes, stored_bytes) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING",
    )?;
    for (id, sizes) in chunks {
        statement.execute(params![id.as_bytes(), signed(sizes.plain), signed(sizes.stored)])?;
    }
    Ok(())
}

/// Takes chunks out of the ledger.
pub fn remove(transaction: &Transaction<'_>, ids: &[ChunkId]) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("DELETE FROM chunks WHERE id = ?1")?;
    ids.iter()
        .try_for_each(|id| statement.execute([id.as_bytes()]).map(drop))
}

/// Returns the sizes of each chunk asked for, `None` where it has no row.
pub fn sizes(transaction: &Transaction<'_>, ids: &[ChunkId]) -> rusqlite::Result<Vec<Option<ChunkSizes>>> {
    let mut statement =
        transaction.prepare_cached("SELECT plain_bytes, stored_bytes FROM chunks WHERE id = ?1")?;
    ids.iter()
        .map(|id| {
            let row = statement.query_row([id.as_bytes()], |row| {
                Ok(ChunkSizes {
                    plain: unsigned(row, "plain_bytes")?,
                    stored: unsigned(row, "stored_bytes")?,
                })
            });
            row.optional()
        })
        .collect()
}

/// Returns every chunk, in order of id.
pub fn all(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<(ChunkId, ChunkSizes)>> {
    let mut statement =
        transaction.prepare("SELECT id, plain_bytes, stored_bytes FROM chunks ORDER BY id")?;
    let rows = statement.query_map([], |row| {
        let sizes = ChunkSizes {
            plain: unsigned(row, "plain_bytes")?,
            stored: unsigned(row, "stored_bytes")?,
        };
        Ok((ChunkId::from_bytes(row.get("id")?), sizes))
    })?;
    rows.collect()
}
