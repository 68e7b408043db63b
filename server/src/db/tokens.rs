// SPDX-License-Identifier: MIT
//! Rows of tokens. The tokens themselves are never stored; see [`crate::service::token`].

use rusqlite::{OptionalExtension as _, Row, Transaction, params};

use super::audit::{self, Actor, Event};
use super::{now, parsed};
use crate::service::token::{TokenRecord, TokenScope};

/// Adds a token.
pub fn insert(transaction: &Transaction<'_>, record: &TokenRecord) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO tokens (id, label, hash, title, channel, verbs, created_at, expires_at, revoked_at)
		VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            record.id,
            record.label,
            record.hash,
            record.scope.title.to_string(),
            record.scope.channel.to_string(),
            record.scope.verbs.to_string(),
            record.created_at,
            record.expires_at,
            record.revoked_at,
        ],
    )?;
    Ok(())
}

/// Adds a token and logs who made it.
pub fn create(transaction: &Transaction<'_>, record: &TokenRecord, actor: &Actor) -> rusqlite::Result<()> {
    insert(transaction, record)?;
    let scope = &record.scope;
    let detail = format!("{:?}, allowed: {}", record.label, scope.verbs);
    let (title, channel) = (scope.title.to_string(), scope.channel.to_string());
    let event = Event {
        action: "token-create",
        title: Some(&title),
        channel: Some(&channel),
        subject: Some(&record.id),
        detail: Some(&detail),
        ..Event::default()
    };
    audit::append(transaction, actor, event)
}

/// As [`revoke`], and logs who did it.
pub fn end(transaction: &Transaction<'_>, id: &str, actor: &Actor) -> rusqlite::Result<bool> {
    if !revoke(transaction, id)? {
        return Ok(false);
    }
    let event = Event {
        action: "token-revoke",
        subject: Some(id),
        ..Event::default()
    };
    audit::append(transaction, actor, event)?;
    Ok(true)
}

/// Returns the token with the public part `id`, whatever its state.
pub fn find(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<Option<TokenRecord>> {
    let mut statement = transaction.prepare_cached("SELECT * FROM tokens WHERE id = ?1")?;
    statement.query_row([id], record).optional()
}

/// Returns every token, oldest first.
pub fn all(transaction: &Transaction<'_>) -> rusqlite::Result<Vec<TokenRecord>> {
    let mut statement = transaction.prepare("SELECT * FROM tokens ORDER BY created_at, id")?;
    statement.query_map([], record)?.collect()
}

/// Ends a token now; tells whether there is one that had not been ended before.
pub fn revoke(transaction: &Transaction<'_>, id: &str) -> rusqlite::Result<bool> {
    let changed = transaction.execute(
        "UPDATE tokens SET revoked_at = ?2 WHERE id = ?1 AND revoked_at IS NULL",
        params![id, now()],
    )?;
    Ok(changed > 0)
}

fn record(row: &Row<'_>) -> rusqlite::Result<TokenRecord> {
    Ok(TokenRecord {
        id: row.get("id")?,
        label: row.get("label")?,
        hash: row.get("hash")?,
        scope: TokenScope {
            title: parsed(row, "title")?,
            channel: parsed(row, "channel")?,
            verbs: parsed(row, "verbs")?,
        },
        created_at: row.get("created_at")?,
        expires_at: row.get("expires_at")?,
        revoked_at: row.get("revoked_at")?,
    })
}
