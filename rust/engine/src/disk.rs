// SPDX-License-Identifier: MIT
//! Durable writes and bounded reads of the engine's own small files, and the space for everything else.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fs_err as fs;
use vsekai_store::{bounded, durable};

use crate::error::{EngineError, ErrorCode, IoContext as _};

/// Writes `bytes` to `path` so that after a power cut the file holds either the old or the new bytes.
///
/// The folder must exist. When this returns, the new bytes are durable: temporary file beside it, write, sync,
/// rename, sync of the folder.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), EngineError> {
    write(path, bytes, None)
}

/// The same for bytes that lay there before: the file says of itself that it was written at `time`.
pub(crate) fn restore_durably(path: &Path, bytes: &[u8], time: SystemTime) -> Result<(), EngineError> {
    write(path, bytes, Some(time))
}

fn write(path: &Path, bytes: &[u8], time: Option<SystemTime>) -> Result<(), EngineError> {
    let folder = folder_of(path);
    replace(folder, path, bytes, time).map_err(|error| name_missing_space(error, folder, bytes.len() as u64))
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new("."))
}

fn replace(folder: &Path, path: &Path, bytes: &[u8], time: Option<SystemTime>) -> Result<(), EngineError> {
    let mut file = tempfile::Builder::new()
        .prefix(".tmp-")
        .tempfile_in(folder)
        .during("create a file in", folder)?;
    file.write_all(bytes).during("write", path)?;
    if let Some(time) = time {
        file.as_file()
            .set_modified(time)
            .during("set the time of", path)?;
    }
    file.as_file().sync_all().during("sync", path)?;
    file.persist(path).map_err(|e| e.error).during("replace", path)?;
    sync_folder(folder)
}

/// Refuses a disk without room for `bytes` more and something in reserve.
pub(crate) fn require_space(folder: &Path, bytes: u64) -> Result<(), EngineError> {
    let needed = with_reserve(bytes);
    let available = fs4::available_space(folder).during("ask for the free space of", folder)?;
    match available >= needed {
        true => Ok(()),
        false => Err(EngineError::DiskFull {
            path: folder.to_owned(),
            needed,
            available,
        }),
    }
}

/// Says how much space `bytes` need where `error` says that there is none left, or less than that.
pub(crate) fn name_missing_space(error: EngineError, folder: &Path, bytes: u64) -> EngineError {
    let needed = with_reserve(bytes);
    let is_named = matches!(&error, EngineError::DiskFull { needed: named, .. } if *named >= needed);
    if error.code() != ErrorCode::DiskFull || is_named {
        return error;
    }
    match fs4::available_space(folder) {
        Ok(available) => EngineError::DiskFull {
            path: folder.to_owned(),
            needed,
            available,
        },
        Err(_) => error,
    }
}

/// Adds what a file takes beyond its bytes, and what is kept free on top of what is needed.
fn with_reserve(bytes: u64) -> u64 {
    bytes + BLOCK_BYTES + bytes / RESERVE_PART
}

/// The rest of a file's last block, at the worst.
const BLOCK_BYTES: u64 = 4096;
/// Part of the needed space that is kept free on top of it.
const RESERVE_PART: u64 = 33;

/// Makes the entries of `folder` survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), EngineError> {
    durable::sync_folder(folder).during("sync the folder", folder)
}

/// Makes the bytes of a file survive a power cut.
pub(crate) fn sync_file(path: &Path) -> Result<(), EngineError> {
    let mut options = fs::OpenOptions::new();
    // Windows syncs only through a handle that may write.
    options.read(true).write(cfg!(windows));
    options
        .open(path)
        .and_then(|file| file.sync_all())
        .during("sync", path)
}

/// Reads a file of at most `limit` bytes; `None` if it does not exist.
///
/// A file that exists and cannot be read is an error, never "not there".
///
/// # Errors
/// [`EngineError::BadRecord`] if it cannot be the file that was written: it is too large, or something else lies in its
/// place. [`EngineError::Io`] if it cannot be read now, which says nothing of its bytes.
pub(crate) fn read_bounded(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, EngineError> {
    let damaged = |reason: String| {
        let what = format!("file {}", path.display());
        Err(EngineError::BadRecord { what, reason })
    };
    match open_file(path).and_then(|file| bounded::read(file, path.display(), limit)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::FileTooLarge => {
            damaged(format!("it is larger than {limit} bytes"))
        }
        // Where folders cannot be opened at all, the system says no more than that.
        Err(_) if path.is_dir() => damaged("there is a folder in its place".to_owned()),
        Err(error) if is_no_file(&error) => damaged(format!("it cannot be read: {error}")),
        read => read.during("read", path).map(Some),
    }
}

/// Opens a file for reading, and waits for nobody: something else than a file is an error at once.
///
/// Not through `fs_err`, whose errors do not tell the system's number; all callers name the path.
fn open_file(path: &Path) -> io::Result<std::fs::File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        // Opening a pipe would wait for its other end.
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(ErrorKind::NotADirectory, "it is no file")),
    }
}

/// Tells whether something else lies in a file's place. Reading again does not help then, and writing it anew may.
///
/// All else says nothing of the bytes, and is no reason to give them up: rights, memory, too many open files, a disk on
/// the network that is away, and a disk that fails to read, whose cable may be loose.
fn is_no_file(error: &io::Error) -> bool {
    #[cfg(unix)]
    if rustix::io::Errno::from_io_error(error) == Some(rustix::io::Errno::LOOP) {
        return true;
    }
    error.kind() == ErrorKind::NotADirectory
}

/// Puts what lies at `path` beside it under a name that says that it is damaged, durably; returns that name. Of those
/// that come there one after the other the last one stays.
pub(crate) fn set_aside(path: &Path) -> Result<PathBuf, EngineError> {
    let aside = aside(path);
    // A file takes the place of a file, and nothing else of anything.
    if aside.is_dir() || path.is_dir() {
        remove(&aside)?;
    }
    fs::rename(path, &aside).during("put aside", path)?;
    sync_folder(folder_of(path))?;
    Ok(aside)
}

/// Returns where [`set_aside`] puts what lies at `path`.
pub(crate) fn aside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".damaged");
    path.with_file_name(name)
}

/// Returns the names of what lies in a folder, those that are Unicode; one that cannot be listed holds nothing.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// Creates a folder and those above it.
pub(crate) fn create_folders(path: &Path) -> Result<(), EngineError> {
    fs::create_dir_all(path).during("create the folder", path)
}

/// Creates a folder and those above it so that they survive a power cut.
pub(crate) fn create_folders_durably(path: &Path) -> Result<(), EngineError> {
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    create_folders(path)?;
    for created in missing {
        // The parent of a relative path's first part is the working folder.
        let parent = created.parent().unwrap_or(Path::new("."));
        let parent = if parent == Path::new("") {
            Path::new(".")
        } else {
            parent
        };
        match sync_folder(parent) {
            // A folder that may be written to but not read: nothing more can be done.
            Err(EngineError::Io { source, .. }) if source.kind() == ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

/// Removes whatever lies at `path`; nothing is followed.
pub(crate) fn remove(path: &Path) -> Result<(), EngineError> {
    match path.is_dir() && !path.is_symlink() {
        true => remove_tree(path),
        false => remove_file(path),
    }
}

/// Removes a folder with all it holds, read-only files included; one that is not there is fine.
pub(crate) fn remove_tree(path: &Path) -> Result<(), EngineError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if cfg!(windows) && error.kind() == ErrorKind::PermissionDenied => {
            make_writable(path)?;
            fs::remove_dir_all(path).during("remove", path)
        }
        other => other.during("remove", path),
    }
}

/// Windows refuses to remove read-only files.
fn make_writable(path: &Path) -> Result<(), EngineError> {
    let data = fs::symlink_metadata(path).during("look at", path)?;
    if data.is_dir() {
        for entry in fs::read_dir(path).during("list", path)? {
            make_writable(&entry.during("list", path)?.path())?;
        }
    } else if !data.is_symlink() && data.permissions().readonly() {
        let mut permissions = data.permissions();
        #[allow(clippy::permissions_set_readonly_false)]
        permissions.set_readonly(false);
        fs::set_permissions(path, permissions).during("make writable", path)?;
    }
    Ok(())
}

/// Sets the mode of an open file; where there are no modes, only whether it can be written.
#[cfg(unix)]
pub(crate) fn set_mode(file: &cap_std::fs::File, mode: u32) -> std::io::Result<()> {
    let mode = rustix::fs::Mode::from_raw_mode(mode as rustix::fs::RawMode);
    rustix::fs::fchmod(file, mode).map_err(Into::into)
}

/// Sets the mode of an open file; where there are no modes, only whether it can be written.
#[cfg(windows)]
pub(crate) fn set_mode(file: &cap_std::fs::File, mode: u32) -> std::io::Result<()> {
    let file = file.try_clone()?.into_std();
    let mut permissions = file.metadata()?.permissions();
    permissions.set_readonly(mode & 0o222 == 0);
    file.set_permissions(permissions)
}

/// Removes a file durably; one that is not there is fine.
pub(crate) fn remove_file(path: &Path) -> Result<(), EngineError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => {
            other.during("remove", path)?;
            sync_folder(folder_of(path))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_the_place_of_a_file_is_damage_and_waited_for_by_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        assert!(matches!(read_bounded(&at("absent"), 9), Ok(None)));
        fs::write(at("file"), "12345").unwrap();
        assert_eq!(read_bounded(&at("file"), 5).unwrap().unwrap(), b"12345");
        fs::create_dir(at("folder")).unwrap();
        let mut damaged = vec![(at("folder"), 9), (at("file/below"), 9), (at("file"), 4)];
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{CWD, FileType, Mode, mknodat};
            mknodat(CWD, at("pipe"), FileType::Fifo, Mode::RWXU, 0).unwrap();
            damaged.push((at("pipe"), 9));
            std::os::unix::fs::symlink(at("loop"), at("loop")).unwrap();
            damaged.push((at("loop"), 9));
        }
        for (path, limit) in damaged {
            let error = read_bounded(&path, limit).unwrap_err();
            assert!(matches!(error, EngineError::BadRecord { .. }), "{error:?}");
            assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_file_that_the_disk_does_not_give_back_is_named_and_no_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        // The system itself has nothing to read at the beginning of this file.
        std::os::unix::fs::symlink("/proc/self/mem", &path).unwrap();
        let error = read_bounded(&path, 9).unwrap_err();
        assert!(matches!(error, EngineError::Io { .. }), "{error:?}");
        assert_eq!(error.code(), ErrorCode::Disk);
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn only_something_else_in_the_place_of_a_file_is_damage() {
        use rustix::io::Errno;
        for errno in [Errno::LOOP, Errno::NOTDIR] {
            assert!(is_no_file(&errno.into()), "{errno}");
        }
        for errno in [
            Errno::IO,
            Errno::BADMSG,
            Errno::UCLEAN,
            Errno::ACCESS,
            Errno::PERM,
            Errno::NOMEM,
            Errno::MFILE,
            Errno::NFILE,
            Errno::STALE,
            Errno::TIMEDOUT,
            Errno::NODEV,
        ] {
            assert!(!is_no_file(&errno.into()), "{errno}");
        }
    }

    #[test]
    fn of_files_put_aside_the_last_one_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("record.json");
        for text in ["first", "second"] {
            fs::write(&file, text).unwrap();
            let aside = set_aside(&file).unwrap();
            assert_eq!(aside, folder.path().join("record.json.damaged"));
            assert_eq!(fs::read(aside).unwrap(), text.as_bytes());
            assert!(!file.exists());
        }
        fs::create_dir_all(file.join("inner")).unwrap();
        assert!(set_aside(&file).unwrap().join("inner").is_dir());
        fs::write(&file, "third").unwrap();
        assert_eq!(fs::read(set_aside(&file).unwrap()).unwrap(), b"third");
    }
}
