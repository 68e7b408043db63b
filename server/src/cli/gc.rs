// SPDX-License-Identifier: MIT
//! `vsekai-server gc`.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use vsekai_server::db::{Database, now};
use vsekai_server::retention::Verdict;
use vsekai_server::service::collect::{Collection, Folders, JudgedRelease, plan};
use vsekai_server::service::{Access, Service, ServiceSettings};
use vsekai_server::storage::{DataFolder, database_path, document_folder, index_folder, keep_whole};

use super::settings::Settings;

/// Arguments of `gc`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Remove nothing, only tell; works beside a running server
    #[arg(long)]
    dry_run: bool,
    /// Print the whole report as JSON
    #[arg(long)]
    json: bool,
}

/// Collects, or tells what would be. A server that runs collects by itself, and when it is asked to by its API.
pub(super) async fn run(settings: Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let report = match arguments.dry_run {
        true => look(&settings).await?,
        false => collect(&settings).await?,
    };
    match arguments.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => print(&report),
    }
    Ok(ExitCode::SUCCESS)
}

async fn look(settings: &Settings) -> anyhow::Result<Collection> {
    let database = Database::open(&database_path(&settings.data)).await?;
    let _whole = keep_whole(&settings.data)?;
    let folders = Folders {
        indexes: index_folder(&settings.data),
        documents: document_folder(&settings.data),
    };
    let report = plan(&database, folders, &settings.limits, &settings.retention, now()).await;
    database.close().await?;
    Ok(report?)
}

async fn collect(settings: &Settings) -> anyhow::Result<Collection> {
    let folder = DataFolder::open(settings.place(), settings.limits.chunk_bytes).await?;
    let database = Database::open(&database_path(&settings.data)).await?;
    let service = Service::open(
        database,
        folder,
        ServiceSettings {
            limits: Arc::new(settings.limits.clone()),
            signing: settings.signing.clone(),
            retention: settings.retention.clone(),
        },
    )
    .await?;
    let report = service.collect(&Access::shell(), now()).await;
    service.close().await?;
    Ok(report?)
}

/// Tab-separated, so that scripts can read it.
fn print(report: &Collection) {
    for release in &report.releases {
        println!("{}", line(release));
    }
    let done = match report.dry_run {
        true => "would go",
        false => "gone",
    };
    println!(
        "{done}: {} releases, {} documents, {} chunks, {} bytes",
        report.collected_releases(),
        report.documents.count,
        report.chunks.count,
        report.freed_bytes()
    );
    println!(
        "kept: {} chunks that something needs, {} bytes; {} that wait for their grace to end, {} bytes",
        report.needed_chunks.count,
        report.needed_chunks.bytes,
        report.waiting_chunks.count,
        report.waiting_chunks.bytes
    );
}

fn line(release: &JudgedRelease) -> String {
    let verdict = match release.verdict {
        Verdict::Kept => "kept",
        Verdict::Listed => "listed",
        Verdict::Waiting => "waiting",
        Verdict::Collected => "collected",
    };
    format!(
        "{verdict}\t{}\t{}\t{}\t{}\t{}",
        release.title,
        release.platform,
        release.version,
        release.own_bytes,
        release.reasons.join("; ")
    )
}
