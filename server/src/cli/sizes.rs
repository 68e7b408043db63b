// SPDX-License-Identifier: MIT
//! `vsekai-server sizes`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use vsekai_server::db::Database;
use vsekai_server::service::collect::Folders;
use vsekai_server::service::sizes::{Size, SizeReport, report};
use vsekai_server::storage::{database_path, document_folder, index_folder, keep_whole};

use super::settings::Settings;

/// Arguments of `sizes`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Measures and prints; works beside a running server.
pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let database = Database::open(&database_path(&settings.data)).await?;
    let _whole = keep_whole(&settings.data)?;
    let folders = Folders {
        indexes: index_folder(&settings.data),
        documents: document_folder(&settings.data),
    };
    let measured = report(&database, folders, Arc::new(settings.limits.clone())).await;
    database.close().await?;
    let report = measured?;
    match arguments.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => print(&report),
    }
    Ok(ExitCode::SUCCESS)
}

/// Tab-separated, so that scripts can read it: what, bytes, bytes of its own.
fn print(report: &SizeReport) {
    let line = |what: String, size: &Size| println!("{what}\t{}\t{}", size.bytes, size.own_bytes);
    for title in &report.titles {
        line(format!("{}", title.title), &title.size);
        for channel in &title.channels {
            line(
                format!("{} channel {}", title.title, channel.channel),
                &channel.size,
            );
        }
        for release in &title.releases {
            let name = format!("{} release {} {}", title.title, release.platform, release.version);
            line(name, &release.size);
        }
    }
    println!(
        "{} chunks, {} bytes stored, {} before compression; {} bytes that no release needs; sharing saves a factor of \
		{:.2}",
        report.chunks.count,
        report.chunks.bytes,
        report.plain_bytes,
        report.unreleased.bytes,
        report.dedup_ratio
    );
}
