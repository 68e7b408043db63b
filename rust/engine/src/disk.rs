// SPDX-License-Identifier: MIT
//! Durable writes and bounded reads of the engine's own small files, and the space for everything else.

use std::io::{ErrorKind, Write};
use std::path::Path;

use fs_err as fs;
use vsekai_store::{bounded, durable};

use crate::error::{EngineError, ErrorCode, IoContext as _};

/// Writes `bytes` to `path` so that after a power cut the file holds either the old or the new bytes.
///
/// The folder must exist. When this returns, the new bytes are durable: temporary file beside it, write, sync,
/// rename, sync of the folder.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), EngineError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    replace(folder, path, bytes).map_err(|error| name_missing_space(error, folder, bytes.len() as u64))
}

fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> Result<(), EngineError> {
    let mut file = tempfile::Builder::new()
        .prefix(".tmp-")
        .tempfile_in(folder)
        .during("create a file in", folder)?;
    file.write_all(bytes).during("write", path)?;
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
pub(crate) fn read_bounded(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, EngineError> {
    match bounded::read_file(path, limit) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::FileTooLarge => Err(EngineError::BadRecord {
            what: path.display().to_string(),
            reason: format!("it is larger than {limit} bytes"),
        }),
        read => read.during("read", path).map(Some),
    }
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
            sync_folder(path.parent().unwrap_or(Path::new(".")))
        }
    }
}
