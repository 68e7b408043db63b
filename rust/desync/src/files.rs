// SPDX-License-Identifier: MIT
//! Files read and written at any position, and files that appear only when they are complete.

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use fs_err as fs;
use tokio::task::spawn_blocking;
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

/// A file under a temporary name beside its final one, removed unless it is published; or something that cannot be
/// replaced and is written to as it is.
#[derive(Debug)]
pub(crate) struct NewFile {
    output: Output,
    path: PathBuf,
}

#[derive(Debug)]
enum Output {
    Temporary(tempfile::NamedTempFile),
    Itself(fs::File),
}

impl NewFile {
    /// Makes an empty file beside `path`, which it replaces, be that a link or anything else but a folder.
    pub(crate) fn beside(path: &Path) -> Result<Self, DesyncError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // What is added to it must not make it too long.
        let name: String = name.chars().take(MAX_NAME).collect();
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
            output: Output::Temporary(temp.map_err(DesyncError::file("create the output"))?),
            path: path.to_owned(),
        })
    }

    /// As [`NewFile::beside`], for a path the user names: links to files are kept, and what is no file, such as a pipe
    /// or a device, or is open, such as `/dev/stdout`, is written to. Opening a pipe waits for its reader.
    pub(crate) async fn at(path: &Path) -> Result<Self, DesyncError> {
        let path = path.to_owned();
        let opening = spawn_blocking(move || {
            let failed = DesyncError::file("open the output");
            match file_behind(&path).map_err(&failed)? {
                Some(file) => Self::beside(&file),
                None => {
                    // Of a file that is open nothing old may follow; Windows opens no device this way.
                    let mut options = fs::OpenOptions::new();
                    let opened = options.write(true).truncate(cfg!(unix)).open(&path);
                    Ok(Self {
                        output: Output::Itself(opened.map_err(&failed)?),
                        path,
                    })
                }
            }
        });
        opening.await?
    }

    /// Tells whether this is a file of its own, and nothing that was there before.
    #[cfg(unix)]
    pub(crate) fn is_new(&self) -> bool {
        matches!(self.output, Output::Temporary(_))
    }

    /// Returns a handle on the file.
    pub(crate) fn open(&self) -> Result<fs::File, DesyncError> {
        let file = match &self.output {
            Output::Temporary(temp) => temp.as_file(),
            Output::Itself(file) => file.file(),
        };
        let file = file.try_clone().map_err(DesyncError::file("open the output"))?;
        Ok(fs::File::from_parts(file, &self.path))
    }

    /// Gives the file its final name, in place of any other; when this returns it survives a power cut.
    pub(crate) fn publish(self) -> Result<(), DesyncError> {
        let failed = DesyncError::file("write the output");
        let temp = match self.output {
            Output::Temporary(temp) => temp,
            Output::Itself(file) => return sync_if_it_can(&file).map_err(failed),
        };
        temp.as_file().sync_all().map_err(&failed)?;
        temp.persist(&self.path)
            .map_err(|error| failed(named(&self.path, error.error)))?;
        sync_folder(folder_of(&self.path)).map_err(&failed)
    }
}

/// Returns where the file is, or would be, that `path` leads to through links; nothing if something is there that is
/// neither file nor folder, or a file by the name of a handle: whoever opened it would not see another in its place.
pub(crate) fn file_behind(path: &Path) -> io::Result<Option<PathBuf>> {
    let mut path = path.to_owned();
    for _ in 0..MAX_LINKS {
        match fs::metadata(&path) {
            Ok(found) if !found.is_file() => return Ok(found.is_dir().then_some(path)),
            Ok(_) if OPEN_FILES.iter().any(|folder| path.starts_with(folder)) => return Ok(None),
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        match fs::read_link(&path) {
            Ok(target) => path = folder_of(&path).join(target),
            Err(_) => return Ok(Some(path)),
        }
    }
    let message = format!("{} leads through too many links", path.display());
    Err(io::Error::other(message))
}

/// Brings what was written to a device to it; pipes and terminals have nowhere to bring it.
fn sync_if_it_can(file: &fs::File) -> io::Result<()> {
    use io::ErrorKind::{InvalidInput, Unsupported};
    match file.sync_all() {
        Err(error) if matches!(error.kind(), InvalidInput | Unsupported) => Ok(()),
        synced => synced,
    }
}

/// Characters of a name that a temporary one begins with; names may have 255 bytes.
const MAX_NAME: usize = 50;
/// Links in a row that a system follows.
const MAX_LINKS: usize = 40;
/// Folders in which open files have names; `/dev/stdout` is a link into one of them.
const OPEN_FILES: [&str; 2] = ["/dev/fd", "/proc"];

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

/// Returns the length of a file, or of a block device, which is at its end then; a pipe has none.
pub(crate) fn length(file: &fs::File) -> io::Result<u64> {
    use std::io::{Seek as _, SeekFrom};
    let metadata = file.metadata()?;
    if metadata.is_file() {
        return Ok(metadata.len());
    }
    let mut device: &fs::File = file;
    device.seek(SeekFrom::End(0))
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

/// Returns the error with the name of the file that it is about.
pub(crate) fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn links_lead_to_the_file_they_are_for_and_devices_are_no_files() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("file"), b"").unwrap();
        for (link, target) in [
            ("to-file", "file"),
            ("dangling", "missing"),
            ("to-dangling", "dangling"),
            ("loop", "loop"),
            ("to-null", "/dev/null"),
        ] {
            std::os::unix::fs::symlink(target, at(link)).unwrap();
        }
        for (path, expected) in [
            ("file", Some(at("file"))),
            ("missing", Some(at("missing"))),
            ("to-file", Some(at("file"))),
            ("dangling", Some(at("missing"))),
            ("to-dangling", Some(at("missing"))),
            ("to-null", None),
        ] {
            assert_eq!(file_behind(&at(path)).unwrap(), expected, "{path}");
        }
        file_behind(&at("loop")).unwrap_err();
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_file_that_is_open_is_written_to_anew_whether_it_has_a_name_or_not() {
        use std::io::{Read as _, Seek as _, Write as _};
        use std::os::fd::AsRawFd as _;
        let named = tempfile::NamedTempFile::new().unwrap();
        for mut open in [tempfile::tempfile().unwrap(), named.reopen().unwrap()] {
            open.write_all(b"longer than what comes").unwrap();
            let path = PathBuf::from(format!("/proc/self/fd/{}", open.as_raw_fd()));
            let new = NewFile::at(&path).await.unwrap();
            new.open().unwrap().write_all(b"new").unwrap();
            new.publish().unwrap();
            let mut found = String::new();
            open.rewind().unwrap();
            open.read_to_string(&mut found).unwrap();
            assert_eq!(found, "new");
        }
    }

    #[test]
    fn the_longest_name_leaves_room_for_a_temporary_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("日".repeat(85));
        NewFile::beside(&path).unwrap().publish().unwrap();
        assert!(path.is_file());
    }
}
