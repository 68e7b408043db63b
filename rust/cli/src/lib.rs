// SPDX-License-Identifier: MIT
//! The command line `vsekai`, as a library.
//!
//! [`main_with`] runs one command line to its end and returns the exit code. It never ends the process and
//! takes the environment, the terminal and interrupts from the [`Shell`] it is given, so that the program
//! `vsekai`, the launcher inside Godot and tests run the same code.

pub mod args;
pub mod exit;
pub mod shell;
pub mod units;

mod commands;
mod desync;
mod error;
mod interrupt;
mod options;
mod output;
mod passphrase;
mod report;

use std::ffi::OsString;
use std::sync::Arc;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _};
use tokio::runtime::Runtime;
use tokio::task::JoinError;

use crate::args::Cli;
use crate::commands::Context;
use crate::desync::Invocation;
use crate::error::CliError;
use crate::interrupt::Interrupter;
use crate::output::{Output, Style};

pub use crate::shell::{Interrupts, Prompt, Shell, ThisMachine, default_install_dir};

/// Runs a command line, `arguments` with the program's name first, and returns the exit code ([`exit`]).
///
/// Everything printed goes to the shell's streams. A reader that goes away ends the output, not the work.
/// Under the name `desync`, or with `desync` as the first argument, it behaves as that tool.
/// Blocks until the command is done; at the second interrupt it returns without waiting for it.
pub fn main_with<I, A>(arguments: I, shell: Shell) -> u8
where
    I: IntoIterator<Item = A>,
    A: Into<OsString>,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    if let Some(invocation) = Invocation::find(&arguments) {
        return invocation.run(shell);
    }
    let cli = match parse(&arguments, &shell) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &arguments, shell),
    };
    let (surroundings, streams) = shell.split();
    let style = Style::of(&cli.global, &surroundings);
    let output = Arc::new(Output::new(streams, style));
    let name = cli.command.name();
    match run(cli, surroundings, &output) {
        Ok(finish) => output.finish(name, &finish),
        Err(error) => output.fail(name, &error),
    }
}

fn parse(arguments: &[OsString], shell: &Shell) -> Result<Cli, clap::Error> {
    let mut command = Cli::command().max_term_width(100);
    if let Some(columns) = shell.columns {
        command = command.term_width(columns);
    }
    let matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Prints help, version or what is wrong with the command line.
fn usage(error: &clap::Error, arguments: &[OsString], shell: Shell) -> u8 {
    let is_answer = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    let json = arguments
        .iter()
        .take_while(|argument| *argument != "--")
        .any(|argument| argument == "--json");
    let (surroundings, streams) = shell.split();
    let colour = surroundings.colour_wanted(is_answer);
    let output = Output::new(
        streams,
        Style {
            json,
            ..Style::default()
        },
    );
    let rendered = error.render();
    let text = if colour {
        rendered.ansi().to_string()
    } else {
        rendered.to_string()
    };
    match is_answer {
        true => {
            output.raw_out(&text);
            output.settle(exit::OK)
        }
        false => {
            output.raw_err(&text);
            if json {
                output.fail_json("", &CliError::usage(first_line(&rendered.to_string())));
            }
            exit::USAGE
        }
    }
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn run(
    cli: Cli,
    surroundings: shell::Surroundings,
    output: &Arc<Output>,
) -> Result<commands::Finish, CliError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::internal(format!("start the worker threads: {error}")))?;
    let interrupter = Interrupter::default();
    let watcher = interrupter.clone();
    let (interrupts, surroundings) = surroundings.take_interrupts();
    let context = Context {
        surroundings,
        output: Arc::clone(output),
        interrupter,
    };
    let work = commands::run(cli, context);
    let joined = run_to_the_end(&runtime, &watcher, interrupts, work);
    // What still runs after a second interrupt is not waited for.
    runtime.shutdown_background();
    match joined {
        Some(Ok(outcome)) => outcome,
        Some(Err(error)) => Err(CliError::internal(error.to_string())),
        None => Err(CliError::cancelled()),
    }
}

/// Runs a command until it is done or the user interrupts for the second time, which gives nothing.
fn run_to_the_end<T: Send + 'static>(
    runtime: &Runtime,
    watcher: &Interrupter,
    interrupts: Interrupts,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<Result<T, JoinError>> {
    runtime.block_on(async {
        // A task of its own: commands may block the thread they are polled on.
        let mut command = tokio::spawn(work);
        tokio::select! {
            joined = &mut command => Some(joined),
            () = watcher.watch(interrupts) => None,
        }
    })
}
