// SPDX-License-Identifier: MIT
//! `vsekai desync`, and the program under the name `desync`: that tool's commands, flags and exit codes.
//!
//! None of it passes through vsekai's own command line, whose options would take desync's away.

mod args;
mod generate;
mod log;
#[cfg(feature = "servers")]
mod serve;
#[cfg(test)]
mod table;

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory as _, FromArgMatches as _};
use tokio::runtime::Handle;
use vsekai_desync::{Cancel, DesyncArgs, DesyncError, Env};

use crate::interrupt::Interrupter;
use crate::output::escape;
use crate::shell::{Interrupts, Shell};
use crate::{exit, run_to_the_end};
use args::{Command, Line};
use log::{Log, SharedWriter};

/// A command line that is desync's.
pub(crate) struct Invocation<'a> {
    /// The program as the user called it, for help texts.
    called: &'static str,
    arguments: &'a [OsString],
}

impl<'a> Invocation<'a> {
    /// Returns the part for desync of a command line, or nothing if it is not for desync.
    pub(crate) fn find(arguments: &'a [OsString]) -> Option<Self> {
        let (program, rest) = arguments.split_first()?;
        if Path::new(program).file_stem().is_some_and(is_desync) {
            return Some(Self {
                called: "desync",
                arguments: rest,
            });
        }
        let (command, rest) = rest.split_first()?;
        (command == "desync").then_some(Self {
            called: "vsekai desync",
            arguments: rest,
        })
    }

    /// Runs the command to its end and returns the exit code, as [`crate::main_with`] does.
    pub(crate) fn run(self, mut shell: Shell) -> u8 {
        match self.parse(shell.columns) {
            Ok(line) => run(line, shell),
            Err(error) => {
                let text = error.render().to_string();
                // A reader that has gone away wants no help.
                let is_help = matches!(
                    error.kind(),
                    ErrorKind::DisplayHelp | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
                );
                if is_help {
                    let _ = shell.out.write_all(text.as_bytes());
                    let _ = shell.out.flush();
                    return exit::OK;
                }
                let _ = shell.err.write_all(escape(&text).as_bytes());
                exit::FAILURE
            }
        }
    }

    fn parse(&self, columns: Option<usize>) -> Result<Line, clap::Error> {
        let mut command = Line::command()
            .name(self.called)
            .bin_name(self.called)
            .max_term_width(100);
        if let Some(columns) = columns {
            command = command.term_width(columns);
        }
        let program = OsString::from(self.called);
        let words = std::iter::once(program).chain(without_values(&command, self.arguments));
        let matches = command.try_get_matches_from_mut(words)?;
        Line::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
    }
}

/// Returns the words with switches that are written `--flag=true` or `--flag=false`, as Go's may be, written
/// without the value or left out. What follows `--` is no flag.
fn without_values(command: &clap::Command, words: &[OsString]) -> Vec<OsString> {
    let arguments = command
        .get_arguments()
        .chain(command.get_subcommands().flat_map(clap::Command::get_arguments));
    let mut switches = HashSet::new();
    for argument in arguments.filter(|argument| matches!(argument.get_action(), ArgAction::SetTrue)) {
        switches.extend(argument.get_long().map(|long| format!("--{long}")));
        switches.extend(argument.get_short().map(|short| format!("-{short}")));
    }
    let flags_end = words.iter().position(|word| word == "--");
    let (flags, rest) = words.split_at(flags_end.unwrap_or(words.len()));
    let written = flags.iter().filter_map(|word| {
        let split = word.to_str().and_then(|word| word.split_once('='));
        match split.filter(|(flag, _)| switches.contains(*flag)) {
            Some((flag, "1" | "t" | "T" | "true" | "TRUE" | "True")) => Some(flag.into()),
            Some((_, "0" | "f" | "F" | "false" | "FALSE" | "False")) => None,
            _ => Some(word.clone()),
        }
    });
    written.chain(rest.iter().cloned()).collect()
}

fn is_desync(stem: &OsStr) -> bool {
    match cfg!(windows) {
        true => stem.eq_ignore_ascii_case("desync"),
        false => stem == "desync",
    }
}

fn run(line: Line, shell: Shell) -> u8 {
    let mut err = SharedWriter::new(shell.err);
    let verbose = line.verbose;
    let own_log = (shell.variables)("VSEKAI_LOG").is_some();
    let log = (!own_log).then(|| Log::new(verbose, err.clone()));
    let env = Env {
        out: shell.out,
        err: Box::new(err.clone()),
        err_is_terminal: shell.err_is_terminal,
        input: shell.input,
        variables: shell.variables,
        working_folder: shell.working_folder,
        cancel: Cancel::default(),
    };
    match execute(line, env, err.clone(), log, shell.interrupts) {
        Ok(()) => exit::OK,
        Err(error) => {
            // Where nobody reads errors, the exit code is all there is.
            let _ = err.write_all(describe(&error, verbose).as_bytes());
            error.exit_code()
        }
    }
}

fn execute(
    line: Line,
    env: Env,
    err: SharedWriter,
    log: Option<Log>,
    interrupts: Interrupts,
) -> Result<(), DesyncError> {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    if let Some(log) = log {
        runtime.on_thread_start(move || log.attach());
    }
    let runtime = runtime.enable_all().build();
    let runtime =
        runtime.map_err(|error| DesyncError::Internal(format!("start the worker threads: {error}")))?;
    let interrupter = Interrupter::default();
    let cancel = env.cancel.clone();
    interrupter.on_interrupt(move || cancel.cancel());
    let signals = interrupts.are_signals();
    // A thread of its own, since the futures of the commands cannot move between threads.
    let work = runtime.spawn_blocking(move || Handle::current().block_on(dispatch(line, env, err, signals)));
    let outcome = match run_to_the_end(&runtime, &interrupter, interrupts, work) {
        Some(Ok(Ok(outcome))) => outcome,
        Some(Ok(Err(lost)) | Err(lost)) => Err(lost.into()),
        None => {
            runtime.shutdown_background();
            return Err(DesyncError::Interrupted);
        }
    };
    // Threads that were reading or writing see the interrupt and remove their temporary files. One that waits
    // for the standard input does not, and is not waited for.
    runtime.shutdown_timeout(CLEAN_UP);
    outcome
}

async fn dispatch(line: Line, mut env: Env, err: SharedWriter, signals: bool) -> Result<(), DesyncError> {
    let Line {
        config,
        digest,
        command,
        ..
    } = line;
    match command {
        Command::Tool(command) => {
            let args = DesyncArgs {
                config,
                digest,
                command: *command,
            };
            Box::pin(vsekai_desync::run(args, env)).await
        }
        #[cfg(feature = "servers")]
        Command::ChunkServer(args) => {
            let host = serve::Host::new(config, digest, &env, err, signals)?;
            Box::pin(host.chunk_server(*args)).await
        }
        #[cfg(feature = "servers")]
        Command::IndexServer(args) => {
            let host = serve::Host::new(config, digest, &env, err, signals)?;
            Box::pin(host.index_server(*args)).await
        }
        #[cfg(not(feature = "servers"))]
        Command::ChunkServer(_) | Command::IndexServer(_) => {
            let _ = (err, signals);
            Err(elsewhere(
                "this program was built without servers",
                "use the program vsekai or desync, or any web server",
            ))
        }
        Command::MountIndex(_) => Err(elsewhere(
            "mount-index is not supported",
            "write the file with extract, or a part of it with cat",
        )),
        Command::Manpage(args) => generate::manpage(&args),
        Command::Completion(args) => generate::completion(&args, &mut env.out),
    }
}

fn elsewhere(what: &str, instead: &str) -> DesyncError {
    DesyncError::Usage(format!("{what}; {instead}"))
}

fn describe(error: &DesyncError, verbose: bool) -> String {
    let mut text = format!("Error: {}\n", escape(&error.to_string()));
    let mut source = std::error::Error::source(error).filter(|_| verbose);
    while let Some(cause) = source {
        text.push_str(&format!("  because: {}\n", escape(&cause.to_string())));
        source = cause.source();
    }
    text
}

/// Time for threads to see that the command is over.
const CLEAN_UP: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn found(words: &[&str]) -> Option<(&'static str, usize)> {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        Invocation::find(&words).map(|found| (found.called, found.arguments.len()))
    }

    #[test]
    fn the_name_or_the_first_word_make_it_desync() {
        assert_eq!(
            found(&["/usr/bin/desync", "info", "-c", "x"]),
            Some(("desync", 3))
        );
        assert_eq!(found(&["desync.exe"]), Some(("desync", 0)));
        assert_eq!(found(&["vsekai", "desync", "info"]), Some(("vsekai desync", 1)));
        assert_eq!(found(&["vsekai", "update", "desync"]), None);
        assert_eq!(found(&["desyncer", "update"]), None);
        assert_eq!(found(&["vsekai"]), None);
        assert_eq!(found(&[]), None);
    }

    #[test]
    fn switches_with_values_are_those_before_two_dashes() {
        let words = [
            "verify",
            "-r=true",
            "--repair=0",
            "-s=1",
            "--",
            "-r=true",
            "--repair=0",
        ];
        let words = words.map(OsString::from);
        let written = without_values(&Line::command(), &words);
        assert_eq!(written, ["verify", "-r", "-s=1", "--", "-r=true", "--repair=0"]);
    }
}
