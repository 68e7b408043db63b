// SPDX-License-Identifier: MIT
//! Taking the player's files from one version to another.
//!
//! Where the new version has a file of its own under a name of the player's, and does not leave that place to the
//! player, theirs stays with the old version, which is then kept.

use std::collections::HashSet;
use std::io;

use cap_std::fs::{Dir, Metadata};
use vsekai_formats::TreePath;

use crate::disk;
use crate::error::EngineError;
use crate::installed::InstalledTree;
use crate::paths::InstallPaths;
use crate::players;
use crate::release::Release;
use crate::share;
use crate::tree;

/// What became of the player's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Paths of files that the other version has too.
    pub(crate) taken: Vec<String>,
    /// Paths of files that could not be taken along.
    pub(crate) left: Vec<String>,
}

impl Carried {
    /// Says which files were left behind.
    pub(crate) fn words_of_left(&self) -> String {
        let first = self.left.first().map_or("", String::as_str).escape_debug();
        format!(
            "{} files that are not part of the game stay with the other version, the first is \"{first}\"",
            self.left.len()
        )
    }

    fn note<E>(&mut self, path: String, done: Result<(), E>) {
        match done {
            Ok(()) => self.taken.push(path),
            Err(_) => self.left.push(path),
        }
    }
}

/// Gives the new tree at `to` the player's files of the installed tree `from`.
///
/// Later changes count in both versions where the file system can do that; modes are left as they are.
pub(crate) fn carry(from: &InstalledTree, to: &Dir, new: &Release) -> Carried {
    let dir = from.folders.root();
    let found = players_files(from, new);
    let mut carried = Carried {
        left: found.out_of_reach.clone(),
        ..Carried::default()
    };
    let names = Names::of(new, found.paths().next().is_some());
    for path in found.paths() {
        let done = match names.has_room_for(path) {
            true => put(to, path, |path| share::take_along(dir, path, to, path)),
            false => Err(io::ErrorKind::AlreadyExists.into()),
        };
        carried.note(path.clone(), done);
    }
    carried
}

/// Gives the new tree at `to` copies of what lies in `from`, a folder that is not ours, where the new release leaves
/// the place to the player.
pub(crate) fn copy_declared(from: &InstalledTree, to: &Dir, new: &Release) -> Carried {
    let dir = from.folders.root();
    let mut carried = Carried::default();
    for path in players_files(from, new).declared {
        let done = put(to, &path, |path| share::copy(dir, path, to, path));
        carried.note(path, done);
    }
    carried
}

/// Brings a version that was there before up to what the player has now, where it leaves the place to the player:
/// files that it lacks, and those that are younger in `from`. Nothing of it is removed. `name` is its folder's.
///
/// Each file is there whole at every instant, and durable when this returns.
///
/// # Errors
/// Something could not be made durable. What could not be taken along is no error.
pub(crate) fn catch_up(
    paths: &InstallPaths,
    from: &InstalledTree,
    (to, name): (&InstalledTree, &str),
) -> Result<Carried, EngineError> {
    let nothing_is_left = from.release.user_paths.is_empty() && to.release.user_paths.is_empty();
    let found = match nothing_is_left {
        true => Vec::new(),
        false => players_files(from, &to.release).declared,
    };
    if found.is_empty() {
        return Ok(Carried::default());
    }
    let names = Names::of(&to.release, true);
    let between = paths.staging().join(BETWEEN);
    disk::create_folders(&between)?;
    let (dir, target, aside) = (from.folders.root(), to.folders.root(), tree::open_root(&between)?);
    let mut carried = Carried::default();
    for path in found.into_iter().filter(|path| is_news(dir, target, path)) {
        let done = match names.has_room_for(&path) {
            true => replace(dir, target, &aside, &path),
            false => Err(io::ErrorKind::AlreadyExists.into()),
        };
        carried.note(path, done);
    }
    if !carried.taken.is_empty() {
        share::sync_all(&paths.version(name))?;
    }
    disk::remove_tree(&between)?;
    Ok(carried)
}

/// Finds the player's files in `from`, at places left to them by its release or by `new`.
fn players_files(from: &InstalledTree, new: &Release) -> players::PlayersFiles {
    let old = &from.release;
    players::find(from.folders.root(), &old.contents, |path| {
        old.user_paths.contains(path) || new.user_paths.contains(path)
    })
}

/// The names of a release, for comparison with those of the player's files.
struct Names<'a> {
    release: &'a Release,
    own: HashSet<String>,
}

impl<'a> Names<'a> {
    /// Folding every name costs more than all else here, so it is done only if the names are `wanted`.
    fn of(release: &'a Release, wanted: bool) -> Self {
        let entries = release.contents.entries.iter().filter(|_| wanted);
        let own = entries.map(|entry| entry.path.folded()).collect();
        Self { release, own }
    }

    /// Tells whether the path is the player's there, or a possible one that the release does not need itself.
    fn has_room_for(&self, path: &str) -> bool {
        self.release.user_paths.contains(path)
            || TreePath::parse(path).is_ok_and(|path| !self.own.contains(&path.folded()))
    }
}

/// Makes the folder of `path` and takes what is there out of the way.
fn put(to: &Dir, path: &str, make: impl FnOnce(&str) -> io::Result<()>) -> io::Result<()> {
    tree::create_parent(to, path)?;
    if to.symlink_metadata(path).is_ok() {
        // Carried by an earlier run that was killed, or come to be since the plan: it may have changed.
        to.remove_file(path)?;
    }
    make(path)
}

/// Puts the file `path` of `from` in place of the one in `to`, by way of the folder `aside` on the same disk.
fn replace(from: &Dir, to: &Dir, aside: &Dir, path: &str) -> io::Result<()> {
    tree::create_parent(to, path)?;
    if aside.symlink_metadata(ASIDE).is_ok() {
        aside.remove_file(ASIDE)?;
    }
    share::take_along(from, path, aside, ASIDE)?;
    tree::sync_file(aside, ASIDE)?;
    aside.rename(ASIDE, to, path)
}

/// Tells whether the file in `from` is another one than that in `to`, and younger; or the only one.
pub(crate) fn is_news(from: &Dir, to: &Dir, path: &str) -> bool {
    let modified = |data: Metadata| data.modified().ok().map(cap_std::time::SystemTime::into_std);
    let (Ok(ours), Ok(theirs)) = (from.symlink_metadata(path), to.symlink_metadata(path)) else {
        return true;
    };
    tree::identity(from, path) != tree::identity(to, path) && modified(ours) > modified(theirs)
}

/// Folder among those being built where files are on their way.
const BETWEEN: &str = "carried";
const ASIDE: &str = "file";
