// SPDX-License-Identifier: MIT
//! The engine's face: one object per install folder.

use std::sync::Arc;

use tokio::sync::Mutex;
use vsekai_formats::release::{Slug, address};
use vsekai_store::{HttpBatches, HttpOptions, HttpOrigin, HttpStore, StoreFormat};

use crate::config::InstallConfig;
use crate::control::Control;
use crate::download::Source;
use crate::error::EngineError;
use crate::event::{Event, Observer, Step};
use crate::install;
use crate::launch::{self, LaunchOptions, RunningGame};
use crate::lock::{self, InstallLock};
use crate::origin::{self, Offer};
use crate::paths::InstallPaths;
use crate::record::{Current, Settings};
use crate::run::{Goal, Run};
use crate::session::{Machine, Session};
use crate::state::{Input, State};
use crate::status::{
    ChannelView, ChannelsView, CheckOutcome, RepairReport, RollbackOutcome, Status, UpdateOutcome,
};
use crate::tree::{self, Folders};
use crate::verify::{self, VerifyReport};

/// Installs, updates, checks, repairs and starts what lies in one install folder.
///
/// Operations run one at a time; a second one waits for the first. Futures must be polled on a tokio runtime
/// with several threads. An operation whose future is dropped is abandoned where it stands, and what it
/// fetched is found again by the next one.
pub struct Updater {
    config: InstallConfig,
    paths: InstallPaths,
    control: Control,
    machine: Arc<Machine>,
    one_at_a_time: Mutex<()>,
}

impl std::fmt::Debug for Updater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Updater")
            .field("config", &self.config)
            .field("state", &self.state())
            .finish()
    }
}

impl Updater {
    /// Opens an install folder, which need not exist yet; nothing is created or changed.
    ///
    /// # Errors
    /// The folder's records are there but cannot be read.
    pub fn open(config: InstallConfig, observer: Arc<dyn Observer>) -> Result<Self, EngineError> {
        let paths = InstallPaths::new(&config.root);
        Settings::load(&paths)?;
        Current::load(&paths)?;
        let control = Control::new(config.rate_limit);
        let machine = Arc::new(Machine::new(observer));
        Ok(Self {
            config,
            paths,
            control,
            machine,
            one_at_a_time: Mutex::default(),
        })
    }

    /// Returns the player's hand on whatever is running.
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// Returns the state.
    pub fn state(&self) -> State {
        self.machine.state()
    }

    /// Tells what is installed, without the network.
    ///
    /// # Errors
    /// The folder's records are there but cannot be read.
    pub fn status(&self) -> Result<Status, EngineError> {
        let settings = Settings::load(&self.paths)?;
        let current = Current::load(&self.paths)?;
        let manifest = current
            .as_ref()
            .map(|c| install::load_manifest(&self.paths, &c.current))
            .transpose()?;
        let running = |current: &Current| {
            let mut versions = std::iter::once(&current.current).chain(&current.previous);
            versions.any(|version| lock::is_in_use(&self.paths, &version.name))
        };
        Ok(Status {
            root: self.config.root.clone(),
            server: self
                .config
                .server
                .clone()
                .or_else(|| settings.as_ref().map(|s| s.server.clone())),
            title: self
                .config
                .title
                .clone()
                .or_else(|| settings.as_ref().map(|s| s.title.clone())),
            channel: settings
                .as_ref()
                .map(|s| s.channel.clone())
                .or_else(|| self.config.channel.clone()),
            platform: self.config.platform,
            game_running: current.as_ref().is_some_and(running),
            has_vr: manifest.as_ref().is_some_and(|m| m.launch.vr.is_some()),
            notes: manifest.map(|m| m.notes).unwrap_or_default(),
            previous: current.as_ref().and_then(|c| c.previous.clone()),
            installed: current.map(|c| c.current),
        })
    }

    /// Asks the server whether the channel offers something else, and what taking it would cost.
    ///
    /// Ends in `NoUpdateFound` or `UpdateAvailable`.
    ///
    /// # Errors
    /// The server cannot be asked or answers with something that cannot be believed.
    pub async fn check(&self) -> Result<CheckOutcome, EngineError> {
        let _one = self.one_at_a_time.lock().await;
        let session = self.begin()?;
        let checked = self.look(&session).await;
        let found = self.settle(checked)?;
        Ok(match found {
            Found::UpToDate(offer) => CheckOutcome::UpToDate {
                version: offer.manifest.version,
            },
            Found::Newer(run) => CheckOutcome::Available {
                plan: run.plan.summary,
            },
        })
    }

    /// Brings the folder to what the channel offers: installs, updates, or finds nothing to do.
    ///
    /// # Errors
    /// Nothing was changed: the version installed before is still the current one.
    pub async fn update(&self) -> Result<UpdateOutcome, EngineError> {
        let _one = self.one_at_a_time.lock().await;
        let session = self.begin()?;
        let updated = self.update_in(&session).await;
        self.settle(updated)
    }

    /// Checks every byte of the installed version, on all cores.
    ///
    /// # Errors
    /// Nothing is installed, or its records are damaged; damaged files are no error but in the report.
    pub async fn verify(&self) -> Result<VerifyReport, EngineError> {
        let _one = self.one_at_a_time.lock().await;
        let session = self.begin()?;
        let report = tokio::task::block_in_place(|| self.verify_in(&session));
        if let Err(error) = &report {
            self.machine.tell(Event::Failed(error.report()));
        }
        report
    }

    /// Checks every byte of the installed version and fetches what is damaged.
    ///
    /// The repaired version is built beside the damaged one, like an update.
    ///
    /// # Errors
    /// Nothing is installed, or what is damaged cannot be fetched; nothing was changed.
    pub async fn repair(&self) -> Result<RepairReport, EngineError> {
        let report = self.verify().await?;
        if report.is_intact() {
            return Ok(RepairReport {
                repaired: Vec::new(),
                done: None,
            });
        }
        let _one = self.one_at_a_time.lock().await;
        let session = self.begin()?;
        let repaired = self.repair_in(&session).await;
        let done = self.settle(repaired)?;
        Ok(RepairReport {
            repaired: report.damaged,
            done: Some(done),
        })
    }

    /// Makes the previous version the current one again, without the network.
    ///
    /// # Errors
    /// There is no previous version, or files of it are missing.
    pub async fn rollback(&self) -> Result<RollbackOutcome, EngineError> {
        let _one = self.one_at_a_time.lock().await;
        self.begin()?;
        let rolled_back = tokio::task::block_in_place(|| self.rollback_in());
        if let Err(error) = &rolled_back {
            self.machine.tell(Event::Failed(error.report()));
        }
        rolled_back
    }

    /// Asks the server which channels the title has.
    ///
    /// # Errors
    /// The server cannot be asked or answers with something that cannot be believed.
    pub async fn channels(&self) -> Result<ChannelsView, EngineError> {
        let settings = self.settings()?;
        let session = self.begin()?;
        let list = origin::channels(&session, &self.origin(&settings, "")?, &settings).await?;
        let view = |summary: vsekai_formats::release::ChannelSummary| ChannelView {
            available: summary.platforms.contains(&self.config.platform),
            name: summary.name,
            platforms: summary.platforms,
        };
        Ok(ChannelsView {
            current: settings.channel,
            channels: list.channels.into_iter().map(view).collect(),
        })
    }

    /// Follows another channel from the next check on; what is installed stays until then.
    ///
    /// # Errors
    /// The title has no such channel, or it cannot be asked for.
    pub async fn switch_channel(&self, name: &Slug) -> Result<(), EngineError> {
        let _one = self.one_at_a_time.lock().await;
        let channels = self.channels().await?;
        if !channels.channels.iter().any(|channel| channel.name == *name) {
            return Err(EngineError::NotOffered {
                what: format!("channel \"{name}\""),
            });
        }
        let settings = Settings {
            channel: name.clone(),
            ..self.settings()?
        };
        let _lock = InstallLock::take(&self.paths)?;
        settings.store(&self.paths)
    }

    /// Starts the installed game; never waits for the network.
    ///
    /// # Errors
    /// Nothing is installed, or the program cannot be started.
    pub fn launch(&self, options: &LaunchOptions) -> Result<RunningGame, EngineError> {
        let current = self.current()?;
        let manifest = install::load_manifest(&self.paths, &current.current)?;
        let game = launch::launch(&self.paths, &current.current.name, &manifest, options)?;
        self.machine.tell(Event::GameStarted { pid: game.pid() });
        Ok(game)
    }

    fn begin(&self) -> Result<Session, EngineError> {
        Session::begin(self.machine.clone(), self.control.clone())
    }

    /// Brings the machine to rest if an operation failed.
    fn settle<T>(&self, result: Result<T, EngineError>) -> Result<T, EngineError> {
        if let Err(error) = &result {
            self.machine.abandon(error);
        }
        result
    }

    async fn look(&self, session: &Session) -> Result<Found, EngineError> {
        self.machine.apply(Input::Check)?;
        let settings = self.settings()?;
        let origin = self.origin(&settings, "")?;
        let offer = origin::offer(session, &origin, &settings).await?;
        let current = Current::load(&self.paths)?;
        if self.is_current(session, current.as_ref(), &offer) {
            self.machine.apply(Input::NothingNew)?;
            return Ok(Found::UpToDate(Box::new(offer)));
        }
        let documents = origin::documents(session, &origin, &offer.manifest).await?;
        let run = tokio::task::block_in_place(|| {
            Run::plan(&self.config, &self.paths, offer, documents, current, Goal::Update)
        })?;
        self.machine.apply(Input::Found)?;
        self.machine.tell(Event::Plan(run.plan.summary.clone()));
        Ok(Found::Newer(Box::new(run)))
    }

    /// Tells whether nothing is to be done for an offer.
    ///
    /// An offer older than what the same channel gave before is not taken by itself: a server that was reset,
    /// or one that replays old answers, must not take the player back.
    fn is_current(&self, session: &Session, current: Option<&Current>, offer: &Offer) -> bool {
        let Some(current) = current.map(|c| &c.current) else {
            return false;
        };
        if current.manifest == offer.pointer.manifest {
            return true;
        }
        let older = current.channel == offer.pointer.channel && offer.pointer.sequence < current.sequence;
        if older && !self.config.allow_downgrade {
            let (offered, installed) = (&offer.pointer.version, &current.version);
            session.notice(
                "older-offered",
                format!("The channel offers {offered}, which is older than {installed}"),
            );
        }
        older && !self.config.allow_downgrade
    }

    async fn update_in(&self, session: &Session) -> Result<UpdateOutcome, EngineError> {
        let run = match self.look(session).await? {
            Found::UpToDate(offer) => {
                return Ok(UpdateOutcome::UpToDate {
                    version: offer.manifest.version,
                });
            }
            Found::Newer(run) => run,
        };
        self.machine.apply(Input::Accept)?;
        let settings = self.settings()?;
        let source = self.source(&settings, run.largest_chunk())?;
        let done = run.execute(session, &self.paths, &settings, &source).await?;
        Ok(match done.from_version {
            None => UpdateOutcome::Installed(done),
            Some(_) => UpdateOutcome::Updated(done),
        })
    }

    async fn repair_in(&self, session: &Session) -> Result<crate::status::Done, EngineError> {
        self.machine.apply(Input::Check)?;
        let settings = self.settings()?;
        let current = self.current()?;
        let run = tokio::task::block_in_place(|| Run::repair(&self.paths, current, session))?;
        self.machine.apply(Input::Found)?;
        self.machine.tell(Event::Plan(run.plan.summary.clone()));
        self.machine.apply(Input::Accept)?;
        let source = self.source(&settings, run.largest_chunk())?;
        run.execute(session, &self.paths, &settings, &source).await
    }

    fn verify_in(&self, session: &Session) -> Result<VerifyReport, EngineError> {
        let current = self.current()?;
        let release = install::load_release(&self.paths, &current.current)?;
        let folders = Folders::below(tree::open_root(&self.paths.version(&current.current.name))?);
        let files = release.contents.files().count() as u64;
        let bytes = release.contents.files().map(|(_, size, ..)| size).sum();
        let meter = session.meter(Step::Verify, 0, bytes);
        let damaged = crate::run::ticking(&meter, || {
            verify::full(&folders, &release, &session.token, meter.counter())
        })?;
        let mut damaged: Vec<String> = damaged
            .iter()
            .filter_map(|i| release.contents.entries.get(*i))
            .map(|e| e.path.to_string())
            .collect();
        damaged.sort();
        let report = VerifyReport {
            files,
            bytes,
            damaged,
            extra: verify::extra_files(folders.root(), &release),
        };
        self.machine.tell(Event::Verified(report.clone()));
        Ok(report)
    }

    fn rollback_in(&self) -> Result<RollbackOutcome, EngineError> {
        let _lock = InstallLock::take(&self.paths)?;
        let current = self.current()?;
        let previous = current.previous.clone().ok_or(EngineError::NothingToRollBackTo)?;
        let release = install::load_release(&self.paths, &previous)?;
        let dir = tree::open_root(&self.paths.version(&previous.name))?;
        let missing = verify::quick(&Folders::below(dir), &release);
        if !missing.is_empty() {
            let paths = missing.iter().filter_map(|i| release.contents.entries.get(*i));
            return Err(EngineError::Damaged {
                files: paths.map(|e| e.path.to_string()).collect(),
            });
        }
        let outcome = RollbackOutcome {
            from_version: current.current.version.clone(),
            version: previous.version.clone(),
        };
        let left = Some(current.current.manifest.clone());
        let current = Current {
            current: previous,
            previous: Some(current.current),
            left,
            ..current
        };
        current.store(&self.paths)?;
        self.machine.apply(Input::RollBack)?;
        Ok(outcome)
    }

    fn current(&self) -> Result<Current, EngineError> {
        let current = Current::load(&self.paths)?;
        current.ok_or_else(|| EngineError::NotInstalled {
            path: self.config.root.clone(),
        })
    }

    /// Joins what the caller says with what the folder remembers; the caller goes first.
    fn settings(&self) -> Result<Settings, EngineError> {
        let stored = Settings::load(&self.paths)?;
        let need = |what: &str| {
            EngineError::InvalidInput(format!(
                "no {what} is given, and none is kept in {}",
                self.config.root.display()
            ))
        };
        let stored = stored.as_ref();
        let server = self
            .config
            .server
            .clone()
            .or_else(|| stored.map(|s| s.server.clone()));
        let title = self
            .config
            .title
            .clone()
            .or_else(|| stored.map(|s| s.title.clone()));
        // A channel switched to lasts; the one in the configuration is for the first install.
        let channel = stored
            .map(|s| s.channel.clone())
            .or_else(|| self.config.channel.clone());
        let server = server.ok_or_else(|| need("server"))?;
        // Agreed to once for this server, not for any other.
        let agreed = stored.is_some_and(|s| s.allow_http && s.server == server);
        Ok(Settings {
            schema: vsekai_formats::release::SCHEMA,
            allow_http: self.config.allow_http || agreed,
            server,
            title: title.ok_or_else(|| need("title"))?,
            channel: channel.ok_or_else(|| need("channel"))?,
            platform: self.config.platform,
        })
    }

    fn origin(&self, settings: &Settings, below: &str) -> Result<HttpOrigin, EngineError> {
        let options = HttpOptions {
            user_agent: self.config.user_agent.clone(),
            max_connections: self.config.connections,
            allow_http: settings.allow_http,
            throttle: self.control.throttle().clone(),
            ..HttpOptions::default()
        };
        let address = format!("{}/{below}", settings.server.trim_end_matches('/'));
        HttpOrigin::new(&address, options).map_err(|error| EngineError::InvalidInput(error.to_string()))
    }

    /// Returns where chunks of at most `largest` bytes come from.
    fn source(&self, settings: &Settings, largest: usize) -> Result<Source, EngineError> {
        let format = StoreFormat::default().with_max_chunk(largest);
        let store = HttpStore::new(self.origin(settings, address::STORE)?, format);
        Ok(Source {
            store: Arc::new(store),
            batches: HttpBatches::new(self.origin(settings, "")?, format),
            connections: self.config.connections.max(1),
        })
    }
}

enum Found {
    UpToDate(Box<Offer>),
    Newer(Box<Run>),
}
