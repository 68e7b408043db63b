// SPDX-License-Identifier: MIT
//! `versions` and `rollback`.

use serde_json::json;
use vsekai_engine::{VersionRole, VersionView};

use super::{Context, Finish};
use crate::args::{GlobalArgs, RollbackArgs, VersionsCommand};
use crate::error::CliError;
use crate::units;

/// Lists the versions, or removes one.
pub(super) async fn run(
    context: &Context,
    global: &GlobalArgs,
    command: Option<VersionsCommand>,
) -> Result<Finish, CliError> {
    let updater = context.open(global)?;
    let Some(VersionsCommand::Remove(args)) = command else {
        let versions = updater.versions()?;
        if versions.is_empty() {
            context.output.line("Nothing is installed");
        }
        context.lines(versions.iter().flat_map(lines));
        return Finish::ok(&json!({ "versions": versions }));
    };
    let removal = updater.remove_version(&args.version).await?;
    context.output.line(&match &removal.waits_for {
        None => format!(
            "Removed {}, {} are free now",
            removal.version,
            units::bytes(removal.freed_bytes)
        ),
        Some(reason) => format!(
            "{} is kept no longer; its folder stays while {reason}",
            removal.version
        ),
    });
    Finish::ok(&removal)
}

/// Goes back to the previous version, or to another one.
pub(super) async fn rollback(
    context: &Context,
    global: &GlobalArgs,
    args: &RollbackArgs,
) -> Result<Finish, CliError> {
    let updater = context.open(global)?;
    let outcome = match &args.version {
        Some(version) => updater.rollback_to(version).await?,
        None => updater.rollback().await?,
    };
    let words = match outcome.newer {
        true => "Switched",
        false => "Went back",
    };
    context.output.line(&format!(
        "{words} from {} to {}",
        outcome.from_version, outcome.version
    ));
    Finish::ok(&outcome)
}

fn lines(version: &VersionView) -> Vec<String> {
    let (mark, own) = match version.role {
        VersionRole::Current => ("*", String::new()),
        VersionRole::Previous | VersionRole::Kept => (
            " ",
            format!(", {} not shared with newer ones", units::bytes(version.own_bytes)),
        ),
    };
    let mut line = format!(
        "{mark} {:<16} {:>10}{own}",
        version.version.as_str(),
        units::bytes(version.installed_bytes)
    );
    if version.in_use {
        line.push_str(", running");
    }
    let mut lines = vec![line];
    if let Some(why) = &version.given_up {
        lines.push(format!("    given up: {why}"));
    } else if let Some(last) = &version.last_start {
        lines.push(format!("    last start: {last}"));
    }
    lines
}
