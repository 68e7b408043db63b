// SPDX-License-Identifier: MIT
//! The bytes of a release's catar, known from its list of contents alone.
//!
//! A release keeps no owners, times or attributes: folders are 0755, files 0644 or 0755, links 0777, all
//! owned by 0:0 with time 0 (which desync reads as "do not set"). So the list of contents determines every
//! byte of the catar that is not file content. Publishing streams the catar without packing it first, and
//! installed files can stand in for chunks, be checked chunk by chunk, and be repaired in place.
//!
//! The stream equals what `desync tar --no-time` writes for a tree with these permissions.

use std::ops::Range;

use crate::catar::goodbye::{Child, name_hash};
use crate::catar::record;
use crate::flags;
use crate::id::DigestAlgorithm;
use crate::release::{Contents, Entry, EntryKind};

/// The catar of a release as literal bytes and stretches of files.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Everything that is not file content, in stream order.
    literals: Vec<u8>,
    /// Alternating stretches, by start.
    segments: Vec<Segment>,
    /// Where each entry's content lies; `None` for folders and links.
    payloads: Vec<Option<Range<u64>>>,
    total_len: u64,
}

/// A stretch of the catar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slice<'a> {
    /// These very bytes.
    Literal(&'a [u8]),
    /// `len` bytes of a file, from `offset`.
    File {
        /// Position of the file in [`Contents::entries`].
        entry: usize,
        /// First byte.
        offset: u64,
        /// Number of bytes, 1 or more.
        len: u64,
    },
}

impl Slice<'_> {
    /// Returns its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Literal(bytes) => bytes.len() as u64,
            Self::File { len, .. } => *len,
        }
    }

    /// Tells whether it has no bytes; [`Layout::slices`] returns none that is so.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Contents that have no catar.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LayoutError {
    /// An entry does not follow its folder, or not in order.
    #[error("\"{path}\" is not in the order of an archive")]
    Order {
        /// The entry.
        path: String,
    },
    /// The sizes add up to more than a stream can have.
    #[error("the archive would be too large at \"{path}\"")]
    TooLarge {
        /// The entry.
        path: String,
    },
}

impl Layout {
    /// Lays out the catar of `contents`; cost and memory grow with the number of entries, not their sizes.
    ///
    /// Names are not judged here, [`Contents::validate`] does that.
    ///
    /// # Errors
    /// Entries out of order, or sizes beyond [`MAX_STREAM_LEN`].
    pub fn of(contents: &Contents) -> Result<Self, LayoutError> {
        let mut builder = Builder::new(contents.entries.len());
        for entry in &contents.entries {
            builder.add(entry)?;
        }
        Ok(builder.finish())
    }

    /// Returns the length of the catar in bytes.
    pub fn total_len(&self) -> u64 {
        self.total_len
    }

    /// Returns where the content of the entry at `position` lies, or `None` if it is not a file.
    pub fn payload(&self, position: usize) -> Option<Range<u64>> {
        self.payloads.get(position).cloned().flatten()
    }

    /// Returns where each file's content lies, by position of the entry, in stream order.
    pub fn payloads(&self) -> impl Iterator<Item = (usize, Range<u64>)> {
        let numbered = self.payloads.iter().enumerate();
        numbered.filter_map(|(position, payload)| Some((position, payload.clone()?)))
    }

    /// Returns what makes up `range` of the catar, in order; what lies beyond its end is left out.
    pub fn slices(&self, range: Range<u64>) -> Slices<'_> {
        let end = range.end.min(self.total_len);
        let after = self
            .segments
            .partition_point(|segment| segment.start <= range.start);
        Slices {
            layout: self,
            segment: after.saturating_sub(1),
            at: range.start,
            end,
        }
    }
}

/// The slices of a range, see [`Layout::slices`].
#[derive(Clone, Debug)]
pub struct Slices<'a> {
    layout: &'a Layout,
    segment: usize,
    at: u64,
    end: u64,
}

impl<'a> Iterator for Slices<'a> {
    type Item = Slice<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let layout = self.layout;
        let segment = layout.segments.get(self.segment)?;
        let next = layout.segments.get(self.segment + 1);
        let segment_end = next.map_or(layout.total_len, |next| next.start);
        let offset = self.at.checked_sub(segment.start)?;
        let len = segment_end.min(self.end).checked_sub(self.at)?;
        self.segment += 1;
        self.at += len;
        match segment.source {
            Source::File { entry } => Some(Slice::File { entry, offset, len }),
            Source::Literal { at } => {
                let from = at.checked_add(usize::try_from(offset).ok()?)?;
                let to = from.checked_add(usize::try_from(len).ok()?)?;
                layout.literals.get(from..to).map(Slice::Literal)
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Segment {
    start: u64,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// From this position in the literals.
    Literal { at: usize },
    /// From the start of this entry's file.
    File { entry: usize },
}

/// A folder whose GOODBYE is still to come.
struct Open<'a> {
    path: &'a str,
    entry_at: u64,
    name_at: u64,
    last_name: Option<&'a str>,
    children: Vec<Child>,
}

struct Builder<'a> {
    literals: Vec<u8>,
    segments: Vec<Segment>,
    payloads: Vec<Option<Range<u64>>>,
    /// Bytes of file content so far; with the literals it gives the position in the stream.
    file_bytes: u64,
    open: Vec<Open<'a>>,
}

impl<'a> Builder<'a> {
    fn new(entries: usize) -> Self {
        let mut builder = Self {
            literals: Vec::new(),
            segments: vec![Segment {
                start: 0,
                source: Source::Literal { at: 0 },
            }],
            payloads: Vec::with_capacity(entries),
            file_bytes: 0,
            open: Vec::new(),
        };
        builder.push_entry(record::MODE_FOLDER | 0o755);
        builder.open.push(Open {
            path: "",
            entry_at: 0,
            name_at: 0,
            last_name: None,
            children: Vec::new(),
        });
        builder
    }

    fn add(&mut self, entry: &'a Entry) -> Result<(), LayoutError> {
        self.descend_to_parent(entry)?;
        let name_at = self.position();
        record::push_text(
            &mut self.literals,
            record::FILENAME,
            entry.path.file_name().as_bytes(),
        );
        match &entry.kind {
            EntryKind::Folder => {
                self.open_folder(entry, name_at);
                return Ok(());
            }
            EntryKind::File { size, executable, .. } => self.push_file(entry, *size, *executable)?,
            EntryKind::Link { target } => {
                self.push_entry(record::MODE_LINK | 0o777);
                record::push_text(&mut self.literals, record::SYMLINK, target.as_bytes());
                self.payloads.push(None);
            }
        }
        self.record_child(entry.path.file_name(), name_at);
        Ok(())
    }

    /// Closes folders until the one that holds `entry` is the innermost open one.
    fn descend_to_parent(&mut self, entry: &'a Entry) -> Result<(), LayoutError> {
        let parent = entry.path.parent().unwrap_or("");
        while self.open.len() > 1 && self.open.last().is_some_and(|open| open.path != parent) {
            self.close();
        }
        let name = entry.path.file_name();
        let in_order = |open: &&mut Open<'_>| {
            open.path == parent
                && open
                    .last_name
                    .is_none_or(|last| last.as_bytes() < name.as_bytes())
        };
        let Some(open) = self.open.last_mut().filter(in_order) else {
            let path = entry.path.to_string();
            return Err(LayoutError::Order { path });
        };
        open.last_name = Some(name);
        Ok(())
    }

    fn open_folder(&mut self, entry: &'a Entry, name_at: u64) {
        let entry_at = self.position();
        self.push_entry(record::MODE_FOLDER | 0o755);
        self.payloads.push(None);
        self.open.push(Open {
            path: entry.path.as_str(),
            entry_at,
            name_at,
            last_name: None,
            children: Vec::new(),
        });
    }

    fn push_file(&mut self, entry: &Entry, size: u64, executable: bool) -> Result<(), LayoutError> {
        let permissions = if executable { 0o755 } else { 0o644 };
        self.push_entry(record::MODE_FILE | permissions);
        let header = record::push_payload_header(&mut self.literals, size);
        let start = self.position();
        let end = start.checked_add(size).filter(|end| *end <= MAX_STREAM_LEN);
        let (Some(()), Some(end)) = (header, end) else {
            let path = entry.path.to_string();
            return Err(LayoutError::TooLarge { path });
        };
        if size > 0 {
            let source = Source::File {
                entry: self.payloads.len(),
            };
            self.segments.push(Segment { start, source });
            let at = self.literals.len();
            let source = Source::Literal { at };
            self.segments.push(Segment { start: end, source });
        }
        self.file_bytes += size;
        self.payloads.push(Some(start..end));
        Ok(())
    }

    fn push_entry(&mut self, mode: u64) {
        let entry = record::Entry {
            feature_flags: flags::for_catar(DigestAlgorithm::Sha512_256),
            mode,
            ..record::Entry::default()
        };
        record::push_entry(&mut self.literals, &entry);
    }

    fn record_child(&mut self, name: &str, name_at: u64) {
        let size = self.position() - name_at;
        if let Some(open) = self.open.last_mut() {
            open.children.push(Child {
                hash: name_hash(name.as_bytes()),
                at: name_at,
                size,
            });
        }
    }

    fn close(&mut self) {
        let Some(mut open) = self.open.pop() else { return };
        let at = self.position();
        record::push_goodbye(&mut self.literals, &mut open.children, open.entry_at, at);
        let name = open.path.rsplit('/').next().unwrap_or(open.path);
        self.record_child(name, open.name_at);
    }

    fn finish(mut self) -> Layout {
        while !self.open.is_empty() {
            self.close();
        }
        let total_len = self.position();
        self.literals.shrink_to_fit();
        Layout {
            literals: self.literals,
            segments: self.segments,
            payloads: self.payloads,
            total_len,
        }
    }

    /// Returns the position in the stream. It cannot overflow: file bytes end below [`MAX_STREAM_LEN`] and
    /// the literals are in memory.
    fn position(&self) -> u64 {
        self.file_bytes + self.literals.len() as u64
    }
}

/// Longest catar, in bytes: what an index accepts by default, 16 TiB.
pub const MAX_STREAM_LEN: u64 = 1 << 44;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ChunkId;
    use crate::name::TreePath;
    use crate::release::SCHEMA;

    fn entry(path: &str, kind: EntryKind) -> Entry {
        let path = TreePath::parse(path).unwrap();
        Entry { path, kind }
    }

    fn file(path: &str, size: u64, executable: bool) -> Entry {
        let digest = ChunkId::from_bytes([0; 32]);
        let kind = EntryKind::File {
            size,
            executable,
            digest,
        };
        entry(path, kind)
    }

    fn contents(entries: Vec<Entry>) -> Contents {
        Contents {
            schema: SCHEMA,
            entries,
            stored_sizes: vec![],
        }
    }

    /// The tree of the published catar vector.
    fn vector() -> (Contents, Vec<(usize, Vec<u8>)>) {
        let target = "a.txt".to_owned();
        let entries = vec![
            file("a.txt", 6, false),
            entry("dir", EntryKind::Folder),
            file("dir/b.bin", 1000, false),
            file("dir/empty", 0, false),
            entry("link", EntryKind::Link { target }),
        ];
        let files = vec![
            (0, b"hello\n".to_vec()),
            (2, crate::testdata::synthetic(1000)),
            (3, vec![]),
        ];
        (contents(entries), files)
    }

    fn render(layout: &Layout, range: Range<u64>, files: &[(usize, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for slice in layout.slices(range) {
            assert!(!slice.is_empty());
            match slice {
                Slice::Literal(literal) => bytes.extend_from_slice(literal),
                Slice::File { entry, offset, len } => {
                    let content = &files.iter().find(|(position, _)| *position == entry).unwrap().1;
                    bytes.extend_from_slice(&content[offset as usize..(offset + len) as usize]);
                }
            }
        }
        bytes
    }

    #[test]
    fn the_published_catar_comes_out_byte_for_byte() {
        let (contents, files) = vector();
        let layout = Layout::of(&contents).unwrap();
        let bytes = render(&layout, 0..layout.total_len(), &files);
        assert_eq!(bytes.len(), 1767);
        assert_eq!(
            ChunkId::of(DigestAlgorithm::Sha256, &bytes).to_string(),
            "4b41799ee051d9410046b077f7bdcefe38e8a785182a1c14f4df22668b34b5f2"
        );
        assert_eq!(
            ChunkId::of(DigestAlgorithm::Sha512_256, &bytes).to_string(),
            "c50ed0926a5643189cb79da911056b45d8634ac8741c65d5d7f53cff8ef1d209"
        );
    }

    #[test]
    fn any_range_is_the_same_part_of_the_whole() {
        let (contents, files) = vector();
        let layout = Layout::of(&contents).unwrap();
        let whole = render(&layout, 0..layout.total_len(), &files);
        for start in (0..whole.len()).step_by(7) {
            for end in (start..=whole.len()).step_by(13) {
                let part = render(&layout, start as u64..end as u64, &files);
                assert_eq!(part, whole[start..end], "{start}..{end}");
            }
        }
        assert_eq!(layout.slices(1700..9999).map(|s| s.len()).sum::<u64>(), 67);
        assert_eq!(layout.slices(9999..99_999).count(), 0);
    }

    #[test]
    fn payloads_are_where_the_content_lies() {
        let (contents, files) = vector();
        let layout = Layout::of(&contents).unwrap();
        for (position, content) in &files {
            let range = layout.payload(*position).unwrap();
            assert_eq!(&render(&layout, range, &files), content);
        }
        assert_eq!(layout.payload(1), None);
        assert_eq!(layout.payload(99), None);
        assert_eq!(layout.payloads().count(), 3);
    }

    #[test]
    fn entries_out_of_order_are_refused() {
        for bad in [
            vec![file("a/b", 1, false)],
            vec![file("b", 1, false), file("a", 1, false)],
            vec![file("a", 1, false), file("a", 1, false)],
            vec![file("a", 1, false), file("a/b", 1, false)],
            vec![
                entry("a", EntryKind::Folder),
                file("b", 1, false),
                file("a/c", 1, false),
            ],
        ] {
            assert!(
                matches!(Layout::of(&contents(bad)), Err(LayoutError::Order { .. })),
                "order"
            );
        }
    }

    #[test]
    fn sizes_that_do_not_fit_a_stream_are_refused() {
        for size in [u64::MAX, u64::MAX - 16, 1 << 44] {
            let bad = contents(vec![file("a", size, false)]);
            assert!(
                matches!(Layout::of(&bad), Err(LayoutError::TooLarge { .. })),
                "{size}"
            );
        }
        let bad = contents(vec![file("a", 1 << 43, false), file("b", 1 << 43, false)]);
        assert!(matches!(Layout::of(&bad), Err(LayoutError::TooLarge { .. })));
    }

    #[test]
    fn executables_and_nothing_else_get_the_executable_bit() {
        let layout = Layout::of(&contents(vec![file("a", 0, true)])).unwrap();
        let bytes = render(&layout, 0..layout.total_len(), &[]);
        let mode = 64 + 18 + 24;
        assert_eq!(bytes[mode..mode + 2], 0o100_755u16.to_le_bytes());
    }

    #[test]
    fn a_hundred_thousand_files_are_laid_out_quickly() {
        let mut entries = vec![entry("d", EntryKind::Folder)];
        for number in 0..100_000u64 {
            entries.push(file(&format!("d/{number:06}"), number, false));
        }
        let contents = contents(entries);
        let start = std::time::Instant::now();
        let layout = Layout::of(&contents).unwrap();
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
        assert_eq!(
            layout.slices(0..layout.total_len()).map(|s| s.len()).sum::<u64>(),
            layout.total_len()
        );
    }
}
