// SPDX-License-Identifier: MIT
//! Files being put together from chunks: created when their first bytes come, kept open while more are to
//! come, hashed on the way.
//!
//! A file that has been seen whole from its first byte to its last needs no second look. Every shortcut here
//! may be lost (a handle given up, bytes from an earlier run) and costs only time then: a file that is not
//! [`Building::is_done`] is read back and hashed like any other.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cap_std::fs::{File, OpenOptions};
use vsekai_formats::{ChunkId, DigestAlgorithm, IdHasher, TreePathRef};

use crate::disk;
use crate::release::FileFacts;
use crate::tree::{self, Folders};

/// The files of one version that are being put together, by entry.
pub(crate) struct Building {
    done: Vec<AtomicBool>,
    open: Mutex<HashMap<usize, Arc<OpenFile>>>,
}

/// A file to be put together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) entry: usize,
    pub(crate) path: TreePathRef<'a>,
    pub(crate) facts: FileFacts,
    /// The mode it gets once it is complete.
    pub(crate) mode: u32,
}

/// Bytes of a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) offset: u64,
    /// The hash of `bytes`, if it is known already.
    pub(crate) id: Option<ChunkId>,
}

/// What a file is after some of its bytes came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Not known to be complete.
    InPart,
    /// Complete, checked, and with its mode.
    Whole,
    /// Complete, and other than its digest says.
    Contradicts,
}

struct OpenFile {
    file: File,
    seen: Mutex<Seen>,
}

/// How far a file has been hashed, and what lies beyond.
struct Seen {
    /// Absent while somebody hashes.
    hasher: Option<IdHasher>,
    hashed: u64,
    /// Bytes written but not hashed, by offset.
    waiting: BTreeMap<u64, u64>,
}

impl Building {
    /// Starts with nothing built of a version with `entries` entries.
    pub(crate) fn new(entries: usize) -> Self {
        Self {
            done: std::iter::repeat_with(AtomicBool::default)
                .take(entries)
                .collect(),
            open: Mutex::default(),
        }
    }

    /// Tells whether every byte of the file was written and hashed here, and its mode set.
    pub(crate) fn is_done(&self, entry: usize) -> bool {
        self.done
            .get(entry)
            .is_some_and(|done| done.load(Ordering::Acquire))
    }

    /// Writes bytes of a file, which is created if it is not there.
    pub(crate) fn write(
        &self,
        folders: &Folders,
        target: &Target<'_>,
        part: Part<'_>,
    ) -> io::Result<Written> {
        if part.bytes.len() as u64 == target.facts.size {
            return self.write_whole(folders, target, part);
        }
        let open = self.open(folders, target)?;
        tree::write_all_at(&open.file, part.bytes, part.offset)?;
        let Some(found) = open.hash(part, target.facts.size)? else {
            return Ok(Written::InPart);
        };
        self.lock().remove(&target.entry);
        if found != target.facts.digest {
            return Ok(Written::Contradicts);
        }
        self.finish(&open.file, target)
    }

    /// Writes a file that one chunk holds all of: opened once, and checked before it is written.
    fn write_whole(&self, folders: &Folders, target: &Target<'_>, part: Part<'_>) -> io::Result<Written> {
        let digest = || ChunkId::of(DigestAlgorithm::Sha512_256, part.bytes);
        if part.id.unwrap_or_else(digest) != target.facts.digest {
            return Ok(Written::Contradicts);
        }
        let file = create(folders, target)?;
        tree::write_all_at(&file, part.bytes, 0)?;
        self.finish(&file, target)
    }

    fn finish(&self, file: &File, target: &Target<'_>) -> io::Result<Written> {
        disk::set_mode(file, target.mode)?;
        if target.facts.size >= WRITE_BACK_BYTES {
            start_write_back(file, 0, target.facts.size);
        }
        if let Some(done) = self.done.get(target.entry) {
            done.store(true, Ordering::Release);
        }
        Ok(Written::Whole)
    }

    /// Returns the open file, opening it if needed.
    fn open(&self, folders: &Folders, target: &Target<'_>) -> io::Result<Arc<OpenFile>> {
        // Held while opening, so that no file is ever open twice with half of its hash in each.
        let mut open = self.lock();
        if let Some(file) = open.get(&target.entry) {
            return Ok(file.clone());
        }
        if open.len() >= MOST_OPEN {
            // Chunks come about in the order of the files, so the first one is the least likely to be wanted.
            let oldest = open.keys().min().copied();
            oldest.and_then(|oldest| open.remove(&oldest));
        }
        let file = create(folders, target)?;
        if file.metadata()?.len() != target.facts.size {
            file.set_len(target.facts.size)?;
        }
        let file = Arc::new(OpenFile::new(file));
        open.insert(target.entry, file.clone());
        Ok(file)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<usize, Arc<OpenFile>>> {
        // A map of handles is whole after every change.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OpenFile {
    fn new(file: File) -> Self {
        let seen = Seen {
            hasher: Some(IdHasher::new(DigestAlgorithm::Sha512_256)),
            hashed: 0,
            waiting: BTreeMap::new(),
        };
        Self {
            file,
            seen: Mutex::new(seen),
        }
    }

    /// Takes note of written bytes and hashes as far as there are no gaps.
    ///
    /// Returns the file's digest to the one call that reaches the end. Bytes that came early are read back;
    /// nobody waits for whoever hashes at the moment.
    fn hash(&self, part: Part<'_>, size: u64) -> io::Result<Option<ChunkId>> {
        let mut buffer = Vec::new();
        let mut seen = self.lock();
        seen.waiting.insert(part.offset, part.bytes.len() as u64);
        let Some(mut hasher) = seen.hasher.take() else {
            return Ok(None);
        };
        while let Some((offset, len)) = seen.next() {
            drop(seen);
            if offset == part.offset {
                hasher.update(part.bytes);
            } else {
                buffer.resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
                tree::read_exact_at(&self.file, &mut buffer, offset)?;
                hasher.update(&buffer);
            }
            if (offset + len) / WRITE_BACK_STEP > offset / WRITE_BACK_STEP {
                start_write_back(
                    &self.file,
                    offset.saturating_sub(WRITE_BACK_STEP),
                    WRITE_BACK_STEP,
                );
            }
            seen = self.lock();
            seen.hashed = offset + len;
        }
        if seen.hashed == size {
            return Ok(Some(hasher.finish()));
        }
        seen.hasher = Some(hasher);
        Ok(None)
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    /// Takes the bytes that follow what was hashed, if they are there.
    fn next(&mut self) -> Option<(u64, u64)> {
        let len = self.waiting.remove(&self.hashed)?;
        Some((self.hashed, len))
    }
}

/// Opens a file for writing, one of an earlier run or a new one.
///
/// What an earlier run left under that name is a regular file of the right size: the staging folder was
/// cleared of all else when it was opened.
fn create(folders: &Folders, target: &Target<'_>) -> io::Result<File> {
    let (folder, name) = folders.of(target.path)?;
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true);
    tree::do_not_follow(&mut options);
    folder.open_with(name, &options)
}

/// Asks the system to begin writing a range to the disk, without waiting for it.
///
/// Only a wish: what is promised is promised by the sync at the end, which then finds less to do. The bytes
/// will not be read again soon, which is what the call says.
#[cfg(target_os = "linux")]
fn start_write_back(file: &File, offset: u64, len: u64) {
    let _ = rustix::fs::fadvise(
        file,
        offset,
        std::num::NonZeroU64::new(len),
        rustix::fs::Advice::DontNeed,
    );
}

#[cfg(not(target_os = "linux"))]
fn start_write_back(_file: &File, _offset: u64, _len: u64) {}

/// Files open at once at the most; systems allow 256 or more.
const MOST_OPEN: usize = 64;
/// Files from this size on are sent to the disk as soon as they are complete; for smaller ones the call costs
/// more than it hides.
const WRITE_BACK_BYTES: u64 = 256 << 10;
/// Bytes of a large file that are sent to the disk together while the rest still comes.
const WRITE_BACK_STEP: u64 = 8 << 20;

#[cfg(test)]
mod tests {
    use vsekai_formats::TreePath;

    use super::*;

    struct Place {
        folder: tempfile::TempDir,
        folders: Folders,
        building: Building,
    }

    fn place() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let folders = Folders::below(tree::open_root(folder.path()).unwrap());
        let building = Building::new(1000);
        Place {
            folder,
            folders,
            building,
        }
    }

    fn content() -> Vec<u8> {
        (0..100_000u32).flat_map(u32::to_le_bytes).collect()
    }

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).unwrap()
    }

    fn target<'a>(path: &'a TreePath, entry: usize, content: &[u8]) -> Target<'a> {
        let facts = FileFacts {
            size: content.len() as u64,
            executable: false,
            digest: ChunkId::of(DigestAlgorithm::Sha512_256, content),
        };
        Target {
            entry,
            path: path.borrowed(),
            facts,
            mode: 0o444,
        }
    }

    impl Place {
        fn write(&self, target: &Target<'_>, content: &[u8], range: std::ops::Range<usize>) -> Written {
            let part = Part {
                offset: range.start as u64,
                bytes: &content[range],
                id: None,
            };
            self.building.write(&self.folders, target, part).unwrap()
        }
    }

    #[test]
    fn a_file_is_whole_after_its_last_part_whatever_the_order() {
        let content = content();
        let thirds = [0..100_000, 100_000..200_000, 200_000..400_000];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let place = place();
            let path = path("file");
            let target = target(&path, 7, &content);
            for (number, third) in order.iter().enumerate() {
                assert!(!place.building.is_done(7));
                let written = place.write(&target, &content, thirds[*third].clone());
                assert_eq!(written == Written::Whole, number == 2, "{order:?}");
            }
            assert!(place.building.is_done(7));
            assert_eq!(fs_err::read(place.folder.path().join("file")).unwrap(), content);
        }
    }

    #[test]
    fn many_writers_of_one_file_hash_it_once() {
        let content = content();
        let place = place();
        let path = path("file");
        let target = target(&path, 0, &content);
        let whole = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let (place, target, content, whole) = (&place, &target, &content, &whole);
                scope.spawn(move || {
                    for piece in (writer..400).step_by(4) {
                        let written = place.write(target, content, piece * 1000..piece * 1000 + 1000);
                        let first = written == Written::Whole && !whole.swap(true, Ordering::Relaxed);
                        assert!(first || written == Written::InPart, "{written:?}");
                    }
                });
            }
        });
        assert!(place.building.is_done(0));
        assert_eq!(fs_err::read(place.folder.path().join("file")).unwrap(), content);
    }

    #[test]
    fn other_bytes_than_the_digest_says_are_found() {
        let content = content();
        let mut other = content.clone();
        other[200_000] ^= 1;
        let place = place();
        let path = path("file");
        let target = target(&path, 0, &content);
        assert_eq!(place.write(&target, &other, 0..400_000), Written::Contradicts);
        assert_eq!(place.write(&target, &other, 100_000..400_000), Written::InPart);
        assert_eq!(place.write(&target, &other, 0..100_000), Written::Contradicts);
        assert!(!place.building.is_done(0));
    }

    #[test]
    fn a_handle_that_was_given_up_costs_the_shortcut_only() {
        let content = content();
        let place = place();
        let names: Vec<TreePath> = (0..=MOST_OPEN).map(|number| path(&number.to_string())).collect();
        let target = |entry: usize| target(&names[entry], entry, &content);
        for entry in 0..names.len() {
            assert_eq!(place.write(&target(entry), &content, 0..1000), Written::InPart);
        }
        // Writing to the first one again takes the handle of another, so it comes last.
        for entry in (1..names.len()).chain([0]) {
            let written = place.write(&target(entry), &content, 1000..400_000);
            assert_eq!(written == Written::Whole, entry > 0, "{entry}");
            let on_disk = fs_err::read(place.folder.path().join(&names[entry])).unwrap();
            assert_eq!(on_disk, content);
        }
        assert!(!place.building.is_done(0), "to be read back");
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_a_link() {
        let content = content();
        let place = place();
        let outside = tempfile::NamedTempFile::new().unwrap();
        let link = place.folder.path().join("file");
        fs_err::os::unix::fs::symlink(outside.path(), link).unwrap();
        let path = path("file");
        let target = target(&path, 0, &content);
        for range in [0..400_000, 0..10] {
            let part = Part {
                bytes: &content[range],
                offset: 0,
                id: None,
            };
            assert!(place.building.write(&place.folders, &target, part).is_err());
        }
        assert_eq!(fs_err::metadata(outside.path()).unwrap().len(), 0);
    }
}
