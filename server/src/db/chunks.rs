// SPDX-License-Identifier: MIT
//! The ledger of chunks: a row says that the chunk is in the store, verified, and survives a power cut.

use rusqlite::{OptionalExtension as _, Row, Transaction, params};
use vsekai_formats::ChunkId;

use super::{now, signed, unsigned};

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
        "INSERT INTO chunks (id, plain_bytes, stored_bytes, touched_at) VALUES (?1, ?2, ?3, ?4)
		ON CONFLICT (id) DO UPDATE SET touched_at = excluded.touched_at",
    )?;
    for (id, sizes) in chunks {
        statement.execute(params![
            id.as_bytes(),
            signed(sizes.plain),
            signed(sizes.stored),
            now()
        ])?;
    }
    Ok(())
}

/// As [`rows`], and notes that somebody relies on the chunks from now on, where that was not noted since `since`
/// (seconds since 1970-01-01 UTC).
pub fn touch(
    transaction: &Transaction<'_>,
    ids: &[ChunkId],
    since: i64,
) -> rusqlite::Result<Vec<Option<ChunkRow>>> {
    let mut statement =
        transaction.prepare_cached("UPDATE chunks SET touched_at = ?3 WHERE id = ?1 AND touched_at <= ?2")?;
    for id in ids {
        statement.execute(params![id.as_bytes(), since, now()])?;
    }
    rows(transaction, ids)
}

/// A row of the ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkRow {
    /// The chunk.
    pub id: ChunkId,
    /// Its sizes.
    pub sizes: ChunkSizes,
    /// When somebody last began to rely on it, in seconds since 1970-01-01 UTC.
    pub touched_at: i64,
}

/// Returns up to `most` chunks behind `after`, in order of id.
pub fn page(
    transaction: &Transaction<'_>,
    after: Option<ChunkId>,
    most: usize,
) -> rusqlite::Result<Vec<ChunkRow>> {
    // No id is shorter than this one, so every one is behind it.
    let after: &[u8] = after.as_ref().map_or(&[], |id| id.as_bytes());
    let mut statement =
        transaction.prepare_cached("SELECT * FROM chunks WHERE id > ?1 ORDER BY id LIMIT ?2")?;
    let rows = statement.query_map(params![after, signed(most as u64)], chunk_row)?;
    rows.collect()
}

/// Takes those of `ids` out of the ledger that nobody touched at or after `before`, and returns them.
pub fn remove_untouched(
    transaction: &Transaction<'_>,
    ids: &[ChunkId],
    before: i64,
) -> rusqlite::Result<Vec<ChunkId>> {
    let mut statement = transaction.prepare_cached("DELETE FROM chunks WHERE id = ?1 AND touched_at < ?2")?;
    let mut removed = Vec::new();
    for id in ids {
        if statement.execute(params![id.as_bytes(), before])? > 0 {
            removed.push(*id);
        }
    }
    Ok(removed)
}

/// Takes chunks out of the ledger.
pub fn remove(transaction: &Transaction<'_>, ids: &[ChunkId]) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached("DELETE FROM chunks WHERE id = ?1")?;
    ids.iter()
        .try_for_each(|id| statement.execute([id.as_bytes()]).map(drop))
}

/// Returns the row of each chunk asked for, `None` where it has none.
pub fn rows(transaction: &Transaction<'_>, ids: &[ChunkId]) -> rusqlite::Result<Vec<Option<ChunkRow>>> {
    let mut statement = transaction.prepare_cached("SELECT * FROM chunks WHERE id = ?1")?;
    let mut asked: Vec<(ChunkId, usize)> = ids.iter().copied().zip(0..).collect();
    // In the order of the table, so that each of its pages is read once, however many there are.
    asked.sort_unstable();
    let mut rows = vec![None; ids.len()];
    for (id, place) in asked {
        if let Some(row) = rows.get_mut(place) {
            *row = statement.query_row([id.as_bytes()], chunk_row).optional()?;
        }
    }
    Ok(rows)
}

/// Returns every chunk, in order of id.
pub fn all(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<(ChunkId, ChunkSizes)>> {
    let mut statement = transaction.prepare("SELECT * FROM chunks ORDER BY id")?;
    let rows = statement.query_map([], chunk_row)?;
    rows.map(|row| row.map(|row| (row.id, row.sizes))).collect()
}

fn chunk_row(row: &Row<'_>) -> rusqlite::Result<ChunkRow> {
    Ok(ChunkRow {
        id: ChunkId::from_bytes(row.get("id")?),
        sizes: ChunkSizes {
            plain: unsigned(row, "plain_bytes")?,
            stored: unsigned(row, "stored_bytes")?,
        },
        touched_at: row.get("touched_at")?,
    })
}
