// SPDX-License-Identifier: MIT
//! The versions in an install folder: listing them, going back, removing one, giving one up.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use fs_err as fs;
use serde::Serialize;
use vsekai_formats::ChunkId;
use vsekai_formats::release::{Slug, Version};

use crate::carry;
use crate::disk;
use crate::error::EngineError;
use crate::event::NoticeCode;
use crate::history;
use crate::install;
use crate::installed::{InstalledTree, Place};
use crate::lock::{self, InstallLock};
use crate::paths::InstallPaths;
use crate::preferences::Preferences;
use crate::record::{self, Current, InstalledVersion};
use crate::release;
use crate::session::Machine;
use crate::starts::{StartLog, StartOutcome, StartRecord, Verdict};
use crate::state::Input;
use crate::status::RollbackOutcome;
use crate::words;

/// What a version is to the install folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionRole {
    /// What "Play" starts.
    Current,
    /// What a roll-back goes to.
    Previous,
    /// An older one that is kept.
    Kept,
}

/// One version in the install folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VersionView {
    /// Its label.
    pub version: Version,
    /// Name of its folder.
    pub name: String,
    /// What it is.
    pub role: VersionRole,
    /// The channel it came from.
    pub channel: Slug,
    /// Bytes of its files.
    pub installed_bytes: u64,
    /// Bytes of files that no newer version in the folder has.
    pub own_bytes: u64,
    /// When it was installed, in seconds since 1970; 0 if that is not known.
    pub installed_at: u64,
    /// Whether it is the only version that is taken.
    pub pinned: bool,
    /// Whether the player, or the engine for them, went back from it.
    pub left_before: bool,
    /// Whether a game runs from it.
    pub in_use: bool,
    /// Whether it is known to have started well.
    pub started_well: bool,
    /// How many of its last starts in a row failed.
    pub failed_starts: u32,
    /// How its last start went, for people.
    pub last_start: Option<String>,
    /// Why it was given up, for people.
    pub given_up: Option<String>,
}

/// What removing a version did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Removal {
    /// The version.
    pub version: Version,
    /// Bytes that are free now.
    pub freed_bytes: u64,
    /// Why its folder is still there, for people; it goes when that no longer holds.
    pub waits_for: Option<String>,
}

/// Lists the versions, the current one first, then the newest first.
pub(crate) fn list(paths: &InstallPaths) -> Result<Vec<VersionView>, EngineError> {
    let Some(current) = Current::load(paths)? else {
        return Ok(Vec::new());
    };
    let log = StartLog::load(paths);
    let pinned = Preferences::load(paths).pinned;
    let own_bytes = own_bytes(paths, current.versions());
    let view = |(position, version): (usize, &InstalledVersion)| VersionView {
        version: version.version.clone(),
        name: version.name.clone(),
        role: match position {
            0 => VersionRole::Current,
            1 => VersionRole::Previous,
            _ => VersionRole::Kept,
        },
        channel: version.channel.clone(),
        installed_bytes: version.installed_bytes,
        own_bytes: own_bytes.get(&version.name).copied().unwrap_or_default(),
        installed_at: installed_at(paths, version),
        pinned: pinned.as_ref() == Some(&version.version),
        left_before: current.left.as_ref() == Some(&version.manifest)
            || log.given_up(&version.manifest).is_some(),
        in_use: lock::is_in_use(paths, &version.name),
        started_well: log.started_well(&version.name),
        failed_starts: log.failures(&version.name),
        last_start: log
            .last(&version.name)
            .map(|start| format!("it {}", start.outcome.words())),
        given_up: why_given_up(&log, version),
    };
    Ok(current.versions().enumerate().map(view).collect())
}

/// Returns when a version was installed, in seconds since 1970; 0 if that is not known.
pub(crate) fn installed_at(paths: &InstallPaths, version: &InstalledVersion) -> u64 {
    let time = install::installed_at(paths, &version.name);
    let since = time.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_secs())
}

/// Says why a version was given up, if it was.
pub(crate) fn why_given_up(log: &StartLog, version: &InstalledVersion) -> Option<String> {
    let given_up = log.given_up(&version.manifest)?;
    Some(format!(
        "{} {}, {} in a row",
        given_up.version,
        given_up.outcome.words(),
        words::count(u64::from(given_up.failures), "time")
    ))
}

/// Finds a version beside the current one by its label or by its folder's name.
pub(crate) fn find<'a>(current: &'a Current, which: &str) -> Result<&'a InstalledVersion, EngineError> {
    let named = |version: &&InstalledVersion| version.name == which;
    let labelled = |version: &&InstalledVersion| version.version.as_str() == which;
    let found = current
        .older()
        .find(named)
        .or_else(|| current.older().find(labelled));
    found.ok_or_else(|| {
        let is_current = named(&&current.current) || labelled(&&current.current);
        EngineError::InvalidInput(match is_current {
            true => format!("{which} is the version that \"Play\" starts"),
            false => format!("there is no version {which} in this install"),
        })
    })
}

/// A version beside the current one that can take its place.
pub(crate) struct Sound<'a> {
    version: &'a InstalledVersion,
    tree: InstalledTree,
}

impl<'a> Sound<'a> {
    /// Looks at a version, and reads no file of it; changes nothing.
    ///
    /// # Errors
    /// [`EngineError::DamagedVersion`] if files of it or its folder are damaged or gone, [`EngineError::DamagedDocument`] if
    /// a document of it is.
    pub(crate) fn find(paths: &InstallPaths, version: &'a InstalledVersion) -> Result<Self, EngineError> {
        let place = Place::of(paths, version).map_err(EngineError::fetchable)?;
        let tree = place.open()?;
        let damaged = place.looks(tree.as_ref()).damaged;
        match tree {
            Some(tree) if damaged.is_empty() => Ok(Self { version, tree }),
            _ => Err(EngineError::DamagedVersion {
                version: version.version.clone(),
                files: place.release.paths_of(&damaged),
            }),
        }
    }
}

/// Makes `to` the current version, with what the player has now at the places that are left to them; the lock is held.
///
/// # Errors
/// It cannot be written down; the current version is the one it was.
pub(crate) fn go_back(
    paths: &InstallPaths,
    machine: &Machine,
    current: &Current,
    to: &Sound<'_>,
) -> Result<RollbackOutcome, EngineError> {
    let Sound { version: to, tree } = to;
    catch_up(paths, machine, &current.current, (tree, &to.name));
    current.went_back_to(to).store(paths)?;
    Ok(RollbackOutcome {
        from_version: current.current.version.clone(),
        version: to.version.clone(),
        newer: is_newer(paths, to, &current.current),
    })
}

/// Tells whether a version came after another one: in the order they were published in where they came from the same
/// channel, otherwise in that they were installed in.
fn is_newer(paths: &InstallPaths, version: &InstalledVersion, other: &InstalledVersion) -> bool {
    match version.channel == other.channel {
        true => version.sequence > other.sequence,
        false => installed_at(paths, version) > installed_at(paths, other),
    }
}

/// Brings the version `to` up to what the player did in the version `from`, where both leave the place to them.
///
/// What hinders that is told and no more: one of the two may be damaged, and the game counts more.
fn catch_up(paths: &InstallPaths, machine: &Machine, from: &InstalledVersion, to: (&InstalledTree, &str)) {
    let caught_up = InstalledTree::open(paths, from).and_then(|from| carry::catch_up(paths, &from, to));
    let message = match caught_up {
        Ok(carried) if carried.left.is_empty() => return,
        Ok(carried) => carried.words_of_left(),
        Err(error) => format!("Your own files stay with {}: {error}", from.version),
    };
    machine.notice(NoticeCode::LeftBehind, message);
}

/// Brings the current version, before it is started for the first time, up to what the player has done in the
/// one before since: a game that ran during the update may have saved.
pub(crate) fn get_ready(
    paths: &InstallPaths,
    machine: &Machine,
    current: &Current,
) -> Result<(), EngineError> {
    let Some(previous) = &current.previous else {
        return Ok(());
    };
    let version = &current.current;
    let leaves_nothing = install::load_manifest(paths, version)?.user_paths.is_empty();
    let was_started = || match record::unless_lost(StartLog::read(paths)) {
        Ok(log) => log.is_some_and(|log| log.last(&version.name).is_some()),
        // There were starts, and most likely of this version.
        Err(_) => true,
    };
    if leaves_nothing || was_started() {
        return Ok(());
    }
    // Whoever works on the folder may be about to remove either.
    if let (Ok(_lock), Ok(tree)) = (InstallLock::take(paths), InstalledTree::open(paths, version)) {
        catch_up(paths, machine, previous, (&tree, &version.name));
    }
    Ok(())
}

/// Closes starts that nobody watches any more, and goes back if the current version keeps failing.
///
/// Does nothing while somebody works on the folder: the next one who looks will.
pub(crate) fn settle(
    paths: &InstallPaths,
    machine: &Machine,
) -> Result<Option<RollbackOutcome>, EngineError> {
    let log = StartLog::change_if_there(paths, |log| {
        log.close_unwatched(
            |name| lock::is_in_use(paths, name),
            |id| paths.report(id).exists(),
        );
        Some(log.clone())
    })?;
    let Some(log) = log else { return Ok(None) };
    forget_reports(paths, &log);
    let preferences = Preferences::load(paths);
    let Some(current) = Current::load(paths)? else {
        return Ok(None);
    };
    match log.verdict(&current, &preferences) {
        Verdict::Stay => Ok(None),
        Verdict::Stuck { failures } => {
            let (version, times) = (&current.current.version, words::count(failures.into(), "time"));
            machine.notice(
                NoticeCode::NoGoodVersion,
                format!(
                    "{version} did not start, {times} in a row, and there is no other version to go back to"
                ),
            );
            Ok(None)
        }
        Verdict::GoBack { .. } if !machine.state().is_resting() => Ok(None),
        Verdict::GoBack { .. } => give_up(paths, machine, &preferences),
    }
}

/// Removes the files of games that said that they are there, once that is written down.
fn forget_reports(paths: &InstallPaths, log: &StartLog) {
    for name in disk::names_in(&paths.reports()) {
        // Numbers from the next one on are of starts that came after the log was read.
        let id = name.parse::<u64>().ok().filter(|id| *id < log.next);
        let is_open = |start: &StartRecord| Some(start.id) == id && start.outcome == StartOutcome::Open;
        if id.is_some() && !log.starts.iter().any(is_open) {
            // One that stays says nothing: its number is never used again.
            let _ = fs::remove_file(paths.reports().join(name));
        }
    }
}

/// Goes back from the current version to the best one there is.
fn give_up(
    paths: &InstallPaths,
    machine: &Machine,
    preferences: &Preferences,
) -> Result<Option<RollbackOutcome>, EngineError> {
    let Ok(_lock) = InstallLock::take(paths) else {
        return Ok(None);
    };
    // Decided anew under the lock: somebody may have been quicker.
    let Some(current) = Current::load(paths)? else {
        return Ok(None);
    };
    let Verdict::GoBack {
        to,
        failures,
        outcome,
    } = StartLog::load(paths).verdict(&current, preferences)
    else {
        return Ok(None);
    };
    // Written down first: if the power goes now, the version is given up all the same.
    StartLog::change(paths, |log| log.give_up(&current.current, failures, outcome))?;
    for version in &to {
        let sound = Sound::find(paths, version);
        match sound.and_then(|sound| go_back(paths, machine, &current, &sound)) {
            Ok(went) => {
                // A check that began this very moment keeps its own states; the notice tells all the same.
                let _ = machine.apply(Input::RollBack);
                let (from, what) = (&went.from_version, outcome.words());
                let times = words::count(failures.into(), "time");
                let message = format!("{from} {what}, {times} in a row: {} is back", went.version);
                machine.notice(NoticeCode::RolledBack, message);
                return Ok(Some(went));
            }
            Err(error) => machine.notice(
                NoticeCode::NotSound,
                format!("{} cannot take its place: {error}", version.version),
            ),
        }
    }
    Ok(None)
}

/// Removes old versions that need not be kept any more, if nobody works on the folder.
pub(crate) fn retire(paths: &InstallPaths) -> Result<(), EngineError> {
    let Some(current) = Current::load(paths)? else {
        return Ok(());
    };
    if retained(paths, &current) == current {
        return Ok(());
    }
    let Ok(_lock) = InstallLock::take(paths) else {
        return Ok(());
    };
    let Some(current) = Current::load(paths)? else {
        return Ok(());
    };
    let fewer = retained(paths, &current);
    fewer.store(paths)?;
    // What cannot be removed now is removed by the next update.
    install::tidy(paths, &fewer, None);
    Ok(())
}

/// Returns the record without old versions that need not be kept.
pub(crate) fn retained(paths: &InstallPaths, current: &Current) -> Current {
    let preferences = record::unless_lost(Preferences::read(paths));
    let log = record::unless_lost(StartLog::read(paths));
    let (Ok(preferences), Ok(log)) = (preferences, log) else {
        // Nobody can tell what the player wants kept, so all of it is.
        return current.clone();
    };
    let (preferences, log) = (preferences.unwrap_or_default(), log.unwrap_or_default());
    let own = match preferences.keep_bytes {
        Some(_) => own_bytes(paths, current.versions()),
        None => HashMap::new(),
    };
    let size = |name: &str| own.get(name).copied().unwrap_or_default();
    history::retained(current, &preferences, &log, size)
}

/// Removes a version beside the current one; the lock is held.
pub(crate) fn remove(paths: &InstallPaths, which: &str) -> Result<Removal, EngineError> {
    let current = Current::load(paths)?.ok_or_else(|| EngineError::NotInstalled {
        path: paths.root().to_owned(),
    })?;
    let version = find(&current, which)?.clone();
    let others = current
        .older()
        .filter(|other| other.name != version.name)
        .cloned();
    let fewer = current.with_older(others.collect());
    // Counted last: what any other version has too stays.
    let freed = own_bytes(paths, fewer.versions().chain([&version]))
        .get(&version.name)
        .copied()
        .unwrap_or_default();
    fewer.store(paths)?;
    let failed = install::tidy(paths, &fewer, None);
    let waits_for = match paths.version(&version.name).exists() {
        false => None,
        true if lock::is_in_use(paths, &version.name) => Some("a game runs from it".to_owned()),
        true => Some(failed.first().map_or_else(
            || "it holds files of yours that the current version does not have".to_owned(),
            ToString::to_string,
        )),
    };
    Ok(Removal {
        version: version.version,
        freed_bytes: if waits_for.is_some() { 0 } else { freed },
        waits_for,
    })
}

/// Returns what each version takes on disk beyond those before it, by its folder's name.
///
/// Files with the same content count once. A version whose list of files cannot be read counts in full.
fn own_bytes<'a>(
    paths: &InstallPaths,
    versions: impl Iterator<Item = &'a InstalledVersion>,
) -> HashMap<String, u64> {
    let mut seen: HashSet<ChunkId> = HashSet::new();
    let mut own = HashMap::new();
    for version in versions {
        let stored = install::document(paths, version, install::CONTENTS);
        let bytes = match stored.and_then(|stored| release::parse_contents(&stored)) {
            Ok(contents) => contents
                .files()
                .filter(|(_, _, _, digest)| seen.insert(*digest))
                .map(|(_, size, ..)| size)
                .sum(),
            Err(_) => version.installed_bytes,
        };
        own.insert(version.name.clone(), bytes);
    }
    own
}
