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
use std::sync::Arc;

use crate::catar::goodbye::{Child, name_hash};
use crate::catar::record;
use crate::flags;
use crate::id::{ChunkId, DigestAlgorithm};
use crate::release::{Contents, Entries, EntryKind, EntryRef};

/// The catar of a release as literal bytes and stretches of files.
///
/// What is kept is what the bytes follow from, a fraction of them: a release may have hundreds of thousands of files.
#[derive(Clone, Debug)]
pub struct Layout {
    contents: Arc<Contents>,
    /// One for each entry, and one for the end of the stream.
    places: Vec<Place>,
    /// The GOODBYE records of all folders, in stream order.
    goodbyes: Vec<u8>,
}

/// Where an entry lies. Numbers of 32 bits, for that there are so many of them.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Where its content begins in the stream, or would if it had any: the lower and the upper half.
    start: [u32; 2],
    /// Bytes of GOODBYE records before it.
    goodbyes: u32,
}

impl Place {
    fn start(&self) -> u64 {
        u64::from(self.start[0]) | u64::from(self.start[1]) << 32
    }
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
    pub fn of(contents: Arc<Contents>) -> Result<Self, LayoutError> {
        let mut builder = Builder::new(&contents.entries);
        for (position, entry) in contents.entries.iter().enumerate() {
            builder.add(position, entry)?;
        }
        let (places, goodbyes) = builder.finish()?;
        Ok(Self {
            contents,
            places,
            goodbyes,
        })
    }

    /// Returns what is laid out.
    pub fn entries(&self) -> &Entries {
        &self.contents.entries
    }

    /// Gives the file at `position` its digest, which no byte of the catar follows from; tells whether there is a file.
    ///
    /// Others who hold the contents keep them as they are; they are copied if there are any.
    pub fn set_digest(&mut self, position: usize, digest: ChunkId) -> bool {
        Arc::make_mut(&mut self.contents)
            .entries
            .set_digest(position, digest)
    }

    /// Returns the length of the catar in bytes.
    pub fn total_len(&self) -> u64 {
        self.places.last().map_or(0, Place::start)
    }

    /// Returns where the content of the entry at `position` lies, or `None` if it is not a file.
    pub fn payload(&self, position: usize) -> Option<Range<u64>> {
        let start = self.places.get(position)?.start();
        match self.contents.entries.get(position)?.kind {
            EntryKind::File { size, .. } => Some(start..start + size),
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
        let after = self.places.partition_point(|place| place.start() <= range.start);
        Slices {
            layout: self,
            entry: after.checked_sub(1),
            at: range.start,
            end: range.end.min(self.total_len()),
        }
    }

    /// Returns where the content of an entry lies, which is empty for anything but a file.
    fn content(&self, entry: usize) -> Option<Range<u64>> {
        let start = self.places.get(entry)?.start();
        Some(self.payload(entry).unwrap_or(start..start))
    }

    /// Returns part of the bytes from the end of the content of entry `from`, or from the start of the stream, to where that
    /// of entry `to` begins, or to the end of the stream; no content may lie between.
    ///
    /// Costs what the part does, and a little for each entry before it: the end of a folder is one record for all that is
    /// in it, and longer than many chunks if that is much.
    fn literals(&self, from: Option<usize>, to: usize, part: Range<usize>) -> Option<Vec<u8>> {
        let mut part = Part::of(part);
        let mut records = Vec::new();
        if from.is_none() {
            push_entry(&mut records, record::MODE_FOLDER | 0o755);
            part.push(&records);
        }
        let mut done = match from {
            Some(from) => self.places.get(from)?.goodbyes,
            None => 0,
        };
        for position in from.map_or(0, |from| from + 1)..=to {
            if part.is_whole() {
                break;
            }
            let goodbyes = self.places.get(position)?.goodbyes;
            part.push(self.goodbyes.get(done as usize..goodbyes as usize)?);
            done = goodbyes;
            if let Some(entry) = self.contents.entries.get(position) {
                records.clear();
                push_records(&mut records, entry)?;
                part.push(&records);
            }
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
            place.is_some_and(|place| place.start() >= self.end)
                || layout.content(*entry).is_some_and(|content| !content.is_empty())
        };
        let mut beyond = from.map_or(0, |from| from + 1)..last;
        let to = beyond.find(is_far).unwrap_or(last);
        let until = layout.places.get(to)?.start().min(self.end);
        let behind = |at: u64| usize::try_from(at.checked_sub(since)?).ok();
        let bytes = layout.literals(from, to, behind(self.at)?..behind(until)?)?;
        self.entry = Some(to);
        (!bytes.is_empty()).then_some(bytes)
    }
}

/// Appends what comes before an entry's content, or refuses a size that no record can have.
fn push_records(out: &mut Vec<u8>, entry: EntryRef<'_>) -> Option<()> {
    record::push_text(out, record::FILENAME, entry.path.file_name().as_bytes());
    match entry.kind {
        EntryKind::Folder => push_entry(out, record::MODE_FOLDER | 0o755),
        EntryKind::File { size, executable, .. } => {
            let permissions = if executable { 0o755 } else { 0o644 };
            push_entry(out, record::MODE_FILE | permissions);
            record::push_payload_header(out, size)?;
        }
        EntryKind::Link { target } => {
            push_entry(out, record::MODE_LINK | 0o777);
            record::push_text(out, record::SYMLINK, target.as_bytes());
        }
    }
    Some(())
}

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
    /// Where it is listed, `None` for the root.
    position: Option<usize>,
    name: &'a str,
    entry_at: u64,
    name_at: u64,
    last_name: Option<&'a str>,
    children: Vec<Child>,
}

struct Builder<'a> {
    entries: &'a Entries,
    places: Vec<Place>,
    goodbyes: Vec<u8>,
    /// Bytes of the stream so far. It cannot overflow: file bytes end below [`MAX_STREAM_LEN`] and what the other bytes
    /// follow from is in memory.
    position: u64,
    open: Vec<Open<'a>>,
    /// The records of the entry at hand.
    records: Vec<u8>,
}

impl<'a> Builder<'a> {
    fn new(entries: &'a Entries) -> Self {
        Self {
            entries,
            places: Vec::with_capacity(entries.len() + 1),
            goodbyes: Vec::new(),
            // The root's ENTRY.
            position: record::ENTRY_LEN,
            open: vec![Open {
                position: None,
                name: "",
                entry_at: 0,
                name_at: 0,
                last_name: None,
                children: Vec::new(),
            }],
            records: Vec::new(),
        }
    }

    fn add(&mut self, position: usize, entry: EntryRef<'a>) -> Result<(), LayoutError> {
        self.descend_to_parent(position, entry)?;
        let name_at = self.position;
        let name = entry.path.file_name();
        let size = match entry.kind {
            EntryKind::File { size, .. } => size,
            _ => 0,
        };
        let end = self.push(entry).and_then(|()| self.position.checked_add(size));
        let end = end.filter(|end| *end <= MAX_STREAM_LEN);
        let end = end.ok_or_else(|| too_large(entry.path.to_string()))?;
        if entry.kind == EntryKind::Folder {
            self.open.push(Open {
                position: Some(position),
                name,
                entry_at: self.position - record::ENTRY_LEN,
                name_at,
                last_name: None,
                children: Vec::new(),
            });
            return Ok(());
        }
        self.position = end;
        self.record_child(name, name_at);
        Ok(())
    }

    /// Goes past an entry's records and notes its place.
    fn push(&mut self, entry: EntryRef<'_>) -> Option<()> {
        self.records.clear();
        push_records(&mut self.records, entry)?;
        self.position += self.records.len() as u64;
        self.push_place()
    }

    fn push_place(&mut self) -> Option<()> {
        self.places.push(Place {
            start: [self.position as u32, (self.position >> 32) as u32],
            goodbyes: u32::try_from(self.goodbyes.len()).ok()?,
        });
        Some(())
    }

    /// Closes folders until the one that holds `entry` is the innermost open one.
    fn descend_to_parent(&mut self, position: usize, entry: EntryRef<'a>) -> Result<(), LayoutError> {
        let parent = self.entries.folder_of(position);
        while self.open.len() > 1 && self.open.last().is_some_and(|open| open.position != parent) {
            self.close();
        }
        let name = entry.path.file_name();
        let is_listed = parent.is_some() || entry.path.parent().is_none();
        let in_order = |open: &&mut Open<'_>| {
            is_listed
                && open.position == parent
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
        let size = self.position - name_at;
        if let Some(open) = self.open.last_mut() {
            open.children.push(Child {
                hash: name_hash(name.as_bytes()),
                at: name_at,
                size,
            });
        }
    }

    fn close(&mut self) {
        let Some(mut open) = self.open.pop() else {
            return;
        };
        let before = self.goodbyes.len();
        record::push_goodbye(
            &mut self.goodbyes,
            &mut open.children,
            open.entry_at,
            self.position,
        );
        self.position += (self.goodbyes.len() - before) as u64;
        self.record_child(open.name, open.name_at);
    }

    fn finish(mut self) -> Result<(Vec<Place>, Vec<u8>), LayoutError> {
        while !self.open.is_empty() {
            self.close();
        }
        self.push_place().ok_or_else(|| {
            let last = self.entries.iter().next_back();
            too_large(last.map_or_else(String::new, |entry| entry.path.to_string()))
        })?;
        self.goodbyes.shrink_to_fit();
        Ok((self.places, self.goodbyes))
    }
}

fn too_large(path: String) -> LayoutError {
    LayoutError::TooLarge { path }
}

/// Longest catar, in bytes: what an index accepts by default, 16 TiB.
pub const MAX_STREAM_LEN: u64 = 1 << 44;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Entry;
    use crate::testdata::{self, entry, file};

    fn contents(entries: Vec<Entry>) -> Arc<Contents> {
        Arc::new(testdata::contents(&entries))
    }

    /// The tree of the published catar vector.
    fn vector() -> (Arc<Contents>, Vec<(usize, Vec<u8>)>) {
        let target = "a.txt".to_owned();
        let entries = vec![
            file("a.txt", 6),
            entry("dir", EntryKind::Folder),
            file("dir/b.bin", 1000),
            file("dir/empty", 0),
            entry("link", EntryKind::Link { target }),
        ];
        let files = vec![
            (0, b"hello\n".to_vec()),
            (2, testdata::synthetic(1000)),
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
        let layout = Layout::of(contents).unwrap();
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
        let layout = Layout::of(contents).unwrap();
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
        let layout = Layout::of(contents).unwrap();
        for (position, content) in &files {
            let range = layout.payload(*position).unwrap();
            assert_eq!(&render(&layout, range, &files), content);
        }
        assert_eq!(layout.payload(1), None);
        assert_eq!(layout.payload(99), None);
        assert_eq!(layout.payloads().count(), 3);
    }

    #[test]
    fn a_digest_that_is_set_later_changes_no_byte_and_no_list_of_others() {
        let (contents, files) = vector();
        let mut layout = Layout::of(contents.clone()).unwrap();
        let before = render(&layout, 0..layout.total_len(), &files);
        let digest = ChunkId::from_bytes([7; 32]);
        let set = [0, 1, 99].map(|position| layout.set_digest(position, digest));
        assert_eq!(set, [true, false, false]);
        let digests = |entries: &Entries| match entries.get(0).unwrap().kind {
            EntryKind::File { digest, .. } => digest,
            _ => panic!("no file"),
        };
        assert_eq!(digests(layout.entries()), digest);
        assert_ne!(digests(&contents.entries), digest);
        assert!(render(&layout, 0..layout.total_len(), &files) == before);
    }

    #[test]
    fn entries_out_of_order_are_refused() {
        for bad in [
            vec![file("a/b", 1)],
            vec![file("b", 1), file("a", 1)],
            vec![file("a", 1), file("a", 1)],
            vec![file("a", 1), file("a/b", 1)],
            vec![entry("a", EntryKind::Folder), file("b", 1), file("a/c", 1)],
        ] {
            assert!(
                matches!(Layout::of(contents(bad)), Err(LayoutError::Order { .. })),
                "order"
            );
        }
    }

    #[test]
    fn sizes_that_do_not_fit_a_stream_are_refused() {
        for size in [u64::MAX, u64::MAX - 16, 1 << 44] {
            let bad = contents(vec![file("a", size)]);
            assert!(
                matches!(Layout::of(bad), Err(LayoutError::TooLarge { .. })),
                "{size}"
            );
        }
        let bad = contents(vec![file("a", 1 << 43), file("b", 1 << 43)]);
        assert!(matches!(Layout::of(bad), Err(LayoutError::TooLarge { .. })));
    }

    #[test]
    fn executables_and_nothing_else_get_the_executable_bit() {
        let program = EntryKind::File {
            size: 0,
            executable: true,
            digest: ChunkId::from_bytes([0; 32]),
        };
        let layout = Layout::of(contents(vec![entry("a", program)])).unwrap();
        let bytes = render(&layout, 0..layout.total_len(), &[]);
        let mode = 64 + 18 + 24;
        assert_eq!(bytes[mode..mode + 2], 0o100_755u16.to_le_bytes());
    }

    /// A folder of a hundred thousand files.
    fn huge_folder() -> Arc<Contents> {
        let mut entries = vec![entry("d", EntryKind::Folder)];
        for number in 0..100_000u64 {
            entries.push(file(&format!("d/{number:06}"), number));
        }
        contents(entries)
    }

    #[test]
    fn a_part_of_the_end_of_a_huge_folder_takes_no_more_memory_than_it_is_long() {
        let layout = Layout::of(huge_folder()).unwrap();
        let end = layout.total_len();
        let (_, last) = layout.payloads().last().unwrap();
        let whole: Vec<Slice> = layout.slices(last.end..end).collect();
        let mut bytes = Vec::new();
        for at in (last.end..end).step_by(64) {
            for slice in layout.slices(at..(at + 64).min(end)) {
                let Slice::Literal(literal) = slice else {
                    panic!("{at}: {slice:?}");
                };
                // A vector may double what it has.
                assert!(literal.capacity() <= 2 * 64, "{at}: {}", literal.capacity());
                bytes.extend(literal);
            }
        }
        assert!(bytes.len() > 2_000_000, "{}", bytes.len());
        assert!(whole == [Slice::Literal(bytes)]);
    }

    #[test]
    fn a_hundred_thousand_files_are_laid_out_without_a_gap_from_a_fraction_of_their_records() {
        let layout = Layout::of(huge_folder()).unwrap();
        let (mut literals, mut stretches) = (0, 0);
        for slice in layout.slices(0..layout.total_len()) {
            match slice {
                Slice::Literal(bytes) => literals += bytes.len(),
                Slice::File { len, .. } => stretches += len,
            }
        }
        assert_eq!(literals as u64 + stretches, layout.total_len());
        assert_eq!(stretches, (0..100_000).sum::<u64>());
        let kept = layout.places.capacity() * size_of::<Place>() + layout.goodbyes.capacity();
        assert!(3 * kept < literals, "{kept} of {literals}");
    }
}
