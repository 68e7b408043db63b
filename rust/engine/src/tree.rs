// SPDX-License-Identifier: MIT
//! Trees on disk as a source of chunks.
//!
//! All access goes through a directory handle that paths cannot leave, whatever links lie below it.

use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, DirEntry, File, FileType, Metadata, OpenOptions};
use vsekai_formats::layout::Slice;
use vsekai_formats::{ChunkId, DigestAlgorithm, IdHasher, TreePathRef};

use crate::error::{EngineError, IoContext as _};
use crate::release::{FileFacts, Release};

/// Opens a folder as the root of everything done below it.
pub(crate) fn open_root(path: &Path) -> Result<Dir, EngineError> {
    Dir::open_ambient_dir(path, ambient_authority()).during("open the folder", path)
}

/// The folders of a tree, with handles of those used last: files that lie together cost one look-up of their
/// folder, and a path no more than its last component.
#[derive(Debug)]
pub(crate) struct Folders {
    root: Arc<Dir>,
    /// The last one used is the last one.
    recent: Mutex<Vec<(String, Arc<Dir>)>>,
}

impl Folders {
    /// Looks below `root`, never outside.
    pub(crate) fn below(root: Dir) -> Self {
        Self {
            root: Arc::new(root),
            recent: Mutex::default(),
        }
    }

    /// Returns the root.
    pub(crate) fn root(&self) -> &Dir {
        &self.root
    }

    /// Returns the folder that holds `path`, and its name in there.
    pub(crate) fn of<'p>(&self, path: TreePathRef<'p>) -> io::Result<(Arc<Dir>, &'p str)> {
        let name = path.file_name();
        let Some(folder) = path.parent() else {
            return Ok((self.root.clone(), name));
        };
        if let Some(dir) = self.find(folder) {
            return Ok((dir, name));
        }
        let dir = Arc::new(self.root.open_dir(folder)?);
        let mut recent = self.lock();
        if recent.len() >= RECENT_FOLDERS {
            recent.remove(0);
        }
        recent.push((folder.to_owned(), dir.clone()));
        Ok((dir, name))
    }

    /// The same for somebody who goes from file to file and keeps `near`, the folder they were in last: threads that
    /// work their way through a tree side by side would wait for each other at every file.
    pub(crate) fn of_near<'p>(
        &self,
        near: &mut Near<'p>,
        path: TreePathRef<'p>,
    ) -> io::Result<(Arc<Dir>, &'p str)> {
        let folder = path.parent().unwrap_or_default();
        if let Some((_, dir)) = near.as_ref().filter(|(known, _)| *known == folder) {
            return Ok((dir.clone(), path.file_name()));
        }
        let (dir, name) = self.of(path)?;
        *near = Some((folder, dir.clone()));
        Ok((dir, name))
    }

    fn find(&self, folder: &str) -> Option<Arc<Dir>> {
        let mut recent = self.lock();
        let at = recent.iter().rposition(|(name, _)| name == folder)?;
        let found = recent.remove(at);
        let dir = found.1.clone();
        recent.push(found);
        Some(dir)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(String, Arc<Dir>)>> {
        // A list of handles is usable after every change.
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The folder that somebody on the way through a tree was in last, and its path.
pub(crate) type Near<'a> = Option<(&'a str, Arc<Dir>)>;

/// Handles kept: a few for every thread that works its way through a tree.
const RECENT_FOLDERS: usize = 16;

/// A place that files of a release can be read from.
pub(crate) trait EntryFiles: Sync {
    /// Opens entry `entry` of the release for reading.
    fn open(&self, entry: usize) -> io::Result<File>;
}

/// A complete tree of a release.
pub(crate) struct Tree<'a> {
    pub(crate) folders: &'a Folders,
    pub(crate) release: &'a Release,
}

impl EntryFiles for Tree<'_> {
    fn open(&self, entry: usize) -> io::Result<File> {
        match self.release.contents.entries.get(entry) {
            Some(entry) => {
                let (folder, name) = self.folders.of(entry.path)?;
                open_file(&folder, name)
            }
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// Returns what an entry of a folder is; not every file system says so when it lists the folder.
pub(crate) fn kind(entry: &DirEntry) -> io::Result<FileType> {
    match entry.file_type()? {
        unknown if unknown == FileType::unknown() => Ok(entry.metadata()?.file_type()),
        known => Ok(known),
    }
}

/// Makes a file's bytes survive a power cut; a link has none.
pub(crate) fn sync_file(dir: &Dir, path: &str) -> io::Result<()> {
    if !dir.symlink_metadata(path)?.is_file() {
        return Ok(());
    }
    let mut options = OpenOptions::new();
    // Windows syncs only through a handle that may write.
    options.read(true).write(cfg!(windows));
    do_not_follow(&mut options);
    dir.open_with(path, &options)?.sync_all()
}

/// Opens a file below `dir` without following a link in its place.
///
/// Nothing but a file is opened: a pipe would pass for an empty one, and a device may never end.
pub(crate) fn open_file(dir: &Dir, path: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    do_not_follow(&mut options);
    let file = dir.open_with(path, &options)?;
    require_file(&file.metadata()?).map(|()| file)
}

/// Refuses anything but a regular file.
pub(crate) fn require_file(data: &Metadata) -> io::Result<()> {
    match data.is_file() {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is not a regular file",
        )),
    }
}

/// Makes opening fail where there is a link in place of the file.
pub(crate) fn do_not_follow(options: &mut OpenOptions) {
    use cap_std::fs::OpenOptionsExt as _;
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        options.custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits() as i32);
    }
    #[cfg(windows)]
    options.share_mode(7);
}

/// Makes the folder that `path` below `dir` lies in, and those above it.
pub(crate) fn create_parent(dir: &Dir, path: &str) -> io::Result<()> {
    match path.rsplit_once('/') {
        Some((folder, _)) => dir.create_dir_all(folder),
        None => Ok(()),
    }
}

/// Tells files apart: two names with one identity are one file. `None` if that cannot be told.
#[cfg(unix)]
pub(crate) fn identity(dir: &Dir, path: &str) -> Option<(u64, u64)> {
    use cap_std::fs::MetadataExt as _;
    let data = dir.symlink_metadata(path).ok()?;
    Some((data.dev(), data.ino()))
}

/// Windows tells files apart only once they are open; their size and time will do.
#[cfg(windows)]
pub(crate) fn identity(dir: &Dir, path: &str) -> Option<(u64, u64)> {
    use cap_std::fs::MetadataExt as _;
    let data = dir.symlink_metadata(path).ok()?;
    Some((data.file_size(), data.last_write_time()))
}

/// Reads the bytes of `range` of a release's catar: file content from `files`, the rest from the layout.
///
/// The content is what lies on disk, so the caller must check it.
pub(crate) fn read_range(
    release: &Release,
    range: Range<u64>,
    files: &dyn EntryFiles,
    buffer: &mut Vec<u8>,
) -> io::Result<()> {
    buffer.clear();
    for slice in release.layout.slices(range) {
        match slice {
            Slice::Literal(bytes) => buffer.extend(bytes),
            Slice::File { entry, offset, len } => {
                let file = files.open(entry)?;
                let start = buffer.len();
                let len = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
                buffer.resize(start + len, 0);
                let part = buffer.get_mut(start..).unwrap_or_default();
                read_exact_at(&file, part, offset)?;
            }
        }
    }
    Ok(())
}

/// Reads chunk `position` of a release from files on disk; `None` if they do not make up that chunk.
pub(crate) fn read_chunk(
    release: &Release,
    position: usize,
    files: &dyn EntryFiles,
    buffer: &mut Vec<u8>,
) -> Option<ChunkId> {
    let chunk = release.index.chunks.get(position)?;
    read_range(release, chunk.range(), files, buffer).ok()?;
    let found = ChunkId::of(release.index.digest, buffer);
    (found == chunk.id).then_some(found)
}

/// Tells whether an open file has the content that a release gives it; reads no more than it takes to tell.
pub(crate) fn has_content(file: File, wanted: FileFacts, buffer: &mut Vec<u8>) -> io::Result<bool> {
    use io::Read as _;
    if file.metadata()?.len() != wanted.size {
        return Ok(false);
    }
    buffer.resize(HASH_BUFFER_BYTES, 0);
    let mut hasher = IdHasher::new(DigestAlgorithm::Sha512_256);
    let mut bytes = file.take(wanted.size);
    loop {
        match bytes.read(buffer)? {
            0 => return Ok(hasher.finish() == wanted.digest),
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

const HASH_BUFFER_BYTES: usize = 256 * 1024;

#[cfg(unix)]
pub(crate) fn read_exact_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<()> {
    use cap_std::fs::FileExt as _;
    file.read_exact_at(buffer, offset)
}

#[cfg(unix)]
pub(crate) fn write_all_at(file: &File, buffer: &[u8], offset: u64) -> io::Result<()> {
    use cap_std::fs::FileExt as _;
    file.write_all_at(buffer, offset)
}

#[cfg(windows)]
pub(crate) fn read_exact_at(file: &File, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt as _;
    while !buffer.is_empty() {
        match file.seek_read(buffer, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                buffer = buffer.get_mut(read..).unwrap_or_default();
                offset += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(windows)]
pub(crate) fn write_all_at(file: &File, mut buffer: &[u8], mut offset: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt as _;
    while !buffer.is_empty() {
        match file.seek_write(buffer, offset)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => {
                buffer = buffer.get(written..).unwrap_or_default();
                offset += written as u64;
            }
        }
    }
    Ok(())
}
