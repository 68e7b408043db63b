// SPDX-License-Identifier: MIT
//! `install`, `update` and `check`.

use serde_json::{Value, json};
use vsekai_engine::status::{CheckOutcome, Done, UpdateOutcome};
use vsekai_engine::{EngineError, InstallConfig, Updater, Wish};

use super::{Context, Finish};
use crate::args::{CheckArgs, GlobalArgs, UpdateArgs, UpdateNowArgs};
use crate::error::CliError;
use crate::shell::ThisMachine;
use crate::{exit, options, report, units};

/// Installs the game, or brings an install up to date.
pub(super) async fn install(
    context: &Context,
    global: &GlobalArgs,
    args: &UpdateArgs,
) -> Result<Finish, CliError> {
    let updater = context.open_with(config(context, global, args)?)?;
    if args.dry_run {
        return dry_run(context, &updater).await;
    }
    // Whoever says "install" wants the game, whatever the settings are.
    show_update(context, &updater, updater.update().await?)
}

/// Brings the installed game up to date.
pub(super) async fn update(
    context: &Context,
    global: &GlobalArgs,
    args: &UpdateNowArgs,
) -> Result<Finish, CliError> {
    let updater = context.open_with(config(context, global, &args.common)?)?;
    let status = updater.status()?;
    if status.installed.is_none() {
        return Err(EngineError::NotInstalled { path: status.root }.into());
    }
    if args.common.dry_run {
        return dry_run(context, &updater).await;
    }
    let machine = ThisMachine {
        metered: args.metered,
    };
    let wish = if args.auto { Wish::Background } else { Wish::Player };
    let outcome = match args.anyway {
        true => updater.update().await?,
        false => updater.update_by_policy(wish, &machine).await?,
    };
    show_update(context, &updater, outcome)
}

/// Looks for an update.
pub(super) async fn check(
    context: &Context,
    global: &GlobalArgs,
    args: &CheckArgs,
) -> Result<Finish, CliError> {
    let updater = context.open_with(with_server(options::install(global, &context.surroundings)?)?)?;
    let outcome = updater.check().await?;
    let result = show_check(context, &updater, &outcome)?;
    let is_available = matches!(outcome, CheckOutcome::Available { .. });
    let exit = if args.exit_code && is_available {
        exit::UPDATE_AVAILABLE
    } else {
        exit::OK
    };
    Finish::with_exit(exit, &result)
}

fn config(context: &Context, global: &GlobalArgs, args: &UpdateArgs) -> Result<InstallConfig, CliError> {
    let config = with_server(options::install(global, &context.surroundings)?)?;
    Ok(InstallConfig {
        allow_downgrade: args.allow_downgrade,
        ..config
    })
}

/// Refuses to go on without a server, with the way out.
pub(super) fn with_server(config: InstallConfig) -> Result<InstallConfig, CliError> {
    match config.server {
        Some(_) => Ok(config),
        None => Err(CliError::usage("no update server is named")
            .with_hint("Name it with --server URL or VSEKAI_SERVER; it is kept with the install")),
    }
}

async fn dry_run(context: &Context, updater: &Updater) -> Result<Finish, CliError> {
    let outcome = updater.check().await?;
    Finish::ok(&show_check(context, updater, &outcome)?)
}

fn show_update(context: &Context, updater: &Updater, outcome: UpdateOutcome) -> Result<Finish, CliError> {
    match &outcome {
        UpdateOutcome::UpToDate { version } => context.output.line(&format!("{version} is up to date")),
        UpdateOutcome::HeldBack { plan, decision } => {
            context.output.line(&format!("{}: {decision}", plan.version));
            context
                .output
                .note("hint: \"vsekai update --anyway\" takes it now");
        }
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

/// Shows what a check found and what the settings make of it; returns both as JSON.
fn show_check(context: &Context, updater: &Updater, outcome: &CheckOutcome) -> Result<Value, CliError> {
    let mut result = serde_json::to_value(outcome).map_err(|error| CliError::internal(error.to_string()))?;
    match outcome {
        CheckOutcome::UpToDate { version } => context.output.line(&format!("{version} is up to date")),
        CheckOutcome::Available { plan } => {
            context.lines(report::plan(plan));
            let decision = updater.decide(plan, Wish::Background, &ThisMachine::default());
            context.output.note(&format!("By your settings: {decision}"));
            result["decision"] = json!(decision);
        }
    }
    Ok(result)
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
