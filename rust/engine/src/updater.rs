// SPDX-License-Identifier: MIT
//! The engine's face: one object per install folder.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Mutex;
use vsekai_formats::release::{InstallId, ReleaseManifest, Slug, Version};
use vsekai_store::{HttpOrigin, Secret};
use vsekai_trust::client::{TrustedState, VerifiedTitle};

use crate::bearable::{self, Bearable};
use crate::choice::{self, Choice};
use crate::config::InstallConfig;
use crate::control::Control;
use crate::disk;
use crate::error::{EngineError, ErrorReport};
use crate::event::{Event, NoticeCode, Observer};
use crate::install;
use crate::installed::Place;
use crate::launch::{self, LaunchOptions, RunningGame};
use crate::lock::InstallLock;
use crate::origin::Documents;
use crate::pace::{self, Pacing, Surroundings, UnknownSurroundings};
use crate::paths::InstallPaths;
use crate::policy::{Decision, Wish};
use crate::preferences::Preferences;
use crate::read_token;
use crate::record::{Current, Document as _, InstalledVersion, Settings};
use crate::release::Release;
use crate::run::Run;
use crate::session::{Machine, Session};
use crate::starts::StartLog;
use crate::state::{Input, State};
use crate::status::{ChannelView, ChannelsView, CheckOutcome, Done, RepairReport, Status, UpdateOutcome};
use crate::trust::{self, TrustView};
use crate::verify::VerifyReport;
use crate::versions;

/// Installs, updates, checks, repairs and starts what lies in one install folder.
///
/// Operations run one at a time; a second one waits for the first. Futures must be polled on a tokio runtime
/// with several threads. An operation whose future is dropped is abandoned where it stands, and what it
/// fetched is found again by the next one.
pub struct Updater {
    pub(crate) config: InstallConfig,
    pub(crate) paths: InstallPaths,
    pub(crate) control: Control,
    pub(crate) machine: Arc<Machine>,
    /// Kept from the first time something is installed on.
    pub(crate) install: InstallId,
    pub(crate) one_at_a_time: Mutex<()>,
    /// The token for private channels that was given and may not be kept yet.
    pub(crate) given_token: std::sync::Mutex<Option<Secret>>,
    /// The servers asked so far, by address and whether they may be asked without encryption.
    pub(crate) origins: std::sync::Mutex<HashMap<(String, bool), HttpOrigin>>,
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
    /// The record of the installed version is damaged or cannot be read now. Whatever else cannot be read stops only what
    /// needs it; a start of the game does not.
    pub fn open(config: InstallConfig, observer: Arc<dyn Observer>) -> Result<Self, EngineError> {
        let paths = InstallPaths::new(&config.root);
        let kept = Settings::known(&paths).and_then(|settings| settings.install);
        Current::load(&paths)?;
        let preferences = Preferences::load(&paths);
        let control = Control::new(config.rate_limit);
        control.hold(false, preferences.rate_limit.map(u64::from));
        let machine = Arc::new(Machine::new(observer));
        Ok(Self {
            given_token: std::sync::Mutex::new(config.read_token.clone()),
            config,
            paths,
            control,
            machine,
            install: kept.unwrap_or_else(|| InstallId::from_bytes(rand::random())),
            one_at_a_time: Mutex::default(),
            origins: std::sync::Mutex::default(),
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

    /// Tells what is installed, and what is damaged of what the folder remembers; without the network.
    ///
    /// Hashes the documents of the installed version; no file of it is read.
    ///
    /// # Errors
    /// The record of the installed version is damaged or cannot be read now.
    pub fn status(&self) -> Result<Status, EngineError> {
        let settings = Settings::known(&self.paths);
        let current = Current::load(&self.paths)?;
        let manifest = current
            .as_ref()
            .and_then(|current| install::load_manifest(&self.paths, &current.current).ok());
        let damage = self.damage(current.as_ref());
        let log = StartLog::load(&self.paths);
        let gave_up = log.given_up.last().filter(|given_up| {
            let installed = current.as_ref().map(|current| &current.current.manifest);
            installed.is_some_and(|manifest| *manifest != given_up.manifest)
        });
        let server = self.server(settings.as_ref());
        Ok(Status {
            root: self.config.root.clone(),
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
            has_read_token: server
                .as_deref()
                .is_some_and(|server| self.has_read_token(server)),
            game_running: pace::game_runs(&self.paths),
            damage,
            has_vr: manifest.as_ref().is_some_and(|m| m.launch.vr.is_some()),
            notes: manifest.map(|m| m.notes).unwrap_or_default(),
            previous: current.as_ref().and_then(|c| c.previous.clone()),
            gave_up: gave_up.map(|given_up| format!("{} {}", given_up.version, given_up.outcome.words())),
            installed_at: current
                .as_ref()
                .map_or(0, |c| versions::installed_at(&self.paths, &c.current)),
            installed: current.map(|c| c.current),
            server,
        })
    }

    /// Returns what cannot be read of what the folder remembers, but for the record of the installed version.
    fn damage(&self, current: Option<&Current>) -> Vec<ErrorReport> {
        let settings = Settings::load(&self.paths).err();
        let bearable = Bearable::ALL.map(|record| record.trouble(&self.paths));
        let documents =
            current.and_then(|current| install::check_documents(&self.paths, &current.current).err());
        let damage = settings.into_iter().chain(bearable.into_iter().flatten());
        damage.chain(documents).map(|error| error.report()).collect()
    }

    /// Returns the server that is asked: what the caller says goes before what the folder remembers.
    fn server(&self, stored: Option<&Settings>) -> Option<String> {
        let named = self.config.server.clone();
        named.or_else(|| stored.map(|stored| stored.server.clone()))
    }

    /// Asks the server whether the channel offers something else, and what taking it would cost.
    ///
    /// Ends in `NoUpdateFound` or `UpdateAvailable`. Tells first, whether the server can be asked or not, what of the
    /// folder's documents and records is damaged, and mends nothing: a look changes nothing on disk but what is
    /// remembered of the server. That is its verified metadata, which address worked, and a token that it took.
    ///
    /// # Errors
    /// The server cannot be asked or answers with something that cannot be believed.
    pub async fn check(&self) -> Result<CheckOutcome, EngineError> {
        let _one = self.one_at_a_time.lock().await;
        let session = self.session()?;
        tokio::task::block_in_place(|| {
            bearable::tell_of_trouble(&self.paths, &self.machine);
            self.tell_of_damaged_documents(&session);
        });
        let checked = self.look(&session, Aim::Tell).await;
        let found = self.settle(checked)?;
        Ok(match found {
            Found::UpToDate(version) => CheckOutcome::UpToDate { version },
            Found::Newer(newer) => CheckOutcome::Available {
                plan: newer.run.plan.summary,
            },
        })
    }

    /// Checks every byte of the installed version, on all cores.
    ///
    /// # Errors
    /// Nothing is installed, or its records are damaged ([`EngineError::DamagedDocument`] if a repair can fetch them);
    /// damaged files are no error but in the report.
    pub async fn verify(&self) -> Result<VerifyReport, EngineError> {
        let _one = self.one_at_a_time.lock().await;
        let session = self.session()?;
        let checked = self.told(tokio::task::block_in_place(|| self.check_files(&session)))?;
        Ok(checked.report)
    }

    /// Checks every byte of the installed version and fetches what is damaged, its manifest, list of files and index too.
    /// Those of older versions are fetched where they can be had; that they cannot is told and no more.
    ///
    /// The repaired version is built beside the damaged one, like an update.
    ///
    /// # Errors
    /// Nothing is installed, or what is damaged cannot be fetched; no file of the version was changed.
    pub async fn repair(&self) -> Result<RepairReport, EngineError> {
        let _one = self.one_at_a_time.lock().await;
        let session = self.begin()?;
        let checked = async {
            self.mend_all(&session).await?;
            tokio::task::block_in_place(|| self.check_files(&session))
        };
        let checked = self.told(Box::pin(checked).await)?;
        let repaired = checked.report.damaged.clone();
        let done = match checked.report.is_intact() {
            true => None,
            false => {
                let done = self.repair_in(&session, checked).await;
                Some(self.settle(done)?)
            }
        };
        Ok(RepairReport { repaired, done })
    }

    /// Asks the server which channels the title has.
    ///
    /// # Errors
    /// The server cannot be asked or answers with something that cannot be believed.
    pub async fn channels(&self) -> Result<ChannelsView, EngineError> {
        let _one = self.one_at_a_time.lock().await;
        self.list_channels().await
    }

    async fn list_channels(&self) -> Result<ChannelsView, EngineError> {
        let settings = self.settings()?;
        let session = self.session()?;
        let listed = self.channel_list(&session, &settings).await?;
        let view = |summary: vsekai_formats::release::ChannelSummary| ChannelView {
            available: summary.platforms.contains(&self.config.platform),
            name: summary.name,
            platforms: summary.platforms,
        };
        Ok(ChannelsView {
            current: settings.channel,
            channels: listed.into_iter().map(view).collect(),
        })
    }

    /// Tells what is trusted, without the network; `None` if nothing was verified yet.
    ///
    /// # Errors
    /// The trusted state is there but cannot be read.
    pub fn trusted(&self) -> Result<Option<TrustView>, EngineError> {
        trust::view(&self.paths, &self.settings()?)
    }

    /// Forgets what is trusted, so that the next check begins anew with the root of the configuration, or with
    /// the server's first one if there is none. Only a person may decide that.
    ///
    /// # Errors
    /// Another launcher works on the folder, or a file cannot be changed.
    pub fn reset_trust(&self) -> Result<(), EngineError> {
        let settings = Settings {
            anchor: None,
            ..self.settings()?
        };
        let _lock = InstallLock::take(&self.paths)?;
        settings.store(&self.paths)?;
        Ok(TrustedState::new(self.paths.trust(&settings.title)).forget()?)
    }

    /// Tells which server a token for private channels is kept for, if one is kept for the one that is asked.
    pub fn read_token_for(&self) -> Option<String> {
        let server = self.server(Settings::known(&self.paths).as_ref())?;
        read_token::load(&self.paths, &server).map(|_| server)
    }

    /// Uses `token` for the server's private channels from the next operation on; like one that the folder was
    /// opened with, it is kept once the server took it and something is installed.
    pub fn give_read_token(&self, token: Secret) {
        self.take_token(Some(token));
    }

    /// Keeps a token for the server's private channels from the next operation on, or none any more.
    ///
    /// # Errors
    /// No server is known, or it cannot be kept.
    pub fn keep_read_token(&self, token: Option<&Secret>) -> Result<(), EngineError> {
        let settings = self.settings()?;
        if token.is_some() {
            disk::create_folders(&self.paths.state())?;
        }
        read_token::keep(&self.paths, &settings.server, token)?;
        self.take_token(token.cloned());
        Ok(())
    }

    /// Follows another channel from the next check on; what is installed stays until then.
    ///
    /// # Errors
    /// The title has no such channel, or it cannot be asked for.
    pub async fn switch_channel(&self, name: &Slug) -> Result<(), EngineError> {
        let _one = self.one_at_a_time.lock().await;
        let channels = self.list_channels().await?;
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
        bearable::put_aside(&self.paths, &self.machine);
        // A version that kept failing is gone back from now, if that was not possible when it failed.
        if let Err(error) = versions::settle(&self.paths, &self.machine) {
            // On a full disk nothing can be written down, and the game can be played all the same.
            let message = format!("How earlier starts went could not be noted: {error}");
            self.machine.notice(NoticeCode::StartRecord, message);
        }
        let current = self.current()?;
        let manifest = install::load_manifest(&self.paths, &current.current);
        let manifest = manifest.map_err(EngineError::fetchable)?;
        versions::get_ready(&self.paths, &self.machine, &current)?;
        let game = launch::launch(&self.paths, &self.machine, &current.current, &manifest, options)?;
        self.machine.tell(Event::GameStarted { pid: game.pid() });
        Ok(game)
    }

    /// Begins an operation that may change the folder.
    pub(crate) fn begin(&self) -> Result<Session, EngineError> {
        let session = self.session()?;
        tokio::task::block_in_place(|| {
            bearable::put_aside(&self.paths, &self.machine);
            versions::settle(&self.paths, &self.machine)
        })?;
        Ok(session)
    }

    /// Begins an operation that only looks.
    pub(crate) fn session(&self) -> Result<Session, EngineError> {
        Session::begin(self.machine.clone(), self.control.clone())
    }

    /// Brings the machine to rest if an operation failed.
    pub(crate) fn settle<T>(&self, result: Result<T, EngineError>) -> Result<T, EngineError> {
        if let Err(error) = &result {
            self.machine.abandon(error);
        }
        result
    }

    /// Tells of an error outside the state machine.
    pub(crate) fn told<T>(&self, result: Result<T, EngineError>) -> Result<T, EngineError> {
        if let Err(error) = &result {
            self.machine.tell(Event::Failed(error.report()));
        }
        result
    }

    async fn look(&self, session: &Session, aim: Aim) -> Result<Found, EngineError> {
        self.machine.apply(Input::Check)?;
        let settings = self.settings()?;
        let (address, mut title, pointer) = self.pointer(session, &settings).await?;
        let current = Current::load(&self.paths)?;
        let installed = current.as_ref().map(|current| &current.current);
        let (choice, remark) =
            choice::choose(&pointer, &self.install, installed, self.config.allow_downgrade);
        if let Some((code, message)) = remark {
            session.notice(code, message);
        }
        let release = match choice {
            Choice::Take(release) => release,
            Choice::Stay(version) => {
                if aim == Aim::Take {
                    tokio::task::block_in_place(|| self.tell_of_damaged_documents(session));
                }
                self.machine.apply(Input::NothingNew)?;
                return Ok(Found::UpToDate(version));
            }
            Choice::Nothing => {
                let what = trust::not_offered(&settings);
                return Err(EngineError::NotOffered { what });
            }
        };
        let (offer, documents) = self
            .offer(session, &settings, &address, &mut title, &release)
            .await?;
        let home = match &current {
            Some(current) => Box::pin(self.home(session, &settings, &current.current, aim)).await?,
            None => None,
        };
        let run = tokio::task::block_in_place(|| {
            Run::plan(&self.config, &self.paths, offer, documents, current, home)
        })?;
        let newer = self.planned(run, settings, Some(title))?;
        Ok(Found::Newer(Box::new(newer)))
    }

    /// Tells of a plan.
    pub(crate) fn planned(
        &self,
        run: Run,
        settings: Settings,
        title: Option<VerifiedTitle>,
    ) -> Result<Newer, EngineError> {
        self.machine.apply(Input::Found)?;
        self.machine.tell(Event::Plan(run.plan.summary.clone()));
        let title = title.map(Box::new);
        Ok(Newer { run, settings, title })
    }

    /// Updates if the preferences allow it, or `anyway`.
    pub(crate) async fn update_if(
        &self,
        wish: Wish,
        surroundings: &dyn Surroundings,
        anyway: bool,
    ) -> Result<UpdateOutcome, EngineError> {
        let _one = self.one_at_a_time.lock().await;
        let session = self.begin()?;
        let updated = async {
            let newer = match self.look(&session, Aim::Take).await? {
                Found::UpToDate(version) => return Ok(UpdateOutcome::UpToDate { version }),
                Found::Newer(newer) => newer,
            };
            let plan = &newer.run.plan.summary;
            let decision = self.decide(plan, wish, surroundings);
            if decision != Decision::Take && !anyway {
                let plan = plan.clone();
                return Ok(UpdateOutcome::HeldBack { plan, decision });
            }
            let done = self.execute(&session, *newer, wish, surroundings).await?;
            Ok(match done.from_version {
                None => UpdateOutcome::Installed(done),
                Some(_) => UpdateOutcome::Updated(done),
            })
        };
        let updated = Box::pin(updated).await;
        self.settle(updated)
    }

    /// Carries a plan out, at the pace that the preferences allow.
    pub(crate) async fn execute(
        &self,
        session: &Session,
        newer: Newer,
        wish: Wish,
        surroundings: &dyn Surroundings,
    ) -> Result<Done, EngineError> {
        let Newer {
            run,
            mut settings,
            title,
        } = newer;
        self.machine.apply(Input::Accept)?;
        if let Some(mut title) = title {
            let committed = title.commit();
            committed.map_err(|error| run.name_missing_space(error.into(), &self.paths))?;
            settings.anchor = Some(title.anchor());
        }
        let pacing = Pacing {
            paths: &self.paths,
            surroundings,
            wish,
            bytes: run.plan.summary.download_bytes,
            limit_is_named: self.config.rate_limit.is_some(),
        };
        let source = self.source(&settings, run.largest_chunk())?;
        let work = run.execute(session, &self.paths, &settings, &source);
        let done = pace::keep(session, &pacing, work).await;
        if let Some(worked) = source.store.active().filter(|_| done.is_ok()) {
            self.remember(session, &settings, worked);
        }
        done
    }

    async fn repair_in(&self, session: &Session, checked: Checked) -> Result<Done, EngineError> {
        self.machine.apply(Input::Check)?;
        let settings = self.settings()?;
        let Checked {
            current,
            place,
            damaged,
            ..
        } = checked;
        let run = tokio::task::block_in_place(|| Run::repair(&self.paths, current, place, damaged))?;
        let newer = self.planned(run, settings, None)?;
        self.execute(session, newer, Wish::Player, &UnknownSurroundings)
            .await
    }

    /// Returns where the installed version should lie, for an update: `None` if what says what should lie there is damaged
    /// and cannot be had again. Then it cannot help, but neither can it stop the update.
    ///
    /// # Errors
    /// The player cancelled.
    async fn home(
        &self,
        session: &Session,
        settings: &Settings,
        version: &InstalledVersion,
        aim: Aim,
    ) -> Result<Option<Place>, EngineError> {
        let found = match tokio::task::block_in_place(|| self.place_of(version)) {
            Err(damage @ EngineError::DamagedDocument { .. }) => {
                if aim == Aim::Take {
                    session.notice(
                        NoticeCode::DamagedDocument,
                        format!("It is fetched again: {damage}"),
                    );
                }
                self.fetched_place(session, settings, version, aim).await
            }
            found => found,
        };
        match found {
            Ok(place) => Ok(Some(place)),
            Err(EngineError::Cancelled) => Err(EngineError::Cancelled),
            Err(error) => {
                let version = &version.version;
                let message =
                    format!("Nothing of {version} is taken over, your own files stay there: {error}");
                session.notice(NoticeCode::NotMended, message);
                Ok(None)
            }
        }
    }

    /// Returns where a version should lie by documents that are fetched, because those in the folder are damaged; whoever
    /// is about to take something keeps them too.
    async fn fetched_place(
        &self,
        session: &Session,
        settings: &Settings,
        version: &InstalledVersion,
        aim: Aim,
    ) -> Result<Place, EngineError> {
        let fetched = self.fetch_documents(session, settings, version).await?;
        tokio::task::block_in_place(|| {
            if aim == Aim::Take {
                self.keep_fetched(version, &fetched)?;
            }
            let Fetched {
                manifest, documents, ..
            } = fetched;
            let release = Release::parse(manifest, &documents.contents, &documents.index)?;
            Ok(Place::with_documents(&self.paths, version, release))
        })
    }

    /// Fetches the documents of all versions in the folder again that are damaged.
    ///
    /// # Errors
    /// Those of the installed version cannot be had, or the player cancelled; of older ones that is told.
    async fn mend_all(&self, session: &Session) -> Result<(), EngineError> {
        let current = self.current()?;
        self.mend(session, &current.current).await?;
        for older in current.older() {
            match self.mend(session, older).await {
                Err(EngineError::Cancelled) => return Err(EngineError::Cancelled),
                Err(error) => {
                    let message = format!("{} cannot be gone back to: {error}", older.version);
                    session.notice(NoticeCode::NotMended, message);
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Fetches the documents of a version in the folder again if one is damaged.
    ///
    /// # Errors
    /// They cannot be had or kept; they are as they were.
    pub(crate) async fn mend(
        &self,
        session: &Session,
        version: &InstalledVersion,
    ) -> Result<(), EngineError> {
        let checked = tokio::task::block_in_place(|| install::check_documents(&self.paths, version));
        let Err(damage @ EngineError::DamagedDocument { .. }) = checked else {
            return checked;
        };
        session.notice(
            NoticeCode::DamagedDocument,
            format!("It is fetched again: {damage}"),
        );
        let settings = self.settings()?;
        let fetched = self.fetch_documents(session, &settings, version).await?;
        tokio::task::block_in_place(|| self.keep_fetched(version, &fetched))
    }

    /// Returns what the documents of a version in the folder should be; fetches those that no version there has whole.
    async fn fetch_documents(
        &self,
        session: &Session,
        settings: &Settings,
        version: &InstalledVersion,
    ) -> Result<Fetched, EngineError> {
        match install::load_manifest_with_bytes(&self.paths, version) {
            Ok((manifest, manifest_bytes)) => Ok(Fetched {
                documents: self.documents(session, settings, None, &manifest).await?,
                manifest,
                manifest_bytes,
            }),
            Err(EngineError::BadRecord { .. }) => {
                let (offer, documents) = self.offer_of(session, settings, version).await?;
                Ok(Fetched {
                    manifest: offer.manifest,
                    manifest_bytes: offer.manifest_bytes,
                    documents,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// Puts fetched documents in the place of damaged ones.
    fn keep_fetched(&self, version: &InstalledVersion, fetched: &Fetched) -> Result<(), EngineError> {
        let _lock = InstallLock::take(&self.paths)?;
        install::replace_documents(&self.paths, version, &fetched.manifest_bytes, &fetched.documents)
    }

    /// Says what is damaged of the installed version's documents, and what to do next.
    fn tell_of_damaged_documents(&self, session: &Session) {
        // What is installed is told by whoever needs it.
        let Ok(Some(current)) = Current::load(&self.paths) else {
            return;
        };
        if let Err(error) = install::check_documents(&self.paths, &current.current) {
            session.notice(NoticeCode::DamagedDocument, error.report().line());
        }
    }

    /// Returns where a version in the folder should lie.
    ///
    /// # Errors
    /// [`EngineError::DamagedDocument`] if a document of it is.
    pub(crate) fn place_of(&self, version: &InstalledVersion) -> Result<Place, EngineError> {
        Place::of(&self.paths, version).map_err(EngineError::fetchable)
    }

    /// Hashes every file of the current version, and tells of that.
    fn check_files(&self, session: &Session) -> Result<Checked, EngineError> {
        let current = self.current()?;
        let place = self.place_of(&current.current)?;
        let damaged = place.check(session)?;
        let report = VerifyReport {
            bytes: place.release.published_bytes(),
            ..place.report(&damaged)?
        };
        self.machine.tell(Event::Verified(report.clone()));
        Ok(Checked {
            current,
            place,
            damaged,
            report,
        })
    }

    /// Joins what the caller says with what the folder remembers; the caller goes first.
    pub(crate) fn settings(&self) -> Result<Settings, EngineError> {
        let stored = Settings::load(&self.paths)?;
        let need = |what: &str| {
            EngineError::InvalidInput(format!(
                "no {what} is given, and none is kept in {}",
                self.config.root.display()
            ))
        };
        let stored = stored.as_ref();
        let server = self.server(stored);
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
            schema: Settings::SCHEMA,
            allow_http: self.config.allow_http || agreed,
            server,
            title: title.ok_or_else(|| need("title"))?,
            channel: channel.ok_or_else(|| need("channel"))?,
            platform: self.config.platform,
            install: Some(self.install),
            anchor: stored.and_then(|s| s.anchor),
        })
    }
}

/// What the channel is looked at for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Aim {
    /// To tell what it offers.
    Tell,
    /// To take it.
    Take,
}

pub(crate) enum Found {
    UpToDate(Version),
    Newer(Box<Newer>),
}

/// What the documents of a version in the folder should be.
struct Fetched {
    manifest: ReleaseManifest,
    manifest_bytes: Bytes,
    documents: Documents,
}

/// What a full check found.
struct Checked {
    current: Current,
    place: Place,
    damaged: HashSet<usize>,
    report: VerifyReport,
}

/// A planned way to something else than what is installed.
pub(crate) struct Newer {
    pub(crate) run: Run,
    pub(crate) settings: Settings,
    /// What was verified on the way, to be remembered with what is installed; a repair asks nobody.
    pub(crate) title: Option<Box<VerifiedTitle>>,
}
