// SPDX-License-Identifier: MIT
//! One way from the installed version to another, from plan to commit.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rayon::prelude::*;
use vsekai_formats::release::{Pinned, ReleaseManifest, Version};

use crate::config::InstallConfig;
use crate::control;
use crate::disk;
use crate::download::{Download, Source};
use crate::error::{EngineError, ErrorCode, IoContext as _};
use crate::event::Step;
use crate::install;
use crate::launch;
use crate::leftover;
use crate::lock::InstallLock;
use crate::origin::{Documents, Offer};
use crate::paths::InstallPaths;
use crate::plan::{Circumstances, NeededChunk, Plan};
use crate::progress::Meter;
use crate::record::{Current, InstalledVersion, Settings};
use crate::release::Release;
use crate::session::Session;
use crate::share::Sharing;
use crate::stage::{InstalledTree, Stage};
use crate::starts::StartLog;
use crate::state::Input;
use crate::status::Done;
use crate::tree::{self, Folders};
use crate::verify;
use crate::versions;

/// Why a version is put in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
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
    release: Arc<Release>,
    manifest: Pinned,
    manifest_bytes: bytes::Bytes,
    documents: Documents,
    channel: vsekai_formats::release::Slug,
    current: Option<Current>,
    installed: Option<Arc<Release>>,
    /// Where the files of `installed` lie, if that is not a version of this install.
    adopted: Option<PathBuf>,
}

impl Run {
    /// Plans the way to an offer. Looks at the installed files' sizes, changes nothing.
    pub(crate) fn plan(
        config: &InstallConfig,
        paths: &InstallPaths,
        offer: Offer,
        documents: Documents,
        current: Option<Current>,
        goal: Goal,
    ) -> Result<Self, EngineError> {
        check_needs(&offer.manifest, &config.launcher_version)?;
        let release = Release::parse(offer.manifest, &documents.contents, &documents.index)?;
        // Without its documents the installed version cannot help, but neither can it stop an update.
        let installed = current
            .as_ref()
            .and_then(|c| install::load_release(paths, &c.current).ok());
        let failed_starts = StartLog::load(paths)?
            .given_up(&offer.release.manifest)
            .map_or(0, |given_up| given_up.failures);
        let left = current.as_ref().and_then(|current| current.left.as_ref());
        let circumstances = Circumstances {
            damaged: quick_damage(paths, current.as_ref(), installed.as_ref()),
            can_share: can_share(paths),
            left_before: failed_starts > 0 || left == Some(&offer.release.manifest),
            failed_starts,
        };
        let plan = Plan::new(&release, installed.as_ref(), &circumstances);
        let manifest = offer.release.manifest;
        let channel = offer.channel;
        let manifest_bytes = offer.manifest_bytes;
        let mut run = Self {
            plan,
            goal,
            release: Arc::new(release),
            manifest,
            manifest_bytes,
            documents,
            channel,
            current,
            installed: installed.map(Arc::new),
            adopted: None,
        };
        let staged = leftover::staged(paths, &run.name(paths), &run.release, &run.plan);
        run.plan.count_staged(&staged);
        Ok(run)
    }

    /// Plans the way to an offer from a folder that has the same files, or some of them.
    ///
    /// Every byte of it is checked first; the folder itself is never changed.
    pub(crate) fn adopt(
        config: &InstallConfig,
        offer: Offer,
        documents: Documents,
        folder: &Path,
        session: &Session,
    ) -> Result<Self, EngineError> {
        check_needs(&offer.manifest, &config.launcher_version)?;
        let release = Release::parse(offer.manifest, &documents.contents, &documents.index)?;
        let folders = Folders::below(tree::open_root(folder)?);
        let total = release.contents.files().map(|(_, size, ..)| size).sum();
        let meter = session.meter(Step::Verify, 0, total);
        let damaged = ticking(&meter, || {
            verify::full(&folders, &release, &session.token, meter.counter())
        })?;
        let circumstances = Circumstances {
            damaged,
            ..Circumstances::default()
        };
        let plan = Plan::new(&release, Some(&release), &circumstances).into_install();
        let release = Arc::new(release);
        Ok(Self {
            plan,
            goal: Goal::Adopt,
            installed: Some(release.clone()),
            release,
            manifest: offer.release.manifest,
            manifest_bytes: offer.manifest_bytes,
            documents,
            channel: offer.channel,
            current: None,
            adopted: Some(folder.to_owned()),
        })
    }

    /// Plans the way from a damaged installed version to the same version undamaged.
    pub(crate) fn repair(
        paths: &InstallPaths,
        current: Current,
        session: &Session,
    ) -> Result<Self, EngineError> {
        let version = current.current.clone();
        let release = install::load_release(paths, &version)?;
        let folders = Folders::below(tree::open_root(&paths.version(&version.name))?);
        let total = release.contents.files().map(|(_, size, ..)| size).sum();
        let meter = session.meter(Step::Verify, 0, total);
        let damaged = ticking(&meter, || {
            verify::full(&folders, &release, &session.token, meter.counter())
        })?;
        let circumstances = Circumstances {
            damaged,
            can_share: can_share(paths),
            ..Circumstances::default()
        };
        let plan = Plan::new(&release, Some(&release), &circumstances);
        let (manifest_bytes, documents) = install::load_documents(paths, &version)?;
        let release = Arc::new(release);
        Ok(Self {
            plan,
            goal: Goal::Repair,
            installed: Some(release.clone()),
            release,
            manifest: version.manifest,
            manifest_bytes,
            documents,
            channel: version.channel,
            current: Some(current),
            adopted: None,
        })
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
        self,
        session: &Session,
        paths: &InstallPaths,
        settings: &Settings,
        source: &Source,
    ) -> Result<Done, EngineError> {
        let needed = self.plan.summary.disk_bytes;
        let done = self.put_in_place(session, paths, settings, source).await;
        done.map_err(|error| name_missing_space(error, paths, needed))
    }

    async fn put_in_place(
        self,
        session: &Session,
        paths: &InstallPaths,
        settings: &Settings,
        source: &Source,
    ) -> Result<Done, EngineError> {
        let machine = &session.machine;
        let (_lock, stage, sharing) = tokio::task::block_in_place(|| self.prepare(paths, settings))?;
        let (missing, there) =
            tokio::task::block_in_place(|| stage.divide(&self.plan.chunks, &session.token))?;
        self.check_space(paths, &there)?;
        machine.apply(Input::Prepared)?;

        let (local, remote): (Vec<_>, Vec<_>) =
            missing.into_iter().partition(|chunk| chunk.installed.is_some());
        let resumed = stored_bytes(there.iter().copied().filter(|chunk| chunk.installed.is_none()));
        let to_fetch = stored_bytes(remote.iter().copied());
        let meter = session.meter(Step::Download, resumed, resumed + to_fetch);
        let download = Download {
            session,
            source,
            stage: &stage,
            meter: &meter,
        };
        download.fetch_all(&remote).await?;
        meter.finish();
        machine.apply(Input::Downloaded)?;

        let again = tokio::task::block_in_place(|| self.take_over(session, &stage, sharing, &local))?;
        self.fetch_damaged(session, source, &stage, &again).await?;
        let done = self.figures(session, &remote, &again, resumed);
        tokio::task::block_in_place(|| self.finish(session, paths, &stage))?;
        Ok(done)
    }

    /// Takes the lock and opens the staging folder.
    fn prepare(
        &self,
        paths: &InstallPaths,
        settings: &Settings,
    ) -> Result<(InstallLock, Arc<Stage>, Sharing), EngineError> {
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
        let installed = match (&self.current, &self.installed) {
            (None, Some(release)) => self
                .adopted
                .as_deref()
                .map(tree::open_root)
                .transpose()?
                .map(|dir| InstalledTree {
                    folders: Folders::below(dir),
                    release: release.clone(),
                }),
            (Some(current), Some(release)) => {
                let folders = Folders::below(tree::open_root(&paths.version(&current.current.name))?);
                let release = release.clone();
                Some(InstalledTree { folders, release })
            }
            _ => None,
        };
        let stage = Stage::open(staging, self.release.clone(), &self.plan, installed)?;
        Ok((lock, Arc::new(stage), sharing))
    }

    fn check_space(&self, paths: &InstallPaths, there: &[&NeededChunk]) -> Result<(), EngineError> {
        let present: u64 = there
            .iter()
            .map(|chunk| u64::from(chunk.size) * chunk.positions.len() as u64)
            .sum();
        // The plan's figure counts without what it saw ready; what is ready now was hashed again.
        let summary = &self.plan.summary;
        let needed = (summary.disk_bytes + summary.staged_bytes).saturating_sub(present);
        let needed = needed + needed / RESERVE_PART;
        let available =
            fs4::available_space(paths.root()).during("ask for the free space of", paths.root())?;
        match available >= needed {
            true => Ok(()),
            false => Err(EngineError::DiskFull {
                path: paths.root().to_owned(),
                needed,
                available,
            }),
        }
    }

    /// Takes over files and chunks from the installed version; returns chunks that turned out damaged there.
    fn take_over<'p>(
        &self,
        session: &Session,
        stage: &Stage,
        sharing: Sharing,
        local: &[&'p NeededChunk],
    ) -> Result<Vec<&'p NeededChunk>, EngineError> {
        let total = self.plan.summary.reused_bytes;
        let meter = session.meter(Step::Apply, 0, total);
        ticking(&meter, || {
            stage.take_over(&self.plan.reuse, sharing, &session.token, meter.counter())?;
            let damaged: Result<Vec<Option<&NeededChunk>>, EngineError> = local
                .par_iter()
                .map_init(Vec::new, |buffer, chunk| {
                    control::check(&session.token)?;
                    if !stage.read_installed(chunk, buffer) {
                        return Ok(Some(*chunk));
                    }
                    stage.write(chunk, buffer)?;
                    let bytes = u64::from(chunk.size) * chunk.positions.len() as u64;
                    meter.counter().fetch_add(bytes, Ordering::Relaxed);
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
        chunks: &[&NeededChunk],
    ) -> Result<(), EngineError> {
        if chunks.is_empty() {
            return Ok(());
        }
        let message = format!(
            "{} parts of the installed version are damaged and are fetched instead",
            chunks.len()
        );
        session.notice("damaged-seed", message);
        let meter = session.meter(Step::Download, 0, stored_bytes(chunks.iter().copied()));
        let download = Download {
            session,
            source,
            stage,
            meter: &meter,
        };
        download.fetch_now(chunks).await
    }

    /// Checks the finished tree, makes it durable, commits it, tidies up.
    fn finish(&self, session: &Session, paths: &InstallPaths, stage: &Stage) -> Result<(), EngineError> {
        stage.check_built(&session.token)?;
        self.carry(session, stage);
        stage.create_links()?;
        let program = stage
            .path()
            .join(self.release.manifest.launch.desktop.path.as_str());
        launch::check_program(&program, self.release.manifest.platform)?;
        control::check(&session.token)?;
        session.machine.apply(Input::Applied)?;

        stage.sync()?;
        let name = self.name(paths);
        install::keep_documents(paths, &name, &self.manifest_bytes, &self.documents)?;
        let current = versions::retained(paths, &self.record(name))?;
        // The player put it in place knowingly, so nothing is held against it any more.
        StartLog::change_if_there(paths, |log| log.forgive(&current.current))?;
        install::commit(paths, stage.path(), &current)?;
        session.machine.apply(Input::Committed)?;

        session.machine.apply(Input::SwitchOver)?;
        for error in install::tidy(paths, &current, None) {
            session.notice(
                "tidy",
                format!("An old version could not be removed yet: {error}"),
            );
        }
        session.machine.apply(Input::Tidied)?;
        Ok(())
    }

    /// Takes the player's own files along.
    fn carry(&self, session: &Session, stage: &Stage) {
        if self.goal == Goal::Adopt {
            // They stay in the folder they are in.
            return;
        }
        let carried = stage.carry();
        if let Some(first) = carried.left.first() {
            let (count, name) = (carried.left.len(), first.escape_debug());
            session.notice(
                "left-behind",
                format!("{count} files that are not part of the game stay with the old version, the first is \"{name}\""),
            );
        }
        if !carried.taken.is_empty() {
            let count = carried.taken.len();
            session.notice(
                "carried",
                format!("{count} files that are not part of the game were taken along"),
            );
        }
    }

    fn record(&self, name: String) -> Current {
        let manifest = &self.release.manifest;
        let installed = InstalledVersion {
            name,
            version: manifest.version.clone(),
            sequence: manifest.sequence,
            channel: self.channel.clone(),
            manifest: self.manifest.clone(),
            files: self.release.contents.files().count() as u64,
            installed_bytes: self.plan.summary.installed_bytes,
        };
        let before = self.current.iter().flat_map(Current::versions);
        let mut older: Vec<InstalledVersion> = match self.goal {
            Goal::Update | Goal::Adopt => before.cloned().collect(),
            // What was there before the damaged one is worth more than the damaged one.
            Goal::Repair => before.skip(1).cloned().collect(),
        };
        // A version that is put in place once more need not be kept twice.
        older.retain(|version| Some(&version.manifest) != self.repeated());
        Current {
            schema: vsekai_formats::release::SCHEMA,
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
        Some(&self.manifest).filter(|manifest| Some(*manifest) != installed)
    }

    fn name(&self, paths: &InstallPaths) -> String {
        let digest = self.manifest.sha256.to_string();
        let short = digest.get(..8).unwrap_or(&digest);
        let base = format!("{}-{short}", self.release.manifest.version);
        install::free_name(paths, &base, self.current.as_ref())
    }

    fn figures(
        &self,
        session: &Session,
        remote: &[&NeededChunk],
        again: &[&NeededChunk],
        resumed: u64,
    ) -> Done {
        let summary = &self.plan.summary;
        Done {
            version: summary.version.clone(),
            from_version: summary.from_version.clone().or_else(|| {
                self.current
                    .as_ref()
                    .map(|current| current.current.version.clone())
            }),
            network_bytes: session.network_bytes(),
            chunk_bytes: stored_bytes(remote.iter().chain(again).copied()),
            chunks: (remote.len() + again.len()) as u64,
            resumed_bytes: resumed,
            reused_bytes: summary.reused_bytes,
            installed_bytes: summary.installed_bytes,
            files: self.release.contents.files().count() as u64,
        }
    }
}

/// Says how much space is needed where somebody else took it after it was checked.
fn name_missing_space(error: EngineError, paths: &InstallPaths, needed: u64) -> EngineError {
    let is_full = matches!(&error, EngineError::Io { .. }) && error.code() == ErrorCode::DiskFull;
    let available = fs4::available_space(paths.root());
    match available {
        Ok(available) if is_full => EngineError::DiskFull {
            path: paths.root().to_owned(),
            needed: needed + needed / RESERVE_PART,
            available,
        },
        _ => error,
    }
}

/// Part of the needed space that is kept free on top of it.
const RESERVE_PART: u64 = 33;

/// Runs `work` while telling how far its counter is.
pub(crate) fn ticking<T: Send>(meter: &Meter<'_>, work: impl FnOnce() -> T + Send) -> T {
    let result = std::thread::scope(|scope| {
        let (done, wait) = std::sync::mpsc::channel::<()>();
        scope.spawn(move || {
            let pause = std::time::Duration::from_millis(100);
            while wait.recv_timeout(pause) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                meter.tick();
            }
        });
        let result = work();
        drop(done);
        result
    });
    meter.finish();
    result
}

fn stored_bytes<'a>(chunks: impl Iterator<Item = &'a NeededChunk>) -> u64 {
    chunks.map(|chunk| u64::from(chunk.stored_size)).sum()
}

fn can_share(paths: &InstallPaths) -> bool {
    // In a folder that was never used nothing is reused, so nothing is created just to find out.
    paths.state().is_dir() && Sharing::probe(paths).is_ok_and(|sharing| sharing != Sharing::Copy)
}

fn quick_damage(
    paths: &InstallPaths,
    current: Option<&Current>,
    installed: Option<&Release>,
) -> HashSet<usize> {
    let (Some(current), Some(release)) = (current, installed) else {
        return HashSet::new();
    };
    match tree::open_root(&paths.version(&current.current.name)) {
        Ok(dir) => verify::quick(&Folders::below(dir), release),
        Err(_) => (0..release.contents.entries.len()).collect(),
    }
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
