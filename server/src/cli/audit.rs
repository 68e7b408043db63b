// SPDX-License-Identifier: MIT
//! `vsekai-server audit`.

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use vsekai_formats::release::Slug;
use vsekai_server::db::Database;
use vsekai_server::db::audit::Entry;
use vsekai_server::service::audit::{AuditQuery, page};
use vsekai_server::storage::database_path;

use super::settings::Settings;

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Only what was done to this title
    #[arg(long)]
    title: Option<Slug>,
    /// At most so many lines
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// Only lines before this one, to read on
    #[arg(long, value_name = "LINE")]
    before: Option<i64>,
    /// Print lines as JSON, one object each
    #[arg(long)]
    json: bool,
}

/// Prints the log; works beside a running server.
pub(super) async fn run(settings: &Settings, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let database = Database::open(&database_path(&settings.data)).await?;
    let (mut left, mut before) = (arguments.limit, arguments.before);
    while left > 0 {
        let query = AuditQuery {
            before,
            title: arguments.title.clone(),
            limit: Some(left),
        };
        let found = page(&database, query).await?;
        for entry in &found.entries {
            match arguments.json {
                true => println!("{}", serde_json::to_string(entry)?),
                false => println!("{}", line(entry)),
            }
        }
        left = left.saturating_sub(found.entries.len());
        before = found.next;
        if before.is_none() {
            break;
        }
    }
    database.close().await?;
    Ok(ExitCode::SUCCESS)
}

/// Tab-separated, so that scripts can read it: line, time, token, action, what it was done to.
fn line(entry: &Entry) -> String {
    let time =
        Timestamp::from_second(entry.at).map_or_else(|_| entry.at.to_string(), |time| time.to_string());
    let parts = [
        &entry.title,
        &entry.channel,
        &entry.platform,
        &entry.version,
        &entry.subject,
        &entry.detail,
    ];
    let what: Vec<String> = parts
        .into_iter()
        .flatten()
        .map(|part| part.escape_debug().to_string())
        .collect();
    let before = entry
        .previous_version
        .iter()
        .map(|version| format!("(before: {version})"));
    format!(
        "{}\t{time}\t{}\t{}\t{}\t{}",
        entry.id,
        entry.token_id,
        entry.token_label.escape_debug(),
        entry.action,
        what.into_iter().chain(before).collect::<Vec<_>>().join(" ")
    )
}
