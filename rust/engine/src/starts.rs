// SPDX-License-Identifier: MIT
//! How starts of the game went, and what follows from that.
//!
//! Pure: the log is a value, and how a game ended is told by whoever watched it. A start is written down before
//! the game is started and judged after it; a start that nobody saw the end of, because the launcher was
//! killed or the power went, counts neither way.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use vsekai_formats::release::{Pinned, Version};

use crate::launch::GameExit;
use crate::preferences::Preferences;
use crate::record::{Current, Document as _, InstalledVersion};

/// How a start went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StartOutcome {
    /// The game has not been seen to end, nor to be there.
    Open,
    /// The game said that it is there, or ran for long enough.
    Good,
    /// It could not be started at all.
    NotStarted,
    /// It crashed before it was there.
    Crashed,
    /// It ended without ever having said that it is there, although this game does.
    Silent,
    /// Nothing can be said: it was ended early, or nobody saw its end.
    Unclear,
}

impl StartOutcome {
    /// Tells whether the version failed to start.
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::NotStarted | Self::Crashed | Self::Silent)
    }

    /// Returns what happened, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Open => "is being started",
            Self::Good => "started well",
            Self::NotStarted => "could not be started",
            Self::Crashed => "crashed while starting",
            Self::Silent => "ended before it was ready",
            Self::Unclear => "was ended early",
        }
    }
}

/// One start of the game.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartRecord {
    /// Its number, never used twice in an install folder.
    pub id: u64,
    /// The version's folder.
    pub name: String,
    /// The version's label.
    pub version: Version,
    /// How it went.
    pub outcome: StartOutcome,
    /// The exit code, if it ended by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The signal that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
    /// For how many seconds it was seen to run.
    #[serde(default)]
    pub seconds: u64,
}

/// A release that was given up because it did not start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// Its manifest.
    pub manifest: Pinned,
    /// Its label.
    pub version: Version,
    /// How many starts in a row failed.
    pub failures: u32,
    /// How the last one went.
    pub outcome: StartOutcome,
}

/// The last starts in an install folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StartLog {
    /// Version of this document.
    pub schema: u32,
    /// Number of the next start.
    pub next: u64,
    /// Whether this game has ever said that it is there, so that silence means something.
    pub reports: bool,
    /// The starts, the oldest first.
    pub starts: Vec<StartRecord>,
    /// Releases given up, the oldest decision first.
    pub given_up: Vec<GivenUp>,
}

impl Default for StartLog {
    fn default() -> Self {
        Self {
            schema: Self::SCHEMA,
            next: 1,
            reports: false,
            starts: Vec::new(),
            given_up: Vec::new(),
        }
    }
}

/// What was seen of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// How the game ended, if it has.
    pub exit: Option<GameExit>,
    /// For how long it ran.
    pub ran: Duration,
    /// Whether it said that it is there.
    pub reported: bool,
}

/// What follows from the starts of the current version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing.
    Stay,
    /// The version is given up for one of these, the best first.
    GoBack {
        /// Versions to go back to.
        to: Vec<InstalledVersion>,
        /// How many starts in a row failed.
        failures: u32,
        /// How the last one went.
        outcome: StartOutcome,
    },
    /// The version should be given up, but there is none that did better.
    Stuck {
        /// How many starts in a row failed.
        failures: u32,
    },
}

/// Says how a start went; [`StartOutcome::Open`] as long as that cannot be told.
///
/// A game that is known to report counts as started when it has; any other when it ran for `limit`. One that was
/// asked to end early has shown nothing.
pub fn judge(seen: &Seen, reports: bool, limit: Duration) -> StartOutcome {
    use StartOutcome::{Crashed, Good, Open, Silent, Unclear};
    if seen.reported {
        return Good;
    }
    let early = seen.ran < limit;
    match &seen.exit {
        None if early || reports => Open,
        None => Good,
        Some(exit) if early && exit.was_asked_to_end() => Unclear,
        Some(exit) if exit.crashed && (early || reports) && !exit.was_asked_to_end() => Crashed,
        Some(_) if reports => Silent,
        Some(_) if early => Unclear,
        Some(_) => Good,
    }
}

impl StartLog {
    /// Writes down that a version is about to be started; returns the start's number.
    pub fn begin(&mut self, version: &InstalledVersion) -> u64 {
        let id = self.next;
        self.next = self.next.saturating_add(1);
        self.starts.push(StartRecord {
            id,
            name: version.name.clone(),
            version: version.version.clone(),
            outcome: StartOutcome::Open,
            code: None,
            signal: None,
            seconds: 0,
        });
        let too_many = self.starts.len().saturating_sub(MAX_STARTS);
        self.starts.drain(..too_many);
        id
    }

    /// Writes down what was seen of a start; returns how it went.
    pub fn settle(&mut self, id: u64, seen: &Seen, limit: Duration) -> StartOutcome {
        self.reports |= seen.reported;
        let outcome = judge(seen, self.reports, limit);
        let open = |start: &&mut StartRecord| start.id == id && !start.outcome.is_failure();
        if let Some(start) = self.starts.iter_mut().find(open) {
            // Once it was there, nothing that comes later makes it a start that failed.
            if start.outcome != StartOutcome::Good {
                start.outcome = outcome;
            }
            start.seconds = seen.ran.as_secs();
            start.code = seen.exit.as_ref().and_then(|exit| exit.code);
            start.signal = seen.exit.as_ref().and_then(|exit| exit.signal);
            return start.outcome;
        }
        outcome
    }

    /// Writes down that a version could not be started at all.
    pub fn not_started(&mut self, id: u64) {
        if let Some(start) = self.starts.iter_mut().find(|start| start.id == id) {
            start.outcome = StartOutcome::NotStarted;
        }
    }

    /// Closes starts that nobody watches any more; `reported` tells whether the game said that it is there.
    ///
    /// Returns whether anything changed.
    pub fn close_unwatched(
        &mut self,
        watched: impl Fn(&str) -> bool,
        reported: impl Fn(u64) -> bool,
    ) -> bool {
        let mut changed = false;
        for start in &mut self.starts {
            if start.outcome != StartOutcome::Open {
                continue;
            }
            if reported(start.id) {
                start.outcome = StartOutcome::Good;
                self.reports = true;
                changed = true;
            } else if !watched(&start.name) {
                start.outcome = StartOutcome::Unclear;
                changed = true;
            }
        }
        changed
    }

    /// Counts the failures of a version's last starts in a row; starts that show nothing are passed over.
    pub fn failures(&self, name: &str) -> u32 {
        let telling = |outcome: &StartOutcome| outcome.is_failure() || *outcome == StartOutcome::Good;
        let outcomes = self.starts.iter().rev().filter(|start| start.name == name);
        let outcomes = outcomes.map(|start| start.outcome).filter(telling);
        outcomes.take_while(|outcome| outcome.is_failure()).count() as u32
    }

    /// Tells whether a version has ever started well.
    pub fn started_well(&self, name: &str) -> bool {
        let mut starts = self.starts.iter();
        starts.any(|start| start.name == name && start.outcome == StartOutcome::Good)
    }

    /// Returns how the last start of a version went.
    pub fn last(&self, name: &str) -> Option<&StartRecord> {
        self.starts.iter().rev().find(|start| start.name == name)
    }

    /// Returns the record of a release that was given up.
    pub fn given_up(&self, manifest: &Pinned) -> Option<&GivenUp> {
        self.given_up
            .iter()
            .find(|given_up| given_up.manifest == *manifest)
    }

    /// Writes down that a version is given up.
    pub fn give_up(&mut self, version: &InstalledVersion, failures: u32, outcome: StartOutcome) {
        self.given_up.retain(|other| other.manifest != version.manifest);
        self.given_up.push(GivenUp {
            manifest: version.manifest.clone(),
            version: version.version.clone(),
            failures,
            outcome,
        });
        let too_many = self.given_up.len().saturating_sub(MAX_GIVEN_UP);
        self.given_up.drain(..too_many);
    }

    /// Gives a version a new chance: the player put it in place knowingly.
    ///
    /// Returns whether anything was held against it.
    pub fn forgive(&mut self, version: &InstalledVersion) -> bool {
        let before = (self.starts.len(), self.given_up.len());
        self.starts
            .retain(|start| start.name != version.name || start.outcome == StartOutcome::Open);
        self.given_up.retain(|other| other.manifest != version.manifest);
        before != (self.starts.len(), self.given_up.len())
    }

    /// Decides whether the current version is given up.
    ///
    /// Never leads to a version that was given up itself or has failed as often, so two bad versions never take
    /// turns.
    pub fn verdict(&self, current: &Current, preferences: &Preferences) -> Verdict {
        let needed = preferences.failed_starts;
        let failures = self.failures(&current.current.name);
        if needed == 0 || failures < needed {
            return Verdict::Stay;
        }
        let sound = |version: &&InstalledVersion| {
            self.given_up(&version.manifest).is_none()
                && version.manifest != current.current.manifest
                && self.failures(&version.name) < needed
        };
        let mut to: Vec<InstalledVersion> = current.older().filter(sound).cloned().collect();
        // Stable: among those that started well the newest comes first.
        to.sort_by_key(|version| !self.started_well(&version.name));
        let outcome = self
            .last(&current.current.name)
            .map_or(StartOutcome::Unclear, |start| start.outcome);
        match to.is_empty() {
            true => Verdict::Stuck { failures },
            false => Verdict::GoBack {
                to,
                failures,
                outcome,
            },
        }
    }
}

/// Starts that are remembered.
const MAX_STARTS: usize = 64;
/// Releases given up that are remembered.
const MAX_GIVEN_UP: usize = 32;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::fixture::{current, version};

    fn exit(code: Option<i32>, signal: Option<i32>) -> GameExit {
        GameExit {
            code,
            signal,
            crashed: code != Some(0),
            seconds: 0,
            crash_log: None,
        }
    }

    fn seen(exit: Option<GameExit>, seconds: u64, reported: bool) -> Seen {
        Seen {
            exit,
            ran: Duration::from_secs(seconds),
            reported,
        }
    }

    const LIMIT: Duration = Duration::from_secs(30);

    #[test]
    fn a_start_is_judged_by_what_was_seen_of_it() {
        use StartOutcome::{Crashed, Good, Open, Silent, Unclear};
        let crash = || Some(exit(None, Some(11)));
        let clean = || Some(exit(Some(0), None));
        let ended = || Some(exit(None, Some(15)));
        let cases = [
            // What was seen, for a game that is not known to report, and for one that is.
            (seen(None, 5, false), Open, Open),
            (seen(None, 31, false), Good, Open),
            (seen(None, 1, true), Good, Good),
            (seen(crash(), 5, false), Crashed, Crashed),
            (seen(crash(), 31, false), Good, Crashed),
            (seen(crash(), 5, true), Good, Good),
            (seen(Some(exit(Some(1), None)), 5, false), Crashed, Crashed),
            (seen(clean(), 5, false), Unclear, Silent),
            (seen(clean(), 31, false), Good, Silent),
            (seen(ended(), 5, false), Unclear, Unclear),
            (seen(ended(), 31, false), Good, Silent),
        ];
        for (seen, unknown, reporting) in cases {
            assert_eq!(judge(&seen, false, LIMIT), unknown, "{seen:?}");
            assert_eq!(judge(&seen, true, LIMIT), reporting, "{seen:?}, which reports");
        }
    }

    fn fail(log: &mut StartLog, version: &InstalledVersion, times: u32) {
        for _ in 0..times {
            let id = log.begin(version);
            log.settle(id, &seen(Some(exit(Some(1), None)), 1, false), LIMIT);
        }
    }

    fn succeed(log: &mut StartLog, version: &InstalledVersion) {
        let id = log.begin(version);
        assert_eq!(log.settle(id, &seen(None, 40, false), LIMIT), StartOutcome::Good);
    }

    #[test]
    fn a_version_that_fails_often_enough_in_a_row_is_given_up_for_the_last_good_one() {
        let (preferences, current) = (Preferences::default(), current(&["3.0", "2.0", "1.0"]));
        let mut log = StartLog::default();
        succeed(&mut log, &version("1.0"));
        fail(&mut log, &version("3.0"), 2);
        succeed(&mut log, &version("3.0"));
        fail(&mut log, &version("3.0"), 2);
        assert_eq!(log.verdict(&current, &preferences), Verdict::Stay);
        fail(&mut log, &version("3.0"), 1);
        let Verdict::GoBack {
            to,
            failures,
            outcome,
        } = log.verdict(&current, &preferences)
        else {
            panic!("not given up")
        };
        assert_eq!((failures, outcome), (3, StartOutcome::Crashed));
        let labels: Vec<_> = to.iter().map(|version| version.version.as_str()).collect();
        assert_eq!(labels, ["1.0", "2.0"], "the one that started well goes first");
        let never = preferences.with("failed-starts", "0").unwrap();
        assert_eq!(log.verdict(&current, &never), Verdict::Stay);
    }

    #[test]
    fn two_bad_versions_do_not_take_turns() {
        let preferences = Preferences::default();
        let mut log = StartLog::default();
        fail(&mut log, &version("2.0"), 3);
        log.give_up(&version("2.0"), 3, StartOutcome::Crashed);
        fail(&mut log, &version("1.0"), 3);
        let stuck = Verdict::Stuck { failures: 3 };
        assert_eq!(log.verdict(&current(&["1.0", "2.0"]), &preferences), stuck);
        assert!(log.forgive(&version("2.0")));
        assert!(matches!(
            log.verdict(&current(&["1.0", "2.0"]), &preferences),
            Verdict::GoBack { .. }
        ));
    }

    #[test]
    fn a_start_that_nobody_saw_the_end_of_counts_neither_way() {
        let mut log = StartLog::default();
        let version = version("1.0");
        fail(&mut log, &version, 2);
        for _ in 0..5 {
            log.begin(&version);
        }
        assert!(!log.close_unwatched(|_| true, |_| false), "a game still runs");
        assert!(log.close_unwatched(|_| false, |_| false));
        assert_eq!(log.failures(&version.name), 2);
        let id = log.begin(&version);
        assert!(log.close_unwatched(|_| false, |reported| reported == id));
        assert!(log.reports && log.started_well(&version.name));
        assert_eq!(log.failures(&version.name), 0);
    }

    #[test]
    fn once_the_game_was_there_a_later_crash_is_no_failed_start() {
        let mut log = StartLog::default();
        let version = version("1.0");
        let id = log.begin(&version);
        log.settle(id, &seen(None, 2, true), LIMIT);
        log.settle(id, &seen(Some(exit(None, Some(11))), 3, false), LIMIT);
        let last = log.last(&version.name).unwrap();
        assert_eq!((last.outcome, last.signal), (StartOutcome::Good, Some(11)));
    }

    proptest! {
        /// Versions that always crash, with any numbers of attempts: every version is left at most once.
        #[test]
        fn however_bad_the_versions_are_going_back_comes_to_an_end(
            count in 2usize..6, needed in 1u32..5, good in proptest::collection::vec(any::<bool>(), 6)
        ) {
            let labels: Vec<String> = (0..count).map(|n| format!("{n}.0")).collect();
            let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
            let preferences = Preferences::default().with("failed-starts", &needed.to_string()).unwrap();
            let (mut log, mut current) = (StartLog::default(), current(&labels));
            for version in current.versions().zip(&good).filter(|(_, good)| **good).map(|(v, _)| v) {
                succeed(&mut log, version);
            }
            let mut moves = 0;
            for _ in 0..200 {
                fail(&mut log, &current.current.clone(), 1);
                if let Verdict::GoBack { to, failures, outcome } = log.verdict(&current, &preferences) {
                    log.give_up(&current.current, failures, outcome);
                    current = current.went_back_to(&to[0]);
                    moves += 1;
                }
                prop_assert!(log.starts.len() <= MAX_STARTS);
            }
            prop_assert!(moves < count, "{} moves between {} versions", moves, count);
        }
    }
}
