// SPDX-License-Identifier: MIT
//! `adopt`, `move` and `uninstall`.

use std::path::{Path, PathBuf};

use vsekai_engine::UserFiles;

use super::update::{figures, with_server};
use super::{Context, Finish};
use crate::args::{AdoptArgs, GlobalArgs, MoveArgs, UninstallArgs};
use crate::error::CliError;
use crate::{options, units};

/// Installs with what another copy of the game has already.
pub(super) async fn adopt(
    context: &Context,
    global: &GlobalArgs,
    args: &AdoptArgs,
) -> Result<Finish, CliError> {
    let config = with_server(options::install(global, &context.surroundings)?)?;
    let folder = absolute(&args.folder)?;
    let done = context.open_with(config)?.adopt(&folder).await?;
    context.output.line(&format!(
        "Installed {} with files of {}",
        done.version,
        folder.display()
    ));
    context.lines(figures(&done));
    Finish::ok(&done)
}

/// Moves the install.
pub(super) async fn relocate(
    context: &Context,
    global: &GlobalArgs,
    args: &MoveArgs,
) -> Result<Finish, CliError> {
    let report = context.open(global)?.move_to(&absolute(&args.folder)?).await?;
    context.output.line(&format!(
        "Moved {} to {}",
        units::bytes(report.bytes),
        report.to.display()
    ));
    show_left(context, &report.left);
    Finish::ok(&report)
}

/// Removes the game.
pub(super) async fn uninstall(
    context: &Context,
    global: &GlobalArgs,
    args: &UninstallArgs,
) -> Result<Finish, CliError> {
    let user_files = match args.delete_user_files {
        true => UserFiles::Delete,
        false => UserFiles::Keep,
    };
    let report = context.open(global)?.uninstall(user_files).await?;
    context.output.line("Removed the game");
    if let Some(folder) = &report.kept_in {
        let count = units::count(report.user_files.len() as u64, "file");
        context
            .output
            .line(&format!("{count} of your own are kept in {}:", folder.display()));
        context.lines(report.user_files.iter().map(|path| format!("  {path}")));
    }
    show_left(context, &report.left);
    Finish::ok(&report)
}

fn show_left(context: &Context, left: &[String]) {
    if !left.is_empty() {
        context.output.line("Not the game's, left alone:");
        context.lines(left.iter().map(|name| format!("  {name}")));
    }
}

fn absolute(path: &Path) -> Result<PathBuf, CliError> {
    std::path::absolute(path).map_err(|error| CliError::usage(format!("{}: {error}", path.display())))
}
