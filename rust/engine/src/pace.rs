// SPDX-License-Identifier: MIT
//! Keeps a running download at the pace that the player's preferences allow at the moment.

use std::convert::Infallible;
use std::time::Duration;

use crate::clock::TimeOfDay;
use crate::error::EngineError;
use crate::event::NoticeCode;
use crate::lock;
use crate::paths::InstallPaths;
use crate::policy::{NetworkKind, Pace, Situation, Wish};
use crate::preferences::Preferences;
use crate::record::Current;
use crate::session::Session;

/// What the engine cannot see by itself: where the player is and how they are connected.
///
/// Asked once a second while something is downloaded; an answer must come at once.
pub trait Surroundings: Send + Sync {
    /// Returns the time of the day where the player is; `None` if nobody can tell.
    fn now(&self) -> Option<TimeOfDay>;

    /// Returns what kind of connection the player has.
    fn network(&self) -> NetworkKind;
}

/// Surroundings that nobody can tell anything about: no time, an unknown network.
#[derive(Clone, Copy, Debug, Default)]
pub struct UnknownSurroundings;

impl Surroundings for UnknownSurroundings {
    fn now(&self) -> Option<TimeOfDay> {
        None
    }

    fn network(&self) -> NetworkKind {
        NetworkKind::Unknown
    }
}

/// Returns how things are at the moment.
pub(crate) fn situation(paths: &InstallPaths, surroundings: &dyn Surroundings) -> Situation {
    Situation {
        now: surroundings.now(),
        network: surroundings.network(),
        game_running: game_runs(paths),
    }
}

/// Tells whether a game runs from any version in the folder.
pub(crate) fn game_runs(paths: &InstallPaths) -> bool {
    let current = Current::load(paths).ok().flatten();
    let mut versions = current.iter().flat_map(Current::versions);
    versions.any(|version| lock::is_in_use(paths, &version.name))
}

/// What a download of `bytes` goes by.
pub(crate) struct Pacing<'a> {
    pub(crate) paths: &'a InstallPaths,
    pub(crate) surroundings: &'a dyn Surroundings,
    pub(crate) wish: Wish,
    pub(crate) bytes: u64,
    /// The caller named a limit of its own, which the one in the preferences does not count beside.
    pub(crate) limit_is_named: bool,
}

/// Runs `work` at the pace that the preferences allow, changes of them included.
pub(crate) async fn keep<T>(
    session: &Session,
    pacing: &Pacing<'_>,
    work: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, EngineError> {
    tokio::select! {
        biased;
        // The work goes second, so that it starts at the right pace.
        never = pacing.watch(session) => match never {},
        result = Box::pin(work) => result,
    }
}

impl Pacing<'_> {
    async fn watch(&self, session: &Session) -> Infallible {
        let mut told = None;
        let mut preferences = Preferences::default();
        loop {
            // A file that is damaged or cannot be read right now is no reason to drop what was decided.
            preferences = Preferences::read(self.paths).map_or(preferences, Option::unwrap_or_default);
            let counted = match self.limit_is_named {
                true => Preferences {
                    rate_limit: None,
                    ..preferences.clone()
                },
                false => preferences.clone(),
            };
            let now = situation(self.paths, self.surroundings);
            let reason = match counted.pace(self.bytes, &now, self.wish) {
                Pace::Go(limit) => {
                    session.control.hold(false, limit.map(u64::from));
                    None
                }
                Pace::Wait(reason) => {
                    session.control.hold(true, None);
                    Some(reason)
                }
            };
            if told != reason {
                if let Some(reason) = &reason {
                    session.notice(NoticeCode::Waits, format!("The download waits: {reason}"));
                }
                told = reason;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

/// How often the preferences are looked at during a download.
const INTERVAL: Duration = Duration::from_secs(1);
