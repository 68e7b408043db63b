// SPDX-License-Identifier: MIT
//! Files read and written at any position, and files that appear only when they are complete.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use fs_err as fs;
use vsekai_formats::{DigestAlgorithm, IndexChunk, ReadAt};
use vsekai_store::Chunk;
use vsekai_store::durable::sync_folder;

use crate::error::DesyncError;

/// A regular file, read at any position by several threads.
#[derive(Debug)]
pub(crate) struct FileAt {
    file: fs::File,
    len: u64,
}

impl FileAt {
    /// Opens a file; its length is taken now.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = fs::File::open(path)?;
        let len = length(&file)?;
        Ok(Self { file, len })
    }

    /// Returns the open file.
    pub(crate) fn file(&self) -> &fs::File {
        &self.file
    }
}

impl ReadAt for FileAt {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        read_exact_at(&self.file, offset, buffer)
    }
}

/// A file under a temporary name beside its final one, removed unless it is published.
#[derive(Debug)]
pub(crate) struct NewFile {
    temp: tempfile::NamedTempFile,
    path: PathBuf,
}

impl NewFile {
    /// Makes an empty file beside `path`.
    pub(crate) fn beside(path: &Path) -> Result<Self, DesyncError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut builder = tempfile::Builder::new();
        let prefix = format!(".{name}");
        builder.prefix(&prefix);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            // As any new file; the umask applies.
            builder.permissions(std::fs::Permissions::from_mode(0o666));
        }
        let temp = builder.tempfile_in(folder_of(path));
        Ok(Self {
            temp: temp.map_err(DesyncError::file("create the output"))?,
            path: path.to_owned(),
        })
    }

    /// Returns a handle on the file.
    pub(crate) fn open(&self) -> Result<fs::File, DesyncError> {
        let file = self.temp.as_file().try_clone();
        let file = file.map_err(DesyncError::file("open the output"))?;
        Ok(fs::File::from_parts(file, &self.path))
    }

    /// Gives the file its final name, in place of any other; when this returns it survives a power cut.
    pub(crate) fn publish(self) -> Result<(), DesyncError> {
        let failed = DesyncError::file("write the output");
        self.temp.as_file().sync_all().map_err(&failed)?;
        self.temp
            .persist(&self.path)
            .map_err(|error| failed(named(&self.path, error.error)))?;
        sync_folder(folder_of(&self.path)).map_err(&failed)
    }
}

/// Returns the folder that `path` lies in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Reads what a file has at the places of these chunks, as the chunks that it is.
pub(crate) fn chunks_at(
    file: &fs::File,
    places: &[IndexChunk],
    digest: DigestAlgorithm,
) -> io::Result<Vec<Chunk>> {
    let read = |place: &IndexChunk| {
        let mut plain = vec![0; place.size as usize];
        read_exact_at(file, place.start, &mut plain).map(|()| Bytes::from(plain))
    };
    let plains: io::Result<Vec<Bytes>> = places.iter().map(read).collect();
    Ok(Chunk::new_each(digest, plains?))
}

/// Returns the length of a file, or of a block device.
pub(crate) fn length(file: &fs::File) -> io::Result<u64> {
    use std::io::{Seek as _, SeekFrom};
    let metadata = file.metadata()?;
    if metadata.is_file() {
        return Ok(metadata.len());
    }
    let mut file: &std::fs::File = file.file();
    file.seek(SeekFrom::End(0))
}

/// Fills `buffer` from `offset`.
#[cfg(unix)]
pub(crate) fn read_exact_at(file: &fs::File, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    let read = file.file().read_exact_at(buffer, offset);
    read.map_err(|error| named(file.path(), error))
}

/// Fills `buffer` from `offset`.
#[cfg(windows)]
pub(crate) fn read_exact_at(file: &fs::File, mut offset: u64, buffer: &mut [u8]) -> io::Result<()> {
    use std::os::windows::fs::FileExt as _;
    let mut rest = buffer;
    while !rest.is_empty() {
        let read = file
            .file()
            .seek_read(rest, offset)
            .map_err(|error| named(file.path(), error))?;
        if read == 0 {
            return Err(named(file.path(), io::ErrorKind::UnexpectedEof.into()));
        }
        offset += read as u64;
        rest = rest.get_mut(read..).unwrap_or_default();
    }
    Ok(())
}

/// Writes all of `bytes` at `offset`.
#[cfg(unix)]
pub(crate) fn write_all_at(file: &fs::File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    use std::os::unix::fs::FileExt as _;
    let written = file.file().write_all_at(bytes, offset);
    written.map_err(|error| named(file.path(), error))
}

/// Writes all of `bytes` at `offset`.
#[cfg(windows)]
pub(crate) fn write_all_at(file: &fs::File, mut offset: u64, bytes: &[u8]) -> io::Result<()> {
    use std::os::windows::fs::FileExt as _;
    let mut rest = bytes;
    while !rest.is_empty() {
        let written = file
            .file()
            .seek_write(rest, offset)
            .map_err(|error| named(file.path(), error))?;
        offset += written as u64;
        rest = rest.get(written..).unwrap_or_default();
    }
    Ok(())
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}
