// SPDX-License-Identifier: MIT
//! Locks between launchers, and between a launcher and the game it started.
//!
//! Both are locks of the operating system on an open file: the kernel lets go of them when the holder ends,
//! however it ends.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use fs_err::OpenOptions;

use crate::disk;
use crate::error::{EngineError, IoContext as _};
use crate::paths::InstallPaths;

/// The right to change an install folder; given back when dropped.
#[derive(Debug)]
pub(crate) struct InstallLock {
    _file: File,
}

impl InstallLock {
    /// Takes the lock without waiting.
    pub(crate) fn take(paths: &InstallPaths) -> Result<Self, EngineError> {
        disk::create_folders_durably(&paths.state())?;
        let path = paths.lock();
        let file = open(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(EngineError::Locked {
                path: paths.root().to_owned(),
            }),
            Err(TryLockError::Error(error)) => Err(error).during("lock", path),
        }
    }
}

/// A turn at a small record that several programs change; waits for the one before.
#[derive(Debug)]
pub(crate) struct Turn {
    _file: File,
}

impl Turn {
    /// Waits for the turn. Nobody holds one for longer than a small file takes to be replaced.
    pub(crate) fn wait(path: &Path) -> Result<Self, EngineError> {
        let file = open(path)?;
        file.lock().during("lock", path)?;
        Ok(Self { _file: file })
    }
}

/// Keeps a version from being removed while a game runs from it.
#[derive(Debug)]
pub(crate) struct InUse {
    file: File,
}

impl InUse {
    /// Marks a version as being run.
    ///
    /// Waits for whoever looks at this moment whether a game runs ([`is_in_use`]): nobody else stands in its way, and a look
    /// is over at once.
    ///
    /// # Errors
    /// There is no mark and none can be made, or it can be neither written to nor read, or the system has no locks there.
    pub(crate) fn mark(paths: &InstallPaths, name: &str) -> Result<Self, EngineError> {
        let path = in_use_path(paths, name);
        let file = open_mark(&path, true).during("open the lock file", &path)?;
        file.lock_shared().during("lock", path)?;
        Ok(Self { file })
    }

    /// Lets programs started from now on hold the mark too, so that it outlives this launcher.
    #[cfg(unix)]
    pub(crate) fn inherit(&self, yes: bool) -> io::Result<()> {
        let flags = if yes {
            rustix::io::FdFlags::empty()
        } else {
            rustix::io::FdFlags::CLOEXEC
        };
        rustix::io::fcntl_setfd(&self.file, flags).map_err(Into::into)
    }

    /// Windows keeps the files of a running program from being removed by itself.
    #[cfg(not(unix))]
    pub(crate) fn inherit(&self, _yes: bool) -> io::Result<()> {
        self.file.metadata().map(|_| ())
    }
}

/// Tells whether a game runs from a version.
pub(crate) fn is_in_use(paths: &InstallPaths, name: &str) -> bool {
    // A version without the file was never started, or the player was told that it could not be marked.
    let Ok(file) = open_mark(&in_use_path(paths, name), false) else {
        return false;
    };
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// Opens the mark of a version, and makes it if that is wanted. One that cannot be written to can be locked all the same:
/// another user may have made it.
fn open_mark(path: &Path, create: bool) -> io::Result<File> {
    let writable = options().create(create).open(path);
    let opened = writable.or_else(|error| fs_err::File::open(path).map_err(|_| error));
    opened.map(fs_err::File::into_file)
}

fn in_use_path(paths: &InstallPaths, name: &str) -> PathBuf {
    paths.release(name).join("in-use")
}

fn open(path: &Path) -> Result<File, EngineError> {
    let file = options().create(true).open(path);
    Ok(file.during("open the lock file", path)?.into_file())
}

/// To read and write what is there.
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.truncate(false).read(true).write(true);
    options
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_game_can_be_started_while_others_look_whether_one_runs() {
        let folder = tempfile::tempdir().unwrap();
        let paths = InstallPaths::new(folder.path());
        disk::create_folders(&paths.release("1.0")).unwrap();
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    is_in_use(&paths, "1.0");
                }
            });
            let marked = (0..2000).all(|_| InUse::mark(&paths, "1.0").is_ok());
            over.store(true, Ordering::Relaxed);
            assert!(marked);
        });
        let _game = InUse::mark(&paths, "1.0").unwrap();
        assert!(is_in_use(&paths, "1.0"));
    }

    #[test]
    #[cfg(unix)]
    fn a_mark_that_can_only_be_read_is_held_and_seen_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let paths = InstallPaths::new(folder.path());
        // Nobody can write to this, whatever their rights.
        disk::create_folders(&in_use_path(&paths, "1.0")).unwrap();
        assert!(!is_in_use(&paths, "1.0"));
        let _game = InUse::mark(&paths, "1.0").unwrap();
        assert!(is_in_use(&paths, "1.0"));
    }
}
