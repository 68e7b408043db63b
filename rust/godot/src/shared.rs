// SPDX-License-Identifier: MIT
//! What the worker and the main thread share: the messages on their way and the status as last known.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use tokio::sync::watch;
use tokio::time::timeout;
use vsekai_cli::ThisMachine;
use vsekai_engine::clock::TimeOfDay;
use vsekai_engine::paths::InstallPaths;
use vsekai_engine::{
    EngineError, ErrorReport, Event, GameExit, NetworkKind, NoticeCode, Observer, Phase, PlanSummary,
    Preferences, StateName, Status, Surroundings, Updater, Wish,
};

use crate::message::{Judgement, Message, Messages};
use crate::network::ANSWER_LIMIT;
use crate::view::StatusView;

/// The worker writes, the main thread reads; no lock is held longer than a copy takes.
#[derive(Debug, Default)]
pub struct Shared {
    /// Messages on their way to the main thread.
    pub messages: Messages,
    status: Mutex<Known>,
    choices: Mutex<()>,
    judge: OnceLock<Weak<Updater>>,
    /// Whether the launcher takes the connection for one that costs by the byte.
    metered: AtomicBool,
    /// What the system says of the connection; nothing before it was asked.
    network: watch::Sender<Option<NetworkKind>>,
}

#[derive(Debug, Default)]
struct Known {
    view: StatusView,
    /// Games that were started from here and still run.
    games: u32,
    /// The last phase, which a pause is a pause of.
    phase: Option<Phase>,
    /// Whether the running operation's plan is no offer to the player.
    silent: bool,
    preferences: Preferences,
    /// What the running or last operation would do.
    plan: Option<PlanSummary>,
}

impl Shared {
    /// Returns the status as last known.
    pub fn status(&self) -> StatusView {
        self.known().view.clone()
    }

    /// Takes over what the engine says about the install folder.
    pub fn set_status(&self, status: &Status) {
        let mut known = self.known();
        let text = |value: Option<String>| value.unwrap_or_default();
        let installed = status.installed.as_ref();
        known.view = StatusView {
            installed: installed.is_some(),
            version: text(installed.map(|installed| installed.version.to_string())),
            previous_version: text(
                status
                    .previous
                    .as_ref()
                    .map(|previous| previous.version.to_string()),
            ),
            channel: text(status.channel.as_ref().map(ToString::to_string)),
            platform: status.platform.to_string(),
            install_path: status.root.display().to_string(),
            version_path: text(installed.map(|installed| {
                let folder = InstallPaths::new(&status.root).version(&installed.name);
                folder.display().to_string()
            })),
            installed_bytes: installed.map_or(0, |installed| installed.installed_bytes),
            installed_at: status.installed_at,
            notes: status.notes.clone(),
            offered_version: std::mem::take(&mut known.view.offered_version),
            game_running: known.games > 0 || status.game_running,
            title: text(status.title.as_ref().map(ToString::to_string)),
            server_url: text(status.server.clone()),
            has_vr: status.has_vr,
            gave_up: text(status.gave_up.clone()),
            has_read_token: status.has_read_token,
            damage: status.damage.iter().map(ErrorReport::line).collect(),
            repair: status.damage.iter().any(|report| report.repair),
        };
    }

    /// Notes that there is a token for private channels, and tells it.
    pub fn note_read_token(&self) {
        let view = {
            let mut known = self.known();
            known.view.has_read_token = true;
            known.view.clone()
        };
        self.messages.push(Message::Status(view));
    }

    /// Has `updater` judge plans from now on.
    pub fn set_judge(&self, updater: &Arc<Updater>) {
        // There is one updater for each of these, so it is never set twice.
        let _ = self.judge.set(Arc::downgrade(updater));
    }

    /// Notes whether the connection costs by the byte.
    pub fn set_metered(&self, metered: bool) {
        self.metered.store(metered, Ordering::Relaxed);
    }

    /// Notes what the system says of the connection, and tells it if it is news.
    pub fn set_network(&self, kind: NetworkKind) {
        let news = self
            .network
            .send_if_modified(|known| known.replace(kind) != Some(kind));
        if news {
            self.messages.push(Message::Network(kind));
        }
    }

    /// Waits until the system has said what it knows of the connection, which takes [`ANSWER_LIMIT`] at most.
    pub async fn network_known(&self) {
        let mut network = self.network.subscribe();
        // Without an answer nobody can tell, which is an answer too.
        let _ = timeout(ANSWER_LIMIT, network.wait_for(Option::is_some)).await;
    }

    /// Changes the player's settings and tells the new ones; changes are told in the order they come.
    ///
    /// # Errors
    /// Those of `change`; the settings as they are then are told too.
    pub fn choose(
        &self,
        updater: &Updater,
        change: impl FnOnce(&Updater) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let _turn = self.choices.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(updater);
        self.set_preferences(updater.preferences());
        changed
    }

    /// Takes over settings that are about to be written down, so that whoever asks next sees them.
    pub fn expect_preferences(&self, preferences: Preferences) {
        self.known().preferences = preferences;
    }

    /// Says what the player's settings make of a plan.
    fn judgement(&self, plan: &PlanSummary) -> Option<Judgement> {
        let updater = self.judge.get()?.upgrade()?;
        let decision = updater.decide(plan, Wish::Background, self);
        let pinned = updater.preferences().pinned;
        Some(Judgement {
            decision,
            pinned: pinned.map_or_else(String::new, |version| version.to_string()),
        })
    }

    /// Returns the player's settings as last known.
    pub fn preferences(&self) -> Preferences {
        self.known().preferences.clone()
    }

    /// Takes over the player's settings and tells them.
    pub fn set_preferences(&self, preferences: Preferences) {
        self.known().preferences = preferences.clone();
        self.messages.push(Message::Preferences(preferences));
    }

    /// Notes which version the last check found.
    pub fn set_offered(&self, version: Option<String>) {
        self.known().view.offered_version = version.unwrap_or_default();
    }

    /// Tells whether plans from now on are offers to the player, which they are at first.
    pub fn set_offering(&self, offering: bool) {
        self.known().silent = !offering;
    }

    /// Notes that a game started from here has ended.
    pub fn game_exited(&self, exit: GameExit) {
        self.messages.push(Message::GameExited(exit));
        self.count_games(|games| games.saturating_sub(1));
    }

    fn state(&self, state: StateName, phase: Option<Phase>) -> Message {
        let mut known = self.known();
        known.phase = phase.or(known.phase);
        let shown = if state == StateName::Paused {
            known.phase
        } else {
            phase
        };
        let phase = shown.map_or_else(String::new, |phase| format!("{phase:?}"));
        Message::State {
            state: format!("{state:?}"),
            phase,
        }
    }

    /// Tells what holds the running download back, as a decision about its plan.
    fn tell_why_it_waits(&self) {
        let plan = self.known().plan.clone();
        if let Some(judgement) = plan.and_then(|plan| self.judgement(&plan)) {
            self.messages.push(Message::Decided(judgement.decision));
        }
    }

    fn count_games(&self, change: impl FnOnce(u32) -> u32) {
        let view = {
            let mut known = self.known();
            known.games = change(known.games);
            known.view.game_running = known.games > 0;
            known.view.clone()
        };
        self.messages.push(Message::Status(view));
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Surroundings for Shared {
    fn now(&self) -> Option<TimeOfDay> {
        ThisMachine::default().now()
    }

    fn network(&self) -> NetworkKind {
        match self.metered.load(Ordering::Relaxed) {
            true => NetworkKind::Metered,
            false => self.network.borrow().unwrap_or_default(),
        }
    }
}

impl Observer for Shared {
    fn on_event(&self, event: Event) {
        match event {
            Event::State { state, phase } => self.messages.push(self.state(state, phase)),
            Event::Plan(_) if self.known().silent => {}
            Event::Plan(plan) => {
                self.known().plan = Some(plan.clone());
                self.set_offered(Some(plan.version.to_string()));
                let judgement = self.judgement(&plan);
                self.messages.push(Message::Plan(plan, judgement));
            }
            Event::Progress(progress) => self.messages.set_latest(progress),
            Event::GameStarted { pid } => {
                self.messages.push(Message::GameStarted { pid });
                self.count_games(|games| games.saturating_add(1));
            }
            Event::GameExited(exit) => self.game_exited(exit),
            Event::Notice { code, message } => {
                self.messages.push(Message::Notice { code, message });
                if code == NoticeCode::Waits {
                    self.tell_why_it_waits();
                }
            }
            // The operation's own result carries these.
            Event::Failed(_) | Event::Verified(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outbox::Item;

    fn states(shared: &Shared) -> Vec<(String, String)> {
        let items = shared.messages.drain(100).into_iter();
        let pair = |item| match item {
            Item::Discrete(Message::State { state, phase }) => Some((state, phase)),
            _ => None,
        };
        items.filter_map(pair).collect()
    }

    #[test]
    fn a_pause_names_the_phase_it_is_a_pause_of() {
        let shared = Shared::default();
        let phase = Some(Phase::DownloadingUpdate);
        shared.on_event(Event::State {
            state: StateName::CheckForUpdates,
            phase,
        });
        shared.on_event(Event::State {
            state: StateName::Paused,
            phase: None,
        });
        shared.on_event(Event::State {
            state: StateName::Cancelled,
            phase: None,
        });
        let text = |state: &str, phase: &str| (state.to_owned(), phase.to_owned());
        assert_eq!(
            states(&shared),
            [
                text("CheckForUpdates", "DownloadingUpdate"),
                text("Paused", "DownloadingUpdate"),
                text("Cancelled", "")
            ]
        );
    }

    #[test]
    fn a_game_is_running_until_the_last_one_ends() {
        let shared = Shared::default();
        let exit = GameExit {
            code: Some(0),
            signal: None,
            crashed: false,
            seconds: 0,
            crash_log: None,
        };
        shared.on_event(Event::GameStarted { pid: 1 });
        shared.on_event(Event::GameStarted { pid: 2 });
        shared.game_exited(exit.clone());
        assert!(shared.status().game_running);
        shared.game_exited(exit);
        assert!(!shared.status().game_running);
    }
}
