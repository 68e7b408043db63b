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
///
/// What is kept is what the bytes follow from, a third of them: a release may have hundreds of thousands of files.
#[derive(Clone, Debug)]
pub struct Layout {
    /// What lies between the files' contents, in stream order: [`Mark`]s.
    marks: Vec<u8>,
    /// One for each entry, and one for the end of the stream.
    places: Vec<Place>,
}

/// Where an entry lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Where its content begins in the stream, or would if it had any.
    start: u64,
    /// How many bytes before that are no file content.
    literals: u32,
    /// Where its mark is.
    mark: u32,
}

/// A stretch of the catar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slice {
    /// These very bytes.
    Literal(Vec<u8>),
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

impl Slice {
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
        builder.finish()
    }

    /// Returns the length of the catar in bytes.
    pub fn total_len(&self) -> u64 {
        self.places.last().map_or(0, |end| end.start)
    }

    /// Returns where the content of the entry at `position` lies, or `None` if it is not a file.
    pub fn payload(&self, position: usize) -> Option<Range<u64>> {
        match self.mark(position)? {
            (Mark::File { .. }, _) => self.content(position),
            _ => None,
        }
    }

    /// Returns where each file's content lies, by position of the entry, in stream order.
    pub fn payloads(&self) -> impl Iterator<Item = (usize, Range<u64>)> {
        let positions = 0..self.places.len();
        positions.filter_map(|position| Some((position, self.payload(position)?)))
    }

    /// Returns what makes up `range` of the catar, in order; what lies beyond its end is left out.
    pub fn slices(&self, range: Range<u64>) -> Slices<'_> {
        let after = self.places.partition_point(|place| place.start <= range.start);
        Slices {
            layout: self,
            entry: after.checked_sub(1),
            at: range.start,
            end: range.end.min(self.total_len()),
        }
    }

    /// Returns where the content of an entry lies, which is empty for anything but a file.
    fn content(&self, entry: usize) -> Option<Range<u64>> {
        let (here, next) = (self.places.get(entry)?, self.places.get(entry + 1)?);
        let between = next.literals.checked_sub(here.literals)?;
        Some(here.start..next.start.checked_sub(u64::from(between))?)
    }

    /// Returns an entry's mark and where it ends.
    fn mark(&self, entry: usize) -> Option<(Mark<'_>, usize)> {
        let at = usize::try_from(self.places.get(entry)?.mark).ok()?;
        let (mark, rest) = Mark::unpack(self.marks.get(at..)?)?;
        Some((mark, self.marks.len() - rest.len()))
    }

    /// Returns part of the bytes from the end of the content of entry `from`, or from the start of the stream, to where that
    /// of entry `to` begins, or to the end of the stream; no content may lie between.
    ///
    /// Costs what the part does, and a little for each entry before it: the end of a folder is one record for all that is
    /// in it, and longer than many chunks if that is much.
    fn literals(&self, from: Option<usize>, to: usize, part: Range<usize>) -> Option<Vec<u8>> {
        let mut part = Part::of(part);
        let mut records = Vec::new();
        let (mut entry, at) = match from {
            Some(from) => (from + 1, self.mark(from)?.1),
            None => {
                push_entry(&mut records, record::MODE_FOLDER | 0o755);
                (0, 0)
            }
        };
        part.push(&records);
        let end = self.mark(to).map_or(self.marks.len(), |(_, end)| end);
        let mut marks = self.marks.get(at..end)?;
        while let Some((mark, rest)) = Mark::unpack(marks).filter(|_| !part.is_whole()) {
            marks = rest;
            if let Mark::Goodbye(record) = mark {
                part.push(record);
                continue;
            }
            let content = self.content(entry)?;
            records.clear();
            mark.push_records(&mut records, content.end - content.start)?;
            part.push(&records);
            entry += 1;
        }
        Some(part.bytes)
    }
}

/// Part of something that comes piece by piece.
struct Part {
    /// Bytes that still come before it.
    before: usize,
    /// Its bytes that still come.
    missing: usize,
    /// What has come of it.
    bytes: Vec<u8>,
}

impl Part {
    fn of(range: Range<usize>) -> Self {
        Self {
            before: range.start,
            missing: range.len(),
            bytes: Vec::new(),
        }
    }

    fn is_whole(&self) -> bool {
        self.missing == 0
    }

    fn push(&mut self, piece: &[u8]) {
        let (before, rest) = piece.split_at(self.before.min(piece.len()));
        let (part, _) = rest.split_at(self.missing.min(rest.len()));
        self.before -= before.len();
        self.missing -= part.len();
        self.bytes.extend_from_slice(part);
    }
}

/// The slices of a range, see [`Layout::slices`].
#[derive(Clone, Debug)]
pub struct Slices<'a> {
    layout: &'a Layout,
    /// The last entry whose place is not beyond `at`.
    entry: Option<usize>,
    at: u64,
    end: u64,
}

impl Iterator for Slices<'_> {
    type Item = Slice;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.end {
            return None;
        }
        let content = match self.entry {
            Some(entry) => self.layout.content(entry)?,
            None => 0..0,
        };
        let slice = match self.entry.filter(|_| self.at < content.end) {
            Some(entry) => Slice::File {
                entry,
                offset: self.at.checked_sub(content.start)?,
                len: content.end.min(self.end) - self.at,
            },
            None => Slice::Literal(self.next_literal(content.end)?),
        };
        self.at += slice.len();
        Some(slice)
    }
}

impl Slices<'_> {
    /// Returns what lies between here and the next content; `since` is where the last one ended.
    fn next_literal(&mut self, since: u64) -> Option<Vec<u8>> {
        let layout = self.layout;
        let from = self.entry;
        let last = layout.places.len().checked_sub(1)?;
        let is_far = |entry: &usize| {
            let place = layout.places.get(*entry);
            place.is_some_and(|place| place.start >= self.end)
                || layout.content(*entry).is_some_and(|content| !content.is_empty())
        };
        let mut beyond = from.map_or(0, |from| from + 1)..last;
        let to = beyond.find(is_far).unwrap_or(last);
        let until = layout.places.get(to)?.start.min(self.end);
        let behind = |at: u64| usize::try_from(at.checked_sub(since)?).ok();
        let bytes = layout.literals(from, to, behind(self.at)?..behind(until)?)?;
        self.entry = Some(to);
        (!bytes.is_empty()).then_some(bytes)
    }
}

/// What lies at a place of the stream beside content. The records that it stands for take three times as much.
enum Mark<'a> {
    Folder {
        name: &'a [u8],
    },
    File {
        name: &'a [u8],
        executable: bool,
    },
    Link {
        name: &'a [u8],
        target: &'a [u8],
    },
    /// The whole record.
    Goodbye(&'a [u8]),
}

impl<'a> Mark<'a> {
    /// Appends the records that it stands for, or refuses a size that no record can have.
    fn push_records(&self, out: &mut Vec<u8>, size: u64) -> Option<()> {
        match self {
            Self::Folder { name } => {
                record::push_text(out, record::FILENAME, name);
                push_entry(out, record::MODE_FOLDER | 0o755);
            }
            Self::File { name, executable } => {
                record::push_text(out, record::FILENAME, name);
                let permissions = if *executable { 0o755 } else { 0o644 };
                push_entry(out, record::MODE_FILE | permissions);
                record::push_payload_header(out, size)?;
            }
            Self::Link { name, target } => {
                record::push_text(out, record::FILENAME, name);
                push_entry(out, record::MODE_LINK | 0o777);
                record::push_text(out, record::SYMLINK, target);
            }
            Self::Goodbye(record) => out.extend_from_slice(record),
        }
        Some(())
    }

    /// Appends its short form, or refuses a text that is too long for it.
    fn pack(&self, out: &mut Vec<u8>) -> Option<()> {
        match self {
            Self::Folder { name } => pack(out, FOLDER, name),
            Self::File { name, executable } => pack(out, if *executable { PROGRAM } else { FILE }, name),
            Self::Link { name, target } => {
                pack(out, LINK, name)?;
                pack(out, TARGET, target)
            }
            Self::Goodbye(record) => pack(out, GOODBYE, record),
        }
    }

    /// Reads a short form; also returns what follows it.
    fn unpack(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (kind, text, rest) = unpack(bytes)?;
        let mark = match kind {
            FOLDER => Self::Folder { name: text },
            FILE | PROGRAM => Self::File {
                name: text,
                executable: kind == PROGRAM,
            },
            LINK => {
                let (_, target, rest) = unpack(rest)?;
                return Some((Self::Link { name: text, target }, rest));
            }
            _ => Self::Goodbye(text),
        };
        Some((mark, rest))
    }
}

fn pack(out: &mut Vec<u8>, kind: u8, text: &[u8]) -> Option<()> {
    out.push(kind);
    out.extend_from_slice(&u32::try_from(text.len()).ok()?.to_le_bytes());
    out.extend_from_slice(text);
    Some(())
}

fn unpack(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (kind, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (text, rest) = rest.split_at_checked(length)?;
    Some((*kind, text, rest))
}

const FOLDER: u8 = 0;
const FILE: u8 = 1;
const PROGRAM: u8 = 2;
const LINK: u8 = 3;
const TARGET: u8 = 4;
const GOODBYE: u8 = 5;

fn push_entry(out: &mut Vec<u8>, mode: u64) {
    let entry = record::Entry {
        feature_flags: flags::for_catar(DigestAlgorithm::Sha512_256),
        mode,
        ..record::Entry::default()
    };
    record::push_entry(out, &entry);
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
    marks: Vec<u8>,
    places: Vec<Place>,
    /// Bytes of file content so far.
    content: u64,
    /// All other bytes so far.
    literals: u64,
    open: Vec<Open<'a>>,
    /// The records of the entry at hand.
    records: Vec<u8>,
}

impl<'a> Builder<'a> {
    fn new(entries: usize) -> Self {
        Self {
            marks: Vec::new(),
            places: Vec::with_capacity(entries + 1),
            content: 0,
            // The root's ENTRY.
            literals: record::ENTRY_LEN,
            open: vec![Open {
                path: "",
                entry_at: 0,
                name_at: 0,
                last_name: None,
                children: Vec::new(),
            }],
            records: Vec::new(),
        }
    }

    fn add(&mut self, entry: &'a Entry) -> Result<(), LayoutError> {
        self.descend_to_parent(entry)?;
        let name_at = self.position();
        let path = entry.path.as_str();
        let name = entry.path.file_name().as_bytes();
        let (mark, size) = match &entry.kind {
            EntryKind::Folder => (Mark::Folder { name }, 0),
            EntryKind::File { size, executable, .. } => {
                let executable = *executable;
                (Mark::File { name, executable }, *size)
            }
            EntryKind::Link { target } => {
                let target = target.as_bytes();
                (Mark::Link { name, target }, 0)
            }
        };
        let end = self
            .push(&mark, size)
            .and_then(|()| self.position().checked_add(size));
        if end.is_none_or(|end| end > MAX_STREAM_LEN) {
            return Err(too_large(path));
        }
        if entry.kind == EntryKind::Folder {
            self.open.push(Open {
                path,
                entry_at: self.position() - record::ENTRY_LEN,
                name_at,
                last_name: None,
                children: Vec::new(),
            });
            return Ok(());
        }
        self.content += size;
        self.record_child(entry.path.file_name(), name_at);
        Ok(())
    }

    /// Appends an entry's mark and its place.
    fn push(&mut self, mark: &Mark<'_>, size: u64) -> Option<()> {
        let at = u32::try_from(self.marks.len()).ok()?;
        mark.pack(&mut self.marks)?;
        self.records.clear();
        mark.push_records(&mut self.records, size)?;
        self.literals += self.records.len() as u64;
        self.push_place(at)
    }

    fn push_place(&mut self, mark: u32) -> Option<()> {
        self.places.push(Place {
            start: self.position(),
            literals: u32::try_from(self.literals).ok()?,
            mark,
        });
        Some(())
    }

    /// Closes folders until the one that holds `entry` is the innermost open one.
    fn descend_to_parent(&mut self, entry: &'a Entry) -> Result<(), LayoutError> {
        let parent = entry.path.parent().unwrap_or("");
        while self.open.len() > 1 && self.open.last().is_some_and(|open| open.path != parent) {
            self.close()?;
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

    fn close(&mut self) -> Result<(), LayoutError> {
        let Some(mut open) = self.open.pop() else {
            return Ok(());
        };
        self.records.clear();
        let at = self.position();
        record::push_goodbye(&mut self.records, &mut open.children, open.entry_at, at);
        self.literals += self.records.len() as u64;
        let packed = Mark::Goodbye(&self.records).pack(&mut self.marks);
        packed.ok_or_else(|| too_large(open.path))?;
        let name = open.path.rsplit('/').next().unwrap_or(open.path);
        self.record_child(name, open.name_at);
        Ok(())
    }

    fn finish(mut self) -> Result<Layout, LayoutError> {
        while !self.open.is_empty() {
            self.close()?;
        }
        let at = u32::try_from(self.marks.len()).ok();
        at.and_then(|at| self.push_place(at))
            .ok_or_else(|| too_large(""))?;
        self.marks.shrink_to_fit();
        Ok(Layout {
            marks: self.marks,
            places: self.places,
        })
    }

    /// Returns the position in the stream. It cannot overflow: file bytes end below [`MAX_STREAM_LEN`] and
    /// what the other bytes follow from is in memory.
    fn position(&self) -> u64 {
        self.content + self.literals
    }
}

fn too_large(path: &str) -> LayoutError {
    LayoutError::TooLarge {
        path: path.to_owned(),
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
                Slice::Literal(literal) => bytes.extend(literal),
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

    /// A folder of a hundred thousand files.
    fn huge_folder() -> Contents {
        let mut entries = vec![entry("d", EntryKind::Folder)];
        for number in 0..100_000u64 {
            entries.push(file(&format!("d/{number:06}"), number, false));
        }
        contents(entries)
    }

    #[test]
    fn the_end_of_a_huge_folder_costs_no_more_in_parts_than_as_a_whole() {
        let layout = Layout::of(&huge_folder()).unwrap();
        let end = layout.total_len();
        let (_, last) = layout.payloads().last().unwrap();
        let whole: Vec<Slice> = layout.slices(last.end..end).collect();
        let start = std::time::Instant::now();
        let mut bytes = Vec::new();
        for at in (last.end..end).step_by(64) {
            for slice in layout.slices(at..(at + 64).min(end)) {
                let Slice::Literal(literal) = slice else {
                    panic!("{at}: {slice:?}");
                };
                bytes.extend(literal);
            }
        }
        assert!(bytes.len() > 2_000_000, "{}", bytes.len());
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
        assert!(whole == [Slice::Literal(bytes)]);
    }

    #[test]
    fn a_hundred_thousand_files_are_laid_out_quickly() {
        let contents = huge_folder();
        let start = std::time::Instant::now();
        let layout = Layout::of(&contents).unwrap();
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
        assert_eq!(
            layout.slices(0..layout.total_len()).map(|s| s.len()).sum::<u64>(),
            layout.total_len()
        );
    }
}
