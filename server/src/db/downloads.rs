// SPDX-License-Identifier: MIT
//! How often the index of each release was fetched.

use std::collections::HashMap;

use rusqlite::{Transaction, params};
use vsekai_formats::release::Slug;

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

/// Returns the figures of `title`, by name of index.
pub fn of_title(transaction: &Transaction<'_>, title: &Slug) -> rusqlite::Result<HashMap<String, u64>> {
    let mut statement = transaction.prepare_cached(
        "SELECT index_name, count FROM releases JOIN downloads USING (index_name) WHERE title = ?1",
    )?;
    let rows = statement.query_map([title.as_str()], |row| {
        Ok((row.get("index_name")?, unsigned(row, "count")?))
    })?;
    rows.collect()
}
