// SPDX-License-Identifier: MIT
//! What an update would do, decided before anything is done.
//!
//! Pure: from the documents of the new release, of the installed one and of the seed alone. Files that exist already are
//! taken over whole, chunks that exist already are cut out of installed files, the rest comes from the
//! network. Chunks that hold only names and sizes are never needed: the documents say the same.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde::Serialize;
use vsekai_formats::ChunkId;
use vsekai_formats::release::Version;

use crate::release::{FileFacts, Release, file_facts};

/// What an update does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Files taken over whole from a tree that has them.
    pub reuse: Vec<Reuse>,
    /// Files put together from chunks: entries of the new release's contents.
    pub build: Vec<usize>,
    /// Entries that stay as the player has them.
    pub kept: HashSet<usize>,
    /// The chunks that the built files need, in the order of the new index.
    pub chunks: Vec<NeededChunk>,
    /// Whether the installed tree is the new version's as it lies: nothing is built, nothing is taken over.
    pub tree_stays: bool,
    /// The figures to show.
    pub summary: PlanSummary,
}

/// A file that is the same in both versions, wherever it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// Entry of the seed's release.
    pub from: usize,
    /// Entry of the new release.
    pub to: usize,
    /// Whether both may be one file on disk; otherwise (one is executable, the other not, or the new one is left to
    /// the player) it is copied.
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
    pub positions: Positions,
    /// Where the seed's index has it, if it does.
    pub installed: Option<usize>,
}

impl NeededChunk {
    /// Returns the bytes that it fills, all its places counted.
    pub fn filled_bytes(&self) -> u64 {
        u64::from(self.size) * self.positions.len() as u64
    }
}

/// The positions of a chunk in an index: nearly always one, which takes no memory of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Positions(OneOrMore);

#[derive(Clone, Debug, PartialEq, Eq)]
enum OneOrMore {
    One(usize),
    // A chunk that repeats pays with one step more.
    #[allow(clippy::box_collection)]
    More(Box<Vec<usize>>),
}

impl Positions {
    fn one(position: usize) -> Self {
        Self(OneOrMore::One(position))
    }

    fn push(&mut self, position: usize) {
        match &mut self.0 {
            OneOrMore::One(first) => self.0 = OneOrMore::More(Box::new(vec![*first, position])),
            OneOrMore::More(positions) => positions.push(position),
        }
    }
}

impl std::ops::Deref for Positions {
    type Target = [usize];

    fn deref(&self) -> &Self::Target {
        match &self.0 {
            OneOrMore::One(position) => std::slice::from_ref(position),
            OneOrMore::More(positions) => positions,
        }
    }
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
    /// Entries of the seed that are missing or not what they should be.
    pub damaged: HashSet<usize>,
    /// Entries of the new version in whose place the player has something of their own.
    pub occupied: HashSet<usize>,
    /// Whether the seed is the installed version, and the new one differs from it in name only.
    pub name_only: bool,
    /// Whether one file can stand in two versions (by reflink or hard link), so that reuse takes no space.
    pub can_share: bool,
    /// Whether the player went back from the new release before.
    pub left_before: bool,
    /// How often the new release failed to start here, if it was given up for that.
    pub failed_starts: u32,
}

impl Circumstances {
    /// Tells whether the installed tree is that of the release `new` as it lies.
    pub(crate) fn tree_stays(&self, new: &Release) -> bool {
        // Where the player removed a default that was left to them, it comes again.
        let has_all = || {
            new.players()
                .all(|entry| self.occupied.contains(&entry) || !is_file(new, entry))
        };
        self.name_only && self.damaged.is_empty() && has_all()
    }
}

fn is_file(release: &Release, entry: usize) -> bool {
    file_facts(&release.contents, entry).is_some()
}

/// Bytes a written file takes on disk beyond its content, at the worst: the rest of its last block.
const BLOCK_ALLOWANCE: u64 = 4096;
/// Bytes that the name of any entry takes on disk, at the worst.
const NAME_ALLOWANCE: u64 = 512;

impl Plan {
    /// Plans the way from `installed` (if anything is) to `new`, with files of `seed`: the installed version, or
    /// another tree that has more of the new one.
    pub fn new(
        new: &Release,
        installed: Option<&Release>,
        seed: Option<&Release>,
        circumstances: &Circumstances,
    ) -> Self {
        let kept = circumstances.occupied.clone();
        if circumstances.tree_stays(new) {
            return Self::keeping_the_tree(new, installed, kept).under(circumstances, new);
        }
        let (reuse, build) = split_files(new, seed, circumstances);
        let chunks = needed_chunks(new, seed, &build);
        let mut plan = Self {
            summary: summarise(new, &reuse, &build, &chunks, &kept),
            tree_stays: false,
            reuse,
            build,
            kept,
            chunks,
        };
        plan.compare(new, installed);
        plan.under(circumstances, new)
    }

    /// Plans a change of name: the files are not looked at one by one, for none of them differs.
    fn keeping_the_tree(new: &Release, installed: Option<&Release>, kept: HashSet<usize>) -> Self {
        let mut summary = summarise(new, &[], &[], &[], &kept);
        summary.from_version = installed.map(|old| old.manifest.version.clone());
        summary.reused_bytes = summary.installed_bytes;
        summary.network_bytes = 0;
        Self {
            reuse: Vec::new(),
            build: Vec::new(),
            kept,
            chunks: Vec::new(),
            tree_stays: true,
            summary,
        }
    }

    /// Adds the figures that tell how the new version differs from the installed one.
    fn compare(&mut self, new: &Release, installed: Option<&Release>) {
        let files = compare(new, installed, &self.kept);
        self.summary.from_version = installed.map(|old| old.manifest.version.clone());
        self.summary.files_added = files.added;
        self.summary.files_changed = files.changed;
        self.summary.files_removed = files.removed;
        self.summary.files_moved = files.moved;
    }

    /// Adds the figures that depend on the install folder.
    fn under(mut self, circumstances: &Circumstances, new: &Release) -> Self {
        self.summary.left_before = circumstances.left_before;
        self.summary.failed_starts = circumstances.failed_starts;
        if self.tree_stays {
            return self;
        }
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
        self
    }

    /// Takes chunks that an earlier attempt has left ready out of what is to be fetched; `staged` tells which of
    /// [`Plan::chunks`] they are.
    pub(crate) fn count_staged(&mut self, staged: &[bool]) {
        let ready = |position: usize| staged.get(position).copied().unwrap_or(false);
        let chunks = self.chunks.iter().enumerate();
        for (_, chunk) in chunks.filter(|(i, chunk)| ready(*i) && chunk.installed.is_none()) {
            let bytes = chunk.filled_bytes();
            self.summary.download_bytes -= u64::from(chunk.stored_size);
            self.summary.download_chunks -= 1;
            self.summary.staged_bytes += bytes;
            self.summary.network_bytes = self.summary.network_bytes.saturating_sub(bytes);
            self.summary.disk_bytes = self.summary.disk_bytes.saturating_sub(bytes);
            self.summary.write_bytes = self.summary.write_bytes.saturating_sub(bytes);
        }
    }
}

/// Divides the new release's files, but for those that stay as the player has them, into those the seed has and
/// those to be built.
fn split_files(
    new: &Release,
    seed: Option<&Release>,
    circumstances: &Circumstances,
) -> (Vec<Reuse>, Vec<usize>) {
    let candidates = seed.map(|seed| Candidates::of(seed, &circumstances.damaged));
    let (mut reuse, mut build) = (Vec::new(), Vec::new());
    for (to, wanted) in new.files().filter(|(to, _)| !circumstances.occupied.contains(to)) {
        match candidates.as_ref().and_then(|candidates| candidates.find(wanted)) {
            Some((from, facts)) => reuse.push(Reuse {
                from,
                to,
                shareable: facts == wanted && !new.is_players(to),
            }),
            None => build.push(to),
        }
    }
    (reuse, build)
}

/// Files of a seed by their content and whether they are executable.
struct Candidates<'a> {
    seed: &'a Release,
    entries: HashMap<(ChunkId, bool), usize>,
}

impl<'a> Candidates<'a> {
    fn of(seed: &'a Release, damaged: &HashSet<usize>) -> Self {
        let mut entries = HashMap::new();
        // What is left to the player may have any content by now.
        for (entry, facts) in seed
            .published_files()
            .filter(|(entry, _)| !damaged.contains(entry))
        {
            entries.entry((facts.digest, facts.executable)).or_insert(entry);
        }
        Self { seed, entries }
    }

    /// Finds a file with the same content, one with the same mode first.
    fn find(&self, wanted: FileFacts) -> Option<(usize, FileFacts)> {
        let find = |executable| {
            let entry = *self.entries.get(&(wanted.digest, executable))?;
            let facts = file_facts(&self.seed.contents, entry)?;
            // Lists that give one digest two sizes contradict themselves.
            (facts.size == wanted.size).then_some((entry, facts))
        };
        find(wanted.executable).or_else(|| find(!wanted.executable))
    }
}

/// Collects the distinct chunks below the payloads of `build`.
fn needed_chunks(new: &Release, seed: Option<&Release>, build: &[usize]) -> Vec<NeededChunk> {
    if build.is_empty() {
        return Vec::new();
    }
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
    let at_home = seed.map(chunks_at_home).unwrap_or_default();
    group_by_id(new, &needed, &at_home)
}

/// Returns where a seed's index has each chunk, but for those with bytes that are left to the player.
fn chunks_at_home(seed: &Release) -> HashMap<ChunkId, usize> {
    // Entries lie in the archive in their order, so their ranges are sorted.
    let players: Vec<Range<u64>> = seed
        .players()
        .filter_map(|entry| seed.layout.payload(entry))
        .collect();
    let mut at_home = HashMap::new();
    for (position, chunk) in seed.index.chunks.iter().enumerate() {
        let next = players.partition_point(|payload| payload.end <= chunk.start);
        let is_players = players
            .get(next)
            .is_some_and(|payload| payload.start < chunk.end());
        if !is_players {
            at_home.entry(chunk.id).or_insert(position);
        }
    }
    at_home
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
                    positions: Positions::one(position),
                    installed: at_home.get(&chunk.id).copied(),
                });
            }
        }
    }
    chunks
}

/// Counts bytes; what concerns the installed version is left open.
fn summarise(
    new: &Release,
    reuse: &[Reuse],
    build: &[usize],
    chunks: &[NeededChunk],
    kept: &HashSet<usize>,
) -> PlanSummary {
    let size_of = |entry: usize| file_facts(&new.contents, entry).map_or(0, |facts| facts.size);
    let built_bytes: u64 = build.iter().map(|entry| size_of(*entry)).sum();
    let copied_bytes: u64 = reuse.iter().filter(|r| !r.shareable).map(|r| size_of(r.to)).sum();
    let network = || chunks.iter().filter(|chunk| chunk.installed.is_none());
    let seeded = chunks.iter().filter(|chunk| chunk.installed.is_some());
    let seeded_bytes: u64 = seeded.map(NeededChunk::filled_bytes).sum();
    let reused_files: u64 = reuse.iter().map(|r| size_of(r.to)).sum();
    let installed_bytes: u64 = new.contents.files().map(|(_, size, ..)| size).sum();
    let kept_bytes: u64 = kept.iter().map(|entry| size_of(*entry)).sum();
    let reused_bytes = (reused_files + seeded_bytes + kept_bytes).min(installed_bytes);
    PlanSummary {
        version: new.manifest.version.clone(),
        from_version: None,
        notes: new.manifest.notes.clone(),
        download_bytes: network().map(|chunk| u64::from(chunk.stored_size)).sum(),
        download_chunks: network().count() as u64,
        write_bytes: built_bytes + copied_bytes,
        disk_bytes: 0,
        reused_bytes,
        staged_bytes: 0,
        network_bytes: installed_bytes - reused_bytes,
        installed_bytes,
        files_added: 0,
        files_changed: 0,
        files_removed: 0,
        files_moved: 0,
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
/// was moved. What stays as the player has it is no difference.
fn compare(new: &Release, installed: Option<&Release>, kept: &HashSet<usize>) -> Differences {
    let files = new.files().filter(|(entry, _)| !kept.contains(entry));
    let Some(installed) = installed else {
        return Differences {
            added: files.count() as u64,
            ..Differences::default()
        };
    };
    let before = by_path(installed, installed.published_files());
    let mut old: HashMap<&str, FileFacts> = before
        .filter(|(path, _)| !new.user_paths.contains(path))
        .collect();
    let (mut count, mut added) = (Differences::default(), Vec::new());
    for (path, facts) in by_path(new, files) {
        match old.remove(path) {
            None => added.push(facts.digest),
            Some(before) if before != facts => count.changed += 1,
            Some(_) => {}
        }
    }
    let mut gone: HashMap<ChunkId, u64> = HashMap::new();
    for facts in old.values() {
        *gone.entry(facts.digest).or_default() += 1;
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

fn by_path(
    release: &Release,
    files: impl Iterator<Item = (usize, FileFacts)>,
) -> impl Iterator<Item = (&str, FileFacts)> {
    files.filter_map(|(entry, facts)| Some((release.contents.entries.get(entry)?.path.as_str(), facts)))
}
