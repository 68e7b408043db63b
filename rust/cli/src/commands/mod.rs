// SPDX-License-Identifier: MIT
//! The commands: each asks a library to do something and tells how it went.

mod channel;
mod keys;
mod launch;
mod place;
mod publish;
mod settings;
mod status;
mod trust;
mod update;
mod verify;
mod versions;

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};
use vsekai_engine::Updater;

use crate::args::{Cli, Command, GlobalArgs};
use crate::error::CliError;
use crate::interrupt::Interrupter;
use crate::output::Output;
use crate::report::EngineReport;
use crate::shell::Surroundings;
use crate::{exit, options};

/// What every command works with.
pub(crate) struct Context {
    pub(crate) surroundings: Surroundings,
    pub(crate) output: Arc<Output>,
    pub(crate) interrupter: Interrupter,
}

/// The end of a command that worked.
#[derive(Debug)]
pub(crate) struct Finish {
    /// The exit code.
    pub(crate) exit: u8,
    /// The fields of the JSON result.
    pub(crate) result: Value,
}

impl Finish {
    /// Everything went well; `result` becomes the JSON result.
    pub(crate) fn ok(result: &impl Serialize) -> Result<Self, CliError> {
        Self::with_exit(exit::OK, result)
    }

    /// As [`Finish::ok`], with an exit code of its own.
    pub(crate) fn with_exit(exit: u8, result: &impl Serialize) -> Result<Self, CliError> {
        let result = serde_json::to_value(result).map_err(|error| CliError::internal(error.to_string()))?;
        Ok(Self { exit, result })
    }
}

/// Runs a command.
pub(crate) async fn run(cli: Cli, context: Context) -> Result<Finish, CliError> {
    let Cli { global, command } = cli;
    match command {
        Command::Install(args) => update::install(&context, &global, &args).await,
        Command::Update(args) => update::update(&context, &global, &args).await,
        Command::Check(args) => update::check(&context, &global, &args).await,
        Command::Status => status::run(&context, &global),
        Command::Launch(args) => launch::run(&context, &global, &args).await,
        Command::Verify(args) => verify::verify(&context, &global, &args).await,
        Command::Repair => verify::repair(&context, &global).await,
        Command::Rollback(args) => versions::rollback(&context, &global, &args).await,
        Command::Versions { command } => versions::run(&context, &global, command).await,
        Command::Skip(args) => settings::skip(&context, &global, &args).await,
        Command::Pin(args) => settings::pin(&context, &global, &args),
        Command::Unpin => settings::unpin(&context, &global),
        Command::Settings { command } => settings::run(&context, &global, command),
        Command::Adopt(args) => place::adopt(&context, &global, &args).await,
        Command::Move(args) => place::relocate(&context, &global, &args).await,
        Command::Uninstall(args) => place::uninstall(&context, &global, &args).await,
        Command::Channel { command } => channel::run(&context, &global, command).await,
        Command::Trust { command } => trust::run(&context, &global, command),
        Command::Publish(args) => publish::run(&context, &global, *args).await,
        Command::Keys(args) => keys::run(&context, &global, *args).await,
        // The first word decides, so this one came after an option of vsekai's.
        Command::Desync { .. } => Err(CliError::usage(
            "options of vsekai do not go with desync; write \"vsekai desync\" first",
        )),
        Command::Version => {
            context
                .output
                .line(&format!("vsekai {}", env!("CARGO_PKG_VERSION")));
            Finish::ok(&json!({ "version": env!("CARGO_PKG_VERSION") }))
        }
    }
}

impl Context {
    /// Opens the install the user means; an interrupt cancels what the updater does.
    fn open(&self, global: &GlobalArgs) -> Result<Updater, CliError> {
        self.open_with(options::install(global, &self.surroundings)?)
    }

    fn open_with(&self, config: vsekai_engine::InstallConfig) -> Result<Updater, CliError> {
        let report = EngineReport::new(Arc::clone(&self.output));
        let updater = Updater::open(config, Arc::new(report))?;
        let control = updater.control();
        self.interrupter.on_interrupt(move || control.cancel());
        Ok(updater)
    }

    fn lines<I: IntoIterator<Item = String>>(&self, lines: I) {
        for line in lines {
            self.output.line(&line);
        }
    }
}
