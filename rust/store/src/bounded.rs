// SPDX-License-Identifier: MIT
//! Files and streams that are read as a whole, within a bound.

use std::fmt::Display;
use std::io::{self, Read};
use std::path::Path;

use fs_err as fs;

/// Returns the bytes of the file `path`, at most `max` of them.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] if there are more; any other if the file cannot be read. All name the path.
pub fn read_file(path: impl AsRef<Path>, max: usize) -> io::Result<Vec<u8>> {
    let path = path.as_ref();
    read(fs::File::open(path)?, path.display(), max)
}

/// Returns the text in the file `path`, at most `max` bytes of it.
///
/// # Errors
/// As [`read_file`], and [`io::ErrorKind::InvalidData`] if it is not UTF-8.
pub fn read_text_file(path: impl AsRef<Path>, max: usize) -> io::Result<String> {
    let path = path.as_ref();
    String::from_utf8(read_file(path, max)?).map_err(|_| {
        let reason = format!("{} is no text in UTF-8", path.display());
        io::Error::new(io::ErrorKind::InvalidData, reason)
    })
}

/// Returns all that `input` has to offer, at most `max` bytes; `name` is what errors call it.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] if there is more; otherwise what `input` reports.
pub fn read(input: impl Read, name: impl Display, max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut input = input.take((max as u64).saturating_add(1));
    input.read_to_end(&mut bytes)?;
    if bytes.len() > max {
        let reason = format!("{name} has more than {max} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    Ok(bytes)
}

/// Appends what is left of `file` to `bytes`, at most `max` bytes of it, and returns how many these were.
///
/// # Errors
/// The file, which they name, cannot be read.
pub fn append(file: &fs::File, max: u64, bytes: &mut Vec<u8>) -> io::Result<usize> {
    // Of the system's own file is known that it needs no zeros where it reads to; for any other reader they are written
    // first, which takes as long as copying what is read.
    let read = file.file().take(max).read_to_end(bytes);
    read.map_err(|error| {
        let reason = format!("read {}: {error}", file.path().display());
        io::Error::new(error.kind(), reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_much_as_allowed_is_read_and_no_more() {
        assert_eq!(read(&b"12345"[..], "it", 5).unwrap(), b"12345");
        let refused = read(io::repeat(0), "it", 5).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(refused.to_string(), "it has more than 5 bytes");
    }

    #[test]
    fn the_rest_of_a_file_is_appended_as_far_as_it_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(&path, b"12345").unwrap();
        let file = fs::File::open(&path).unwrap();
        let mut bytes = b"0".to_vec();
        assert_eq!(append(&file, 2, &mut bytes).unwrap(), 2);
        assert_eq!(append(&file, 9, &mut bytes).unwrap(), 3);
        assert_eq!(bytes, b"012345");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = fs::File::open(folder.path()).unwrap();
        let refused = append(&file, 1, &mut Vec::new()).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::IsADirectory);
        let name = folder.path().display().to_string();
        assert!(refused.to_string().contains(&name), "{refused}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let refused = read_file(folder.path().join("absent"), 1).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::NotFound);
        assert!(refused.to_string().contains("absent"), "{refused}");
    }

    #[test]
    fn a_file_of_other_bytes_is_no_text() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), b"a\xff").unwrap();
        assert_eq!(read_file(file.path(), 2).unwrap(), b"a\xff");
        let refused = read_text_file(file.path(), 2).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
    }
}
