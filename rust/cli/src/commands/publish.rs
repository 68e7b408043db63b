// SPDX-License-Identifier: MIT
//! `publish`.

use std::sync::Arc;

use serde_json::json;
use vsekai_formats::TreePath;
use vsekai_formats::release::MAX_NOTES_BYTES;
use vsekai_publish::upload::DEFAULT_CONNECTIONS;
use vsekai_publish::{
    Cancel, Comparison, Observer, Phase, Progress, Release, ReleaseInfo, ScanOptions, Server,
};

use super::{Context, Finish};
use crate::args::{GlobalArgs, PublishArgs, TokenArgs};
use crate::error::CliError;
use crate::report::PublishReport;
use crate::{options, passphrase, units};

/// Publishes a folder.
pub(super) async fn run(
    context: &Context,
    global: &GlobalArgs,
    args: PublishArgs,
) -> Result<Finish, CliError> {
    let server = Server {
        level: args.level,
        ..destination(context, global, &args.token)?
    };
    let (dry_run, rollout) = (args.dry_run, args.rollout);
    let title = options::title(global)?;
    let folder = options::key_folder(&args.signing, &title, &context.surroundings)?;
    let signing = passphrase::signing(folder, &args.signing, &context.surroundings)?;
    let channel = options::channel(global)?;
    let info = info(global, &args)?;
    let scan = scan_options(&args)?;
    let observer: Arc<dyn Observer> = Arc::new(PublishReport::new(Arc::clone(&context.output)));
    let cancel = Cancel::default();
    let stop = cancel.clone();
    context.interrupter.on_interrupt(move || stop.cancel());
    let release = {
        let (observer, cancel) = (Arc::clone(&observer), cancel.clone());
        let made = tokio::task::spawn_blocking(move || make(&args, &scan, info, &*observer, &cancel));
        Arc::new(
            made.await
                .map_err(|error| CliError::internal(error.to_string()))??,
        )
    };
    if dry_run {
        let comparison = vsekai_publish::compare(&release, &server, &channel, &signing.keys).await?;
        return show_comparison(context, &release, &comparison);
    }
    let report = vsekai_publish::upload(
        Arc::clone(&release),
        &server,
        &channel,
        &signing,
        rollout,
        observer,
        &cancel,
    )
    .await?;
    let version = &release.info().version;
    let verb = if report.created {
        "Published"
    } else {
        "Already published:"
    };
    context.output.clear_bar();
    context.output.line(&format!(
        "{verb} {version} for {} on {channel}",
        release.platform()
    ));
    context.lines([
        format!(
            "  {} in {}",
            units::bytes(report.bytes),
            units::count(report.files, "file")
        ),
        format!(
            "  {}, {} to download for a new player",
            units::count(report.chunks, "chunk"),
            units::bytes(report.download_bytes)
        ),
        format!(
            "  new on the server: {} in {} ({} before compression)",
            units::bytes(report.new_bytes),
            units::count(report.new_chunks, "chunk"),
            units::bytes(report.new_plain_bytes)
        ),
        format!(
            "  there already: {} before compression",
            units::bytes(report.reused_bytes)
        ),
    ]);
    let published = json!({
        "event": "published",
        "created": report.created,
        "title": release.info().title,
        "version": version,
        "platform": release.platform(),
        "channel": channel,
        "sequence": report.sequence,
        "files": report.files,
        "bytes": report.bytes,
        "chunks": report.chunks,
        "download_bytes": report.download_bytes,
        "sent_chunks": report.new_chunks,
        "sent_bytes": report.new_bytes,
        "sent_plain_bytes": report.new_plain_bytes,
        "reused_bytes": report.reused_bytes,
    });
    context.output.event(&published);
    Finish::ok(&published)
}

/// Returns the server to publish to.
pub(super) fn destination(
    context: &Context,
    global: &GlobalArgs,
    token: &TokenArgs,
) -> Result<Server, CliError> {
    let address = options::server(global, &context.surroundings)?.ok_or_else(|| {
        CliError::usage("no server is named").with_hint("Name it with --server URL or VSEKAI_SERVER")
    })?;
    let token = options::token(
        token.token.as_deref(),
        token.token_file.as_deref(),
        &context.surroundings,
    )?;
    Ok(Server {
        token,
        allow_http: options::allow_http(global, &context.surroundings),
        connections: global.connections.map_or(DEFAULT_CONNECTIONS, usize::from),
        user_agent: options::USER_AGENT.to_owned(),
        ..Server::new(address)
    })
}

fn info(global: &GlobalArgs, args: &PublishArgs) -> Result<ReleaseInfo, CliError> {
    let notes = match (&args.notes, &args.notes_file) {
        (Some(notes), _) => notes.clone(),
        (None, Some(file)) => options::read_text(file, MAX_NOTES_BYTES)?,
        (None, None) => String::new(),
    };
    Ok(ReleaseInfo {
        title: options::title(global)?,
        version: args.version.clone(),
        notes,
        minimum_launcher: args.minimum_launcher.clone(),
        minimum_engine: args.minimum_engine.clone(),
        user_paths: args
            .user_paths
            .iter()
            .map(|path| tree_path(path))
            .collect::<Result<_, _>>()?,
    })
}

fn scan_options(args: &PublishArgs) -> Result<ScanOptions, CliError> {
    Ok(ScanOptions {
        program: args.program.as_deref().map(tree_path).transpose()?,
        arguments: args.arguments.clone(),
        vr_program: args.vr_program.as_deref().map(tree_path).transpose()?,
        vr_arguments: args.vr_arguments.clone(),
        ..ScanOptions::new(args.platform)
    })
}

fn tree_path(text: &str) -> Result<TreePath, CliError> {
    vsekai_publish::path_as_typed(text).map_err(|error| CliError::usage(error.to_string()))
}

fn make(
    args: &PublishArgs,
    scan: &ScanOptions,
    info: ReleaseInfo,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Release, CliError> {
    observer.on_progress(Progress {
        phase: Phase::Scanning,
        done_bytes: 0,
        total_bytes: 0,
    });
    let tree = vsekai_publish::scan(&args.folder, scan, cancel)?;
    Ok(vsekai_publish::build(tree, info, observer, cancel)?)
}

fn show_comparison(
    context: &Context,
    release: &Release,
    comparison: &Comparison,
) -> Result<Finish, CliError> {
    context.output.clear_bar();
    let program = &release.launch().desktop.path;
    let user_paths = &release.info().user_paths;
    context.output.line(&format!(
        "{} for {} would be published",
        release.info().version,
        release.platform()
    ));
    context.lines([
        format!("  starts with {program}"),
        format!(
            "  {} in {}",
            units::bytes(release.bytes()),
            units::count(release.files() as u64, "file")
        ),
        format!(
            "  new on the server: {} of {} ({} before compression)",
            comparison.new_chunks,
            units::count(comparison.chunks, "chunk"),
            units::bytes(comparison.new_plain_bytes)
        ),
    ]);
    context.lines(
        user_paths
            .iter()
            .map(|path| format!("  left to the player: {path}")),
    );
    Finish::ok(&json!({
        "dry_run": true,
        "program": program,
        "user_paths": user_paths,
        "files": release.files(),
        "bytes": release.bytes(),
        "chunks": comparison.chunks,
        "new_chunks": comparison.new_chunks,
        "new_plain_bytes": comparison.new_plain_bytes,
    }))
}
