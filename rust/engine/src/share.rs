// SPDX-License-Identifier: MIT
//! One file in two versions: reflink where the file system can, else hard link, else copy.

use std::collections::HashSet;
use std::io;
use std::path::Path;

use cap_std::fs::{Dir, OpenOptions};
use vsekai_formats::release::EntryKind;

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
        return match from_dir.symlink_metadata(from)?.is_file() {
            true => from_dir.hard_link(from, to_dir, to),
            false => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "it is not a regular file",
            )),
        };
    }
    let source = tree::open_file(from_dir, from)?;
    let target = to_dir.open_with(to, OpenOptions::new().write(true).create_new(true))?;
    match how {
        Sharing::Reflink => clone(&source, &target),
        _ => io::copy(&mut &source, &mut &target).map(|_| ()),
    }
}

/// Makes a symbolic link that says what another one does; nothing is followed.
pub(crate) fn copy_link(from: &Dir, path: &str, to: &Dir, target: &str) -> io::Result<()> {
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

/// Makes the files `built` and every folder of a tree survive a power cut.
///
/// Many files are synced by one call for the whole file system where there is one: thousands of single calls
/// would each wait for the disk.
pub(crate) fn sync_tree(
    dir: &Dir,
    path: &Path,
    release: &Release,
    built: &HashSet<usize>,
) -> Result<(), EngineError> {
    if release.contents.entries.len() > FEW_ENTRIES && sync_file_system(dir).during("sync", path)? {
        return Ok(());
    }
    for (i, entry) in release.contents.entries.iter().enumerate() {
        let at = path.join(entry.path.as_str());
        match entry.kind {
            EntryKind::File { .. } if built.contains(&i) => {
                let file = tree::open_file(dir, entry.path.as_str()).during("open", &at)?;
                file.sync_all().during("sync", at)?;
            }
            EntryKind::Folder => disk::sync_folder(&at)?,
            EntryKind::File { .. } | EntryKind::Link { .. } => {}
        }
    }
    disk::sync_folder(path)
}

const FEW_ENTRIES: usize = 64;

#[cfg(target_os = "linux")]
pub(crate) fn sync_file_system(dir: &Dir) -> io::Result<bool> {
    use rustix::fs::{Mode, OFlags};
    // A `Dir` may be a mere place in the tree (`O_PATH`), which the system does not sync.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = rustix::fs::openat(dir, ".", flags, Mode::empty())?;
    rustix::fs::syncfs(folder)?;
    Ok(true)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn sync_file_system(_dir: &Dir) -> io::Result<bool> {
    Ok(false)
}
