// SPDX-License-Identifier: MIT
//! `vsekai-server restore`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use fs_err as fs;
use vsekai_server::backup::backup;
use vsekai_server::storage::database_path;

use super::settings::Settings;

/// Arguments of `restore`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of the backup
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Replace what the data folder knows by what the backup knows
    #[arg(long)]
    replace: bool,
}

/// Makes the data folder what the backup is; every file is checked on the way.
pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if fs::metadata(database_path(&arguments.from)).is_err() {
        bail!("{} is no backup: it has no database", arguments.from.display());
    }
    if fs::metadata(database_path(&settings.data)).is_ok() && !arguments.replace {
        bail!(
            "{} is in use as a data folder; restore to an empty one, or give --replace to lose what it knows",
            settings.data.display()
        );
    }
    let copied = backup(arguments.from.as_path(), settings.place(), &settings.limits).await?;
    println!(
        "restored {} chunks and {} documents, {} bytes",
        copied.chunks, copied.documents, copied.bytes
    );
    Ok(ExitCode::SUCCESS)
}
