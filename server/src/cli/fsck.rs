// SPDX-License-Identifier: MIT
//! `vsekai-server fsck`.

use std::process::ExitCode;

use clap::Args;
use vsekai_server::fsck::{Depth, check, forget_lost_chunks};

use super::EXIT_DAMAGED;
use super::settings::Settings;

/// Arguments of `fsck`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Read every file and check it against its digest, instead of looking whether it is there
    #[arg(long)]
    deep: bool,
    /// Take missing and damaged chunks out of the store, so that publishing the same build again heals them
    #[arg(long)]
    forget_lost_chunks: bool,
}

/// Reports what it found; can run beside a server.
pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let depth = if arguments.deep {
        Depth::Contents
    } else {
        Depth::Presence
    };
    let report = check(settings.place(), depth, &settings.limits).await?;
    for problem in &report.dangling {
        println!("{problem}");
    }
    println!(
        "{} titles, {} releases, {} indexes, {} chunks checked: {} dangling references",
        report.titles,
        report.releases,
        report.indexes,
        report.chunks,
        report.dangling.len()
    );
    println!("{} files that nothing refers to", report.unreferenced);
    if arguments.forget_lost_chunks {
        let forgotten = forget_lost_chunks(settings.place(), &report, &settings.limits).await?;
        println!("{forgotten} lost chunks forgotten: publish the builds that need them again");
    }
    Ok(match report.dangling.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::from(EXIT_DAMAGED),
    })
}
