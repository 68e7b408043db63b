// SPDX-License-Identifier: MIT
//! The log of who changed what. It is only added to; the database itself refuses anything else.

use rusqlite::{Row, Transaction, named_params};
use serde::Serialize;
use utoipa::ToSchema;
use vsekai_formats::release::Slug;

use super::now;

/// Who changes something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// Public part of the token used.
    pub token_id: String,
    /// What the token is called.
    pub label: String,
}

impl Actor {
    /// The server itself, whose work needs no token.
    pub fn server() -> Self {
        Self::tokenless("server")
    }

    /// Somebody with a shell on the server's machine, who needs no token either.
    pub fn shell() -> Self {
        Self::tokenless("shell")
    }

    fn tokenless(name: &str) -> Self {
        Self {
            token_id: name.to_owned(),
            label: String::new(),
        }
    }
}

/// What was done, for [`append`]; what does not apply is `None`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Event<'a> {
    /// A word for it.
    pub action: &'a str,
    /// The title.
    pub title: Option<&'a str>,
    /// The channel.
    pub channel: Option<&'a str>,
    /// The platform.
    pub platform: Option<&'a str>,
    /// The release.
    pub version: Option<&'a str>,
    /// What the channel pointed at before.
    pub previous_version: Option<&'a str>,
    /// The token, role or whatever else was changed.
    pub subject: Option<&'a str>,
    /// More about it, for people.
    pub detail: Option<&'a str>,
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub struct Entry {
    /// Its number; later ones are greater.
    pub id: i64,
    /// When, in seconds since 1970-01-01 UTC.
    pub at: i64,
    /// Public part of the token used; `server` and `shell` are those who need none.
    pub token_id: String,
    /// What the token was called.
    pub token_label: String,
    /// What was done.
    pub action: String,
    /// The title.
    pub title: Option<String>,
    /// The channel.
    pub channel: Option<String>,
    /// The platform.
    pub platform: Option<String>,
    /// The release.
    pub version: Option<String>,
    /// What the channel pointed at before.
    pub previous_version: Option<String>,
    /// The token, role or whatever else was changed.
    pub subject: Option<String>,
    /// More about it, for people.
    pub detail: Option<String>,
}

/// Adds a line.
pub fn append(transaction: &Transaction<'_>, actor: &Actor, event: Event<'_>) -> rusqlite::Result<()> {
    let mut statement = transaction.prepare_cached(
        "INSERT INTO audit_log (at, token_id, token_label, action, title, channel, platform, version,
			previous_version, subject, detail)
		VALUES (:at, :token_id, :token_label, :action, :title, :channel, :platform, :version,
			:previous_version, :subject, :detail)",
    )?;
    statement.execute(named_params! {
        ":at": now(),
        ":token_id": actor.token_id,
        ":token_label": actor.label,
        ":action": event.action,
        ":title": event.title,
        ":channel": event.channel,
        ":platform": event.platform,
        ":version": event.version,
        ":previous_version": event.previous_version,
        ":subject": event.subject,
        ":detail": event.detail,
    })?;
    Ok(())
}

/// Returns up to `most` lines, newest first: those before line `before`, of one title or of everything.
pub fn page(
    transaction: &Transaction<'_>,
    before: Option<i64>,
    title: Option<&Slug>,
    most: usize,
) -> rusqlite::Result<Vec<Entry>> {
    // Two statements, so that each is answered from an index however long the log is.
    let of_title = match title {
        Some(_) => "title = :title",
        None => ":title IS NULL",
    };
    let mut statement = transaction.prepare_cached(&format!(
        "SELECT * FROM audit_log WHERE {of_title} AND id < :before ORDER BY id DESC LIMIT :most"
    ))?;
    let rows = statement.query_map(
        named_params! {
            ":title": title.map(Slug::as_str),
            ":before": before.unwrap_or(i64::MAX),
            ":most": i64::try_from(most).unwrap_or(i64::MAX),
        },
        entry,
    )?;
    rows.collect()
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        id: row.get("id")?,
        at: row.get("at")?,
        token_id: row.get("token_id")?,
        token_label: row.get("token_label")?,
        action: row.get("action")?,
        title: row.get("title")?,
        channel: row.get("channel")?,
        platform: row.get("platform")?,
        version: row.get("version")?,
        previous_version: row.get("previous_version")?,
        subject: row.get("subject")?,
        detail: row.get("detail")?,
    })
}
