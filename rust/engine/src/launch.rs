// SPDX-License-Identifier: MIT
//! Starting the installed game.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Instant;

use fs_err as fs;
use serde::Serialize;
use vsekai_formats::release::{Platform, Program, ProgramFormat, ReleaseManifest};

use crate::disk;
use crate::error::{EngineError, IoContext as _};
use crate::event::NoticeCode;
use crate::lock::InUse;
use crate::paths::InstallPaths;
use crate::record::InstalledVersion;
use crate::session::Machine;
use crate::watch::Watch;

/// Which of a release's programs to start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LaunchEntry {
    /// "Play".
    #[default]
    Desktop,
    /// "Play in VR".
    Vr,
}

/// Where the game's output goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GameOutput {
    /// Its results to the launcher's own output, what it says on stderr to the log. Whoever wants to show that reads
    /// along: the game goes on without them.
    Inherit,
    /// All of it to the log.
    #[default]
    Log,
}

/// How to start the game.
#[derive(Clone, Debug, Default)]
pub struct LaunchOptions {
    /// Which program.
    pub entry: LaunchEntry,
    /// Arguments after the release's own, passed as they are without a shell.
    pub arguments: Vec<String>,
    /// Variables added to the launcher's environment.
    pub environment: Vec<(String, String)>,
    /// Folder it runs in; its own if there is none.
    pub working_folder: Option<PathBuf>,
    /// Where its output goes.
    pub output: GameOutput,
    /// Whether the game goes on when the launcher's terminal is interrupted.
    pub detach: bool,
}

/// How the game ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GameExit {
    /// Its exit code, if it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it, where there are signals.
    pub signal: Option<i32>,
    /// Whether it ended by a signal or with a code other than 0.
    pub crashed: bool,
    /// For how many seconds it ran.
    pub seconds: u64,
    /// Where the end of the log is kept, if it crashed.
    pub crash_log: Option<PathBuf>,
}

impl GameExit {
    /// Tells whether somebody asked it to end: Ctrl-C, a closed terminal, the system shutting down.
    pub fn was_asked_to_end(&self) -> bool {
        const HANG_UP: i32 = 1;
        const INTERRUPT: i32 = 2;
        const TERMINATE: i32 = 15;
        /// What Windows gives programs that are ended by Ctrl-C.
        const CONTROL_C: i32 = 0xC000_013A_u32 as i32;
        matches!(self.signal, Some(HANG_UP | INTERRUPT | TERMINATE)) || self.code == Some(CONTROL_C)
    }
}

/// A game that was started.
///
/// Whoever holds it should ask now and then how the game does: that is how the engine learns whether the
/// version starts well.
#[derive(Debug)]
pub struct RunningGame {
    child: Child,
    program: PathBuf,
    started: Instant,
    watch: Watch,
    ended: Option<GameExit>,
    /// `None` if the version could not be marked.
    _in_use: Option<InUse>,
}

impl RunningGame {
    /// Returns its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns the file that its output goes to: `ROOT/.vsekai/logs/game.log`, `None` if there can be none. That of the run
    /// before lies beside it as `game.previous.log`.
    pub fn log(&self) -> Option<&Path> {
        self.watch.log()
    }

    /// Waits until it ends.
    ///
    /// # Errors
    /// The system does not say how it ended.
    pub fn wait(&mut self) -> Result<GameExit, EngineError> {
        let status = self.child.wait().during("wait for", &self.program)?;
        Ok(self.end(status))
    }

    /// Returns how it ended, or `None` while it runs.
    ///
    /// # Errors
    /// The system does not say.
    pub fn try_wait(&mut self) -> Result<Option<GameExit>, EngineError> {
        match self.child.try_wait().during("wait for", &self.program)? {
            Some(status) => Ok(Some(self.end(status))),
            None => {
                self.watch.runs(self.started.elapsed());
                Ok(None)
            }
        }
    }

    /// Ends it at once, whatever it is doing; [`RunningGame::wait`] tells that it is over.
    ///
    /// # Errors
    /// The system does not end it.
    pub fn kill(&mut self) -> Result<(), EngineError> {
        self.child.kill().during("end", &self.program)
    }

    /// Notes how it ended, once.
    fn end(&mut self, status: ExitStatus) -> GameExit {
        if let Some(exit) = &self.ended {
            return exit.clone();
        }
        let ran = self.started.elapsed();
        let exit = self.watch.ended(game_exit(status), ran);
        self.ended = Some(exit.clone());
        exit
    }
}

/// Starts a program of the installed version `version`.
///
/// Never waits for the network. The version is kept on disk for as long as the game runs, even if this
/// launcher ends before it, unless it was told that it cannot be marked.
pub(crate) fn launch(
    paths: &InstallPaths,
    machine: &Arc<Machine>,
    version: &InstalledVersion,
    manifest: &ReleaseManifest,
    options: &LaunchOptions,
) -> Result<RunningGame, EngineError> {
    let program = match options.entry {
        LaunchEntry::Desktop => &manifest.launch.desktop,
        LaunchEntry::Vr => manifest.launch.vr.as_ref().ok_or(EngineError::NoVrEntry)?,
    };
    let folder = paths.version(&version.name);
    let path = folder.join(program.path.as_str());
    check_program(&path, manifest.platform)?;
    let in_use = mark(paths, machine, version);
    let inherit = |yes: bool| in_use.as_ref().map_or(Ok(()), |in_use| in_use.inherit(yes));
    let mut command = command(&path, &folder, program, options);
    let log = redirect(&mut command, paths, machine, options.output);
    // Written down before the game is started: whatever happens next, the start is known of.
    let mut watch = Watch::begin(paths, machine, version, log);
    command.env(START_FILE, watch.report_file());
    inherit(true).during("hand on the lock of", &folder)?;
    let child = command.spawn();
    inherit(false).during("keep the lock of", &folder)?;
    let child = child.map_err(|source| {
        watch.not_started();
        EngineError::Launch {
            program: path.clone(),
            source,
        }
    })?;
    Ok(RunningGame {
        child,
        program: path,
        started: Instant::now(),
        watch,
        ended: None,
        _in_use: in_use,
    })
}

/// Marks a version as in use. Where that cannot be done, it is told, and the game is started all the same: who may not write
/// there can hardly remove the version either, and nobody changes the folder where the system has no locks. What is left is a
/// player who removes or moves the install while they play, and they were told.
fn mark(paths: &InstallPaths, machine: &Machine, version: &InstalledVersion) -> Option<InUse> {
    InUse::mark(paths, &version.name)
        .map_err(|error| {
            let version = &version.version;
            let message = format!(
                "The game starts, but {version} cannot be marked as in use, so do not remove or move it meanwhile: {error}"
            );
            machine.notice(NoticeCode::NotMarked, message);
        })
        .ok()
}

/// Variable that names the file which a game creates when it is there.
pub const START_FILE: &str = "VSEKAI_START_FILE";

/// Says that the game is there; for games, which find the path in the variable [`START_FILE`].
///
/// # Errors
/// The file cannot be created.
pub fn report_started(file: &Path) -> Result<(), EngineError> {
    let created = fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(file);
    created.map(|_| ()).during("create", file)
}

/// Checks by its first bytes that a file can be started on `platform`.
///
/// # Errors
/// [`EngineError::WrongPlatform`] says what it is instead.
pub(crate) fn check_program(path: &Path, platform: Platform) -> Result<(), EngineError> {
    use std::io::Read as _;
    let mut head = Vec::new();
    let file = fs::File::open(path).map_err(|source| EngineError::Launch {
        program: path.to_owned(),
        source,
    })?;
    file.take(64).read_to_end(&mut head).during("read", path)?;
    let found = ProgramFormat::of(&head);
    if found.runs_on(platform) {
        return Ok(());
    }
    let program = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Err(EngineError::WrongPlatform {
        platform,
        program,
        found,
    })
}

fn command(path: &Path, folder: &Path, program: &Program, options: &LaunchOptions) -> Command {
    let mut command = Command::new(path);
    command.args(&program.arguments).args(&options.arguments);
    command.envs(options.environment.iter().map(|(name, value)| (name, value)));
    command.current_dir(options.working_folder.as_deref().unwrap_or(folder));
    command.stdin(Stdio::null());
    // Meant for the launcher itself; a game that inherits them loads the wrong libraries.
    for name in ["LD_LIBRARY_PATH", "LD_PRELOAD"] {
        command.env_remove(name);
    }
    #[cfg(unix)]
    if options.detach {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
    }
    command
}

/// Sends the output where it shall go; returns the log. Where there can be none, that is told: the game counts more.
fn redirect(
    command: &mut Command,
    paths: &InstallPaths,
    machine: &Machine,
    output: GameOutput,
) -> Option<PathBuf> {
    match begin_log(paths) {
        Ok((path, [log, same])) => {
            if output == GameOutput::Log {
                command.stdout(log);
            }
            command.stderr(same);
            Some(path)
        }
        Err(error) => {
            machine.notice(
                NoticeCode::NoGameLog,
                format!("The game starts without a log: {error}"),
            );
            if output == GameOutput::Log {
                command.stdout(Stdio::null()).stderr(Stdio::null());
            }
            None
        }
    }
}

/// Begins a new log, and keeps the last one; returns it open, once for each stream of output.
fn begin_log(paths: &InstallPaths) -> Result<(PathBuf, [std::fs::File; 2]), EngineError> {
    disk::create_folders(&paths.logs())?;
    let path = paths.logs().join("game.log");
    if path.exists() {
        let kept = paths.logs().join("game.previous.log");
        fs::rename(&path, kept).during("keep the last log", &path)?;
    }
    let log = fs::File::create(&path).during("create", &path)?.into_file();
    let same = log.try_clone().during("open", &path)?;
    Ok((path, [log, same]))
}

fn game_exit(status: ExitStatus) -> GameExit {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal = None;
    GameExit {
        code: status.code(),
        signal,
        crashed: !status.success(),
        seconds: 0,
        crash_log: None,
    }
}
