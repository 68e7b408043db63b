// SPDX-License-Identifier: MIT
//! What systems other than Unix keep of files: whether they can be written to, and a time.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fs_err as fs;
use vsekai_formats::TreePath;
use vsekai_formats::catar::{Metadata, NodeKind, record};

use crate::tree::unpack::UnpackOptions;

/// Returns the bytes of a name.
pub(crate) fn name_bytes(name: &OsStr) -> Vec<u8> {
    name.to_string_lossy().into_owned().into_bytes()
}

/// Returns the name with these bytes, if the system takes it for a plain file name.
pub(crate) fn name_from(bytes: &[u8]) -> Option<OsString> {
    let text = std::str::from_utf8(bytes).ok()?;
    TreePath::parse(text).ok().map(|path| path.as_str().into())
}

/// Returns the path with these bytes, which may have slashes.
pub(crate) fn path_from(bytes: &[u8]) -> io::Result<PathBuf> {
    let text = std::str::from_utf8(bytes).map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(PathBuf::from(text))
}

/// Opens a regular file that was just looked at.
pub(crate) fn open_file(path: &Path) -> io::Result<fs::File> {
    fs::File::open(path)
}

/// Returns the file system a file is on, which is not known here.
pub(crate) fn device(_: &std::fs::Metadata) -> u64 {
    0
}

/// Returns what a file is.
pub(crate) fn kind(path: &Path, found: &std::fs::Metadata) -> io::Result<Option<NodeKind>> {
    Ok(if found.is_dir() {
        Some(NodeKind::Folder)
    } else if found.is_file() {
        Some(NodeKind::File {
            size: found.len(),
            payload_at: 0,
        })
    } else if found.file_type().is_symlink() {
        let target = fs::read_link(path)?.to_string_lossy().replace('\\', "/");
        Some(NodeKind::Link {
            target: target.into_bytes(),
        })
    } else {
        None
    })
}

/// Returns what an archive keeps of a file, with the modes desync makes up on such systems.
pub(crate) fn metadata(_: &Path, found: &std::fs::Metadata) -> io::Result<Metadata> {
    let write = if found.permissions().readonly() { 0 } else { 0o222 };
    let (kind, permissions) = match found.is_dir() {
        true => (record::MODE_FOLDER, 0o555),
        false => (record::MODE_FILE, 0o444),
    };
    let age = found.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Metadata {
        mode: kind | permissions | write,
        uid: 0,
        gid: 0,
        mtime: i64::try_from(age.as_nanos()).unwrap_or_default(),
        xattrs: BTreeMap::new(),
    })
}

/// Returns what tells whether a file was touched, and when its content changed last, in nanoseconds since 1970.
pub(crate) fn stamp(found: &std::fs::Metadata) -> ([u64; 7], i128) {
    use std::os::windows::fs::MetadataExt as _;
    let nanoseconds = |time: io::Result<SystemTime>| {
        let age = time.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        age.unwrap_or_default().as_nanos()
    };
    let (written, created) = (nanoseconds(found.modified()), nanoseconds(found.created()));
    let narrow = |nanoseconds: u128| u64::try_from(nanoseconds).unwrap_or(u64::MAX);
    let fields = [
        u64::from(found.file_attributes()),
        narrow(created),
        0,
        0,
        0,
        found.len(),
        narrow(written),
    ];
    (fields, i128::try_from(written).unwrap_or(i128::MAX))
}

/// Leaves folders as they are: nothing an archive keeps of them means the same here.
pub(crate) fn set_folder_metadata(_: &cap_std::fs::Dir, _: &Metadata, _: &UnpackOptions) -> io::Result<()> {
    Ok(())
}

/// Leaves links as they are.
pub(crate) fn set_link_metadata(
    _: &cap_std::fs::Dir,
    _: &OsStr,
    _: &Metadata,
    _: &UnpackOptions,
) -> io::Result<()> {
    Ok(())
}

/// Makes a link; the system wants to know whether it leads to a folder, so its target is looked at.
pub(crate) fn make_link(folder: &cap_std::fs::Dir, target: &[u8], name: &OsStr) -> io::Result<()> {
    let target = std::str::from_utf8(target).map_err(|_| io::ErrorKind::InvalidData)?;
    match folder.is_dir(target) {
        true => folder.symlink_dir(target, name),
        false => folder.symlink_file(target, name),
    }
}

/// Refuses: there are no device files here.
pub(crate) fn make_device(
    _: &cap_std::fs::Dir,
    _: &OsStr,
    _: &Metadata,
    _: (bool, u64, u64),
    _: &UnpackOptions,
) -> io::Result<()> {
    Err(no_devices())
}

/// There is none here.
pub(crate) fn is_device(_: &cap_std::fs::Dir, _: &OsStr, _: (bool, u64, u64)) -> bool {
    false
}

/// There are none here.
pub(crate) fn set_device_metadata(
    _: &cap_std::fs::Dir,
    _: &OsStr,
    _: &Metadata,
    _: &UnpackOptions,
) -> io::Result<()> {
    Err(no_devices())
}

fn no_devices() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "this system has no device files")
}

/// Does nothing: the system offers no call for it.
pub(crate) fn sync(_: &cap_std::fs::Dir) -> io::Result<()> {
    Ok(())
}

/// Returns options for a new file.
pub(crate) fn new_file_options(_: u64) -> cap_std::fs::OpenOptions {
    let mut options = cap_std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    options
}

/// Sets the time, the only thing an archive keeps that means the same here.
pub(crate) fn set_metadata(file: &cap_std::fs::File, wanted: &Metadata, _: &UnpackOptions) -> io::Result<()> {
    let Ok(nanoseconds) = u64::try_from(wanted.mtime) else {
        return Ok(());
    };
    let time: SystemTime = UNIX_EPOCH + Duration::from_nanos(nanoseconds);
    match nanoseconds {
        0 => Ok(()),
        _ => file.try_clone()?.into_std().set_modified(time),
    }
}
