// SPDX-License-Identifier: MIT
//! What an update would do, decided before anything is done.
//!
//! Pure: from the documents of the new release and of the installed one alone. Files that exist already are
//! taken over whole, chunks that exist already are cut out of installed files, the rest comes from the
//! network. Chunks that hold only names and sizes are never needed: the documents say the same.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use vsekai_formats::ChunkId;
use vsekai_formats::release::{EntryKind, Version};

use crate::release::{Release, file_facts};

/// What an update does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Files taken over whole from the installed version.
    pub reuse: Vec<Reuse>,
    /// Files put together from chunks: entries of the new release's contents.
    pub build: Vec<usize>,
    /// The chunks that the built files need, in the order of the new index.
    pub chunks: Vec<NeededChunk>,
    /// The figures to show.
    pub summary: PlanSummary,
}

/// A file that is the same in both versions, wherever it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// Entry of the installed release.
    pub from: usize,
    /// Entry of the new release.
    pub to: usize,
    /// Whether both may be one file on disk; otherwise (one is executable, the other not) it is copied.
    pub shareable: bool,
}

/// A chunk that built files need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededChunk {
    /// Its id.
    pub id: ChunkId,
    /// Its plain size in bytes.
    pub size: u32,
    /// Its size in bytes as served.
    pub stored_size: u32,
    /// Where the new index has it.
    pub positions: Vec<usize>,
    /// Where the installed version's index has it, if it does.
    pub installed: Option<usize>,
}

/// The figures of a [`Plan`], shown before the player agrees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PlanSummary {
    /// The version offered.
    pub version: Version,
    /// The version installed, if any.
    pub from_version: Option<Version>,
    /// What is new, in Markdown, as the publisher wrote it.
    pub notes: String,
    /// Bytes to fetch, as served.
    pub download_bytes: u64,
    /// Chunks to fetch.
    pub download_chunks: u64,
    /// Bytes to write.
    pub write_bytes: u64,
    /// Free space needed at the worst moment, in bytes; the installed version is kept meanwhile. Includes an
    /// allowance for blocks and names.
    pub disk_bytes: u64,
    /// Bytes that come from the installed version instead of the network.
    pub reused_bytes: u64,
    /// Bytes that an earlier attempt has left ready.
    pub staged_bytes: u64,
    /// Bytes that come from the network, once unpacked.
    pub network_bytes: u64,
    /// Bytes of the new version once installed.
    pub installed_bytes: u64,
    /// Files that are not in the installed version.
    pub files_added: u64,
    /// Files that differ from the installed version.
    pub files_changed: u64,
    /// Files of the installed version that the new one does not have.
    pub files_removed: u64,
    /// Files that are the same under another path; neither added nor removed.
    pub files_moved: u64,
    /// Whether the player, or the engine for them, went back from this very release before.
    pub left_before: bool,
    /// How often it failed to start here, if it was given up for that.
    pub failed_starts: u32,
}

/// What is known about the install folder when planning.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// Entries of the installed version that are missing or have another size.
    pub damaged: HashSet<usize>,
    /// Whether one file can stand in two versions (by reflink or hard link), so that reuse takes no space.
    pub can_share: bool,
    /// Whether the player went back from the new release before.
    pub left_before: bool,
    /// How often the new release failed to start here, if it was given up for that.
    pub failed_starts: u32,
}

/// Bytes a written file takes on disk beyond its content, at the worst: the rest of its last block.
const BLOCK_ALLOWANCE: u64 = 4096;
/// Bytes that the name of any entry takes on disk, at the worst.
const NAME_ALLOWANCE: u64 = 512;

impl Plan {
    /// Plans the way from `installed` (if anything is) to `new`.
    pub fn new(new: &Release, installed: Option<&Release>, circumstances: &Circumstances) -> Self {
        let (reuse, build) = match installed {
            Some(old) => split_files(new, old, &circumstances.damaged),
            None => (Vec::new(), all_files(new)),
        };
        let chunks = needed_chunks(new, installed, &build);
        let summary = summarise(new, installed, &reuse, &build, &chunks);
        Self {
            reuse,
            build,
            chunks,
            summary,
        }
        .under(circumstances, new)
    }
}

impl Plan {
    /// Adds the figures that depend on the install folder.
    fn under(mut self, circumstances: &Circumstances, new: &Release) -> Self {
        let names = new.contents.entries.len() as u64 * NAME_ALLOWANCE;
        let blocks = self.build.len() as u64 * BLOCK_ALLOWANCE;
        let size_of = |entry: usize| file_facts(&new.contents, entry).map_or(0, |facts| facts.size);
        let copies: u64 = match circumstances.can_share {
            true => 0,
            false => self
                .reuse
                .iter()
                .filter(|r| r.shareable)
                .map(|r| size_of(r.to) + BLOCK_ALLOWANCE)
                .sum(),
        };
        self.summary.write_bytes += copies;
        self.summary.disk_bytes = self.summary.write_bytes + names + blocks;
        self.summary.left_before = circumstances.left_before;
        self.summary.failed_starts = circumstances.failed_starts;
        self
    }

    /// Tells the plan as an install: what the files come from is no version of this install.
    pub(crate) fn into_install(mut self) -> Self {
        self.summary.from_version = None;
        self.summary.files_added = (self.reuse.len() + self.build.len()) as u64;
        self.summary.files_changed = 0;
        self
    }

    /// Takes chunks that an earlier attempt has left ready out of what is to be fetched; `staged` tells which of
    /// [`Plan::chunks`] they are.
    pub(crate) fn count_staged(&mut self, staged: &[bool]) {
        let ready = |position: usize| staged.get(position).copied().unwrap_or(false);
        let chunks = self.chunks.iter().enumerate();
        for (_, chunk) in chunks.filter(|(i, chunk)| ready(*i) && chunk.installed.is_none()) {
            let bytes = u64::from(chunk.size) * chunk.positions.len() as u64;
            self.summary.download_bytes -= u64::from(chunk.stored_size);
            self.summary.download_chunks -= 1;
            self.summary.staged_bytes += bytes;
            self.summary.network_bytes = self.summary.network_bytes.saturating_sub(bytes);
            self.summary.disk_bytes = self.summary.disk_bytes.saturating_sub(bytes);
            self.summary.write_bytes = self.summary.write_bytes.saturating_sub(bytes);
        }
    }
}

fn all_files(release: &Release) -> Vec<usize> {
    let files = release.contents.entries.iter().enumerate();
    files
        .filter(|(_, entry)| matches!(entry.kind, EntryKind::File { .. }))
        .map(|(i, _)| i)
        .collect()
}

/// Divides the new release's files into those the installed version has and those to be built.
fn split_files(new: &Release, old: &Release, damaged: &HashSet<usize>) -> (Vec<Reuse>, Vec<usize>) {
    let mut by_digest: HashMap<ChunkId, Vec<usize>> = HashMap::new();
    for entry in all_files(old)
        .into_iter()
        .filter(|entry| !damaged.contains(entry))
    {
        if let Some(facts) = file_facts(&old.contents, entry) {
            by_digest.entry(facts.digest).or_default().push(entry);
        }
    }
    let (mut reuse, mut build) = (Vec::new(), Vec::new());
    for to in all_files(new) {
        match find_same(new, to, old, &by_digest) {
            Some(found) => reuse.push(found),
            None => build.push(to),
        }
    }
    (reuse, build)
}

/// Finds an installed file with the same content, one with the same mode first.
fn find_same(
    new: &Release,
    to: usize,
    old: &Release,
    by_digest: &HashMap<ChunkId, Vec<usize>>,
) -> Option<Reuse> {
    let wanted = file_facts(&new.contents, to)?;
    let candidates = by_digest.get(&wanted.digest)?;
    let facts = |from: &usize| file_facts(&old.contents, *from);
    let same_mode = candidates.iter().find(|from| facts(from) == Some(wanted));
    if let Some(from) = same_mode {
        return Some(Reuse {
            from: *from,
            to,
            shareable: true,
        });
    }
    let same_bytes = candidates
        .iter()
        .find(|from| facts(from).is_some_and(|f| f.size == wanted.size))?;
    Some(Reuse {
        from: *same_bytes,
        to,
        shareable: false,
    })
}

/// Collects the distinct chunks below the payloads of `build`.
fn needed_chunks(new: &Release, installed: Option<&Release>, build: &[usize]) -> Vec<NeededChunk> {
    let mut needed = vec![false; new.index.chunks.len()];
    for entry in build {
        let Some(payload) = new.layout.payload(*entry).filter(|range| !range.is_empty()) else {
            continue;
        };
        let first = new
            .index
            .chunks
            .partition_point(|chunk| chunk.end() <= payload.start);
        let chunks = new.index.chunks.iter().enumerate().skip(first);
        for (position, _) in chunks.take_while(|(_, chunk)| chunk.start < payload.end) {
            if let Some(flag) = needed.get_mut(position) {
                *flag = true;
            }
        }
    }
    let mut at_home: HashMap<ChunkId, usize> = HashMap::new();
    for (position, chunk) in installed
        .iter()
        .flat_map(|old| old.index.chunks.iter().enumerate())
    {
        at_home.entry(chunk.id).or_insert(position);
    }
    group_by_id(new, &needed, &at_home)
}

fn group_by_id(new: &Release, needed: &[bool], at_home: &HashMap<ChunkId, usize>) -> Vec<NeededChunk> {
    let mut stored_sizes = new.contents.stored_sizes.iter();
    let mut seen: HashMap<ChunkId, (u32, Option<usize>)> = HashMap::new();
    let mut chunks: Vec<NeededChunk> = Vec::new();
    for (position, chunk) in new.index.chunks.iter().enumerate() {
        let (stored_size, at) = seen
            .entry(chunk.id)
            .or_insert_with(|| (stored_sizes.next().copied().unwrap_or(chunk.size), None));
        if !needed.get(position).copied().unwrap_or(false) {
            continue;
        }
        match at.and_then(|at| chunks.get_mut(at)) {
            Some(known) => known.positions.push(position),
            None => {
                *at = Some(chunks.len());
                chunks.push(NeededChunk {
                    id: chunk.id,
                    size: chunk.size,
                    stored_size: *stored_size,
                    positions: vec![position],
                    installed: at_home.get(&chunk.id).copied(),
                });
            }
        }
    }
    chunks
}

fn summarise(
    new: &Release,
    installed: Option<&Release>,
    reuse: &[Reuse],
    build: &[usize],
    chunks: &[NeededChunk],
) -> PlanSummary {
    let size_of = |entry: usize| file_facts(&new.contents, entry).map_or(0, |facts| facts.size);
    let built_bytes: u64 = build.iter().map(|entry| size_of(*entry)).sum();
    let copied_bytes: u64 = reuse.iter().filter(|r| !r.shareable).map(|r| size_of(r.to)).sum();
    let network = || chunks.iter().filter(|chunk| chunk.installed.is_none());
    let seeded = chunks.iter().filter(|chunk| chunk.installed.is_some());
    let seeded_bytes: u64 = seeded
        .map(|chunk| u64::from(chunk.size) * chunk.positions.len() as u64)
        .sum();
    let reused_files: u64 = reuse.iter().map(|r| size_of(r.to)).sum();
    let installed_bytes: u64 = new.contents.files().map(|(_, size, ..)| size).sum();
    let reused_bytes = (reused_files + seeded_bytes).min(installed_bytes);
    let files = compare(new, installed);
    PlanSummary {
        version: new.manifest.version.clone(),
        from_version: installed.map(|old| old.manifest.version.clone()),
        notes: new.manifest.notes.clone(),
        download_bytes: network().map(|chunk| u64::from(chunk.stored_size)).sum(),
        download_chunks: network().count() as u64,
        write_bytes: built_bytes + copied_bytes,
        disk_bytes: 0,
        reused_bytes,
        staged_bytes: 0,
        network_bytes: installed_bytes - reused_bytes,
        installed_bytes,
        files_added: files.added,
        files_changed: files.changed,
        files_removed: files.removed,
        files_moved: files.moved,
        left_before: false,
        failed_starts: 0,
    }
}

/// How two versions' files differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Differences {
    added: u64,
    changed: u64,
    removed: u64,
    moved: u64,
}

/// Counts files that differ, by path; one that is gone and one with the same content that is new are one that
/// was moved.
fn compare(new: &Release, installed: Option<&Release>) -> Differences {
    let mut old: HashMap<&str, _> = HashMap::new();
    for (path, size, executable, digest) in installed.iter().flat_map(|old| old.contents.files()) {
        old.insert(path.as_str(), (size, executable, digest));
    }
    let (mut count, mut added) = (Differences::default(), Vec::new());
    for (path, size, executable, digest) in new.contents.files() {
        match old.remove(path.as_str()) {
            None => added.push(digest),
            Some(facts) if facts != (size, executable, digest) => count.changed += 1,
            Some(_) => {}
        }
    }
    let mut gone: HashMap<ChunkId, u64> = HashMap::new();
    for (_, _, digest) in old.values() {
        *gone.entry(*digest).or_default() += 1;
    }
    for digest in &added {
        if let Some(left) = gone.get_mut(digest).filter(|left| **left > 0) {
            *left -= 1;
            count.moved += 1;
        }
    }
    count.added = added.len() as u64 - count.moved;
    count.removed = old.len() as u64 - count.moved;
    count
}
