// SPDX-License-Identifier: MIT
//! `vsekai-server backup`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use vsekai_server::backup::backup;

use super::settings::Settings;

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of the backup, which is a data folder itself; only what it lacks is copied
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
}

/// Brings a backup up to date and says what it took.
pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let copied = backup(&settings.data, &arguments.to, &settings.limits).await?;
    println!(
        "copied {} chunks and {} documents, {} bytes",
        copied.chunks, copied.documents, copied.bytes
    );
    Ok(ExitCode::SUCCESS)
}
