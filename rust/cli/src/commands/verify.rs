// SPDX-License-Identifier: MIT
//! `verify`, `repair` and `rollback`.

use vsekai_engine::VerifyReport;

use super::update::figures;
use super::{Context, Finish};
use crate::args::GlobalArgs;
use crate::error::CliError;
use crate::{exit, units};

/// Checks every installed byte.
pub(super) async fn verify(context: &Context, global: &GlobalArgs) -> Result<Finish, CliError> {
    let report = context.open(global)?.verify().await?;
    let (files, bytes) = (units::count(report.files, "file"), units::bytes(report.bytes));
    if report.is_intact() {
        context
            .output
            .line(&format!("{files} checked, {bytes}: all as published"));
        show_extra(context, &report);
        return Finish::ok(&report);
    }
    let damaged = units::count(report.damaged.len() as u64, "file");
    context
        .output
        .line(&format!("{files} checked, {bytes}: {damaged} damaged"));
    context.lines(report.damaged.iter().map(|path| format!("  {path}")));
    show_extra(context, &report);
    context.output.note("hint: \"vsekai repair\" fetches them again");
    Finish::with_exit(exit::DAMAGED, &report)
}

/// Checks every installed byte and fetches what is damaged.
pub(super) async fn repair(context: &Context, global: &GlobalArgs) -> Result<Finish, CliError> {
    let report = context.open(global)?.repair().await?;
    match &report.done {
        None => context.output.line("Nothing to repair"),
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

/// Goes back to the previous version.
pub(super) async fn rollback(context: &Context, global: &GlobalArgs) -> Result<Finish, CliError> {
    let outcome = context.open(global)?.rollback().await?;
    context.output.line(&format!(
        "Went back from {} to {}",
        outcome.from_version, outcome.version
    ));
    Finish::ok(&outcome)
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
