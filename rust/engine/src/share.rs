// SPDX-License-Identifier: MIT
//! One file in two versions: reflink where the file system can, else hard link, else copy.

use std::io;
use std::path::Path;

use cap_std::fs::{Dir, OpenOptions};
use fs_err as fs;

use crate::disk;
use crate::error::{EngineError, IoContext as _};
use crate::paths::InstallPaths;
use crate::release::Release;
use crate::tree;

/// How files are shared in an install folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Two files, one set of blocks until one of them is written.
    Reflink,
    /// One file with two names; read-only.
    HardLink,
    /// Two files.
    Copy,
}

impl Sharing {
    /// Returns the way to get a file whose mode is its own.
    pub(crate) fn private(self) -> Self {
        match self {
            Self::Reflink => Self::Reflink,
            Self::HardLink | Self::Copy => Self::Copy,
        }
    }

    /// Finds out what the file system of an install folder can do, by doing it.
    pub(crate) fn probe(paths: &InstallPaths) -> Result<Self, EngineError> {
        let state = paths.state();
        disk::create_folders(&state)?;
        let folder = tempfile::Builder::new().prefix(".tmp-").tempdir_in(&state);
        let folder = folder.during("create a folder in", &state)?;
        let dir = tree::open_root(folder.path())?;
        dir.write("a", b"shared").during("write a file in", &state)?;
        for (name, how) in [("b", Self::Reflink), ("c", Self::HardLink)] {
            if share(&dir, "a", &dir, name, how).is_ok() {
                return Ok(how);
            }
        }
        Ok(Self::Copy)
    }
}

/// Makes the file `to` below `to_dir` from the file `from` below `from_dir`; `to` must not exist.
pub(crate) fn share(from_dir: &Dir, from: &str, to_dir: &Dir, to: &str, how: Sharing) -> io::Result<()> {
    if how == Sharing::HardLink {
        tree::require_file(&from_dir.symlink_metadata(from)?)?;
        return from_dir.hard_link(from, to_dir, to);
    }
    let source = tree::open_file(from_dir, from)?;
    let target = to_dir.open_with(to, OpenOptions::new().write(true).create_new(true))?;
    match how {
        Sharing::Reflink => clone(&source, &target),
        // As the standard library's files, which the system copies without a detour through this program.
        _ => io::copy(&mut source.into_std(), &mut target.into_std()).map(|_| ()),
    }
}

/// Gives a file or link of the player's a second place, `target` below `to`, which must be free.
///
/// A file is one file under both names where the system can, so that later changes count in both.
pub(crate) fn take_along(from: &Dir, path: &str, to: &Dir, target: &str) -> io::Result<()> {
    if from.symlink_metadata(path)?.is_symlink() {
        return copy_link(from, path, to, target);
    }
    let linked = share(from, path, to, target, Sharing::HardLink);
    linked.or_else(|_| copy(from, path, to, target))
}

/// Copies a file with its mode, or a link.
pub(crate) fn copy(from: &Dir, path: &str, to: &Dir, target: &str) -> io::Result<()> {
    let data = from.symlink_metadata(path)?;
    if data.is_symlink() {
        return copy_link(from, path, to, target);
    }
    share(from, path, to, target, Sharing::Copy)?;
    to.set_permissions(target, data.permissions())
}

/// Makes a symbolic link that says what another one does; nothing is followed.
fn copy_link(from: &Dir, path: &str, to: &Dir, target: &str) -> io::Result<()> {
    let says = from.read_link_contents(path)?;
    #[cfg(unix)]
    return to.symlink_contents(says, target);
    #[cfg(windows)]
    return to.symlink_file(says, target);
}

#[cfg(target_os = "linux")]
fn clone(source: &cap_std::fs::File, target: &cap_std::fs::File) -> io::Result<()> {
    rustix::fs::ioctl_ficlone(target, source).map_err(Into::into)
}

#[cfg(not(target_os = "linux"))]
fn clone(_source: &cap_std::fs::File, _target: &cap_std::fs::File) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes a tree built beside the installed one survive a power cut: every folder and every file of its own.
///
/// Files that have another name too are those of the installed version, durable since it was installed. The
/// tree on disk is walked, not the release: copies and the player's own files and folders are in no list of
/// built files.
///
/// Many files are synced by one call for the whole file system where there is one: thousands of single calls
/// would each wait for the disk. Tells whether it was done so.
pub(crate) fn sync_tree(dir: &Dir, path: &Path, release: &Release) -> Result<bool, EngineError> {
    if release.contents.entries.len() > FEW_ENTRIES && sync_file_system(dir).during("sync", path)? {
        return Ok(true);
    }
    sync_below(dir, path).map(|()| false)
}

/// Makes a folder with everything below it survive a power cut.
pub(crate) fn sync_all(folder: &Path) -> Result<(), EngineError> {
    if sync_file_system(&tree::open_root(folder)?).during("sync", folder)? {
        return Ok(());
    }
    for entry in fs::read_dir(folder).during("list", folder)? {
        let entry = entry.during("list", folder)?;
        let (path, kind) = (entry.path(), entry.file_type().during("look at", folder)?);
        if kind.is_dir() {
            sync_all(&path)?;
        } else if kind.is_file() {
            disk::sync_file(&path)?;
        }
    }
    disk::sync_folder(folder)
}

fn sync_below(dir: &Dir, path: &Path) -> Result<(), EngineError> {
    for entry in dir.entries().during("list", path)? {
        let entry = entry.during("list", path)?;
        let (name, kind) = (entry.file_name(), tree::kind(&entry).during("look at", path)?);
        let at = path.join(&name);
        if kind.is_dir() {
            sync_below(&entry.open_dir().during("open the folder", &at)?, &at)?;
        } else if kind.is_file() && is_alone(&entry.metadata().during("look at", &at)?) {
            let file = entry.open().during("open", &at)?;
            file.sync_all().during("sync", at)?;
        }
    }
    disk::sync_folder(path)
}

/// Tells whether a file has no other name.
#[cfg(unix)]
pub(crate) fn is_alone(data: &cap_std::fs::Metadata) -> bool {
    use cap_std::fs::MetadataExt as _;
    data.nlink() == 1
}

/// The system does not say cheaply how many names a file has.
#[cfg(not(unix))]
pub(crate) fn is_alone(_data: &cap_std::fs::Metadata) -> bool {
    true
}

const FEW_ENTRIES: usize = 64;

#[cfg(target_os = "linux")]
fn sync_file_system(dir: &Dir) -> io::Result<bool> {
    use rustix::fs::{Mode, OFlags};
    // A `Dir` may be a mere place in the tree (`O_PATH`), which the system does not sync.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(dir, ".", flags, Mode::empty())?;
    rustix::fs::syncfs(folder)?;
    Ok(true)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_dir: &Dir) -> io::Result<bool> {
    Ok(false)
}
