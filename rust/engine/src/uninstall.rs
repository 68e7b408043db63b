// SPDX-License-Identifier: MIT
//! Removing an install, and nothing that is not ours.
//!
//! The player's own files are put aside first. Then the record of the current version goes, which is the commit
//! point: before it everything is installed, after it nothing is, and whoever is called next removes the rest.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use fs_err as fs;
use serde::Serialize;

use crate::disk;
use crate::error::{EngineError, IoContext as _};
use crate::install;
use crate::lock::{self, InstallLock};
use crate::paths::InstallPaths;
use crate::players;
use crate::record::Current;
use crate::share;
use crate::tree;

/// What becomes of the player's own files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserFiles {
    /// They stay, in a folder of their own.
    #[default]
    Keep,
    /// They are removed with the game.
    Delete,
}

/// What removing an install did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UninstallReport {
    /// Bytes of versions that were removed.
    pub removed_bytes: u64,
    /// Paths of the player's own files, below their version's folder. `NAME/` is the folder of a version as a whole, of
    /// which nobody can tell any more what is the player's.
    pub user_files: Vec<String>,
    /// Where they lie now, if they were kept.
    pub kept_in: Option<PathBuf>,
    /// Names in the install folder that are not the engine's and were left alone.
    pub left: Vec<String>,
}

/// Removes the install.
///
/// # Errors
/// A game runs from it, somebody works on it, or the player's files cannot be told from the game's or put aside.
/// Before the commit point nothing is removed; after it a second call goes on.
pub(crate) fn uninstall(paths: &InstallPaths, user_files: UserFiles) -> Result<UninstallReport, EngineError> {
    let went_away = paths.moved().exists() && !paths.current().exists();
    if !paths.state().is_dir() || went_away {
        return Err(EngineError::NotInstalled {
            path: paths.root().to_owned(),
        });
    }
    let _lock = InstallLock::take(paths)?;
    refuse_while_playing(paths)?;
    let current = Current::load(paths)?;
    let mut report = UninstallReport::default();
    // Without a current version the files were put aside by the run that removed it.
    if let Some(current) = &current {
        report.removed_bytes = current.versions().map(|version| version.installed_bytes).sum();
        let found = find_user_files(paths, current, user_files)?;
        report.user_files = found.paths();
        if user_files == UserFiles::Keep && !report.user_files.is_empty() {
            report.kept_in = Some(put_aside(paths, &found)?);
        }
    }
    disk::remove_file(&paths.current())?;
    remove_the_rest(paths)?;
    report.left = what_is_left(paths, report.kept_in.as_deref())?;
    Ok(report)
}

/// Fails if a game runs from any version in the folder.
pub(crate) fn refuse_while_playing(paths: &InstallPaths) -> Result<(), EngineError> {
    let playing = install::names(&paths.releases())
        .iter()
        .any(|name| lock::is_in_use(paths, name));
    match playing {
        true => Err(EngineError::GameRunning {
            path: paths.root().to_owned(),
        }),
        false => Ok(()),
    }
}

/// A file of the player's in one of the versions' folders.
struct UserFile {
    version: String,
    path: String,
}

/// What is the player's in the versions' folders.
#[derive(Default)]
struct Found {
    files: Vec<UserFile>,
    /// Versions of which nobody can tell what is the player's. They were kept for that, so all of it is.
    whole: Vec<String>,
}

impl Found {
    fn paths(&self) -> Vec<String> {
        let files = self.files.iter().map(|file| file.path.clone());
        let whole = self.whole.iter().map(|version| format!("{version}/"));
        files.chain(whole).collect()
    }
}

/// Finds the player's files in every version, the current one first; a file that lies in several counts once.
fn find_user_files(paths: &InstallPaths, current: &Current, wanted: UserFiles) -> Result<Found, EngineError> {
    let (mut found, mut seen) = (Found::default(), HashSet::new());
    for version in install::folders(paths, current) {
        if !paths.version(&version).is_dir() {
            continue;
        }
        let dir = tree::open_root(&paths.version(&version))?;
        let files = match players::find_beside(paths, &version, &dir) {
            Ok((files, _)) => files,
            // Nothing can be told apart, and nothing needs to be.
            Err(_) if wanted == UserFiles::Delete => continue,
            // A repair mends what is on record, and nothing mends this.
            Err(_) if current.versions().all(|known| known.name != version) => {
                found.whole.push(version);
                continue;
            }
            Err(error) => return Err(error),
        };
        if let Some(path) = files.out_of_reach.first().filter(|_| wanted == UserFiles::Keep) {
            let reason =
                io::Error::other("its name is no Unicode, it is no file or folder, or it cannot be listed");
            return Err(reason).during("keep", paths.version(&version).join(path));
        }
        for path in files.paths() {
            if seen.insert((path.clone(), tree::identity(&dir, path))) {
                found.files.push(UserFile {
                    version: version.clone(),
                    path: path.clone(),
                });
            }
        }
    }
    Ok(found)
}

/// Gives the player's files a place of their own beside the versions, durably.
fn put_aside(paths: &InstallPaths, found: &Found) -> Result<PathBuf, EngineError> {
    let folder = free_folder(paths.root());
    disk::create_folders(&folder)?;
    let to = tree::open_root(&folder)?;
    for file in &found.files {
        let from = tree::open_root(&paths.version(&file.version))?;
        let taken = to.symlink_metadata(&file.path).is_ok();
        let target = match taken {
            true => format!("{}/{}", file.version, file.path),
            false => file.path.clone(),
        };
        tree::create_parent(&to, &target)
            .and_then(|()| share::take_along(&from, &file.path, &to, &target))
            .during("keep", folder.join(&target))?;
    }
    share::sync_all(&folder)?;
    // No record names these, so the install is as complete without them.
    for version in &found.whole {
        let target = folder.join(version);
        fs::rename(paths.version(version), &target).during("keep", &target)?;
    }
    if !found.whole.is_empty() {
        disk::sync_folder(&folder)?;
    }
    disk::sync_folder(paths.root())?;
    Ok(folder)
}

/// Returns a folder in `root` that is not there yet: one from an earlier time is the player's.
fn free_folder(root: &Path) -> PathBuf {
    let mut folder = root.join(USER_FILES);
    let mut number = 2;
    while folder.symlink_metadata().is_ok() {
        folder = root.join(format!("{USER_FILES}.{number}"));
        number += 1;
    }
    folder
}

/// Removes everything that is the engine's, the lock last.
pub(crate) fn remove_the_rest(paths: &InstallPaths) -> Result<(), EngineError> {
    disk::remove_tree(&paths.versions())?;
    disk::remove_tree(&paths.staging())?;
    disk::remove_tree(&paths.state())
}

/// Removes the install folder if nothing is in it; returns what is.
fn what_is_left(paths: &InstallPaths, kept: Option<&Path>) -> Result<Vec<String>, EngineError> {
    let root = paths.root();
    let mut left = Vec::new();
    for entry in fs::read_dir(root).during("list", root)? {
        let entry = entry.during("list", root)?;
        if kept != Some(entry.path().as_path()) {
            left.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    left.sort();
    if left.is_empty() && kept.is_none() {
        // A folder that is somebody's current one may refuse; it is empty all the same.
        let _ = fs::remove_dir(root);
    }
    Ok(left)
}

/// Folder of the player's files after the game is gone.
const USER_FILES: &str = "user-files";
