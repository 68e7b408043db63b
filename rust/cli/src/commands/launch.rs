// SPDX-License-Identifier: MIT
//! `launch`.

use std::convert::Infallible;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;
use vsekai_engine::{Event, GameExit, GameOutput, LaunchEntry, LaunchOptions, NoticeCode, Observer as _};

use super::{Context, Finish};
use crate::args::{GlobalArgs, LaunchArgs};
use crate::error::CliError;
use crate::exit;
use crate::output::Output;
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
    let log = game.log().filter(|_| output == GameOutput::Inherit);
    let follower = log.map(|log| Follower::start(&context.output, log));
    let waited = tokio::task::spawn_blocking(move || game.wait()).await;
    let exit = waited.map_err(|error| CliError::internal(error.to_string()))??;
    if let Some(follower) = follower {
        follower.finish().await;
    }
    EngineReport::new(Arc::clone(&context.output)).on_event(Event::GameExited(exit.clone()));
    context.output.note(&describe(&exit));
    if let Some(log) = &exit.crash_log {
        context
            .output
            .note(&format!("The end of its output is kept in {}", log.display()));
    }
    let code = if exit.crashed { exit::GAME_FAILED } else { exit::OK };
    Finish::with_exit(code, &json!({ "pid": pid, "game": exit }))
}

/// Shows what a game writes to its log.
///
/// A pipe would be at hand sooner, and would end a game that writes to it after this program was killed.
struct Follower {
    output: Arc<Output>,
    following: JoinHandle<io::Result<()>>,
    /// Closed when the game is over.
    playing: Sender<Infallible>,
}

impl Follower {
    fn start(output: &Arc<Output>, log: &Path) -> Self {
        let (playing, over) = mpsc::channel();
        let (log, to) = (log.to_owned(), Arc::clone(output));
        Self {
            output: Arc::clone(output),
            following: tokio::task::spawn_blocking(move || follow(&log, &to, &over)),
            playing,
        }
    }

    /// Shows the rest. How the game ended counts more than what it said, so a log that cannot be read is told and no
    /// more.
    async fn finish(self) {
        drop(self.playing);
        let followed = self.following.await.map_err(io::Error::other);
        if let Err(error) = followed.and_then(|followed| followed) {
            EngineReport::new(self.output).on_event(Event::Notice {
                code: NoticeCode::GameLog,
                message: format!("What the game said cannot be shown: {error}"),
            });
        }
    }
}

fn follow(log: &Path, output: &Output, over: &Receiver<Infallible>) -> io::Result<()> {
    let mut log = fs_err::File::open(log)?;
    let mut shown = 0;
    loop {
        let is_over = over.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Disconnected);
        // Not to the end: others may go on writing there for ever.
        let length = log.metadata()?.len();
        while shown < length {
            let mut said = vec![0; PIECE.min(usize::try_from(length - shown).unwrap_or(PIECE))];
            log.read_exact(&mut said)?;
            output.pass_on(&said);
            shown += said.len() as u64;
        }
        if is_over {
            return Ok(());
        }
    }
}

/// How often the log is looked at.
const INTERVAL: Duration = Duration::from_millis(50);
/// Bytes shown at once at the most.
const PIECE: usize = 64 * 1024;

fn describe(exit: &GameExit) -> String {
    match (exit.code, exit.signal) {
        (Some(0), _) => "The game ended".to_owned(),
        (Some(code), _) => format!("The game ended with exit code {code}"),
        (None, Some(signal)) => format!("The game was ended by signal {signal}"),
        (None, None) => "The game ended in an unknown way".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::Style;
    use crate::shell::Streams;

    #[tokio::test]
    async fn a_log_that_cannot_be_read_is_told_and_no_more() {
        let (mut said, err) = io::pipe().unwrap();
        let streams = Streams {
            out: Box::new(io::sink()),
            err: Box::new(err),
        };
        let output = Arc::new(Output::new(streams, Style::default()));
        let folder = tempfile::tempdir().unwrap();
        let follower = Follower::start(&output, &folder.path().join("game.log"));
        follower.finish().await;
        drop(output);
        let mut told = String::new();
        said.read_to_string(&mut told).unwrap();
        assert!(
            told.starts_with("note: What the game said cannot be shown: "),
            "{told}"
        );
    }
}
