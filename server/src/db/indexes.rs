// SPDX-License-Identifier: MIT
//! Names of indexes and the content each stands for.

use rusqlite::{OptionalExtension as _, Transaction, params};
use vsekai_formats::release::Pinned;

use super::{now, parsed, signed, unsigned};

/// What became of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// It stands for the content now.
    New,
    /// It stood for the same content already.
    Same,
    /// It stands for other content and keeps doing so: what is behind a name never changes.
    Taken,
}

/// Returns what `name` stands for.
pub fn find(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<Pinned>> {
    let mut statement = transaction.prepare_cached("SELECT sha256, length FROM indexes WHERE name = ?1")?;
    let row = statement.query_row([name], |row| {
        Ok(Pinned {
            sha256: parsed(row, "sha256")?,
            length: unsigned(row, "length")?,
        })
    });
    row.optional()
}

/// Lets `name` stand for `content`, unless it stands for something else.
pub fn name(transaction: &Transaction<'_>, name: &str, content: &Pinned) -> rusqlite::Result<Named> {
    match find(transaction, name)? {
        Some(found) if found == *content => Ok(Named::Same),
        Some(_) => Ok(Named::Taken),
        None => {
            transaction.execute(
                "INSERT INTO indexes (name, sha256, length, stored_at) VALUES (?1, ?2, ?3, ?4)",
                params![name, content.sha256.to_string(), signed(content.length), now()],
            )?;
            Ok(Named::New)
        }
    }
}

/// Returns every name and what it stands for.
pub fn all(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<(String, Pinned)>> {
    let mut statement = transaction.prepare("SELECT name, sha256, length FROM indexes ORDER BY name")?;
    let rows = statement.query_map([], |row| {
        let content = Pinned {
            sha256: parsed(row, "sha256")?,
            length: unsigned(row, "length")?,
        };
        Ok((row.get("name")?, content))
    })?;
    rows.collect()
}
