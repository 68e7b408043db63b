// SPDX-License-Identifier: MIT
//! `verify` and `repair`.

use vsekai_engine::VerifyReport;

use super::update::figures;
use super::{Context, Finish};
use crate::args::{GlobalArgs, VerifyArgs};
use crate::error::CliError;
use crate::{exit, units};

/// Checks every installed byte, or everything but the bytes.
pub(super) async fn verify(
    context: &Context,
    global: &GlobalArgs,
    args: &VerifyArgs,
) -> Result<Finish, CliError> {
    let updater = context.open(global)?;
    let report = match args.quick {
        true => updater.verify_quick().await?,
        false => updater.verify().await?,
    };
    let files = units::count(report.files, "file");
    let what = match args.quick {
        true => format!("{files} looked at"),
        false => format!("{files} checked, {}", units::bytes(report.bytes)),
    };
    if report.is_intact() {
        context.output.line(&format!("{what}: all as published"));
        show_extra(context, &report);
        return Finish::ok(&report);
    }
    for (paths, word) in [
        (&report.damaged, "damaged"),
        (&report.modified, "written to since they were installed"),
    ] {
        if !paths.is_empty() {
            let count = units::count(paths.len() as u64, "file");
            context.output.line(&format!("{what}: {count} {word}"));
            context.lines(paths.iter().map(|path| format!("  {path}")));
        }
    }
    show_extra(context, &report);
    context.output.note(match report.damaged.is_empty() {
        true => "hint: \"vsekai verify\" tells whether they differ",
        false => "hint: \"vsekai repair\" fetches them again",
    });
    Finish::with_exit(exit::DAMAGED, &report)
}

/// Checks every installed byte and fetches what is damaged.
pub(super) async fn repair(context: &Context, global: &GlobalArgs) -> Result<Finish, CliError> {
    let report = context.open(global)?.repair().await?;
    match &report.done {
        None => context.output.line("No file needs to be repaired"),
        Some(done) => {
            context.output.line(&format!(
                "Repaired {}",
                units::count(report.repaired.len() as u64, "file")
            ));
            context.lines(report.repaired.iter().map(|path| format!("  {path}")));
            context.lines(figures(done));
        }
    }
    Finish::ok(&report)
}

fn show_extra(context: &Context, report: &VerifyReport) {
    if report.extra.is_empty() {
        return;
    }
    let extra = units::count(report.extra.len() as u64, "file");
    context
        .output
        .line(&format!("{extra} not from a release, left alone:"));
    context.lines(report.extra.iter().map(|path| format!("  {path}")));
}
