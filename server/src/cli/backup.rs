// SPDX-License-Identifier: MIT
//! `vsekai-server backup`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use vsekai_server::backup::{backup, backup_without_chunks};

use super::settings::Settings;

/// Arguments of `backup`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The folder of the backup, which is a data folder itself; only what it lacks is copied
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Leave chunks in their bucket, which something else keeps safe
    #[arg(long)]
    without_chunks: bool,
}

/// Brings a backup up to date and says what it took.
pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.without_chunks && settings.bucket.is_none() {
        bail!("--without-chunks is for chunks in a bucket; these are in the data folder");
    }
    let (source, target) = (settings.place(), arguments.to.as_path());
    let copied = match arguments.without_chunks {
        true => backup_without_chunks(source, target, &settings.limits).await?,
        false => backup(source, target, &settings.limits).await?,
    };
    println!(
        "copied {} chunks and {} documents, {} bytes",
        copied.chunks, copied.documents, copied.bytes
    );
    Ok(ExitCode::SUCCESS)
}
