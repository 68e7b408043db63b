// SPDX-License-Identifier: MIT
//! `install`, `update` and `check`.

use vsekai_engine::status::{CheckOutcome, Done, UpdateOutcome};
use vsekai_engine::{EngineError, InstallConfig, Updater};

use super::{Context, Finish};
use crate::args::{CheckArgs, GlobalArgs, UpdateArgs};
use crate::error::CliError;
use crate::{exit, options, report, units};

/// Installs the game, or brings an install up to date.
pub(super) async fn install(
    context: &Context,
    global: &GlobalArgs,
    args: &UpdateArgs,
) -> Result<Finish, CliError> {
    let updater = context.open_with(config(context, global, args)?)?;
    bring_up_to_date(context, &updater, args).await
}

/// Brings the installed game up to date.
pub(super) async fn update(
    context: &Context,
    global: &GlobalArgs,
    args: &UpdateArgs,
) -> Result<Finish, CliError> {
    let updater = context.open_with(config(context, global, args)?)?;
    let status = updater.status()?;
    if status.installed.is_none() {
        return Err(EngineError::NotInstalled { path: status.root }.into());
    }
    bring_up_to_date(context, &updater, args).await
}

/// Looks for an update.
pub(super) async fn check(
    context: &Context,
    global: &GlobalArgs,
    args: &CheckArgs,
) -> Result<Finish, CliError> {
    let updater = context.open_with(with_server(options::install(global, &context.surroundings)?)?)?;
    let outcome = updater.check().await?;
    show_check(context, &outcome);
    let is_available = matches!(outcome, CheckOutcome::Available { .. });
    let exit = if args.exit_code && is_available {
        exit::UPDATE_AVAILABLE
    } else {
        exit::OK
    };
    Finish::with_exit(exit, &outcome)
}

fn config(context: &Context, global: &GlobalArgs, args: &UpdateArgs) -> Result<InstallConfig, CliError> {
    let config = with_server(options::install(global, &context.surroundings)?)?;
    Ok(InstallConfig {
        allow_downgrade: args.allow_downgrade,
        ..config
    })
}

/// Refuses to go on without a server, with the way out.
fn with_server(config: InstallConfig) -> Result<InstallConfig, CliError> {
    match config.server {
        Some(_) => Ok(config),
        None => Err(CliError::usage("no update server is named")
            .with_hint("Name it with --server URL or VSEKAI_SERVER; it is kept with the install")),
    }
}

async fn bring_up_to_date(
    context: &Context,
    updater: &Updater,
    args: &UpdateArgs,
) -> Result<Finish, CliError> {
    if args.dry_run {
        let outcome = updater.check().await?;
        show_check(context, &outcome);
        return Finish::ok(&outcome);
    }
    let outcome = updater.update().await?;
    match &outcome {
        UpdateOutcome::UpToDate { version } => context.output.line(&format!("{version} is up to date")),
        UpdateOutcome::Installed(done) => {
            context.output.line(&format!("Installed {}", done.version));
            context.lines(figures(done));
            let status = updater.status()?;
            context.output.line(&format!("Folder: {}", status.root.display()));
            context.lines(report::notes(&status.notes));
        }
        UpdateOutcome::Updated(done) => {
            let from = done
                .from_version
                .as_ref()
                .map(|from| format!("{from} -> "))
                .unwrap_or_default();
            context.output.line(&format!("Updated {from}{}", done.version));
            context.lines(figures(done));
            context.lines(report::notes(&updater.status()?.notes));
        }
    }
    Finish::ok(&outcome)
}

fn show_check(context: &Context, outcome: &CheckOutcome) {
    match outcome {
        CheckOutcome::UpToDate { version } => context.output.line(&format!("{version} is up to date")),
        CheckOutcome::Available { plan } => context.lines(report::plan(plan)),
    }
}

/// Returns the lines that say what it took.
pub(super) fn figures(done: &Done) -> Vec<String> {
    let chunks = units::count(done.chunks, "chunk");
    let mut lines = vec![format!(
        "  downloaded {} ({chunks}, {})",
        units::bytes(done.network_bytes),
        units::bytes(done.chunk_bytes)
    )];
    if done.resumed_bytes > 0 {
        lines.push(format!(
            "  kept from an earlier attempt {}",
            units::bytes(done.resumed_bytes)
        ));
    }
    if done.reused_bytes > 0 {
        lines.push(format!("  kept from before {}", units::bytes(done.reused_bytes)));
    }
    lines.push(format!(
        "  installed {} in {}",
        units::bytes(done.installed_bytes),
        units::count(done.files, "file")
    ));
    lines
}
