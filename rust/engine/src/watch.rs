// SPDX-License-Identifier: MIT
//! Watching a game that was started: writes down how the start went, keeps what it said when it crashed, and
//! goes back to the last good version when the current one keeps failing.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use fs_err as fs;

use crate::disk;
use crate::error::{EngineError, IoContext as _};
use crate::event::NoticeCode;
use crate::launch::GameExit;
use crate::paths::InstallPaths;
use crate::preferences::Preferences;
use crate::record::InstalledVersion;
use crate::session::Machine;
use crate::starts::{Seen, StartLog, StartOutcome};
use crate::versions;

/// One start under watch.
pub(crate) struct Watch {
    paths: InstallPaths,
    machine: Arc<Machine>,
    version: InstalledVersion,
    id: u64,
    limit: Duration,
    /// The game's output, if there is a log of it.
    log: Option<PathBuf>,
    /// Whether it is known that the start went well.
    good: bool,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("id", &self.id)
            .field("version", &self.version.version)
            .finish_non_exhaustive()
    }
}

impl Watch {
    /// Writes down durably that `version` is about to be started, its output going to `log`.
    ///
    /// Where that cannot be written down, on a full disk for instance, it is told, and the game is started all the same.
    pub(crate) fn begin(
        paths: &InstallPaths,
        machine: &Arc<Machine>,
        version: &InstalledVersion,
        log: Option<PathBuf>,
    ) -> Self {
        let limit = Preferences::load(paths).start_seconds;
        let mut watch = Self {
            paths: paths.clone(),
            machine: machine.clone(),
            version: version.clone(),
            id: UNNUMBERED,
            limit: Duration::from_secs(u64::from(limit)),
            log,
            good: false,
        };
        // The folder first: a game that cannot say that it is there should not fail over that.
        let noted = disk::create_folders(&paths.reports())
            .and_then(|()| StartLog::change(paths, |log| log.begin(version)));
        watch.id = watch.tell_error(noted).unwrap_or(UNNUMBERED);
        if watch.id == UNNUMBERED {
            // What an earlier start without a number has left says nothing of this one.
            let _ = fs::remove_file(watch.report_file());
        }
        watch
    }

    /// Returns the file that the game's output goes to, if there is one.
    pub(crate) fn log(&self) -> Option<&Path> {
        self.log.as_deref()
    }

    /// Returns the file by which the game says that it is there.
    pub(crate) fn report_file(&self) -> PathBuf {
        self.paths.report(self.id)
    }

    /// Writes down that the program could not be started.
    pub(crate) fn not_started(&mut self) {
        let noted = StartLog::change(&self.paths, |log| log.not_started(self.id));
        self.tell_error(noted);
        self.go_back_if_need_be();
    }

    /// Takes note that the game has run for `ran` and still does.
    pub(crate) fn runs(&mut self, ran: Duration) {
        // The log is only touched when there is something to write down.
        if self.good || ran < self.limit && !self.reported() {
            return;
        }
        self.settle(None, ran);
    }

    /// Takes note of how the game ended; returns that with what is known beyond it.
    pub(crate) fn ended(&mut self, exit: GameExit, ran: Duration) -> GameExit {
        let exit = GameExit {
            seconds: ran.as_secs(),
            ..exit
        };
        self.settle(Some(&exit), ran);
        let crash_log = match exit.crashed && !exit.was_asked_to_end() {
            true => self.keep_crash_log(&exit),
            false => None,
        };
        // A report that came late says nothing any more.
        let _ = fs::remove_file(self.report_file());
        self.go_back_if_need_be();
        GameExit { crash_log, ..exit }
    }

    fn settle(&mut self, exit: Option<&GameExit>, ran: Duration) {
        let seen = Seen {
            exit: exit.cloned(),
            ran,
            reported: self.reported(),
        };
        let settled = StartLog::change(&self.paths, |log| log.settle(self.id, &seen, self.limit));
        let went = self.tell_error(settled);
        if went == Some(StartOutcome::Good) && !self.good {
            self.good = true;
            // What was only kept in case this version does not start can go now.
            let retired = versions::retire(&self.paths);
            self.tell_error(retired);
        }
    }

    fn reported(&self) -> bool {
        self.report_file().exists()
    }

    fn go_back_if_need_be(&self) {
        let settled = versions::settle(&self.paths, &self.machine);
        self.tell_error(settled);
    }

    /// Keeps the end of the game's output under a name of its own, and the last few of those.
    fn keep_crash_log(&self, exit: &GameExit) -> Option<PathBuf> {
        let log = self.log()?;
        let kept = self.paths.logs().join(format!("{CRASH}{:06}.log", self.id));
        let head = format!(
            "version {}, exit code {}, signal {}, after {} s\n",
            self.version.version,
            exit.code
                .map_or_else(|| "none".to_owned(), |code| code.to_string()),
            exit.signal
                .map_or_else(|| "none".to_owned(), |signal| signal.to_string()),
            exit.seconds
        );
        let written =
            keep_tail(log, &kept, &head).and_then(|()| forget_old_crashes(&self.paths.logs(), &kept));
        self.tell_error(written).map(|()| kept)
    }

    /// Tells what could not be written down; the game itself is none the worse for it.
    fn tell_error<T>(&self, result: Result<T, EngineError>) -> Option<T> {
        result
            .map_err(|error| {
                let message = format!("How the start went could not be noted: {error}");
                self.machine.notice(NoticeCode::StartRecord, message);
            })
            .ok()
    }
}

/// Writes `head` and the last bytes of `log` to `kept`.
fn keep_tail(log: &Path, kept: &Path, head: &str) -> Result<(), EngineError> {
    let mut file = fs::File::open(log).during("open", log)?;
    let length = file.metadata().during("look at", log)?.len();
    let start = length.saturating_sub(CRASH_LOG_BYTES);
    file.seek(SeekFrom::Start(start)).during("read", log)?;
    let mut bytes = head.as_bytes().to_vec();
    file.take(CRASH_LOG_BYTES)
        .read_to_end(&mut bytes)
        .during("read", log)?;
    disk::write_durably(kept, &bytes)
}

/// Removes the oldest crash logs beyond the last few. `newest` stays: a start without a number has the lowest one.
fn forget_old_crashes(logs: &Path, newest: &Path) -> Result<(), EngineError> {
    let entries = fs::read_dir(logs).during("list", logs)?;
    let mut crashes: Vec<PathBuf> = entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(CRASH))
        .map(|entry| entry.path())
        .filter(|path| path != newest)
        .collect();
    crashes.sort();
    let too_many = crashes.len().saturating_sub(CRASH_LOGS - 1);
    for old in crashes.into_iter().take(too_many) {
        fs::remove_file(&old).during("remove", &old)?;
    }
    Ok(())
}

/// Returns a number of a start that no start has left anything under.
pub(crate) fn unused_number(paths: &InstallPaths) -> u64 {
    let of_report = |name: &str| name.parse::<u64>().ok();
    let of_crash = |name: &str| of_report(name.strip_prefix(CRASH)?.strip_suffix(".log")?);
    let reports = disk::names_in(&paths.reports()).into_iter();
    let crashes = disk::names_in(&paths.logs()).into_iter();
    let used = reports
        .filter_map(|name| of_report(&name))
        .chain(crashes.filter_map(|name| of_crash(&name)));
    used.max().map_or(1, |last| last.saturating_add(1))
}

/// In place of the number of a start that is not written down; no start has it.
const UNNUMBERED: u64 = 0;
/// How the names of crash logs begin.
const CRASH: &str = "crash-";
/// Crash logs that are kept.
const CRASH_LOGS: usize = 5;
/// Most bytes of output in one of them.
const CRASH_LOG_BYTES: u64 = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_crash_log_stays_though_its_start_has_no_number() {
        let logs = tempfile::tempdir().unwrap();
        let at = |number: u64| logs.path().join(format!("{CRASH}{number:06}.log"));
        for number in UNNUMBERED..=5 {
            fs::write(at(number), "").unwrap();
        }
        forget_old_crashes(logs.path(), &at(UNNUMBERED)).unwrap();
        let left: Vec<u64> = (UNNUMBERED..=5).filter(|number| at(*number).exists()).collect();
        assert_eq!(left, [UNNUMBERED, 2, 3, 4, 5]);
    }
}
