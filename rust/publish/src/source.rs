// SPDX-License-Identifier: MIT
//! Reads parts of files and notices when a file is not the one that was listed.

use std::fs::Metadata;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::SystemTime;

use vsekai_formats::TreePath;

use crate::PublishError;
use crate::error::During;

/// What changes when somebody writes to a file or puts another one in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp {
    length: u64,
    modified: Option<SystemTime>,
    /// Device, file number and time of the last change of data or mode.
    #[cfg(unix)]
    identity: (u64, u64, i64, i64),
}

impl FileStamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt as _;
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            identity: (
                metadata.dev(),
                metadata.ino(),
                metadata.ctime(),
                metadata.ctime_nsec(),
            ),
        }
    }
}

/// Checks that the file at `path` still is what `stamp` says, by its metadata alone.
///
/// # Errors
/// [`PublishError::Changed`] if not; a file error if that cannot be told.
pub(crate) fn check_unchanged(root: &Path, path: &TreePath, stamp: &FileStamp) -> Result<(), PublishError> {
    let metadata = fs_err::symlink_metadata(root.join(path)).map_err(|error| gone_or(path, error))?;
    match metadata.is_file() && FileStamp::of(&metadata) == *stamp {
        true => Ok(()),
        false => Err(PublishError::Changed {
            path: path.to_string(),
        }),
    }
}

/// Fills `buffer` with the file's bytes from `offset` on.
///
/// # Errors
/// [`PublishError::Changed`] if the file is not the one `stamp` was taken of, or ends too early.
pub(crate) fn read_exact_at(
    root: &Path,
    path: &TreePath,
    stamp: &FileStamp,
    offset: u64,
    buffer: &mut [u8],
) -> Result<(), PublishError> {
    let mut file = fs_err::File::open(root.join(path)).map_err(|error| gone_or(path, error))?;
    let changed = || PublishError::Changed {
        path: path.to_string(),
    };
    // The open file, not the path, is compared: a link put in its place cannot lead anywhere else.
    if FileStamp::of(&file.metadata().during("read a file")?) != *stamp {
        return Err(changed());
    }
    if offset > 0 {
        file.seek(SeekFrom::Start(offset)).during("read a file")?;
    }
    match file.read_exact(buffer) {
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Err(changed()),
        other => other.during("read a file"),
    }
}

fn gone_or(path: &TreePath, error: std::io::Error) -> PublishError {
    match error.kind() {
        std::io::ErrorKind::NotFound => PublishError::Changed {
            path: path.to_string(),
        },
        _ => PublishError::Io {
            action: "read a file",
            source: error,
        },
    }
}
