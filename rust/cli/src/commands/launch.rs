// SPDX-License-Identifier: MIT
//! `launch`.

use serde_json::json;
use vsekai_engine::{Event, GameExit, GameOutput, LaunchEntry, LaunchOptions, Observer as _};

use super::{Context, Finish};
use crate::args::{GlobalArgs, LaunchArgs};
use crate::error::CliError;
use crate::exit;
use crate::report::EngineReport;

/// Starts the installed game.
pub(super) async fn run(
    context: &Context,
    global: &GlobalArgs,
    args: &LaunchArgs,
) -> Result<Finish, CliError> {
    let updater = context.open(global)?;
    // The game's own output must not stand between lines of JSON, nor outlive this program on a terminal.
    let output = if args.wait && !context.output.style().json {
        GameOutput::Inherit
    } else {
        GameOutput::Log
    };
    let options = LaunchOptions {
        entry: if args.vr {
            LaunchEntry::Vr
        } else {
            LaunchEntry::Desktop
        },
        arguments: args.arguments.clone(),
        environment: args.variables.clone(),
        working_folder: args.working_dir.clone(),
        output,
        detach: !args.wait,
    };
    let mut game = updater.launch(&options)?;
    let pid = game.pid();
    if !args.wait {
        context.output.line(&format!("Started with process id {pid}"));
        return Finish::ok(&json!({ "pid": pid }));
    }
    let waited = tokio::task::spawn_blocking(move || game.wait()).await;
    let exit = waited.map_err(|error| CliError::internal(error.to_string()))??;
    EngineReport::new(std::sync::Arc::clone(&context.output)).on_event(Event::GameExited(exit.clone()));
    context.output.note(&describe(&exit));
    if let Some(log) = &exit.crash_log {
        context
            .output
            .note(&format!("The end of its output is kept in {}", log.display()));
    }
    let code = if exit.crashed { exit::GAME_FAILED } else { exit::OK };
    Finish::with_exit(code, &json!({ "pid": pid, "game": exit }))
}

fn describe(exit: &GameExit) -> String {
    match (exit.code, exit.signal) {
        (Some(0), _) => "The game ended".to_owned(),
        (Some(code), _) => format!("The game ended with exit code {code}"),
        (None, Some(signal)) => format!("The game was ended by signal {signal}"),
        (None, None) => "The game ended in an unknown way".to_owned(),
    }
}
