// SPDX-License-Identifier: MIT
//! Reads of files that the system has in memory, on the thread that serves clients.
//!
//! Handing a read to another thread costs several times what the read itself does. What may not be done on a thread
//! that serves clients is to wait for a disk, and Linux can be told not to: `RESOLVE_CACHED` of openat2(2) and
//! `RWF_NOWAIT` of preadv2(2) fail instead.

use std::path::Path;

#[cfg(target_os = "linux")]
pub use linux::CachedFile;

/// Reads the whole file `path` if that needs no disk and it has at most `most` bytes.
///
/// `None` says nothing about the file: read it in the ordinary way then, beside the threads that serve clients.
#[cfg(target_os = "linux")]
pub fn read_cached(path: &Path, most: usize) -> Option<Vec<u8>> {
    let file = CachedFile::open(path, most)?;
    let mut bytes = vec![0; file.size()];
    file.read(&mut bytes).then_some(bytes)
}

/// Only Linux can be asked.
#[cfg(not(target_os = "linux"))]
pub fn read_cached(_path: &Path, _most: usize) -> Option<Vec<u8>> {
    None
}

#[cfg(target_os = "linux")]
mod linux {
    use std::io::{self, IoSliceMut};
    use std::path::Path;

    use rustix::fd::{AsFd, OwnedFd};
    use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, sendfile};
    use rustix::io::{ReadWriteFlags, preadv2};

    /// A file that was opened without a disk. Nobody changes the files that this is for while they are open.
    #[derive(Debug)]
    pub struct CachedFile {
        file: OwnedFd,
        size: usize,
    }

    impl CachedFile {
        /// Opens `path` if that needs no disk and it has at most `most` bytes; `None` says nothing about it.
        pub fn open(path: &Path, most: usize) -> Option<Self> {
            // Opening a pipe would wait for its other end.
            let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
            let file = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED).ok()?;
            let found = fstat(&file).ok()?;
            let size = usize::try_from(found.st_size).ok()?;
            let is_file = FileType::from_raw_mode(found.st_mode).is_file();
            (is_file && size <= most).then_some(Self { file, size })
        }

        /// Returns its length in bytes.
        pub fn size(&self) -> usize {
            self.size
        }

        /// Fills `bytes`, as many as the file has, if that needs no disk; `false` says nothing about the file.
        pub fn read(&self, bytes: &mut [u8]) -> bool {
            let len = bytes.len();
            self.read_from(0, bytes) == Some(len)
        }

        /// Tells whether [`CachedFile::send`] is to find all bytes in memory.
        ///
        /// Asking for each page would cost as much as copying it. The system reads ahead and forgets in larger pieces
        /// than the ones that are asked for here, and what it forgets between the question and the sending costs this
        /// thread one wait: other threads serve other clients meanwhile.
        pub fn is_in_memory(&self) -> bool {
            let last = self.size.checked_sub(1);
            let mut places = (0..self.size).step_by(PROBED).chain(last);
            places.all(|place| self.read_from(place, &mut [0]) == Some(1))
        }

        /// Sends up to `most` bytes from place `from` to the socket `to`, without a copy of them in this process; returns
        /// how many the socket took.
        ///
        /// # Errors
        /// The socket's, [`io::ErrorKind::WouldBlock`] while it takes no more.
        pub fn send(&self, to: impl AsFd, from: usize, most: usize) -> io::Result<usize> {
            let mut place = from as u64;
            Ok(sendfile(to, &self.file, Some(&mut place), most)?)
        }

        fn read_from(&self, place: usize, bytes: &mut [u8]) -> Option<usize> {
            let mut slices = [IoSliceMut::new(bytes)];
            preadv2(&self.file, &mut slices, place as u64, ReadWriteFlags::NOWAIT).ok()
        }
    }

    /// Bytes between two places that are asked for.
    const PROBED: usize = 64 << 10;
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Read as _;
    use std::net::{TcpListener, TcpStream};

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn a_file_in_memory_is_read_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for bytes in [&b""[..], b"just written, so in memory"] {
            fs_err::write(&path, bytes).unwrap();
            assert_eq!(read_cached(&path, 100).as_deref(), Some(bytes));
            assert!(CachedFile::open(&path, 100).unwrap().is_in_memory());
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
        let pipe = folder.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        assert_eq!(read_cached(&pipe, 100), None, "a pipe, which nobody waits for");
    }

    #[test]
    fn a_file_in_memory_is_sent_from_any_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..100_000_u32).map(|number| (number % 251) as u8).collect();
        fs_err::write(&path, &bytes).unwrap();
        let file = CachedFile::open(&path, bytes.len()).unwrap();
        assert!(file.is_in_memory());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut receiver, _) = listener.accept().unwrap();
        for from in [0, 1, 99_999] {
            let most = (bytes.len() - from).min(5000);
            assert_eq!(file.send(&sender, from, most).unwrap(), most);
            let mut received = vec![0; most];
            receiver.read_exact(&mut received).unwrap();
            assert_eq!(received, bytes[from..from + most]);
        }
        assert_eq!(file.send(&sender, bytes.len(), 1).unwrap(), 0, "nothing is left");
    }
}
