// SPDX-License-Identifier: MIT
//! Files that are replaced in one step and survive a power cut.

use std::io::{self, Write as _};
use std::path::Path;

use fs_err as fs;

/// Replaces the file `path` by one with `bytes`: others see the old one or the whole new one, and when this
/// returns the new one survives a power cut.
///
/// # Errors
/// The old file is still there.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with_mode(path, bytes, 0o644)
}

/// As [`replace`], for a file nobody but its owner may read.
///
/// # Errors
/// As there.
pub fn replace_secret(path: &Path, bytes: &[u8]) -> io::Result<()> {
    replace_with_mode(path, bytes, 0o600)
}

/// Makes `folder` and its missing parents, durably.
///
/// # Errors
/// One of them cannot be made.
pub fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.as_os_str().is_empty() || fs::metadata(folder).is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_folders(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    match folder.parent() {
        Some(parent) => sync_folder(parent),
        None => Ok(()),
    }
}

/// Removes the file `path` if it is there.
///
/// # Errors
/// It may still be there.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Makes the entries of `folder` survive a power cut.
///
/// # Errors
/// The system could not promise that.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    // Windows journals directory entries and has no call to sync them.
    if cfg!(not(unix)) {
        return Ok(());
    }
    // What a name alone lies in is the working folder.
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    fs::File::open(folder)?.sync_all()
}

fn replace_with_mode(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let named = |error: io::Error| io::Error::new(error.kind(), format!("write {}: {error}", path.display()));
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(std::fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = mode;
    let mut file = builder.tempfile_in(folder).map_err(named)?;
    file.write_all(bytes).map_err(named)?;
    file.as_file().sync_all().map_err(named)?;
    file.persist(path).map_err(|refused| named(refused.error))?;
    sync_folder(folder)
}

/// Names of files being written begin with this.
pub(super) const TEMPORARY_PREFIX: &str = ".tmp-";
