// SPDX-License-Identifier: MIT
//! What Unix keeps of files, read and set.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
#[cfg(not(target_vendor = "apple"))]
use rustix::fs::mknodat;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use vsekai_formats::catar::{Metadata, NodeKind};

use crate::tree::unpack::UnpackOptions;

/// Returns the bytes of a name.
pub(crate) fn name_bytes(name: &OsStr) -> Vec<u8> {
    name.as_bytes().to_vec()
}

/// Returns the name with these bytes; any is one here.
pub(crate) fn name_from(bytes: &[u8]) -> Option<OsString> {
    Some(OsString::from_vec(bytes.to_vec()))
}

/// Returns the path with these bytes, which may have slashes.
pub(crate) fn path_from(bytes: &[u8]) -> io::Result<PathBuf> {
    Ok(PathBuf::from(OsStr::from_bytes(bytes)))
}

/// Opens a regular file that was just looked at; should it be something else by now, the open fails or does not
/// wait.
pub(crate) fn open_file(path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = std::fs::OpenOptions::new();
    options.read(true).custom_flags(flags.bits().cast_signed());
    fs::OpenOptions::from_options(options).open(path)
}

/// Returns the file system a file is on.
pub(crate) fn device(found: &std::fs::Metadata) -> u64 {
    found.dev()
}

/// Returns what a file is, or `None` for FIFOs and sockets.
pub(crate) fn kind(path: &Path, found: &std::fs::Metadata) -> io::Result<Option<NodeKind>> {
    let kind = found.file_type();
    let device = found.rdev() as rustix::fs::Dev;
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    Ok(Some(if kind.is_dir() {
        NodeKind::Folder
    } else if kind.is_file() {
        NodeKind::File {
            size: found.len(),
            payload_at: 0,
        }
    } else if kind.is_symlink() {
        let target = fs::read_link(path)?.into_os_string().into_vec();
        NodeKind::Link { target }
    } else if kind.is_block_device() || kind.is_char_device() {
        NodeKind::Device {
            block: kind.is_block_device(),
            major: u64::from(major),
            minor: u64::from(minor),
        }
    } else {
        return Ok(None);
    }))
}

/// Returns what an archive keeps of a file.
pub(crate) fn metadata(path: &Path, found: &std::fs::Metadata) -> io::Result<Metadata> {
    let nanoseconds = i128::from(found.mtime()) * 1_000_000_000 + i128::from(found.mtime_nsec());
    Ok(Metadata {
        mode: u64::from(found.mode()),
        uid: u64::from(found.uid()),
        gid: u64::from(found.gid()),
        mtime: i64::try_from(nanoseconds).unwrap_or_default(),
        xattrs: xattrs(path).map_err(|error| named(path, error))?,
    })
}

/// Returns what tells whether a file was touched (first what it is and whose, then size and times), and when
/// anything about it changed last, in nanoseconds since 1970.
pub(crate) fn stamp(found: &std::fs::Metadata) -> ([u64; 10], i128) {
    let fields = [
        found.dev(),
        found.ino(),
        u64::from(found.mode()),
        u64::from(found.uid()),
        u64::from(found.gid()),
        found.len(),
        found.mtime().cast_unsigned(),
        found.mtime_nsec().cast_unsigned(),
        found.ctime().cast_unsigned(),
        found.ctime_nsec().cast_unsigned(),
    ];
    let changed = i128::from(found.ctime()) * 1_000_000_000 + i128::from(found.ctime_nsec());
    (fields, changed)
}

/// Sets what an archive keeps, where it is not set already: owner, attributes, permissions, time, in an order
/// in which none undoes another.
pub(crate) fn set_metadata(file: impl AsFd, wanted: &Metadata, options: &UnpackOptions) -> io::Result<()> {
    let file = file.as_fd();
    let found = rustix::fs::fstat(file)?;
    let (uid, gid) = owner(wanted)?;
    let chown = options.owner && (found.st_uid != uid.as_raw() || found.st_gid != gid.as_raw());
    if chown {
        rustix::fs::fchown(file, Some(uid), Some(gid))?;
    }
    let mut touched = chown;
    if options.xattrs {
        set_xattrs(file, wanted)?;
        touched |= !wanted.xattrs.is_empty();
    }
    let mode = (wanted.mode & 0o7777) as rustix::fs::RawMode;
    // Changing the owner or access lists can have changed bits, so the mode is then looked at anew.
    let found_mode = match touched {
        true => rustix::fs::fstat(file)?.st_mode,
        false => found.st_mode,
    };
    if options.permissions && found_mode & 0o7777 != mode {
        rustix::fs::fchmod(file, Mode::from_raw_mode(mode))?;
    }
    let time = timespec(wanted.mtime);
    if wanted.mtime != 0 && !has_time(&found, &time) {
        rustix::fs::futimens(file, &times(time))?;
    }
    Ok(())
}

/// As [`set_metadata`], for a folder.
pub(crate) fn set_folder_metadata(
    folder: impl AsFd,
    wanted: &Metadata,
    options: &UnpackOptions,
) -> io::Result<()> {
    set_metadata(reopened(folder)?, wanted, options)
}

/// Opens a folder anew: handles that only lead to files below it cannot change the folder itself.
fn reopened(folder: impl AsFd) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(folder, ".", flags, Mode::empty())?)
}

/// Makes a link with this target, whatever it is.
pub(crate) fn make_link(folder: &cap_std::fs::Dir, target: &[u8], name: &OsStr) -> io::Result<()> {
    folder.symlink_contents(OsStr::from_bytes(target), name)
}

/// Returns options for a new file, which gets these permissions less the umask.
pub(crate) fn new_file_options(mode: u64) -> cap_std::fs::OpenOptions {
    use cap_std::fs::OpenOptionsExt as _;
    let mut options = cap_std::fs::OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .mode((mode & 0o777) as u32 | 0o200);
    options
}

/// Sets the owner, attributes and time of what cannot be opened, such as a link, where they are not set already.
pub(crate) fn set_link_metadata(
    folder: impl AsFd,
    name: &OsStr,
    wanted: &Metadata,
    options: &UnpackOptions,
) -> io::Result<()> {
    let (folder, no_follow) = (folder.as_fd(), AtFlags::SYMLINK_NOFOLLOW);
    let found = rustix::fs::statat(folder, name, no_follow)?;
    let (uid, gid) = owner(wanted)?;
    if options.owner && (found.st_uid != uid.as_raw() || found.st_gid != gid.as_raw()) {
        rustix::fs::chownat(folder, name, Some(uid), Some(gid), no_follow)?;
    }
    if options.xattrs {
        set_xattrs_at(folder, name, wanted)?;
    }
    let time = timespec(wanted.mtime);
    if wanted.mtime != 0 && !has_time(&found, &time) {
        rustix::fs::utimensat(folder, name, &times(time), no_follow)?;
    }
    Ok(())
}

/// Makes a device with its metadata.
pub(crate) fn make_device(
    folder: impl AsFd,
    name: &OsStr,
    metadata: &Metadata,
    numbers: (bool, u64, u64),
    options: &UnpackOptions,
) -> io::Result<()> {
    let folder = folder.as_fd();
    let (block, major, minor) = numbers;
    let narrow = |number: u64| u32::try_from(number).map_err(|_| io::ErrorKind::InvalidData);
    let device = rustix::fs::makedev(narrow(major)?, narrow(minor)?);
    let mode = Mode::from_raw_mode((metadata.mode & 0o7777) as rustix::fs::RawMode);
    mknodat(folder, name, device_kind(block), mode, device)?;
    set_device_metadata(folder, name, metadata, options)
}

/// rustix does not offer it here.
#[cfg(target_vendor = "apple")]
fn mknodat(_: BorrowedFd<'_>, _: &OsStr, _: FileType, _: Mode, _: rustix::fs::Dev) -> rustix::io::Result<()> {
    Err(Errno::NOTSUP)
}

/// Tells whether there is a device with these numbers.
pub(crate) fn is_device(folder: impl AsFd, name: &OsStr, (block, major, minor): (bool, u64, u64)) -> bool {
    let found = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    found.is_ok_and(|found| {
        let device = found.st_rdev;
        let numbers = (rustix::fs::major(device), rustix::fs::minor(device));
        FileType::from_raw_mode(found.st_mode) == device_kind(block)
            && (u64::from(numbers.0), u64::from(numbers.1)) == (major, minor)
    })
}

/// Sets a device's owner, attributes, permissions and time, where they are not set already.
pub(crate) fn set_device_metadata(
    folder: impl AsFd,
    name: &OsStr,
    wanted: &Metadata,
    options: &UnpackOptions,
) -> io::Result<()> {
    let folder = folder.as_fd();
    set_link_metadata(folder, name, wanted, options)?;
    let found = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let mode = (wanted.mode & 0o7777) as rustix::fs::RawMode;
    if options.permissions && found.st_mode & 0o7777 != mode {
        rustix::fs::chmodat(folder, name, Mode::from_raw_mode(mode), AtFlags::empty())?;
    }
    Ok(())
}

fn device_kind(block: bool) -> FileType {
    match block {
        true => FileType::BlockDevice,
        false => FileType::CharacterDevice,
    }
}

/// Makes everything written to the file system survive a power cut.
pub(crate) fn sync(folder: impl AsFd) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::fs::syncfs(reopened(folder)?)?;
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        rustix::fs::sync();
    }
    Ok(())
}

fn owner(wanted: &Metadata) -> io::Result<(Uid, Gid)> {
    let narrow = |id: u64| u32::try_from(id).ok().filter(|id| *id != u32::MAX);
    match (narrow(wanted.uid), narrow(wanted.gid)) {
        (Some(uid), Some(gid)) => Ok((Uid::from_raw(uid), Gid::from_raw(gid))),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the archive's owner is no user or group",
        )),
    }
}

fn timespec(mtime: i64) -> Timespec {
    Timespec {
        tv_sec: mtime.div_euclid(1_000_000_000) as _,
        tv_nsec: mtime.rem_euclid(1_000_000_000) as _,
    }
}

fn has_time(found: &rustix::fs::Stat, time: &Timespec) -> bool {
    found.st_mtime == time.tv_sec && found.st_mtime_nsec as i64 == time.tv_nsec
}

fn times(time: Timespec) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: rustix::fs::UTIME_OMIT as _,
        },
        last_modification: time,
    }
}

fn xattrs(path: &Path) -> io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let names = match growing(|buffer| rustix::fs::llistxattr(path, buffer)) {
        Ok(names) => names,
        // File systems without attributes have none.
        Err(Errno::NOTSUP) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let mut found = BTreeMap::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        match growing(|buffer| rustix::fs::lgetxattr(path, name, buffer)) {
            Ok(value) => drop(found.insert(name.to_vec(), value)),
            // Removed meanwhile.
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// Calls `read` with a small buffer, and with one that holds the most there can be if that is too small.
fn growing(read: impl Fn(&mut [u8]) -> Result<usize, Errno>) -> Result<Vec<u8>, Errno> {
    let mut small = [0u8; 512];
    match read(&mut small) {
        Ok(len) => Ok(small.get(..len).unwrap_or_default().to_vec()),
        Err(Errno::RANGE) => {
            let mut large = vec![0u8; MAX_XATTR];
            let len = read(&mut large)?;
            large.truncate(len);
            Ok(large)
        }
        Err(error) => Err(error),
    }
}

fn set_xattrs(file: BorrowedFd<'_>, wanted: &Metadata) -> io::Result<()> {
    let get = |name: &[u8], value: &mut [u8]| rustix::fs::fgetxattr(file, name, value);
    let set = |name: &[u8], value: &[u8]| rustix::fs::fsetxattr(file, name, value, XattrFlags::empty());
    set_each_xattr(wanted, get, set)
}

/// As [`set_xattrs`], for links and devices, which cannot be opened. Linux keeps attributes that are not the user's of
/// them, such as labels.
#[cfg(target_os = "linux")]
fn set_xattrs_at(folder: BorrowedFd<'_>, name: &OsStr, wanted: &Metadata) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;
    // There is no call that takes an open folder and a name, but this path is the folder, whatever its name is.
    let path = PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd())).join(name);
    let get = |name: &[u8], value: &mut [u8]| rustix::fs::lgetxattr(&path, name, value);
    let set = |name: &[u8], value: &[u8]| rustix::fs::lsetxattr(&path, name, value, XattrFlags::empty());
    set_each_xattr(wanted, get, set)
}

/// Elsewhere there is no such path.
#[cfg(not(target_os = "linux"))]
fn set_xattrs_at(_: BorrowedFd<'_>, _: &OsStr, _: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Sets attributes that are not set already.
fn set_each_xattr(
    wanted: &Metadata,
    get: impl Fn(&[u8], &mut [u8]) -> Result<usize, Errno>,
    set: impl Fn(&[u8], &[u8]) -> Result<(), Errno>,
) -> io::Result<()> {
    for (name, value) in &wanted.xattrs {
        let mut found = vec![0u8; value.len() + 1];
        let same = get(name, &mut found).is_ok_and(|len| found.get(..len) == Some(value));
        if !same {
            set(name, value).map_err(|error| {
                let (name, error) = (String::from_utf8_lossy(name), io::Error::from(error));
                let text = format!("set {name}: {error}; --no-same-xattrs leaves attributes out");
                io::Error::new(error.kind(), text)
            })?;
        }
    }
    Ok(())
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// Linux's own limit, for a value and for all names of a file together.
const MAX_XATTR: usize = 64 << 10;
