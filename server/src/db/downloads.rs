// SPDX-License-Identifier: MIT
//! How often the index of each release was fetched.

use std::collections::HashMap;

use rusqlite::{Transaction, params};

use super::{signed, unsigned};

/// Adds to the figures, by name of index; names that no index has are left out.
pub fn add(transaction: &Transaction<'_>, counts: &HashMap<String, u64>) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO downloads (index_name, count) SELECT name, ?2 FROM indexes WHERE name = ?1
		ON CONFLICT (index_name) DO UPDATE SET count = count + excluded.count",
    )?;
    for (name, count) in counts {
        statement.execute(params![name, signed(*count)])?;
    }
    Ok(())
}

/// Returns all figures, by name of index.
pub fn all(transaction: &Transaction<'_>) -> rusqlite::Result<HashMap<String, u64>> {
    let mut statement = transaction.prepare_cached("SELECT index_name, count FROM downloads")?;
    let rows = statement.query_map([], |row| Ok((row.get("index_name")?, unsigned(row, "count")?)))?;
    rows.collect()
}
