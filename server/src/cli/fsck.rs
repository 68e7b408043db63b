// SPDX-License-Identifier: MIT
//! `vsekai-server fsck`.

use std::process::ExitCode;

use clap::Args;
use vsekai_server::fsck::{Depth, check};

use super::EXIT_DAMAGED;
use super::settings::Settings;

/// Arguments of `fsck`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Read every file and check it against its digest, instead of looking whether it is there
    #[arg(long)]
    deep: bool,
}

/// Reports what it found; changes nothing and can run beside a server.
pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let depth = if arguments.deep {
        Depth::Contents
    } else {
        Depth::Presence
    };
    let report = check(&settings.data, depth, &settings.limits).await?;
    for problem in &report.dangling {
        println!("{problem}");
    }
    println!(
        "{} releases, {} indexes, {} chunks checked: {} dangling references",
        report.releases,
        report.indexes,
        report.chunks,
        report.dangling.len()
    );
    println!("{} files that nothing refers to", report.unreferenced);
    Ok(match report.dangling.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_DAMAGED),
    })
}
