// SPDX-License-Identifier: MIT
//! `vsekai-server token`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use vsekai_server::db::audit::Actor;
use vsekai_server::db::{Database, now, tokens};
use vsekai_server::service::token::{Pattern, TokenRecord, TokenScope, Verbs};
use vsekai_server::storage::database_path;
use vsekai_store::durable;

/// Works on a running server's data folder too; changes count from the next request on.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a token and show it, once
    Create {
        /// What to call it in lists
        label: String,
        /// The title it is for, or * for all
        #[arg(long, default_value = "*")]
        title: Pattern,
        /// The channel it is for, or * for all
        #[arg(long, default_value = "*")]
        channel: Pattern,
        /// What it allows: read, upload, publish, promote, keys, observe, admin, several with commas, or * for all
        #[arg(long, default_value = "publish")]
        verbs: Verbs,
        /// Days until it ends by itself
        #[arg(long, value_name = "DAYS")]
        expires: Option<u32>,
    },
    /// List tokens; the tokens themselves are stored nowhere
    List,
    /// End a token
    Revoke {
        /// Its id, as listed
        id: String,
    },
}

/// Runs one of the commands.
pub(super) async fn run(data: &Path, command: Command) -> anyhow::Result<ExitCode> {
    durable::create_folders(data)?;
    let database = Database::open(&database_path(data)).await?;
    let done = execute(&database, command).await;
    database.close().await?;
    done.map(|()| ExitCode::SUCCESS)
}

async fn execute(database: &Database, command: Command) -> anyhow::Result<()> {
    match command {
        Command::Create {
            label,
            title,
            channel,
            verbs,
            expires,
        } => {
            let scope = TokenScope {
                title,
                channel,
                verbs,
            };
            let end = expires.map(|days| now() + i64::from(days) * SECONDS_PER_DAY);
            let (token, record) = TokenRecord::make(label, scope, now(), end)?;
            database
                .write("add a token", move |tx| {
                    tokens::create(tx, &record, &Actor::shell())
                })
                .await?;
            println!("{}", token.reveal());
            Ok(())
        }
        Command::List => {
            for record in database.read("list tokens", tokens::all).await? {
                println!("{}", line(&record));
            }
            Ok(())
        }
        Command::Revoke { id } => {
            let key = id.clone();
            match database
                .write("end a token", move |tx| tokens::end(tx, &key, &Actor::shell()))
                .await?
            {
                true => Ok(()),
                false => bail!("there is no token {id:?} that is still good"),
            }
        }
    }
}

/// Tab-separated, so that scripts can read it.
fn line(record: &TokenRecord) -> String {
    let state = match (record.revoked_at, record.expires_at) {
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(end)) if end <= now() => "expired".to_owned(),
        (None, Some(end)) => format!("{} days left", (end - now()) / SECONDS_PER_DAY),
        (None, None) => "good".to_owned(),
    };
    let scope = &record.scope;
    let label = record.label.escape_debug();
    format!(
        "{}\t{}\t{}\t{}\t{state}\t{label}",
        record.id, scope.title, scope.channel, scope.verbs
    )
}

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;
