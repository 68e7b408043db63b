// SPDX-License-Identifier: MIT
//! Building a new version beside the installed one.
//!
//! A staging folder may be left over from an earlier run, killed at any moment: nothing in it is believed
//! before it has been hashed.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::{Dir, DirBuilder, File, OpenOptions};
use rayon::prelude::*;
use tokio_util::sync::CancellationToken;
use vsekai_formats::TreePathRef;
use vsekai_formats::layout::Slice;
use vsekai_formats::release::EntryKind;

use crate::building::{Building, Part, Target, Written};
use crate::control;
use crate::disk;
use crate::error::{EngineError, IoContext as _};
use crate::installed::InstalledTree;
use crate::needed::{NeededChunk, NeededChunks};
use crate::plan::{Plan, Reuse, number};
use crate::players;
use crate::release::{Release, file_facts};
use crate::share::{self, Sharing};
use crate::tree::{self, EntryFiles, Folders};

/// A version being built.
pub(crate) struct Stage {
    path: PathBuf,
    folders: Folders,
    release: Arc<Release>,
    /// Whether each entry is a file to be put together.
    built: Vec<bool>,
    /// Entries that stay as the player has them: they are not created here.
    kept: HashSet<usize>,
    building: Building,
    /// Files taken over whole from the seed, in the order of the entries.
    reused: Arc<[Reuse]>,
    chunks: Arc<NeededChunks>,
    seed: Option<Arc<InstalledTree>>,
    left_over: bool,
}

impl EntryFiles for Stage {
    /// Built files lie here; those taken over whole are read where they come from.
    fn open(&self, entry: usize) -> io::Result<File> {
        let reused = self.reused.binary_search_by_key(&number(entry), |reuse| reuse.to);
        let reused = reused.ok().and_then(|at| self.reused.get(at));
        if let (Some(reuse), Some(seed)) = (reused, &self.seed) {
            return seed.open(reuse.from as usize);
        }
        tree::Tree {
            folders: &self.folders,
            release: &self.release,
        }
        .open(entry)
    }
}

impl Stage {
    /// Opens the staging folder at `path` and creates every folder; files are created when their bytes come.
    pub(crate) fn open(
        path: PathBuf,
        release: Arc<Release>,
        plan: &Plan,
        seed: Option<Arc<InstalledTree>>,
    ) -> Result<Self, EngineError> {
        let left_over = path.is_dir();
        disk::create_folders(&path)?;
        let folders = Folders::below(tree::open_root(&path)?);
        let mut built = vec![false; release.contents.entries.len()];
        for entry in &plan.build {
            if let Some(flag) = built.get_mut(*entry as usize) {
                *flag = true;
            }
        }
        let building = Building::new(release.contents.entries.len());
        let stage = Self {
            path,
            folders,
            release,
            built,
            kept: plan.kept.clone(),
            building,
            reused: plan.reuse.clone(),
            chunks: plan.chunks.clone(),
            seed,
            left_over,
        };
        stage.remove_strangers()?;
        stage.create_entries()?;
        Ok(stage)
    }

    /// Returns the chunks that the plan needs.
    pub(crate) fn chunks(&self) -> &NeededChunks {
        &self.chunks
    }

    /// Returns the staging folder, opened.
    pub(crate) fn dir(&self) -> &Dir {
        self.folders.root()
    }

    /// Returns the staging folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn is_built(&self, entry: usize) -> bool {
        self.built.get(entry).copied().unwrap_or_default()
    }

    /// Divides the chunks that the plan needs into those that are not there yet and those that are, by number.
    ///
    /// Everything in a folder left over by an earlier run is hashed, nothing is taken on trust.
    pub(crate) fn divide(&self, token: &CancellationToken) -> Result<(Vec<u32>, Vec<u32>), EngineError> {
        let chunks = self.chunks.numbers();
        if !self.left_over {
            return Ok((chunks.collect(), Vec::new()));
        }
        let present: Result<Vec<bool>, EngineError> = chunks
            .clone()
            .into_par_iter()
            .map_init(Vec::new, |buffer, chunk| {
                control::check(token)?;
                let mut positions = self.chunks.positions(chunk);
                Ok(positions.all(|p| tree::read_chunk(&self.release, p, self, buffer).is_some()))
            })
            .collect();
        let (mut missing, mut there) = (Vec::new(), Vec::new());
        for (chunk, present) in chunks.zip(present?) {
            if present { &mut there } else { &mut missing }.push(chunk);
        }
        Ok((missing, there))
    }

    /// Writes a verified chunk to every place of the built files that it belongs to.
    ///
    /// Bytes of the chunk that are not file content must be what the list of files says they are.
    pub(crate) fn write(&self, chunk: &NeededChunk, plain: &[u8]) -> Result<(), EngineError> {
        for position in self.chunks.positions(chunk.number) {
            let Some(at) = self.release.index.chunks.get(position) else {
                continue;
            };
            let mut rest = plain;
            for slice in self.release.layout.slices(at.range()) {
                let len = usize::try_from(slice.len()).unwrap_or(usize::MAX);
                let Some((part, after)) = rest.split_at_checked(len) else {
                    return Err(contradiction());
                };
                rest = after;
                match slice {
                    Slice::Literal(expected) if *expected == *part => {}
                    Slice::Literal(_) => return Err(contradiction()),
                    Slice::File { entry, offset, .. } if self.is_built(entry) => {
                        // A chunk that is all of a part has been hashed already.
                        let id = (part.len() == plain.len()).then_some(chunk.id);
                        let bytes = part;
                        self.write_part(entry, Part { bytes, offset, id })?;
                    }
                    Slice::File { .. } => {}
                }
            }
        }
        Ok(())
    }

    /// Reads the chunk from the seed; tells whether it still has it undamaged.
    pub(crate) fn read_seed(&self, chunk: &NeededChunk, buffer: &mut Vec<u8>) -> bool {
        let (Some(position), Some(seed)) = (chunk.installed, &self.seed) else {
            return false;
        };
        tree::read_chunk(&seed.release, position as usize, &**seed, buffer) == Some(chunk.id)
    }

    /// Takes over the files that are the same in the seed.
    ///
    /// `done` counts bytes.
    pub(crate) fn take_over(
        &self,
        sharing: Sharing,
        token: &CancellationToken,
        done: &AtomicU64,
    ) -> Result<(), EngineError> {
        let Some(seed) = &self.seed else {
            return Ok(());
        };
        let nowhere = || (None, None);
        self.reused
            .par_iter()
            .try_for_each_init(nowhere, |(near_from, near_to), reuse| {
                control::check(token)?;
                let (Some(from), Some(to)) = (
                    seed.release.contents.entries.get(reuse.from as usize),
                    self.release.contents.entries.get(reuse.to as usize),
                ) else {
                    return Err(EngineError::Internal(
                        "a plan names a file that is not there".to_owned(),
                    ));
                };
                let how = if reuse.shareable {
                    sharing
                } else {
                    sharing.private()
                };
                let from = seed.folders.of_near(near_from, from.path);
                let shared = from.and_then(|(from_dir, from)| {
                    let (to_dir, to) = self.folders.of_near(near_to, to.path)?;
                    share::share(&from_dir, from, &to_dir, to, how)
                });
                shared.during("take over", self.below(to.path))?;
                if let Some(facts) = file_facts(&self.release.contents, reuse.to as usize) {
                    done.fetch_add(facts.size, Ordering::Relaxed);
                    if how != Sharing::HardLink || self.release.manifest.launch.starts(to.path) {
                        self.set_mode(reuse.to as usize, facts.executable)?;
                    }
                }
                Ok(())
            })
    }

    /// Checks every built file against its digest and gives it its mode.
    ///
    /// Files that were hashed while they were written are not read again: their bytes were in memory, and what
    /// a second look would find in the page cache is what was put there.
    ///
    /// # Errors
    /// The list of files gives a digest that its chunks do not have.
    pub(crate) fn check_built(&self, token: &CancellationToken) -> Result<(), EngineError> {
        let built = (0..self.built.len()).filter(|entry| self.is_built(*entry));
        let unseen: Vec<usize> = built.filter(|entry| !self.building.is_done(*entry)).collect();
        unseen.par_iter().try_for_each_init(Vec::new, |buffer, entry| {
            control::check(token)?;
            let Some(facts) = file_facts(&self.release.contents, *entry) else {
                return Ok(());
            };
            let file = EntryFiles::open(self, *entry).during("open", self.entry_path(*entry))?;
            match tree::has_content(file, facts, buffer).during("read", self.entry_path(*entry))? {
                true => self.set_mode(*entry, facts.executable),
                false => Err(contradiction()),
            }
        })
    }

    /// Creates the symbolic links, last of all, so that nothing is ever written through one.
    pub(crate) fn create_links(&self) -> Result<(), EngineError> {
        for entry in self.release.contents.entries.iter() {
            let EntryKind::Link { target } = entry.kind else {
                continue;
            };
            let (path, below) = (entry.path.to_string(), self.below(entry.path));
            remove_if_there(self.dir(), &path).during("replace", below)?;
            create_link(self.dir(), target, &path).during("create the link", below)?;
        }
        Ok(())
    }

    /// Makes everything in the staging folder survive a power cut; tells whether all else on the disk does too.
    pub(crate) fn sync(&self) -> Result<bool, EngineError> {
        share::sync_tree(self.dir(), &self.path, &self.release)
    }

    /// Removes what an earlier run left that is not part of the release; the player's files are taken anew.
    fn remove_strangers(&self) -> Result<(), EngineError> {
        if !self.left_over {
            return Ok(());
        }
        for path in players::find_in(self.dir(), &self.release).paths() {
            remove_if_there(self.dir(), path).during("remove", self.path.join(path))?;
        }
        Ok(())
    }

    /// Creates the folders and the empty files, and clears what is in the way of the others.
    fn create_entries(&self) -> Result<(), EngineError> {
        for (i, entry) in self.release.contents.entries.iter().enumerate() {
            let path = entry.path;
            match entry.kind {
                _ if self.kept.contains(&i) && !self.left_over => Ok(()),
                _ if self.kept.contains(&i) => remove_if_there(self.dir(), &path.to_string()),
                EntryKind::Folder => self.create_folder(path),
                EntryKind::File { size, .. } if self.is_built(i) => self.make_way(path, size),
                EntryKind::File { .. } | EntryKind::Link { .. } if self.left_over => {
                    remove_if_there(self.dir(), &path.to_string())
                }
                // In a folder that was just created nothing is in the way.
                EntryKind::File { .. } | EntryKind::Link { .. } => Ok(()),
            }
            .during("create", self.below(path))?;
        }
        Ok(())
    }

    fn create_folder(&self, path: TreePathRef<'_>) -> io::Result<()> {
        if self.left_over {
            return create_folder(self.dir(), &path.to_string());
        }
        let (parent, name) = self.folders.of(path)?;
        parent.create_dir_with(name, &DirBuilder::new())
    }

    /// Keeps a file of `size` bytes from an earlier run and removes anything else; an empty file is created.
    fn make_way(&self, path: TreePathRef<'_>, size: u64) -> io::Result<()> {
        if self.left_over && self.keep(&path.to_string(), size)? {
            return Ok(());
        }
        // No chunk brings an empty file's bytes.
        if size == 0 {
            let (folder, name) = self.folders.of(path)?;
            folder.open_with(name, OpenOptions::new().write(true).create_new(true))?;
        }
        Ok(())
    }

    /// Tells whether there is a file of `size` bytes, and makes it writable; anything else is removed, and so is
    /// a file that some version has too: it must not be written to.
    fn keep(&self, path: &str, size: u64) -> io::Result<bool> {
        match self.dir().symlink_metadata(path) {
            Ok(data) if data.is_file() && data.len() == size && share::is_alone(&data) => {
                let file = tree::open_file(self.dir(), path)?;
                disk::set_mode(&file, 0o644).map(|()| true)
            }
            Ok(_) => remove_if_there(self.dir(), path).map(|()| false),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn write_part(&self, entry: usize, part: Part<'_>) -> Result<(), EngineError> {
        let facts = file_facts(&self.release.contents, entry);
        let (Some(at), Some(facts)) = (self.release.contents.entries.get(entry), facts) else {
            return Err(contradiction());
        };
        let target = Target {
            entry,
            path: at.path,
            facts,
            mode: self.mode(entry, at.path, facts.executable),
        };
        let written = self.building.write(&self.folders, &target, part);
        match written.during("write", self.below(at.path))? {
            Written::InPart | Written::Whole => Ok(()),
            Written::Contradicts => Err(contradiction()),
        }
    }

    fn set_mode(&self, entry: usize, executable: bool) -> Result<(), EngineError> {
        let Some(at) = self.release.contents.entries.get(entry) else {
            return Ok(());
        };
        let file = tree::Tree {
            folders: &self.folders,
            release: &self.release,
        }
        .open(entry)
        .during("open", self.below(at.path))?;
        disk::set_mode(&file, self.mode(entry, at.path, executable))
            .during("set the mode of", self.below(at.path))
    }

    /// Installed files are read-only, for versions share them, but not those that are left to the player.
    fn mode(&self, entry: usize, path: TreePathRef<'_>, executable: bool) -> u32 {
        let write = if self.release.is_players(entry) { 0o200 } else { 0 };
        // Start programs get their execute bit even if the publisher's system had none to give.
        let execute = if executable || self.release.manifest.launch.starts(path) {
            0o111
        } else {
            0
        };
        0o444 | write | execute
    }

    /// Names what lies in the staging folder, for an error: most never need it.
    fn below<'a>(&'a self, path: TreePathRef<'a>) -> Below<'a> {
        Below {
            folder: &self.path,
            path,
        }
    }

    fn entry_path(&self, entry: usize) -> PathBuf {
        let entry = self.release.contents.entries.get(entry);
        entry.map_or_else(|| self.path.clone(), |entry| self.below(entry.path).into())
    }
}

/// A path that is put together when it is needed.
#[derive(Clone, Copy)]
struct Below<'a> {
    folder: &'a Path,
    path: TreePathRef<'a>,
}

impl From<Below<'_>> for PathBuf {
    fn from(Below { folder, path }: Below<'_>) -> Self {
        folder.join(path.to_string())
    }
}

fn contradiction() -> EngineError {
    EngineError::BadDocument {
        what: "release".to_owned(),
        reason: "its chunks and its list of files contradict each other".to_owned(),
    }
}

/// Creates a folder; anything else in its place is removed.
fn create_folder(dir: &Dir, path: &str) -> io::Result<()> {
    match dir.symlink_metadata(path) {
        Ok(data) if data.is_dir() => return Ok(()),
        Ok(_) => remove_if_there(dir, path)?,
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    dir.create_dir_with(path, &DirBuilder::new())
}

fn remove_if_there(dir: &Dir, path: &str) -> io::Result<()> {
    match dir.symlink_metadata(path) {
        Ok(data) if data.is_dir() => dir.remove_dir_all(path),
        Ok(_) => dir.remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn create_link(dir: &Dir, target: &str, path: &str) -> io::Result<()> {
    dir.symlink(target, path)
}

#[cfg(windows)]
fn create_link(dir: &Dir, target: &str, path: &str) -> io::Result<()> {
    dir.symlink_file(target, path)
}
