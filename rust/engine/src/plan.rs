// SPDX-License-Identifier: MIT
//! What an update would do, decided before anything is done.
//!
//! Pure: from the documents of the new release, of the installed one and of the seed alone. Files that exist already are
//! taken over whole, chunks that exist already are cut out of installed files, the rest comes from the
//! network. Chunks that hold only names and sizes are never needed: the documents say the same.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::sync::Arc;

use serde::Serialize;
use vsekai_formats::release::{EntryKind, Version};
use vsekai_formats::{ByDigest, ChunkId, TreePathRef};

use crate::needed::NeededChunks;
use crate::release::{FileFacts, Release, file_facts, is_left};

/// What an update does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Files taken over whole from a tree that has them, in the order of the new release's entries.
    pub reuse: Arc<[Reuse]>,
    /// Files put together from chunks: entries of the new release's contents, in order.
    pub build: Vec<u32>,
    /// Entries that stay as the player has them.
    pub kept: HashSet<usize>,
    /// The chunks that the built files need.
    pub chunks: Arc<NeededChunks>,
    /// Whether the installed tree is the new version's as it lies: nothing is built, nothing is taken over.
    pub tree_stays: bool,
    /// The figures to show.
    pub summary: PlanSummary,
}

/// A file that is the same in both versions, wherever it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reuse {
    /// Entry of the seed's release.
    pub from: u32,
    /// Entry of the new release.
    pub to: u32,
    /// Whether both may be one file on disk; otherwise (one is executable, the other not, or the new one is left to
    /// the player) it is copied.
    pub shareable: bool,
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
        let chunks = NeededChunks::of(new, seed, &build);
        let mut plan = Self {
            summary: summarise(new, &reuse, &build, &chunks, &kept),
            tree_stays: false,
            reuse: reuse.into(),
            build,
            kept,
            chunks: chunks.into(),
        };
        plan.compare(new, installed);
        plan.under(circumstances, new)
    }

    /// Plans a change of name: the files are not looked at one by one, for none of them differs.
    fn keeping_the_tree(new: &Release, installed: Option<&Release>, kept: HashSet<usize>) -> Self {
        let chunks = NeededChunks::none(new);
        let mut summary = summarise(new, &[], &[], &chunks, &kept);
        summary.from_version = installed.map(|old| old.manifest.version.clone());
        summary.reused_bytes = summary.installed_bytes;
        summary.network_bytes = 0;
        Self {
            reuse: Arc::default(),
            build: Vec::new(),
            kept,
            chunks: chunks.into(),
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
        let size_of = |entry: u32| size_of(new, entry);
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
) -> (Vec<Reuse>, Vec<u32>) {
    let mut candidates = seed.map(|seed| Candidates::of(seed, &circumstances.damaged));
    let (mut reuse, mut build) = (Vec::new(), Vec::new());
    for (to, wanted) in new.files().filter(|(to, _)| !circumstances.occupied.contains(to)) {
        let is_players = new.is_players(to);
        let to = number(to);
        match candidates.as_mut().and_then(|candidates| candidates.find(wanted)) {
            Some((from, facts)) => reuse.push(Reuse {
                from,
                to,
                shareable: facts == wanted && !is_players,
            }),
            None => build.push(to),
        }
    }
    (reuse, build)
}

/// Files of a seed to be found by their content and whether they are executable.
struct Candidates<'a> {
    seed: &'a Release,
    damaged: &'a HashSet<usize>,
    /// The entry behind the one found last, which is the next one wanted where nothing changed.
    next: usize,
    /// Programs and other files, once one is wanted that is not next.
    tables: OnceCell<[Table<'a>; 2]>,
}

type Table<'a> = ByDigest<Box<dyn Fn(u32) -> Option<ChunkId> + 'a>>;

impl<'a> Candidates<'a> {
    fn of(seed: &'a Release, damaged: &'a HashSet<usize>) -> Self {
        Self {
            seed,
            damaged,
            next: 0,
            tables: OnceCell::new(),
        }
    }

    /// Finds a file with the same content, one with the same mode first.
    fn find(&mut self, wanted: FileFacts) -> Option<(u32, FileFacts)> {
        let entry = match self.next_file() {
            Some((entry, facts)) if facts == wanted => entry,
            _ => self.look_up(wanted)?,
        };
        let facts = self.facts(entry)?;
        self.next = entry + 1;
        // Lists that give one digest two sizes contradict themselves.
        (facts.size == wanted.size).then_some((number(entry), facts))
    }

    fn next_file(&mut self) -> Option<(usize, FileFacts)> {
        let entries = &self.seed.contents.entries;
        let is_folder = |entry: &usize| {
            let entry = entries.get(*entry);
            entry.is_some_and(|entry| entry.kind == EntryKind::Folder)
        };
        // Gone past for good: a list may have any number of folders in a row, and any number of files are looked for.
        self.next = (self.next..).find(|entry| !is_folder(entry))?;
        Some((self.next, self.facts(self.next)?))
    }

    fn look_up(&self, wanted: FileFacts) -> Option<usize> {
        let [programs, others] = self
            .tables
            .get_or_init(|| [true, false].map(|which| self.table(which)));
        let (same, other) = match wanted.executable {
            true => (programs, others),
            false => (others, programs),
        };
        let found = same.find(&wanted.digest).or_else(|| other.find(&wanted.digest));
        found.map(|entry| entry as usize)
    }

    fn table(&self, executable: bool) -> Table<'a> {
        let (seed, damaged) = (self.seed, self.damaged);
        let digest = move |entry: u32| Some(usable(seed, damaged, entry as usize)?.digest);
        let entries = (0..seed.contents.entries.len()).filter(|entry| {
            usable(seed, damaged, *entry).is_some_and(|facts| facts.executable == executable)
        });
        ByDigest::sort(entries.map(number), Box::new(digest))
    }

    fn facts(&self, entry: usize) -> Option<FileFacts> {
        usable(self.seed, self.damaged, entry)
    }
}

/// Returns the facts of a seed's file that can be taken over. What is left to the player may have any content by now.
fn usable(seed: &Release, damaged: &HashSet<usize>, entry: usize) -> Option<FileFacts> {
    let facts = file_facts(&seed.contents, entry)?;
    (!seed.is_players(entry) && !damaged.contains(&entry)).then_some(facts)
}

/// Returns the size of a file of a release in bytes.
fn size_of(release: &Release, entry: u32) -> u64 {
    file_facts(&release.contents, entry as usize).map_or(0, |facts| facts.size)
}

/// Counts bytes; what concerns the installed version is left open.
fn summarise(
    new: &Release,
    reuse: &[Reuse],
    build: &[u32],
    chunks: &NeededChunks,
    kept: &HashSet<usize>,
) -> PlanSummary {
    let size_of = |entry: u32| size_of(new, entry);
    let built_bytes: u64 = build.iter().map(|entry| size_of(*entry)).sum();
    let copied_bytes: u64 = reuse.iter().filter(|r| !r.shareable).map(|r| size_of(r.to)).sum();
    let network = || chunks.iter().filter(|chunk| chunk.installed.is_none());
    let seeded = chunks.iter().filter(|chunk| chunk.installed.is_some());
    let seeded_bytes: u64 = seeded.map(|chunk| chunk.filled_bytes()).sum();
    let reused_files: u64 = reuse.iter().map(|r| size_of(r.to)).sum();
    let installed_bytes: u64 = new.contents.files().map(|(_, size, ..)| size).sum();
    let kept_bytes: u64 = kept.iter().map(|entry| size_of(number(*entry))).sum();
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
    let published = with_paths(installed, installed.published_files());
    let before = published.filter(|(path, ..)| !is_left(&new.user_paths, *path));
    let mut before = before.peekable();
    let (mut count, mut added, mut gone) = (Differences::default(), Vec::new(), Vec::new());
    for (path, entry, facts) in with_paths(new, files) {
        while let Some((_, old, _)) = before.next_if(|(old, ..)| old.cmp_in_tree(path).is_lt()) {
            gone.push(number(old));
        }
        match before.next_if(|(old, ..)| *old == path) {
            None => added.push(number(entry)),
            Some((.., before)) if before != facts => count.changed += 1,
            Some(_) => {}
        }
    }
    gone.extend(before.map(|(_, old, _)| number(old)));
    count.moved = count_same((new, &mut added), (installed, &mut gone));
    count.added = added.len() as u64 - count.moved;
    count.removed = gone.len() as u64 - count.moved;
    count
}

fn with_paths<'a>(
    release: &'a Release,
    files: impl Iterator<Item = (usize, FileFacts)>,
) -> impl Iterator<Item = (TreePathRef<'a>, usize, FileFacts)> {
    files.filter_map(|(entry, facts)| Some((release.contents.entries.get(entry)?.path, entry, facts)))
}

/// Pairs files of two releases that have the same content; returns how many pairs there are.
fn count_same<'a>(one: (&'a Release, &'a mut [u32]), other: (&'a Release, &'a mut [u32])) -> u64 {
    let digests = |(release, entries): (&'a Release, &'a mut [u32])| {
        let digest = |entry: &u32| file_facts(&release.contents, *entry as usize).map(|facts| facts.digest);
        entries.sort_unstable_by_key(digest);
        entries.iter().filter_map(digest)
    };
    let mut other = digests(other).peekable();
    let has_same = |digest: &ChunkId| {
        while other.next_if(|other| other < digest).is_some() {}
        other.next_if_eq(digest).is_some()
    };
    digests(one).filter(has_same).count() as u64
}

/// Returns the number by which a plan names an entry: a list of more entries than there are numbers does not fit into
/// memory.
pub(crate) fn number(entry: usize) -> u32 {
    u32::try_from(entry).unwrap_or(u32::MAX)
}
