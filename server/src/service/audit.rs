// SPDX-License-Identifier: MIT
//! Reading the log of who changed what.

use serde::Serialize;
use utoipa::ToSchema;
use vsekai_formats::release::Slug;

use super::token::Verb;
use super::{Access, Service, ServiceError};
use crate::db::Database;
use crate::db::audit::{self, Entry};

/// Which lines of the log are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Those before this line; the newest ones if absent.
    pub before: Option<i64>,
    /// Those of this title.
    pub title: Option<Slug>,
    /// At most so many; [`MOST_LINES`] if absent or more.
    pub limit: Option<usize>,
}

/// A part of the log, newest lines first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct AuditPage {
    /// The lines.
    pub entries: Vec<Entry>,
    /// What to ask for with `before` to read on; `None` at the end of the log.
    pub next: Option<i64>,
}

impl Service {
    /// Reads a part of the log.
    ///
    /// # Errors
    /// The token does not allow it, or the database failed.
    pub async fn audit(&self, access: &Access, query: AuditQuery) -> Result<AuditPage, ServiceError> {
        access.require_everywhere(Verb::Admin)?;
        page(&self.database, query).await
    }
}

/// Reads a part of the log of a data folder's database.
///
/// # Errors
/// The database failed.
pub async fn page(database: &Database, query: AuditQuery) -> Result<AuditPage, ServiceError> {
    let most = query.limit.unwrap_or(MOST_LINES).clamp(1, MOST_LINES);
    let read = database.read("read the audit log", move |tx| {
        audit::page(tx, query.before, query.title.as_ref(), most)
    });
    let entries = read.await?;
    let next = entries
        .last()
        .filter(|_| entries.len() == most)
        .map(|last| last.id);
    Ok(AuditPage { entries, next })
}

/// Lines in one answer.
pub const MOST_LINES: usize = 500;
