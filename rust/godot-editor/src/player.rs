// SPDX-License-Identifier: MIT
//! The way of a player who has never seen the game: install, start, and watch it, in a folder that is thrown away.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use vsekai_engine::paths::InstallPaths;
use vsekai_engine::{
    EngineError, ErrorCode, Event, GameExit, InstallConfig, LaunchOptions, RunningGame, Step, Updater,
};
use vsekai_formats::release::Platform;

use crate::failure::Failure;
use crate::job::Desktop;
use crate::lines::Lines;
use crate::message::Level;
use crate::target::Target;

/// Installs what the channel offers into a new folder, starts it with `arguments`, and waits until it ends; the
/// folder is gone afterwards.
///
/// # Errors
/// Those of the engine, and a game that ends badly.
pub async fn try_it(target: Target, arguments: Vec<String>, desktop: Desktop) -> Result<(), Failure> {
    let folder = tempfile::Builder::new().prefix("vsekai-player-").tempdir()?;
    let config = config(&target, folder.path().join("install"))?;
    let paths = InstallPaths::new(&config.root);
    desktop.log(
        Level::Info,
        format!("A new player installs into {}", config.root.display()),
    );
    let updater = Updater::open(config, Arc::new(events_to(desktop.clone())))?;
    install(&updater, &desktop).await?;
    let options = LaunchOptions {
        arguments,
        ..LaunchOptions::default()
    };
    let game = tokio::task::block_in_place(|| updater.launch(&options))?;
    let exit = watch(game, GameLog::new(&paths), &desktop).await?;
    let code = exit.code.map_or_else(
        || "without an exit code".to_owned(),
        |code| format!("with code {code}"),
    );
    let line = format!("The game ended {code} after {} s", exit.seconds);
    drop(updater);
    if let Err(error) = folder.close() {
        desktop.log(Level::Warning, format!("The folder is not thrown away: {error}"));
    }
    match exit.crashed {
        false => {
            desktop.log(Level::Info, line);
            Ok(())
        }
        true => Err(Failure {
            hint: "What it printed last is in the log".to_owned(),
            ..Failure::new(ErrorCode::Launch, line)
        }),
    }
}

fn config(target: &Target, root: PathBuf) -> Result<InstallConfig, Failure> {
    let platform = Platform::host().ok_or_else(|| {
        Failure::input(
            "there are no releases for this machine",
            "Try the release on a machine that it is for",
        )
    })?;
    let mut trusted_root = Vec::new();
    fs_err::File::open(target.signing.keys.root_file())?
        .take(MAX_ROOT_BYTES)
        .read_to_end(&mut trusted_root)?;
    let mut config = InstallConfig::new(root, platform);
    config.server = Some(target.server.address.clone());
    config.title = Some(target.title.clone());
    config.channel = Some(target.channel.clone());
    config.allow_http = target.server.allow_http;
    config.trusted_root = Some(trusted_root);
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
            let step = match progress.step {
                Step::Download => "download",
                Step::Apply => "apply",
                Step::Verify => "verify",
            };
            desktop.progress(step, progress.done_bytes, progress.total_bytes);
        }
        Event::State { state, phase } => {
            let phase = phase.map_or_else(String::new, |phase| format!(", {phase:?}"));
            desktop.log(Level::Output, format!("{state:?}{phase}"));
        }
        Event::Notice { message, .. } => desktop.log(Level::Output, message),
        Event::GameStarted { pid } => desktop.log(Level::Info, format!("The game runs as process {pid}")),
        Event::Plan(_) | Event::Failed(_) | Event::Verified(_) | Event::GameExited(_) => {}
    }
}

/// Passes on what the game prints until it ends; ends it when somebody wants that.
async fn watch(mut game: RunningGame, mut log: GameLog, desktop: &Desktop) -> Result<GameExit, EngineError> {
    loop {
        let ended = tokio::task::block_in_place(|| game.try_wait())?;
        tokio::task::block_in_place(|| log.pass_on(desktop));
        if let Some(exit) = ended {
            log.lines.finish(|line| desktop.log(Level::Output, line));
            return Ok(exit);
        }
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            () = desktop.stop.stopped() => {
                tokio::task::block_in_place(|| game.kill().and_then(|()| game.wait()))?;
                return Err(EngineError::Cancelled);
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

    /// Passes on what is new. A log that cannot be read is no reason to disturb the game.
    fn pass_on(&mut self, desktop: &Desktop) {
        let mut new = Vec::new();
        let read = fs_err::File::open(&self.file).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.position))?;
            file.take(MOST_AT_ONCE).read_to_end(&mut new)
        });
        if let Ok(count) = read {
            self.position += count as u64;
            self.lines.take(&new, |line| desktop.log(Level::Output, line));
        }
    }
}

/// How often a running game is looked at.
const POLL: Duration = Duration::from_millis(200);
/// Bytes of a game's output passed on at a time.
const MOST_AT_ONCE: u64 = 64 << 10;
/// Largest root read, in bytes.
const MAX_ROOT_BYTES: u64 = 1 << 20;
