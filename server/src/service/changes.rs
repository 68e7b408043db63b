// SPDX-License-Identifier: MIT
//! What a release changes for players who have another one. Pure.

use std::collections::{HashMap, HashSet};

use vsekai_formats::index::Index;
use vsekai_formats::release::{Contents, EntryKind};
use vsekai_formats::{ChunkId, TreePathRef};

/// The lists of a release.
#[derive(Clone, Debug)]
pub struct Lists {
    /// Its files.
    pub contents: Contents,
    /// Its chunks.
    pub index: Index,
}

/// What one release changes over another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// Files and links that are new.
    pub added: Tally,
    /// Those that are other ones.
    pub changed: Tally,
    /// Those that are gone.
    pub removed: Tally,
    /// Those that stay as they are.
    pub same: Tally,
    /// Chunks that a player with the other release lacks, at most: pieces of the installed files may do.
    pub new_chunks: u64,
    /// Their bytes, as served.
    pub download_bytes: u64,
    /// Some of the changes, by path.
    pub lines: Vec<Line>,
}

/// A number of files and their bytes as installed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The path.
    pub path: String,
    /// Bytes before; `None` if it was not there.
    pub before: Option<u64>,
    /// Bytes after; `None` if it is gone.
    pub after: Option<u64>,
}

impl Changes {
    /// Compares two releases; at most `most_lines` changes are listed, in the order of the lists.
    pub fn between(before: &Lists, after: &Lists, most_lines: usize) -> Self {
        let mut changes = Self::default();
        let mut old = files(&before.contents);
        for entry in after.contents.entries.iter() {
            let Some(new) = File::of(entry.kind) else {
                continue;
            };
            let path = entry.path;
            match old.remove(&path) {
                None => changes.note(path, None, Some(new.bytes), most_lines),
                Some(old) if old == new => changes.same.add(new.bytes),
                Some(old) => changes.note(path, Some(old.bytes), Some(new.bytes), most_lines),
            }
        }
        for entry in before.contents.entries.iter() {
            if let Some(gone) = old.get(&entry.path) {
                changes.note(entry.path, Some(gone.bytes), None, most_lines);
            }
        }
        changes.count_chunks(before, after);
        changes
    }

    fn note(&mut self, path: TreePathRef<'_>, before: Option<u64>, after: Option<u64>, most: usize) {
        match (before, after) {
            (None, after) => self.added.add(after.unwrap_or_default()),
            (Some(before), None) => self.removed.add(before),
            (Some(_), Some(after)) => self.changed.add(after),
        }
        if self.lines.len() < most {
            self.lines.push(Line {
                path: path.to_string(),
                before,
                after,
            });
        }
    }

    fn count_chunks(&mut self, before: &Lists, after: &Lists) {
        let known: HashSet<ChunkId> = before.index.chunks.iter().map(|chunk| chunk.id).collect();
        let sizes = after.contents.stored_sizes.iter();
        for (chunk, size) in after.index.unique_chunks().zip(sizes) {
            if !known.contains(&chunk.id) {
                self.new_chunks += 1;
                self.download_bytes = self.download_bytes.saturating_add(u64::from(*size));
            }
        }
    }
}

impl Tally {
    fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What makes two files equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct File<'a> {
    bytes: u64,
    executable: bool,
    content: Result<ChunkId, &'a str>,
}

impl<'a> File<'a> {
    fn of(kind: EntryKind<&'a str>) -> Option<Self> {
        match kind {
            EntryKind::Folder => None,
            EntryKind::File {
                size,
                executable,
                digest,
            } => Some(Self {
                bytes: size,
                executable,
                content: Ok(digest),
            }),
            EntryKind::Link { target } => Some(Self {
                bytes: 0,
                executable: false,
                content: Err(target),
            }),
        }
    }
}

fn files(contents: &Contents) -> HashMap<TreePathRef<'_>, File<'_>> {
    let entries = contents.entries.iter();
    entries
        .filter_map(|entry| Some((entry.path, File::of(entry.kind)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use vsekai_formats::release::{Entries, EntryRef, SCHEMA};
    use vsekai_formats::{DigestAlgorithm, TreePath, flags};

    use super::*;

    /// Makes a release with one chunk for each file.
    fn release(files: &[(&str, u8)]) -> Lists {
        let digest = DigestAlgorithm::Sha512_256;
        let mut index = Index::new(flags::for_catar(digest), digest, (1, 2, 3));
        let mut contents = Contents {
            schema: SCHEMA,
            entries: Entries::default(),
            stored_sizes: Vec::new(),
        };
        for (path, content) in files {
            let id = ChunkId::from_bytes([*content; 32]);
            let path = TreePath::parse(path).unwrap();
            let kind = EntryKind::File {
                size: u64::from(*content),
                executable: false,
                digest: id,
            };
            let path = path.borrowed();
            contents.entries.push(EntryRef { path, kind }).unwrap();
            if !index.chunks.iter().any(|chunk| chunk.id == id) {
                contents.stored_sizes.push(u32::from(*content));
            }
            index.push(id, u32::from(*content));
        }
        Lists { contents, index }
    }

    #[test]
    fn changes_are_counted_by_kind_with_their_bytes() {
        let before = release(&[("a", 1), ("b", 2), ("c", 3)]);
        let after = release(&[("a", 1), ("b", 20), ("d", 40)]);
        let changes = Changes::between(&before, &after, 2);
        let tally = |files, bytes| Tally { files, bytes };
        assert_eq!(changes.same, tally(1, 1));
        assert_eq!(changes.changed, tally(1, 20));
        assert_eq!(changes.added, tally(1, 40));
        assert_eq!(changes.removed, tally(1, 3));
        assert_eq!((changes.new_chunks, changes.download_bytes), (2, 60));
        let paths: Vec<&str> = changes.lines.iter().map(|line| line.path.as_str()).collect();
        assert_eq!(paths, ["b", "d"]);
    }

    #[test]
    fn a_file_that_moved_costs_no_download() {
        let changes = Changes::between(&release(&[("a", 9)]), &release(&[("b", 9)]), 10);
        assert_eq!((changes.added.files, changes.removed.files), (1, 1));
        assert_eq!(changes.download_bytes, 0);
    }
}
