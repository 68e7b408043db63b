// SPDX-License-Identifier: MIT
//! Bytes that tokens uploaded, day by day.

use rusqlite::{Transaction, params};

use super::{signed, unsigned};

/// Returns what each token uploaded on `day`, in days since 1970-01-01 UTC.
pub fn of_day(transaction: &Transaction<'_>, day: i64) -> rusqlite::Result<Vec<(String, u64)>> {
    let mut statement = transaction.prepare("SELECT token_id, bytes FROM uploads WHERE day = ?1")?;
    let rows = statement.query_map([day], |row| Ok((row.get("token_id")?, unsigned(row, "bytes")?)))?;
    rows.collect()
}

/// Writes down what tokens uploaded: token, day, bytes. Only the last day of each token is kept.
pub fn write(transaction: &Transaction<'_>, uploaded: &[(String, i64, u64)]) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO uploads (token_id, day, bytes) VALUES (?1, ?2, ?3)
		ON CONFLICT (token_id) DO UPDATE SET day = excluded.day, bytes = excluded.bytes",
    )?;
    for (token, day, bytes) in uploaded {
        statement.execute(params![token, day, signed(*bytes)])?;
    }
    Ok(())
}
