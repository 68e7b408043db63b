// SPDX-License-Identifier: MIT
//! The way of a player who has never seen the game: install, start, and watch it, in a folder that is thrown away.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use vsekai_engine::paths::InstallPaths;
use vsekai_engine::{
    EngineError, ErrorCode, Event, GameExit, InstallConfig, LaunchOptions, RunningGame, Updater,
};
use vsekai_formats::release::Platform;
use vsekai_store::Secret;

use crate::failure::Failure;
use crate::job::Desktop;
use crate::lines::Lines;
use crate::message::Level;
use crate::target::Target;

/// Installs what the channel offers into a new folder, starts it with `arguments`, and waits until it ends; the
/// folder is gone afterwards.
///
/// A `read_token` that is none is told and left out: most channels need none.
///
/// # Errors
/// Those of the engine, and a game that ends badly.
pub async fn try_it(
    target: Target,
    read_token: Result<Option<Secret>, Failure>,
    arguments: Vec<String>,
    desktop: Desktop,
) -> Result<(), Failure> {
    let read_token = read_token.unwrap_or_else(|failure| {
        desktop.say(
            Level::Warning,
            "Goes on without a read token: {0}",
            &[&failure.message],
        );
        None
    });
    let folder = tempfile::Builder::new().prefix("vsekai-player-").tempdir()?;
    let config = InstallConfig {
        read_token,
        ..config(&target, folder.path().join("install"))?
    };
    let paths = InstallPaths::new(&config.root);
    let said = "A new player installs into {0}";
    desktop.say(Level::Info, said, &[&config.root.display()]);
    let updater = Updater::open(config, Arc::new(events_to(desktop.clone())))?;
    install(&updater, &desktop).await?;
    let options = LaunchOptions {
        arguments,
        ..LaunchOptions::default()
    };
    let game = tokio::task::block_in_place(|| updater.launch(&options))?;
    let exit = watch(game, GameLog::new(&paths), &desktop).await?;
    drop(updater);
    if let Err(error) = folder.close() {
        desktop.say(Level::Warning, "The folder is not thrown away: {0}", &[&error]);
    }
    let seconds = exit.seconds;
    match (exit.crashed, exit.code) {
        (false, Some(code)) => {
            let said = "The game ended with code {0} after {1} s";
            desktop.say(Level::Info, said, &[&code, &seconds]);
        }
        (false, None) => desktop.say(Level::Info, "The game was ended after {0} s", &[&seconds]),
        (true, code) => {
            let code = code.map_or_else(
                || "without an exit code".to_owned(),
                |code| format!("with code {code}"),
            );
            let message = format!("the game ended {code} after {seconds} s");
            return Err(Failure {
                hint: "What it printed last is in the log".to_owned(),
                ..Failure::new(ErrorCode::Launch, message)
            });
        }
    }
    Ok(())
}

fn config(target: &Target, root: PathBuf) -> Result<InstallConfig, Failure> {
    let platform = Platform::host().ok_or_else(|| {
        Failure::input(
            "there are no releases for this machine",
            "Try the release on a machine that it is for",
        )
    })?;
    let trusted_root = vsekai_publish::read_root(&target.signing.keys)?;
    let mut config = InstallConfig::new(root, platform);
    config.server = Some(target.server.address.clone());
    config.title = Some(target.title.clone());
    config.channel = Some(target.channel.clone());
    config.allow_http = target.server.allow_http;
    config.trusted_root = Some(trusted_root.into());
    Ok(config)
}

async fn install(updater: &Updater, desktop: &Desktop) -> Result<(), Failure> {
    let (control, installing) = (updater.control(), updater.update());
    tokio::pin!(installing);
    tokio::select! {
        biased;
        done = &mut installing => return Ok(done.map(drop)?),
        () = desktop.stop.stopped() => control.cancel(),
    }
    Ok(installing.await.map(drop)?)
}

fn events_to(desktop: Desktop) -> impl Fn(Event) + Send + Sync {
    move |event| match event {
        Event::Progress(progress) => {
            desktop.progress(progress.step.as_str(), progress.done_bytes, progress.total_bytes);
        }
        Event::State { state, phase } => {
            let phase = phase.map_or_else(String::new, |phase| format!(", {phase:?}"));
            desktop.log(Level::Output, format!("{state:?}{phase}"));
        }
        Event::Notice { message, .. } => desktop.log(Level::Output, message),
        Event::GameStarted { pid } => desktop.say(Level::Info, "The game runs as process {0}", &[&pid]),
        Event::Plan(_) | Event::Failed(_) | Event::Verified(_) | Event::GameExited(_) => {}
    }
}

/// Passes on what the game prints until it ends; ends it when somebody wants that.
async fn watch(mut game: RunningGame, mut log: GameLog, desktop: &Desktop) -> Result<GameExit, EngineError> {
    loop {
        let ended = tokio::task::block_in_place(|| game.try_wait())?;
        if let Some(exit) = ended {
            tokio::task::block_in_place(|| log.pass_on_rest(desktop));
            return Ok(exit);
        }
        tokio::task::block_in_place(|| log.pass_on(desktop));
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            () = desktop.stop.stopped() => {
                let ended = tokio::task::block_in_place(|| {
                    let ended = game.kill().and_then(|()| game.wait());
                    log.pass_on_rest(desktop);
                    ended
                });
                return Err(ended.err().unwrap_or(EngineError::Cancelled));
            }
        }
    }
}

/// What the game prints, read as it comes.
struct GameLog {
    file: PathBuf,
    position: u64,
    lines: Lines,
}

impl GameLog {
    fn new(paths: &InstallPaths) -> Self {
        Self {
            file: paths.logs().join("game.log"),
            position: 0,
            lines: Lines::default(),
        }
    }

    /// Passes on what is new, a piece of it, and returns how many bytes that were. A log that cannot be read is no reason
    /// to disturb the game.
    fn pass_on(&mut self, desktop: &Desktop) -> usize {
        let mut new = Vec::new();
        let read = fs_err::File::open(&self.file).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.position))?;
            file.take(MOST_AT_ONCE).read_to_end(&mut new)
        });
        let count = read.unwrap_or_default();
        self.position += count as u64;
        self.lines
            .take(&new[..count], |line| desktop.log(Level::Output, line));
        count
    }

    /// Passes on all that a game that has ended left, but not what others may still write.
    fn pass_on_rest(mut self, desktop: &Desktop) {
        let end = fs_err::metadata(&self.file).map_or(0, |log| log.len());
        while self.position < end && self.pass_on(desktop) > 0 {}
        self.lines.finish(|line| desktop.log(Level::Output, line));
    }
}

/// How often a running game is looked at.
const POLL: Duration = Duration::from_millis(200);
/// Bytes of a game's output passed on at a time.
const MOST_AT_ONCE: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use std::path::Path;

    use vsekai_godot_common::outbox::Item;

    use super::*;
    use crate::job::Stop;
    use crate::message::{Message, Messages};
    use crate::target::Fields;

    #[test]
    fn the_last_words_of_a_game_that_said_much_are_passed_on() {
        let folder = tempfile::tempdir().unwrap();
        let paths = InstallPaths::new(folder.path());
        fs_err::create_dir_all(paths.logs()).unwrap();
        let said = "0123456789 said again and again\n".repeat(10_000) + "the last words";
        assert!(said.len() as u64 > 4 * MOST_AT_ONCE);
        fs_err::write(paths.logs().join("game.log"), said).unwrap();
        let desktop = desktop();
        GameLog::new(&paths).pass_on_rest(&desktop);
        let last = desktop.messages.drain(usize::MAX).pop();
        let expected = Message::Log(Level::Output, "the last words".to_owned());
        assert_eq!(last, Some(Item::Discrete(expected)));
    }

    #[tokio::test]
    async fn keys_without_a_root_are_told_with_the_next_step() {
        let folder = tempfile::tempdir().unwrap();
        let fields = fields(folder.path());
        let failure = try_it(fields.target().unwrap(), Ok(None), Vec::new(), desktop()).await;
        let failure = failure.unwrap_err();
        assert!(failure.message.starts_with("there is no root in"), "{failure:?}");
        assert!(failure.hint.contains("vsekai keys init"), "{failure:?}");
    }

    #[tokio::test]
    async fn a_read_token_that_is_none_is_told_and_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let fields = Fields {
            read_token: "secret words".to_owned(),
            ..fields(folder.path())
        };
        let desktop = desktop();
        let target = fields.target().unwrap();
        let went_on = try_it(target, fields.read_token(), Vec::new(), desktop.clone()).await;
        assert!(went_on.unwrap_err().message.starts_with("there is no root in"));
        let said = format!("{:?}", desktop.messages.drain(usize::MAX));
        assert!(said.contains("the read token is not one word"), "{said}");
        assert!(!said.contains("secret"), "{said}");
    }

    /// What a developer typed whose folder of keys has no root yet.
    fn fields(keys: &Path) -> Fields {
        Fields {
            server_url: "http://127.0.0.1:1".to_owned(),
            title: "my-game".to_owned(),
            channel: "stable".to_owned(),
            keys_folder: keys.display().to_string(),
            ..Fields::default()
        }
    }

    fn desktop() -> Desktop {
        Desktop {
            messages: Arc::new(Messages::new()),
            stop: Stop::default(),
        }
    }
}
