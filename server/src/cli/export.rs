// SPDX-License-Identifier: MIT
//! `vsekai-server export`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use vsekai_server::export::{Options, export};
use vsekai_server::site::{Pruned, Written};

use super::place::PlaceArguments;
use super::settings::Settings;

/// Arguments of `export`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    place: PlaceArguments,
    /// Remove what the server does not have any more, once it has not been needed for --grace
    #[arg(long)]
    prune: bool,
    /// With --prune, hours that clients may go on reading what is not needed any more
    #[arg(long, value_name = "HOURS", default_value_t = 168)]
    grace: u32,
    /// Look at every file of the site, instead of believing its record, and mend what is missing
    #[arg(long)]
    check: bool,
    /// Write private channels too; whoever can read the site can read them
    #[arg(long)]
    include_private: bool,
}

/// Brings the site up to date and says what that took.
pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let place = arguments.place.open(settings)?;
    let grace = Duration::from_secs(u64::from(arguments.grace) * 3600);
    let options = Options {
        look_at_everything: arguments.check,
        prune: arguments.prune.then_some(grace),
        include_private: arguments.include_private,
    };
    let exported = export(settings.place(), place, &settings.limits, &options).await?;
    for name in &exported.incomplete_indexes {
        println!("left out the index {name}: not all of its chunks have been uploaded");
    }
    println!("{}", written(&exported.written));
    if let Some(Pruned { removed, waiting }) = exported.pruned {
        println!("removed {removed} files; {waiting} more are not needed and wait for their time");
    }
    Ok(ExitCode::SUCCESS)
}

/// Says what was written, in one line.
pub(super) fn written(written: &Written) -> String {
    format!(
        "wrote {} chunks and {} documents, {} bytes",
        written.chunks, written.documents, written.bytes
    )
}
