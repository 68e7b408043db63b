// SPDX-License-Identifier: MIT
//! One way from the installed version to another, from plan to commit.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use rayon::prelude::*;
use vsekai_formats::release::{Pinned, ReleaseManifest, Slug, Version};

use crate::carry::{self, Carried};
use crate::config::InstallConfig;
use crate::control;
use crate::disk;
use crate::download::{Download, Source};
use crate::error::{EngineError, IoContext as _};
use crate::event::{NoticeCode, Step};
use crate::install;
use crate::installed::{InstalledTree, Place};
use crate::launch;
use crate::leftover;
use crate::lock::InstallLock;
use crate::needed::NeededChunk;
use crate::origin::{Documents, Offer};
use crate::paths::InstallPaths;
use crate::plan::{Circumstances, Plan};
use crate::record::{Current, Document as _, InstalledVersion, Settings};
use crate::release::{self, Release};
use crate::session::Session;
use crate::share::Sharing;
use crate::stage::Stage;
use crate::starts::StartLog;
use crate::state::Input;
use crate::status::Done;
use crate::versions;

/// Why a version is put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    /// The channel offers it.
    Update,
    /// It is the installed one, and damaged.
    Repair,
    /// A folder that is not an install of ours may have parts of it.
    Adopt,
}

/// A planned way to a version.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) plan: Plan,
    goal: Goal,
    target: Target,
    /// What was on record when the plan was made.
    current: Option<Current>,
    /// Where files and chunks are taken from.
    seed: Option<Place>,
    /// Where the player's files are.
    home: Option<Place>,
}

/// The release to be put in place, with its documents as they were served.
#[derive(Debug)]
struct Target {
    release: Arc<Release>,
    manifest: Pinned,
    manifest_bytes: Bytes,
    /// Held until they are kept beside the version that is being built.
    documents: Option<Documents>,
    channel: Slug,
}

/// What stands ready for a version to be built.
struct Prepared {
    stage: Arc<Stage>,
    sharing: Sharing,
    /// The version's folder.
    name: String,
    _lock: InstallLock,
}

impl Target {
    /// `known` are releases at home: documents that one of them has are not read a second time.
    ///
    /// # Errors
    /// The release asks for a newer program, or its documents contradict each other.
    fn offered(
        config: &InstallConfig,
        offer: Offer,
        documents: Documents,
        known: &[&Option<Place>],
    ) -> Result<Self, EngineError> {
        check_needs(&offer.manifest, &config.launcher_version)?;
        let mut known = known.iter().filter_map(|place| place.as_ref());
        let release = match known.find(|place| place.release.has_documents_of(&offer.manifest)) {
            Some(place) => place.release.renamed(offer.manifest)?,
            None => Release::parse(offer.manifest, &documents.contents, &documents.index)?,
        };
        Ok(Self {
            release: Arc::new(release),
            manifest: offer.release.manifest,
            manifest_bytes: offer.manifest_bytes,
            documents: Some(documents),
            channel: offer.channel,
        })
    }

    /// # Errors
    /// A document of the installed version is missing.
    fn installed(
        paths: &InstallPaths,
        version: &InstalledVersion,
        release: Arc<Release>,
    ) -> Result<Self, EngineError> {
        let (manifest_bytes, documents) = install::load_documents(paths, version)?;
        Ok(Self {
            release,
            manifest: version.manifest.clone(),
            manifest_bytes,
            documents: Some(documents),
            channel: version.channel.clone(),
        })
    }
}

impl Run {
    /// Plans the way to an offer; `home` is where the installed version should lie, if that can be of help. Looks at the
    /// installed files, reads those that were written to since they were installed, changes nothing.
    pub(crate) fn plan(
        config: &InstallConfig,
        paths: &InstallPaths,
        offer: Offer,
        documents: Documents,
        current: Option<Current>,
        home: Option<Place>,
    ) -> Result<Self, EngineError> {
        let name_only = home
            .as_ref()
            .is_some_and(|home| home.release.differs_in_name_only(&offer.manifest));
        let seed = match name_only {
            true => None,
            false => kept_place(paths, current.as_ref(), &offer.manifest),
        };
        let target = Target::offered(config, offer, documents, &[&seed, &home])?;
        let failed_starts = StartLog::load(paths)
            .given_up(&target.manifest)
            .map_or(0, |given_up| given_up.failures);
        let left = current.as_ref().and_then(|current| current.left.as_ref());
        let seed = seed.or_else(|| home.clone());
        let circumstances = Circumstances {
            damaged: seed.as_ref().map(Place::damage).unwrap_or_default(),
            name_only,
            left_before: failed_starts > 0 || left == Some(&target.manifest),
            failed_starts,
            ..Circumstances::default()
        };
        Ok(Self::new(
            paths,
            Goal::Update,
            target,
            current,
            (seed, home),
            circumstances,
        ))
    }

    /// Plans the way to an offer from a folder that has the same files, or some of them.
    ///
    /// Every byte of it is checked first; the folder itself is never changed.
    pub(crate) fn adopt(
        config: &InstallConfig,
        paths: &InstallPaths,
        offer: Offer,
        documents: Documents,
        folder: &Path,
        session: &Session,
    ) -> Result<Self, EngineError> {
        let target = Target::offered(config, offer, documents, &[])?;
        let damaged = InstalledTree::at(folder, target.release.clone())?.check(session)?;
        let seed = Some(Place::new(folder.to_owned(), target.release.clone()));
        Ok(Self::new(
            paths,
            Goal::Adopt,
            target,
            None,
            (seed.clone(), seed),
            Circumstances {
                damaged,
                ..Circumstances::default()
            },
        ))
    }

    /// Plans the way from the installed version, which lies at `place` with the entries `damaged` damaged, to the same
    /// version undamaged.
    pub(crate) fn repair(
        paths: &InstallPaths,
        current: Current,
        place: Place,
        damaged: HashSet<usize>,
    ) -> Result<Self, EngineError> {
        let target = Target::installed(paths, &current.current, place.release.clone())?;
        let seed = Some(place);
        Ok(Self::new(
            paths,
            Goal::Repair,
            target,
            Some(current),
            (seed.clone(), seed),
            Circumstances {
                damaged,
                ..Circumstances::default()
            },
        ))
    }

    /// `circumstances` are what is known of the place that files are taken from, and of earlier starts; the rest of them
    /// is found out here.
    fn new(
        paths: &InstallPaths,
        goal: Goal,
        target: Target,
        current: Option<Current>,
        (seed, home): (Option<Place>, Option<Place>),
        circumstances: Circumstances,
    ) -> Self {
        let occupied = home.as_ref().map(|home| home.occupied(&target.release));
        let mut circumstances = Circumstances {
            occupied: occupied.unwrap_or_default(),
            ..circumstances
        };
        // From a folder that is not ours everything is copied: somebody may still write to it.
        let shares = goal != Goal::Adopt && !circumstances.tree_stays(&target.release);
        circumstances.can_share = shares && can_share(paths);
        let installed = home.as_ref().filter(|_| goal != Goal::Adopt);
        let seed = seed.filter(Place::is_there);
        let plan = Plan::new(
            &target.release,
            installed.map(|home| &*home.release),
            seed.as_ref().map(|seed| &*seed.release),
            &circumstances,
        );
        let mut run = Self {
            plan,
            goal,
            target,
            current,
            seed,
            home,
        };
        if goal == Goal::Update && !run.plan.tree_stays {
            let staged = leftover::staged(paths, &run.name(paths), &run.target.release, &run.plan);
            run.plan.count_staged(&staged);
        }
        run
    }

    /// Returns the size of the largest chunk to be fetched, in bytes: nothing longer is taken from the network.
    pub(crate) fn largest_chunk(&self) -> usize {
        let sizes = self.plan.chunks.iter().map(|chunk| chunk.size as usize);
        sizes.max().unwrap_or_default()
    }

    /// Does what was planned.
    ///
    /// # Errors
    /// Until the commit point nothing that was installed is touched; what was fetched is found again.
    pub(crate) async fn execute(
        mut self,
        session: &Session,
        paths: &InstallPaths,
        settings: &Settings,
        source: &Source,
    ) -> Result<Done, EngineError> {
        let done = self.put_in_place(session, paths, settings, source).await;
        done.map_err(|error| self.name_missing_space(error, paths))
    }

    /// Says how much space the plan needs, where an error says that there is none left: somebody else took it after
    /// it was checked.
    pub(crate) fn name_missing_space(&self, error: EngineError, paths: &InstallPaths) -> EngineError {
        disk::name_missing_space(error, paths.root(), self.plan.summary.disk_bytes)
    }

    async fn put_in_place(
        &mut self,
        session: &Session,
        paths: &InstallPaths,
        settings: &Settings,
        source: &Source,
    ) -> Result<Done, EngineError> {
        if self.plan.tree_stays {
            return tokio::task::block_in_place(|| self.give_name(session, paths, settings));
        }
        let machine = &session.machine;
        let prepared = tokio::task::block_in_place(|| self.prepare(paths, settings))?;
        let stage = &prepared.stage;
        let (missing, there) = tokio::task::block_in_place(|| stage.divide(&session.token))?;
        self.check_space(paths, &there)?;
        if let Some(documents) = self.target.documents.take() {
            tokio::task::block_in_place(|| install::keep_documents(paths, &prepared.name, &documents))?;
        }
        machine.apply(Input::Prepared)?;

        let is_local = |chunk: &NeededChunk| chunk.installed.is_some();
        let (local, remote): (Vec<u32>, Vec<u32>) = missing
            .into_iter()
            .partition(|chunk| self.plan.chunks.get(*chunk).as_ref().is_some_and(is_local));
        let resumed = stored_bytes(self.chunks(&there).filter(|chunk| !is_local(chunk)));
        let to_fetch = stored_bytes(self.chunks(&remote));
        let meter = session.meter(Step::Download, resumed, resumed + to_fetch);
        let download = Download {
            session,
            source,
            stage,
            meter: &meter,
        };
        download.fetch_all(remote.clone()).await?;
        meter.finish();
        machine.apply(Input::Downloaded)?;

        let again = tokio::task::block_in_place(|| self.take_over(session, &prepared, &local))?;
        self.fetch_damaged(session, source, stage, &again).await?;
        let done = self.figures(session, &remote, &again, resumed);
        tokio::task::block_in_place(|| self.finish(session, paths, &prepared))?;
        Ok(done)
    }

    /// Takes the lock and keeps the settings.
    fn begin(&self, paths: &InstallPaths, settings: &Settings) -> Result<InstallLock, EngineError> {
        let lock = InstallLock::take(paths)?;
        if Current::load(paths)? != self.current {
            // Somebody else updated between the plan and the lock.
            return Err(EngineError::Locked {
                path: paths.root().to_owned(),
            });
        }
        if Settings::load(paths)?.as_ref() != Some(settings) {
            settings.store(paths)?;
        }
        Ok(lock)
    }

    /// Takes the lock and opens the staging folder.
    fn prepare(&self, paths: &InstallPaths, settings: &Settings) -> Result<Prepared, EngineError> {
        let lock = self.begin(paths, settings)?;
        let sharing = match self.goal {
            // A link would make the folder's files read-only, and somebody may still write to them.
            Goal::Adopt => Sharing::probe(paths)?.private(),
            Goal::Update | Goal::Repair => Sharing::probe(paths)?,
        };
        let name = self.name(paths);
        let staging = paths.staging().join(&name);
        disk::create_folders(&paths.staging())?;
        if let Some(current) = &self.current {
            install::tidy(paths, current, Some(&name));
        }
        let place = paths.version(&name);
        if place.is_dir() && !staging.exists() {
            // Killed between moving the tree and the commit: go on from there.
            fs_err::rename(&place, &staging).during("take back", &place)?;
        }
        let seed = self.seed.as_ref().map(Place::open).transpose()?.flatten();
        let stage = Stage::open(
            staging,
            self.target.release.clone(),
            &self.plan,
            seed.map(Arc::new),
        )?;
        Ok(Prepared {
            stage: Arc::new(stage),
            sharing,
            name,
            _lock: lock,
        })
    }

    /// Returns the chunks of the plan with these numbers.
    fn chunks(&self, numbers: &[u32]) -> impl Iterator<Item = NeededChunk> {
        self.plan.chunks.select(numbers.iter().copied())
    }

    fn check_space(&self, paths: &InstallPaths, there: &[u32]) -> Result<(), EngineError> {
        let present: u64 = self.chunks(there).map(|chunk| chunk.filled_bytes()).sum();
        // The plan's figure counts without what it saw ready; what is ready now was hashed again.
        let summary = &self.plan.summary;
        let needed = (summary.disk_bytes + summary.staged_bytes).saturating_sub(present);
        disk::require_space(paths.root(), needed)
    }

    /// Takes over files and chunks from the seed; returns chunks that turned out damaged there.
    fn take_over(
        &self,
        session: &Session,
        prepared: &Prepared,
        local: &[u32],
    ) -> Result<Vec<u32>, EngineError> {
        let total = self.plan.summary.reused_bytes;
        let meter = session.meter(Step::Apply, 0, total);
        let stage = &prepared.stage;
        meter.ticking(|| {
            stage.take_over(prepared.sharing, &session.token, meter.counter())?;
            let damaged: Result<Vec<Option<u32>>, EngineError> = local
                .par_iter()
                .map_init(Vec::new, |buffer, number| {
                    control::check(&session.token)?;
                    let Some(chunk) = self.plan.chunks.get(*number) else {
                        return Ok(None);
                    };
                    if !stage.read_seed(&chunk, buffer) {
                        return Ok(Some(*number));
                    }
                    stage.write(&chunk, buffer)?;
                    meter.counter().fetch_add(chunk.filled_bytes(), Ordering::Relaxed);
                    Ok(None)
                })
                .collect();
            Ok(damaged?.into_iter().flatten().collect())
        })
    }

    /// Fetches chunks that the installed version should have had.
    async fn fetch_damaged(
        &self,
        session: &Session,
        source: &Source,
        stage: &Arc<Stage>,
        chunks: &[u32],
    ) -> Result<(), EngineError> {
        if chunks.is_empty() {
            return Ok(());
        }
        let message = format!(
            "{} parts of the installed version are damaged and are fetched instead",
            chunks.len()
        );
        session.notice(NoticeCode::DamagedSeed, message);
        let meter = session.meter(Step::Download, 0, stored_bytes(self.chunks(chunks)));
        let download = Download {
            session,
            source,
            stage,
            meter: &meter,
        };
        download.fetch_now(chunks.to_vec()).await
    }

    /// Checks the finished tree, makes it durable, commits it, tidies up.
    fn finish(
        &self,
        session: &Session,
        paths: &InstallPaths,
        prepared: &Prepared,
    ) -> Result<(), EngineError> {
        let Prepared { stage, name, .. } = prepared;
        stage.check_built(&session.token)?;
        self.carry(session, stage)?;
        stage.create_links()?;
        let manifest = &self.target.release.manifest;
        let program = stage.path().join(manifest.launch.desktop.path.as_str());
        launch::check_program(&program, manifest.platform)?;
        control::check(&session.token)?;
        session.machine.apply(Input::Applied)?;

        install::keep_first_manifest(paths, name, &self.target.manifest_bytes)?;
        install::make_durable(paths, name, stage)?;
        let current = versions::retained(paths, &self.record(name.clone()));
        // The player put it in place knowingly, so nothing is held against it any more.
        StartLog::change_if_there(paths, |log| log.forgive(&current.current))?;
        install::move_to_place(paths, stage.path(), &current)?;
        let committed = commit(session, paths, &current);
        if committed.is_err() && Current::load(paths).is_ok_and(|there| there == self.current) {
            // Nothing points at the tree, on a disk that is full for one. The next run looks for it where it was built.
            let _ = fs_err::rename(paths.version(name), stage.path());
        }
        committed
    }

    /// Makes the installed tree, which is the new version's as it lies, the new version.
    ///
    /// What is known of its starts stays: they were starts of the same.
    fn give_name(
        &self,
        session: &Session,
        paths: &InstallPaths,
        settings: &Settings,
    ) -> Result<Done, EngineError> {
        let _lock = self.begin(paths, settings)?;
        for input in [Input::Prepared, Input::Downloaded, Input::Applied] {
            session.machine.apply(input)?;
        }
        let current = versions::retained(paths, &self.record(self.name(paths)));
        let before = self.current.as_ref().map(|before| &before.current.manifest);
        control::check(&session.token)?;
        install::keep_manifest(paths, &current.current, &self.target.manifest_bytes, before)?;
        commit(session, paths, &current)?;
        Ok(self.figures(session, &[], &[], 0))
    }

    /// Takes the player's own files along.
    fn carry(&self, session: &Session, stage: &Stage) -> Result<(), EngineError> {
        let home = self.home.as_ref().map(Place::open).transpose()?;
        let Some(home) = home.flatten() else {
            return Ok(());
        };
        let release = &self.target.release;
        let carried = match self.goal {
            // What else there is in a folder that is not ours stays there.
            Goal::Adopt => carry::copy_declared(&home, stage.dir(), release),
            Goal::Update | Goal::Repair => carry::carry(&home, stage.dir(), release),
        };
        tell_carried(session, &carried);
        Ok(())
    }

    fn record(&self, name: String) -> Current {
        let manifest = &self.target.release.manifest;
        let installed = InstalledVersion {
            name,
            version: manifest.version.clone(),
            sequence: manifest.sequence,
            channel: self.target.channel.clone(),
            manifest: self.target.manifest.clone(),
            files: self.target.release.contents.files().count() as u64,
            installed_bytes: self.plan.summary.installed_bytes,
        };
        let before = self.current.iter().flat_map(Current::versions);
        // What was there before a damaged one is worth more than the damaged one, and before one that goes on under
        // another name it is all there is.
        let passed_over = usize::from(self.goal == Goal::Repair || self.plan.tree_stays);
        let mut older: Vec<InstalledVersion> = before.skip(passed_over).cloned().collect();
        // A version that is put in place once more need not be kept twice.
        older.retain(|version| Some(&version.manifest) != self.repeated());
        Current {
            schema: Current::SCHEMA,
            current: installed,
            previous: None,
            kept: Vec::new(),
            left: None,
        }
        .with_older(older)
    }

    /// Returns the manifest of older versions that this one makes superfluous.
    fn repeated(&self) -> Option<&Pinned> {
        let installed = self.current.as_ref().map(|current| &current.current.manifest);
        // Right before the current one it is what a roll-back leads to, and that must not lead nowhere.
        Some(&self.target.manifest).filter(|manifest| Some(*manifest) != installed)
    }

    /// Returns the name of the new version's folder.
    fn name(&self, paths: &InstallPaths) -> String {
        if let Some(current) = self.current.as_ref().filter(|_| self.plan.tree_stays) {
            return current.current.name.clone();
        }
        let digest = self.target.manifest.sha256.to_string();
        let short = digest.get(..8).unwrap_or(&digest);
        let base = format!("{}-{short}", self.target.release.manifest.version);
        install::free_name(paths, &base, self.current.as_ref())
    }

    fn figures(&self, session: &Session, remote: &[u32], again: &[u32], resumed: u64) -> Done {
        let summary = &self.plan.summary;
        Done {
            version: summary.version.clone(),
            from_version: summary.from_version.clone().or_else(|| {
                self.current
                    .as_ref()
                    .map(|current| current.current.version.clone())
            }),
            network_bytes: session.network_bytes(),
            chunk_bytes: stored_bytes(self.chunks(remote).chain(self.chunks(again))),
            chunks: (remote.len() + again.len()) as u64,
            resumed_bytes: resumed,
            reused_bytes: summary.reused_bytes,
            installed_bytes: summary.installed_bytes,
            files: self.target.release.contents.files().count() as u64,
        }
    }
}

/// Replaces the record of what is installed, which is the commit point, and tidies up; the lock is held.
fn commit(session: &Session, paths: &InstallPaths, current: &Current) -> Result<(), EngineError> {
    current.store(paths)?;
    session.machine.apply(Input::Committed)?;

    session.machine.apply(Input::SwitchOver)?;
    for error in install::tidy(paths, current, None) {
        let message = format!("An old version could not be removed yet: {error}");
        session.notice(NoticeCode::Tidy, message);
    }
    session.machine.apply(Input::Tidied)?;
    Ok(())
}

/// Returns where an older version lies that has the files of `manifest`, maybe of this very release: it was kept.
fn kept_place(paths: &InstallPaths, current: Option<&Current>, manifest: &ReleaseManifest) -> Option<Place> {
    let has_all = |version: &&InstalledVersion| {
        install::load_manifest(paths, version).is_ok_and(|kept| release::pin_the_same(&kept, manifest))
    };
    let mut kept = current.into_iter().flat_map(Current::older).filter(has_all);
    kept.find_map(|version| Place::of(paths, version).ok())
}

/// Says what became of the player's files, if there are any.
fn tell_carried(session: &Session, carried: &Carried) {
    if !carried.left.is_empty() {
        session.notice(NoticeCode::LeftBehind, carried.words_of_left());
    }
    if !carried.taken.is_empty() {
        let count = carried.taken.len();
        session.notice(
            NoticeCode::Carried,
            format!("{count} files that are not part of the game were taken along"),
        );
    }
}

fn stored_bytes(chunks: impl Iterator<Item = NeededChunk>) -> u64 {
    chunks.map(|chunk| u64::from(chunk.stored_size)).sum()
}

fn can_share(paths: &InstallPaths) -> bool {
    // In a folder that was never used nothing is reused, so nothing is created just to find out.
    paths.state().is_dir() && Sharing::probe(paths).is_ok_and(|sharing| sharing != Sharing::Copy)
}

/// Checks that launcher and engine are as new as the release asks for.
fn check_needs(manifest: &ReleaseManifest, launcher: &str) -> Result<(), EngineError> {
    if let Some(needed) = manifest
        .minimum_launcher
        .as_ref()
        .filter(|needed| is_older(launcher, needed))
    {
        return Err(EngineError::LauncherTooOld {
            needed: needed.to_string(),
            found: launcher.to_owned(),
        });
    }
    let engine = env!("CARGO_PKG_VERSION");
    match manifest
        .minimum_engine
        .as_ref()
        .filter(|needed| is_older(engine, needed))
    {
        None => Ok(()),
        Some(needed) => Err(EngineError::EngineTooOld {
            needed: needed.to_string(),
            found: engine.to_owned(),
        }),
    }
}

/// Compares dotted numbers; labels that are none are not compared.
fn is_older(found: &str, needed: &Version) -> bool {
    let numbers =
        |text: &str| -> Option<Vec<u64>> { text.split('.').map(|part| part.parse().ok()).collect() };
    matches!((numbers(found), numbers(needed.as_str())), (Some(found), Some(needed)) if found < needed)
}
