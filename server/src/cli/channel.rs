// SPDX-License-Identifier: MIT
//! `vsekai-server channel`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;
use clap::Subcommand;
use vsekai_formats::release::Slug;
use vsekai_server::db::Database;
use vsekai_server::db::audit::Actor;
use vsekai_server::db::private::{self, Channel};
use vsekai_server::storage::database_path;

/// Works on a running server's data folder too, which notices within a few seconds.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Let nobody but holders of a token read a channel
    Private(Name),
    /// Let everybody read a channel again
    Public(Name),
    /// List the private channels
    List,
}

/// Which channel.
#[derive(Debug, clap::Args)]
pub(super) struct Name {
    /// The channel
    name: Slug,
    /// The title it is of
    #[arg(long)]
    title: Slug,
}

/// Runs one of the commands.
pub(super) async fn run(data: &Path, command: Command) -> anyhow::Result<ExitCode> {
    let database = Database::open(&database_path(data)).await?;
    let done = match command {
        Command::Private(name) => change(&database, name, true).await,
        Command::Public(name) => change(&database, name, false).await,
        Command::List => list(&database).await,
    };
    database.close().await?;
    done.map(|()| ExitCode::SUCCESS)
}

async fn change(database: &Database, Name { name, title }: Name, private: bool) -> anyhow::Result<()> {
    let channel = Channel { title, name };
    let key = channel.clone();
    let changed = database.write("change who may read a channel", move |tx| {
        private::change(tx, &key, private, &Actor::shell())
    });
    match changed.await? {
        true => Ok(()),
        false => bail!("there is no channel {} of {}", channel.name, channel.title),
    }
}

/// Tab-separated, so that scripts can read it.
async fn list(database: &Database) -> anyhow::Result<()> {
    for channel in database.read("list private channels", private::all).await? {
        println!("{}\t{}", channel.title, channel.name);
    }
    Ok(())
}
