// SPDX-License-Identifier: MIT
//! Reads of files that the system has in memory, on the thread that serves clients.
//!
//! Handing a read to another thread costs several times what the read itself does. What may not be done on a thread
//! that serves clients is to wait for a disk, and Linux can be told not to: `RESOLVE_CACHED` of openat2(2) and
//! `RWF_NOWAIT` of preadv2(2) fail instead.

use std::path::Path;

/// Reads the whole file `path` if that needs no disk and it has at most `most` bytes.
///
/// `None` says nothing about the file: read it in the ordinary way then, beside the threads that serve clients.
#[cfg(target_os = "linux")]
pub fn read_cached(path: &Path, most: usize) -> Option<Vec<u8>> {
    use std::io::IoSliceMut;

    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat2};
    use rustix::io::{ReadWriteFlags, preadv2};

    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok()?;
    let len = usize::try_from(fstat(&file).ok()?.st_size).ok()?;
    if len > most {
        return None;
    }
    let mut bytes = vec![0; len];
    let read = preadv2(
        &file,
        &mut [IoSliceMut::new(&mut bytes)],
        0,
        ReadWriteFlags::NOWAIT,
    )
    .ok()?;
    (read == len).then_some(bytes)
}

/// Only Linux can be asked.
#[cfg(not(target_os = "linux"))]
pub fn read_cached(_path: &Path, _most: usize) -> Option<Vec<u8>> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_file_in_memory_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for bytes in [&b""[..], b"just written, so in memory"] {
            fs_err::write(&path, bytes).unwrap();
            assert_eq!(read_cached(&path, 100).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn what_is_too_long_or_not_there_is_left_to_the_ordinary_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert_eq!(read_cached(&path, 100), None);
        fs_err::write(&path, [0; 101]).unwrap();
        assert_eq!(read_cached(&path, 100), None);
        assert_eq!(read_cached(folder.path(), 1 << 20), None, "a folder");
    }
}
