// SPDX-License-Identifier: MIT
//! Moving an install to another folder, on the same disk or another one.
//!
//! Everything is copied (linked, on one disk), checked and made durable first. Then the new place gets its record
//! of the current version: from then on there are two complete installs, until the old one loses its record.
//! A run that was killed is finished by the next one.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, FileType};
use fs_err as fs;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::control;
use crate::disk;
use crate::error::{EngineError, IoContext as _};
use crate::event::Step;
use crate::install;
use crate::installed::InstalledTree;
use crate::lock::InstallLock;
use crate::paths::InstallPaths;
use crate::record::{self, Current, Document, Moved};
use crate::session::Session;
use crate::share::{self, Sharing};
use crate::tree;
use crate::uninstall::refuse_while_playing;

/// What a move did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MoveReport {
    /// Where the install was.
    pub from: PathBuf,
    /// Where it is.
    pub to: PathBuf,
    /// Bytes of its versions.
    pub bytes: u64,
    /// Names in the old folder that are not the engine's and were left there.
    pub left: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Moving {
    schema: u32,
    from: PathBuf,
}

impl Document for Moving {
    const WHAT: &'static str = "record of a move";
}

/// Returns how many bytes the versions have.
fn bytes(paths: &InstallPaths) -> Result<u64, EngineError> {
    let current = Current::load(paths)?;
    let versions = current.iter().flat_map(Current::versions);
    Ok(versions.map(|version| version.installed_bytes).sum())
}

/// Moves the install to `to`.
///
/// # Errors
/// A game runs from it, somebody works on it, `to` is in use, there is no room, or what arrived is not what left.
/// Whatever happens, the install is complete at its old or at its new place.
pub(crate) fn relocate(
    paths: &InstallPaths,
    to: &Path,
    session: &Session,
) -> Result<MoveReport, EngineError> {
    let new = InstallPaths::new(to);
    let _lock = InstallLock::take(paths)?;
    if to == paths.root() {
        return finish(&new);
    }
    let bytes = bytes(paths)?;
    refuse_while_playing(paths)?;
    if !has_arrived(paths, &new)? {
        let current = Current::load(paths)?.ok_or_else(|| EngineError::NotInstalled {
            path: paths.root().to_owned(),
        })?;
        // What arrives is checked by them, so damage here is told before anything is copied.
        for version in current.versions() {
            install::check_documents(paths, version)?;
        }
        prepare(paths, &new)?;
        let _lock = InstallLock::take(&new)?;
        let needed = check_space(paths, &new, &current, &session.token)?;
        copy_versions(paths, &new, &current, &session.token)
            .and_then(|()| copy_records(paths, &new))
            .map_err(|error| disk::name_missing_space(error, new.root(), needed))?;
        share::sync_all(new.root())?;
        check_versions(&new, &current, session)?;
        control::check(&session.token)?;
        current.store(&new)?;
    }
    let left = leave(paths, &new)?;
    Ok(MoveReport {
        from: paths.root().to_owned(),
        to: to.to_owned(),
        bytes,
        left,
    })
}

/// Ends a move to this place that was cut off when the install had arrived: whoever looks for it at the old place
/// is sent here already.
fn finish(new: &InstallPaths) -> Result<MoveReport, EngineError> {
    let report = |from: &InstallPaths, bytes, left| MoveReport {
        from: from.root().to_owned(),
        to: new.root().to_owned(),
        bytes,
        left,
    };
    let moving: Option<Moving> = record::load(&new.moving())?;
    let Some(old) = moving.map(|moving| InstallPaths::new(moving.from)) else {
        return Ok(report(new, 0, Vec::new()));
    };
    // Nothing is removed from a place that does not say that its install came here.
    let moved: Option<Moved> = record::load(&old.moved())?;
    if old.current().exists() || moved.is_none_or(|moved| moved.to != new.root()) {
        return Ok(report(new, 0, Vec::new()));
    }
    let _lock = InstallLock::take(&old)?;
    refuse_while_playing(&old)?;
    let left = leave(&old, new)?;
    Ok(report(&old, bytes(new)?, left))
}

/// Tells whether an earlier run has come past the commit point of this very move.
fn has_arrived(paths: &InstallPaths, new: &InstallPaths) -> Result<bool, EngineError> {
    let moving: Option<Moving> = record::load(&new.moving())?;
    let same = moving.is_some_and(|moving| moving.from == paths.root());
    Ok(same && Current::load(new)?.is_some())
}

/// Makes the new folder ready; what a killed run left in it is removed.
fn prepare(paths: &InstallPaths, new: &InstallPaths) -> Result<(), EngineError> {
    refuse_nesting(paths.root(), new.root())?;
    let moving: Option<Moving> = record::load(&new.moving())?;
    if moving.is_some_and(|moving| moving.from == paths.root()) {
        clear(new)?;
    }
    disk::create_folders_durably(new.root())?;
    if let Some(name) = stranger(new)? {
        return Err(EngineError::InvalidInput(format!(
            "{} is not empty, it has \"{}\" in it",
            new.root().display(),
            name.escape_debug()
        )));
    }
    // The record must not be lost while what is copied after it stays.
    disk::create_folders_durably(&new.state())?;
    let moving = Moving {
        schema: Moving::SCHEMA,
        from: paths.root().to_owned(),
    };
    record::store(&new.moving(), &moving)
}

/// Removes what a killed run left in the new folder, but not the record that it was one.
fn clear(new: &InstallPaths) -> Result<(), EngineError> {
    disk::remove_tree(&new.versions())?;
    for (name, path) in entries(&new.state())? {
        if !is_of_a_start(&name) {
            disk::remove(&path)?;
        }
    }
    Ok(())
}

/// Returns something in the new folder that a move would not leave there before its first record.
fn stranger(new: &InstallPaths) -> Result<Option<String>, EngineError> {
    for (name, path) in entries(new.root())? {
        if path != new.state() {
            return Ok(Some(name));
        }
        let inner = entries(&path)?.into_iter().map(|(name, _)| name);
        if let Some(name) = inner.into_iter().find(|name| !is_of_a_start(name)) {
            return Ok(Some(format!(".vsekai/{name}")));
        }
    }
    Ok(None)
}

fn is_of_a_start(name: &str) -> bool {
    name == LOCK || name == MOVING || name.starts_with(".tmp-")
}

fn entries(folder: &Path) -> Result<Vec<(String, PathBuf)>, EngineError> {
    let list = || -> io::Result<Vec<(String, PathBuf)>> {
        let entry = |entry: fs::DirEntry| (entry.file_name().to_string_lossy().into_owned(), entry.path());
        fs::read_dir(folder)?.map(|found| found.map(entry)).collect()
    };
    list().during("list", folder)
}

/// Neither folder may lie in the other: one of them is going to be removed.
fn refuse_nesting(from: &Path, to: &Path) -> Result<(), EngineError> {
    let nested = |message: &str| Err(EngineError::InvalidInput(format!("{} {message}", to.display())));
    if !to.is_absolute() {
        return nested("is no absolute path");
    }
    let from = fs::canonicalize(from).during("look at", from)?;
    let mut above = to;
    // The folder need not be there yet, but something above it is.
    while !above.exists() {
        let Some(parent) = above.parent() else {
            return nested("lies on no disk that is here; name a folder on one");
        };
        above = parent;
    }
    let there = fs::canonicalize(above).during("look at", above)?;
    let below = to.strip_prefix(above).unwrap_or(Path::new(""));
    let to_there = there.join(below);
    if to_there.starts_with(&from) || from.starts_with(&to_there) {
        return nested("and the install lie in each other");
    }
    Ok(())
}

/// Refuses a disk without enough room; returns how many bytes are needed: on the same disk links take none.
fn check_space(
    paths: &InstallPaths,
    new: &InstallPaths,
    current: &Current,
    token: &CancellationToken,
) -> Result<u64, EngineError> {
    if can_link(&paths.state(), LOCK, &new.state())? {
        return Ok(0);
    }
    let has_links = can_link(&new.state(), MOVING, &new.state())?;
    let needed = bytes_to_copy(paths, current, has_links, token)?;
    disk::require_space(new.root(), needed)?;
    Ok(needed)
}

/// Tells whether the file `name` in the folder `from` can have another name in the folder `to`.
fn can_link(from: &Path, name: &str, to: &Path) -> Result<bool, EngineError> {
    let (from, probe) = (tree::open_root(from)?, tree::open_root(to)?);
    let linked = share::share(&from, name, &probe, PROBE, Sharing::HardLink).is_ok();
    if linked {
        disk::remove_file(&to.join(PROBE))?;
    }
    Ok(linked)
}

/// Returns how many bytes have to be written where no file can be shared with the old place; where files there can
/// have several names (`has_links`), those that are one are written once.
fn bytes_to_copy(
    paths: &InstallPaths,
    current: &Current,
    has_links: bool,
    token: &CancellationToken,
) -> Result<u64, EngineError> {
    let from = tree::open_root(&paths.versions())?;
    let (mut bytes, mut seen) = (0, HashSet::new());
    for name in install::folders(paths, current) {
        let walked = walk(&from, &name, token, |path, kind| {
            let identity = match has_links {
                true => file_identity(&from, &path),
                false => None,
            };
            if kind.is_file() && identity.is_none_or(|identity| seen.insert(identity)) {
                bytes += from.symlink_metadata(&path)?.len();
            }
            Ok(())
        });
        walked.during("look at", paths.version(&name))?;
    }
    control::check(token)?;
    Ok(bytes)
}

/// Tells files apart, where that can be relied on.
fn file_identity(dir: &Dir, path: &str) -> Option<(u64, u64)> {
    tree::identity(dir, path).filter(|_| cfg!(unix))
}

/// Copies the versions with all that lies in their folders, those too that no record names: they are there for files of
/// the player's. Files that are one stay one.
fn copy_versions(
    paths: &InstallPaths,
    new: &InstallPaths,
    current: &Current,
    token: &CancellationToken,
) -> Result<(), EngineError> {
    disk::create_folders(&new.versions())?;
    let (from, to) = (
        tree::open_root(&paths.versions())?,
        tree::open_root(&new.versions())?,
    );
    let mut known = HashMap::new();
    for name in install::folders(paths, current) {
        copy_tree(&from, &to, &name, token, &mut known).during("copy", paths.version(&name))?;
    }
    control::check(token)
}

/// Copies the tree `path`; `known` says which files have arrived under which name already.
fn copy_tree(
    from: &Dir,
    to: &Dir,
    path: &str,
    token: &CancellationToken,
    known: &mut HashMap<(u64, u64), String>,
) -> io::Result<()> {
    to.create_dir_all(path)?;
    walk(from, path, token, |path, kind| {
        if kind.is_dir() {
            to.create_dir_all(&path)
        } else if kind.is_symlink() {
            share::copy(from, &path, to, &path)
        } else if kind.is_file() {
            copy_file(from, to, path, known)
        } else {
            Ok(())
        }
    })
}

/// Shows `see` everything below the folder `path`, folders before what lies in them.
fn walk(
    from: &Dir,
    path: &str,
    token: &CancellationToken,
    mut see: impl FnMut(String, FileType) -> io::Result<()>,
) -> io::Result<()> {
    let mut open = vec![path.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in from.read_dir(&folder)? {
            // The caller looks at the token again and says so.
            if token.is_cancelled() {
                return Ok(());
            }
            let entry = entry?;
            let name = entry
                .file_name()
                .into_string()
                .map_err(|name| io::Error::other(format!("the name {name:?} is no Unicode")))?;
            let path = format!("{folder}/{name}");
            let kind = tree::kind(&entry)?;
            if kind.is_dir() {
                open.push(path.clone());
            }
            see(path, kind)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Dir, to: &Dir, path: String, known: &mut HashMap<(u64, u64), String>) -> io::Result<()> {
    if share::share(from, &path, to, &path, Sharing::HardLink).is_ok() {
        return Ok(());
    }
    let identity = file_identity(from, &path);
    if let Some(arrived) = identity.and_then(|identity| known.get(&identity))
        && to.hard_link(arrived, to, &path).is_ok()
    {
        return Ok(());
    }
    share::copy(from, &path, to, &path)?;
    if let Some(identity) = identity {
        known.insert(identity, path);
    }
    Ok(())
}

/// Copies everything the launcher remembers, but the record that makes it an install.
///
/// After the versions: their files must not be younger than their documents.
fn copy_records(paths: &InstallPaths, new: &InstallPaths) -> Result<(), EngineError> {
    let stay = [LOCK, "current.json", MOVING, "moved.json", "staging"];
    copy_folder(&paths.state(), &new.state(), &stay)
}

fn copy_folder(from: &Path, to: &Path, stay: &[&str]) -> Result<(), EngineError> {
    disk::create_folders(to)?;
    for entry in fs::read_dir(from).during("list", from)? {
        let entry = entry.during("list", from)?;
        let name = entry.file_name();
        if stay.iter().any(|other| name == OsStr::new(other)) {
            continue;
        }
        let (source, target) = (entry.path(), to.join(&name));
        let kind = entry.file_type().during("look at", &source)?;
        if kind.is_dir() {
            copy_folder(&source, &target, &[])?;
        } else if kind.is_file() {
            copy_whole(&source, &target)?;
        }
    }
    Ok(())
}

/// Copies a record so that it is there whole or not at all, whenever the power goes: whoever looks at the new place
/// meanwhile shall not find a damaged install.
fn copy_whole(source: &Path, target: &Path) -> Result<(), EngineError> {
    let beside = target.with_file_name(".tmp-copy");
    fs::copy(source, &beside).map(|_| ()).during("copy", source)?;
    disk::sync_file(&beside)?;
    fs::rename(&beside, target).during("create", target)
}

/// Checks every byte that arrived.
fn check_versions(new: &InstallPaths, current: &Current, session: &Session) -> Result<(), EngineError> {
    let trees = current
        .versions()
        .map(|version| InstalledTree::open(new, version));
    let trees: Vec<InstalledTree> = trees.collect::<Result<_, _>>()?;
    let bytes = trees.iter().map(|tree| tree.release.published_bytes()).sum();
    let meter = session.meter(Step::Verify, 0, bytes);
    for (version, tree) in current.versions().zip(trees) {
        let damaged = tree.check_as_part(session, &meter)?;
        if !damaged.is_empty() {
            let files = tree.release.paths_of(&damaged);
            return Err(match version.name == current.current.name {
                true => EngineError::Damaged { files },
                false => EngineError::DamagedVersion {
                    version: version.version.clone(),
                    files,
                },
            });
        }
    }
    Ok(())
}

/// Leaves the old place: it says where the install went, and holds nothing else of ours.
fn leave(paths: &InstallPaths, new: &InstallPaths) -> Result<Vec<String>, EngineError> {
    let moved = Moved {
        schema: Moved::SCHEMA,
        to: new.root().to_owned(),
    };
    record::store(&paths.moved(), &moved)?;
    disk::remove_file(&paths.current())?;
    disk::remove_tree(&paths.versions())?;
    for (name, path) in entries(&paths.state())? {
        if name != LOCK && path != paths.moved() {
            disk::remove(&path)?;
        }
    }
    // Last: until the old place is clean, the next run has to know that it is to go on here.
    disk::remove_file(&new.moving())?;
    let names = entries(paths.root())?.into_iter().map(|(name, _)| name);
    let mut left: Vec<String> = names.filter(|name| name != ".vsekai").collect();
    left.sort();
    Ok(left)
}

const LOCK: &str = "lock";
const MOVING: &str = "moving.json";
const PROBE: &str = ".tmp-probe";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    #[test]
    fn a_file_that_versions_share_takes_its_space_once_where_links_can_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let paths = InstallPaths::new(folder.path());
        let current = fixture::current(&["2", "1"]);
        let [new, old] = ["2", "1"].map(|label| paths.version(&fixture::version(label).name).join("data"));
        fs::create_dir_all(&new).unwrap();
        fs::create_dir_all(&old).unwrap();
        fs::write(old.join("same"), [0u8; 1000]).unwrap();
        fs::hard_link(old.join("same"), new.join("same")).unwrap();
        fs::write(new.join("mine"), [0u8; 10]).unwrap();
        let token = CancellationToken::new();
        let bytes =
            [true, false].map(|has_links| bytes_to_copy(&paths, &current, has_links, &token).unwrap());
        // Elsewhere files cannot be told apart well enough.
        let shared = if cfg!(unix) { 1010 } else { 2010 };
        assert_eq!(bytes, [shared, 2010]);
    }
}
