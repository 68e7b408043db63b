// SPDX-License-Identifier: MIT
//! Files that are replaced in one step, and kept through a power cut.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use fs_err as fs;
use tempfile::{NamedTempFile, TempPath};

/// Writes `bytes` beside `path` in a file whose name starts with `prefix`, and renames it to `path`.
///
/// Another process sees the old file or the whole new one. Nothing is synced.
pub(crate) fn replace_unsynced(path: &Path, prefix: &str, bytes: &[u8]) -> io::Result<()> {
    let file = write_beside(path, prefix, bytes)?;
    file.persist(path).map_err(|refused| named(path, refused.error))
}

/// Writes `bytes` beside `path` in a file whose name starts with `prefix`, removed unless it is kept.
pub(crate) fn write_beside(path: &Path, prefix: &str, bytes: &[u8]) -> io::Result<TempPath> {
    Ok(open_beside(path, prefix, bytes, FOR_ALL)?.into_temp_path())
}

/// Replaces the file `path` by one with `bytes`, durably: when this returns it survives a power cut, and until
/// then a power cut leaves the old file or the whole new one.
///
/// The bytes are written beside it first, in a file whose name starts with `prefix`.
///
/// # Errors
/// A file operation failed; the file is the old or the new one.
pub fn replace(path: &Path, prefix: &str, bytes: &[u8]) -> io::Result<()> {
    publish(path, open_beside(path, prefix, bytes, FOR_ALL)?)
}

/// As [`replace`], for a file that nobody but its owner may read.
///
/// # Errors
/// As there.
pub fn replace_secret(path: &Path, prefix: &str, bytes: &[u8]) -> io::Result<()> {
    publish(path, open_beside(path, prefix, bytes, FOR_ITS_OWNER)?)
}

/// Removes the file `path` if it is there. The entry may come back with a power cut.
///
/// # Errors
/// It may still be there.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn publish(path: &Path, file: NamedTempFile) -> io::Result<()> {
    // Synced under the temporary name: a rename may reach the disk before the bytes do.
    file.as_file()
        .sync_all()
        .and_then(|()| file.persist(path).map_err(|refused| refused.error))
        .map_err(|error| named(path, error))?;
    match path.parent() {
        Some(folder) => sync_folder(folder),
        None => Ok(()),
    }
}

fn open_beside(path: &Path, prefix: &str, bytes: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = mode;
    let written = builder.tempfile_in(folder).and_then(|mut file| {
        file.write_all(bytes)?;
        Ok(file)
    });
    written.map_err(|error| named(path, error))
}

/// Makes `folder` and its missing parents, durably.
///
/// # Errors
/// A folder cannot be made or synced.
pub fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || fs::metadata(folder).is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_folders(parent)?;
    }
    create_folder(folder)?;
    match folder.parent() {
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}

/// Makes a folder, and tells whether it was not there. Nothing is synced.
pub(crate) fn create_folder(folder: &Path) -> io::Result<bool> {
    match fs::create_dir(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// The file system that a folder is on, and how to sync much of it at once.
#[derive(Debug)]
pub(crate) struct Disk {
    /// Open since before anything was written: the system tells of each failed write once to each handle.
    #[cfg(target_os = "linux")]
    folder: fs::File,
    #[cfg(target_os = "linux")]
    device: u64,
}

impl Disk {
    /// Gets ready to sync what lies below `folder`.
    #[cfg(target_os = "linux")]
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let folder = fs::File::open(folder)?;
        let device = folder.metadata()?.dev();
        Ok(Self { folder, device })
    }

    /// Gets ready to sync what lies below a folder.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn open(_: &Path) -> io::Result<Self> {
        Ok(Self {})
    }

    /// One call syncs the whole file system. Elsewhere it syncs nothing.
    pub(crate) const SYNCS_ALL: bool = cfg!(target_os = "linux");

    /// Tells whether what lies in `folder` has to be synced by itself: a link or a mount may put it on another file
    /// system, as a file never is.
    ///
    /// # Errors
    /// The folder is not there.
    pub(crate) fn leaves_out(&self, folder: &Path) -> io::Result<bool> {
        #[cfg(target_os = "linux")]
        {
            use std::os::unix::fs::MetadataExt as _;
            // Where a link leads: a folder may be one, and its entries are there.
            Ok(fs::metadata(folder)?.dev() != self.device)
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = folder;
            Ok(true)
        }
    }

    /// Makes the content of all files survive a power cut; `left_out` are those in folders that are left out.
    pub(crate) fn sync_files(&self, left_out: &BTreeSet<PathBuf>) -> io::Result<()> {
        self.sync_all()?;
        first_error(sync_files(left_out))
    }

    /// Makes the entries of all folders survive a power cut; `left_out` are those that are left out.
    pub(crate) fn sync_folders(&self, left_out: &BTreeSet<PathBuf>) -> io::Result<()> {
        self.sync_all()?;
        first_error(sync_folders(left_out))
    }

    #[cfg(target_os = "linux")]
    fn sync_all(&self) -> io::Result<()> {
        rustix::fs::syncfs(self.folder.file()).map_err(|error| named(self.folder.path(), error.into()))
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }
}

fn first_error(failed: Vec<(PathBuf, io::Error)>) -> io::Result<()> {
    match failed.into_iter().next() {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("write {}: {error}", path.display()))
}

/// Syncs many files at once and returns those that could not be, with the reason.
pub(crate) fn sync_files(files: &BTreeSet<PathBuf>) -> Vec<(PathBuf, io::Error)> {
    sync_each(files, sync_file)
}

/// Syncs many folders at once and returns those that could not be, with the reason.
pub(crate) fn sync_folders(folders: &BTreeSet<PathBuf>) -> Vec<(PathBuf, io::Error)> {
    sync_each(folders, sync_folder)
}

/// Several threads wait for the disk together, because file systems write one journal entry for all that
/// wait at the same moment.
fn sync_each(
    paths: &BTreeSet<PathBuf>,
    sync: impl Fn(&Path) -> io::Result<()> + Sync,
) -> Vec<(PathBuf, io::Error)> {
    let files: Vec<&PathBuf> = paths.iter().collect();
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let work = || {
        while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = sync(path) {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.push(((*path).clone(), error));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..SYNC_THREADS.min(files.len()) {
            // A thread that cannot be started is no loss: this one does the work then.
            let _ = thread::Builder::new().spawn_scoped(scope, work);
        }
        work();
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the entries of `folder` survive a power cut.
///
/// # Errors
/// The folder cannot be opened or synced; that its file system cannot sync folders is no error.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        // What a name alone lies in is the working folder.
        let folder = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        match fs::File::open(folder)?.sync_all() {
            // Some network file systems cannot; there is nothing better to do on them.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::Unsupported | io::ErrorKind::InvalidInput
                ) =>
            {
                Ok(())
            }
            outcome => outcome,
        }
    }
    #[cfg(not(unix))]
    {
        // Windows journals directory entries and offers no call to sync them.
        let _ = folder;
        Ok(())
    }
}

fn sync_file(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    // Windows syncs only through a handle that may write.
    options.write(cfg!(windows));
    options.open(path)?.sync_all()
}

const SYNC_THREADS: usize = 16;
/// Readable by all, as desync's are, for a server under another account; the umask still applies.
const FOR_ALL: u32 = 0o644;
const FOR_ITS_OWNER: u32 = 0o600;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_one_that_is_gone_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for bytes in [&b"old, and longer"[..], b"new"] {
            replace(&path, ".tmp-", bytes).unwrap();
            assert_eq!(fs::read(&path).unwrap(), bytes);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left");
        for _ in 0..2 {
            remove(&path).unwrap();
        }
        assert!(fs::metadata(&path).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        replace(&path, ".tmp-", b"for all").unwrap();
        replace_secret(&path, ".tmp-", b"secret").unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
