// SPDX-License-Identifier: MIT
//! Where to cut a Godot pack (`.pck`), so that an unchanged resource keeps its chunks wherever it moves.
//!
//! A pack is a run of files with a directory. Cutting at the files' starts gives reuse by file; the hash
//! alone finds the common part only after the first cut it happens to make. Packs come from anywhere, so
//! everything in them is checked against the pack's length, and whatever looks odd gives no cuts at all:
//! the pack is then cut like any other file.
//!
//! Layout, little-endian: `GDPC`, format (u32, 2 or 3), engine version (3 x u32), flags (u32), start of the
//! files (u64), in format 3 start of the directory (u64), 16 x u32 reserved. Directory: count (u32), then
//! for each file the length of its path (u32), the path, offset from the start of the files (u64), size
//! (u64), MD5 (16 bytes), flags (u32).

use std::io;
use std::ops::Range;

use crate::read_at::ReadAt;

/// Returns the positions in `pack` where cutting pays, ascending: starts of files of `min` bytes or more,
/// and the starts of what follows such a file. None if this is no pack, or an odd or encrypted one.
///
/// The positions are a function of the pack's header and directory alone. At most 64 MiB of directory are
/// read, a few KiB at a time.
///
/// # Errors
/// A read that fails.
pub fn cut_hints(pack: &dyn ReadAt, min: u64) -> io::Result<Vec<u64>> {
    let Some(mut files) = read_directory(pack, |file, _, _| file)? else {
        return Ok(Vec::new());
    };
    files.retain(|file| file.end > file.start);
    files.sort_unstable();
    if overlap(&files) {
        return Ok(Vec::new());
    }
    let mut cuts = Vec::new();
    for (position, file) in files
        .iter()
        .enumerate()
        .filter(|(_, file)| file.end - file.start >= min)
    {
        cuts.push(file.start);
        // Padding belongs to the file before it, so the cut is where the next file starts.
        let next = files.get(position + 1).map_or(file.end, |next| next.start);
        cuts.push(next);
    }
    cuts.dedup();
    Ok(cuts)
}

/// A file in a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackedResource {
    /// Its path as the pack has it, such as `.godot/imported/icon.png-0123.ctex`.
    pub path: String,
    /// Where it lies in the pack.
    pub range: Range<u64>,
    /// What the pack gives as the MD5 of its content.
    pub md5: [u8; 16],
}

/// Returns the files in `pack` in the order of its directory, or nothing if this is no pack, or an odd or
/// encrypted one. What a patch takes out of other packs is no file of its own.
///
/// Reads the header and at most 64 MiB of directory. Bytes of paths that are no text are replaced, and nothing is
/// compared with the MD5: it is what whoever made the pack says.
///
/// # Errors
/// A read that fails.
pub fn resources(pack: &dyn ReadAt) -> io::Result<Option<Vec<PackedResource>>> {
    read_directory(pack, |file, path, md5| PackedResource {
        path: String::from_utf8_lossy(path).trim_end_matches('\0').to_owned(),
        range: file.start..file.end,
        md5,
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PackedFile {
    start: u64,
    end: u64,
}

/// Returns what `keep` makes of each file with its path and MD5, or `None` if anything is odd.
fn read_directory<T>(
    pack: &dyn ReadAt,
    keep: impl Fn(PackedFile, &[u8], [u8; 16]) -> T,
) -> io::Result<Option<Vec<T>>> {
    let mut header = Cursor::new(pack, 0);
    let Some((files_start, directory)) = read_header(&mut header)? else {
        return Ok(None);
    };
    let mut cursor = Cursor::new(pack, directory);
    let Some(count) = cursor.u32()?.filter(|count| *count <= MAX_FILES) else {
        return Ok(None);
    };
    let mut files = Vec::new();
    for _ in 0..count {
        match read_file(&mut cursor, files_start, &keep)? {
            Some(file) => files.extend(file),
            None => return Ok(None),
        }
    }
    Ok(Some(files))
}

/// Tells whether any two of `files`, which are sorted, share bytes.
fn overlap(files: &[PackedFile]) -> bool {
    let mut pairs = files.windows(2);
    pairs.any(|pair| matches!(pair, [a, b] if a.end > b.start))
}

/// Returns where the files and the directory start.
fn read_header(header: &mut Cursor<'_>) -> io::Result<Option<(u64, u64)>> {
    if header.u32()? != Some(MAGIC) {
        return Ok(None);
    }
    let format = header.u32()?;
    header.skip(12);
    let Some(flags) = header.u32()? else {
        return Ok(None);
    };
    let Some(files_start) = header.u64()? else {
        return Ok(None);
    };
    let directory = match format {
        Some(2) => Some(V2_DIRECTORY),
        Some(3) => header.u64()?,
        _ => None,
    };
    let plain = flags & (FLAG_ENCRYPTED | FLAG_SPARSE) == 0;
    Ok(directory
        .filter(|_| plain)
        .map(|directory| (files_start, directory)))
}

/// Returns what `keep` makes of the next file, `Some(None)` for the mark that takes one out of other packs.
fn read_file<T>(
    cursor: &mut Cursor<'_>,
    files_start: u64,
    keep: impl Fn(PackedFile, &[u8], [u8; 16]) -> T,
) -> io::Result<Option<Option<T>>> {
    let Some(path_len) = cursor.u32()?.filter(|len| *len <= MAX_PATH) else {
        return Ok(None);
    };
    let Some(path) = cursor.bytes(path_len as usize)?.map(<[u8]>::to_vec) else {
        return Ok(None);
    };
    let (Some(offset), Some(size)) = (cursor.u64()?, cursor.u64()?) else {
        return Ok(None);
    };
    let (Some(md5), Some(flags)) = (cursor.take::<16>()?, cursor.u32()?) else {
        return Ok(None);
    };
    if flags & FILE_REMOVAL != 0 {
        return Ok(Some(None));
    }
    let start = files_start.checked_add(offset);
    let end = start.and_then(|start| start.checked_add(size));
    let file = start.zip(end).map(|(start, end)| PackedFile { start, end });
    let file = file.filter(|file| file.end <= cursor.pack.len());
    Ok(file.map(|file| Some(keep(file, &path, md5))))
}

/// Reads forward through a part of the pack; `None` stands for its end.
struct Cursor<'a> {
    pack: &'a dyn ReadAt,
    /// Position in the pack of the buffer's first byte.
    start: u64,
    buffer: Vec<u8>,
    /// Bytes of the buffer that have been taken.
    taken: u64,
    /// How far the cursor may go.
    end: u64,
}

impl<'a> Cursor<'a> {
    fn new(pack: &'a dyn ReadAt, start: u64) -> Self {
        let end = start.saturating_add(MAX_DIRECTORY).min(pack.len());
        Self {
            pack,
            start,
            buffer: Vec::new(),
            taken: 0,
            end,
        }
    }

    fn skip(&mut self, count: u64) {
        self.taken = self.taken.saturating_add(count);
    }

    fn u32(&mut self) -> io::Result<Option<u32>> {
        Ok(self.take::<4>()?.map(u32::from_le_bytes))
    }

    fn u64(&mut self) -> io::Result<Option<u64>> {
        Ok(self.take::<8>()?.map(u64::from_le_bytes))
    }

    fn take<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        Ok(self.bytes(N)?.and_then(|bytes| bytes.first_chunk().copied()))
    }

    /// Returns the next `count` bytes, at most [`BUFFER_LEN`].
    fn bytes(&mut self, count: usize) -> io::Result<Option<&[u8]>> {
        let end = self.taken.saturating_add(count as u64);
        if end > self.buffer.len() as u64 {
            self.start = self.start.saturating_add(self.taken);
            self.taken = 0;
            let left = self.end.saturating_sub(self.start);
            self.buffer.resize(left.min(BUFFER_LEN) as usize, 0);
            self.pack.read_at(self.start.min(self.end), &mut self.buffer)?;
        }
        let from = usize::try_from(self.taken).unwrap_or(usize::MAX);
        self.taken += count as u64;
        let rest = self.buffer.get(from..);
        Ok(rest.and_then(|rest| rest.get(..count)))
    }
}

const MAGIC: u32 = u32::from_le_bytes(*b"GDPC");
const FLAG_ENCRYPTED: u32 = 1;
const FLAG_SPARSE: u32 = 4;
const FILE_REMOVAL: u32 = 2;
/// Where the directory of format 2 starts: right behind the header.
const V2_DIRECTORY: u64 = 96;
const MAX_FILES: u32 = 1 << 20;
const MAX_PATH: u32 = 4096;
const MAX_DIRECTORY: u64 = 64 << 20;
const BUFFER_LEN: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// Packs files of the given sizes as Godot 4.6 does: padded to 16 bytes, directory at the end.
    fn pack(format: u32, flags: u32, sizes: &[u64]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for value in [MAGIC, format, 4, 6, 3, flags] {
            bytes.extend(value.to_le_bytes());
        }
        let directory_len: u64 = 4 + sizes.len() as u64 * (4 + 8 + 8 + 8 + 16 + 4);
        let files_start = if format == 2 { 96 + directory_len } else { 112 };
        let padded: u64 = sizes.iter().map(|size| size.next_multiple_of(16)).sum();
        bytes.extend(files_start.to_le_bytes());
        if format == 3 {
            bytes.extend((files_start + padded).to_le_bytes());
        }
        bytes.extend([0; 64]);
        let mut directory = (sizes.len() as u32).to_le_bytes().to_vec();
        let mut offset = 0u64;
        for size in sizes {
            directory.extend(8u32.to_le_bytes());
            directory.extend(b"path\0\0\0\0");
            directory.extend(offset.to_le_bytes());
            directory.extend(size.to_le_bytes());
            directory.extend([0; 20]);
            offset += size.next_multiple_of(16);
        }
        if format == 2 {
            bytes.extend(&directory);
        }
        bytes.resize((files_start + padded) as usize, 7);
        if format == 3 {
            bytes.extend(&directory);
        }
        bytes
    }

    fn hints(pack: &[u8], min: u64) -> Vec<u64> {
        cut_hints(&pack, min).unwrap()
    }

    #[test]
    fn large_files_and_what_follows_them_are_cut() {
        let pack3 = pack(3, 2, &[100, 5000, 10, 10, 6001, 7000, 3]);
        assert_eq!(hints(&pack3, 4096), [224, 5232, 5264, 11280, 18288]);
        let pack2 = pack(2, 0, &[5000, 10]);
        let start = 96 + 4 + 2 * 48;
        assert_eq!(hints(&pack2, 4096), [start, start + 5008]);
        let last = pack(3, 0, &[5000]);
        assert_eq!(hints(&last, 4096), [112, 5112]);
    }

    #[test]
    fn many_files_are_read_across_buffers() {
        let sizes = vec![16; 5000];
        assert_eq!(hints(&pack(3, 0, &sizes), 16).len(), 5001);
    }

    #[test]
    fn odd_packs_give_no_cuts() {
        let good = pack(3, 0, &[5000, 5000]);
        assert!(!hints(&good, 1).is_empty());
        for (format, flags) in [(1, 0), (4, 0), (3, 1), (3, 4)] {
            assert_eq!(
                hints(&pack(format, flags, &[5000]), 1),
                [0u64; 0],
                "{format} {flags}"
            );
        }
        assert_eq!(hints(b"", 1), [0u64; 0]);
        assert_eq!(hints(b"GDPC", 1), [0u64; 0]);
        for length in 0..good.len() {
            hints(&good[..length], 1);
        }
        let directory = good.len() - 2 * 48 - 4;
        for (at, value) in [
            (directory, u32::MAX),
            (directory + 4, u32::MAX),
            (directory + 16, u32::MAX),
            (directory + 20, u32::MAX),
            (directory + 24, 5100),
            (24, u32::MAX),
            (32, u32::MAX),
        ] {
            let mut bad = good.clone();
            bad[at..at + 4].copy_from_slice(&value.to_le_bytes());
            assert_eq!(hints(&bad, 1), [0u64; 0], "{at}");
        }
    }

    #[test]
    fn resources_are_listed_in_the_order_of_the_directory_or_not_at_all() {
        let good = pack(3, 2, &[100, 0, 30]);
        let found = resources(&good.as_slice()).unwrap().unwrap();
        let ranges: Vec<Range<u64>> = found.iter().map(|resource| resource.range.clone()).collect();
        assert_eq!(ranges, [112..212, 224..224, 224..254]);
        assert!(
            found
                .iter()
                .all(|resource| resource.path == "path" && resource.md5 == [0; 16])
        );
        let mut patch = good.clone();
        let flags_of_the_first = good.len() - 2 * 48 - 4;
        patch[flags_of_the_first..][..4].copy_from_slice(&FILE_REMOVAL.to_le_bytes());
        let found = resources(&patch.as_slice()).unwrap().unwrap();
        assert_eq!(found.len(), 2, "what a patch removes is no file of it");
        for (format, flags) in [(1, 0), (3, 1), (3, 4)] {
            assert_eq!(resources(&pack(format, flags, &[100]).as_slice()).unwrap(), None);
        }
        for length in 0..good.len() {
            assert_eq!(resources(&&good[..length]).unwrap(), None, "{length}");
        }
    }
}
