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
        M::up(include_str!("../../migrations/2026-11-26-retention.sql")),
        M::up(include_str!("../../migrations/2026-11-26-uploads.sql")),
        M::up(include_str!("../../migrations/2026-11-26-downloads.sql")),
        M::up(include_str!("../../migrations/2026-11-26-private.sql")),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_logged_before_is_in_the_one_log_and_stays_as_it_is() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrations().to_version(&mut connection, 2).unwrap();
        connection
            .execute_batch(
                "INSERT INTO tokens (id, label, hash, title, channel, verbs, created_at)
				VALUES ('0a', 'ci', zeroblob(32), '*', '*', '*', 1);
				INSERT INTO audit (at, token_id, action, title, channel, platform, version)
				VALUES (5, '0a', 'publish', 'game', 'stable', 'linux-x86_64', '1.0');
				INSERT INTO metadata_audit (at, token_id, title, role, version)
				VALUES (6, 'server', 'game', 'stable', 2);",
            )
            .unwrap();
        migrations().to_latest(&mut connection).unwrap();
        let mut statement = connection
            .prepare("SELECT token_label || ' ' || action || ' ' || coalesce(version, detail) FROM audit_log")
            .unwrap();
        let rows = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
        let rows: Vec<String> = rows.map(Result::unwrap).collect();
        assert_eq!(rows, ["ci publish 1.0", " sign version 2"]);
        for change in ["UPDATE audit_log SET at = 0", "DELETE FROM audit_log"] {
            let refused = connection.execute(change, []).unwrap_err();
            assert!(refused.to_string().contains("only added to"), "{refused}");
        }
    }

    #[test]
    fn a_database_from_before_private_channels_has_public_ones_alone() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrations().to_version(&mut connection, 5).unwrap();
        connection
            .execute_batch(
                "INSERT INTO metadata (title, role, version, text, expires_at, stored_at)
				VALUES ('game', 'stable', 1, '{}', 9, 1);",
            )
            .unwrap();
        migrations().to_latest(&mut connection).unwrap();
        let transaction = connection.transaction().unwrap();
        assert!(crate::db::private::all(&transaction).unwrap().is_empty());
    }

    #[test]
    fn every_step_applies_to_an_empty_database() {
        migrations().validate().unwrap();
    }
}
