// SPDX-License-Identifier: MIT
//! The steps from an empty database to the current one. A step that has been released is never edited.

use rusqlite::Connection;
use rusqlite_migration::{M, Migrations};

/// Brings the database to the current schema.
///
/// # Errors
/// A step failed and was undone, or the database was made by a newer server.
pub(super) fn apply(connection: &mut Connection) -> Result<(), rusqlite_migration::Error> {
    migrations().to_latest(connection)
}

fn migrations() -> Migrations<'static> {
    Migrations::new(vec![
        M::up(include_str!("../../migrations/2026-11-23-releases.sql")),
        M::up(include_str!("../../migrations/2026-11-25-signed.sql")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_applies_to_an_empty_database() {
        migrations().validate().unwrap();
    }
}
