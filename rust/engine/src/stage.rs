// SPDX-License-Identifier: MIT
//! Building a new version beside the installed one.
//!
//! A staging folder may be left over from an earlier run, killed at any moment: nothing in it is believed
//! before it has been hashed.

use std::collections::{HashMap, HashSet};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::{Dir, DirBuilder, File, OpenOptions};
use rayon::prelude::*;
use tokio_util::sync::CancellationToken;
use vsekai_formats::TreePath;
use vsekai_formats::layout::Slice;
use vsekai_formats::release::EntryKind;

use crate::building::{Building, Part, Target, Written};
use crate::control;
use crate::disk;
use crate::error::{EngineError, IoContext as _};
use crate::installed::InstalledTree;
use crate::plan::{NeededChunk, Plan, Reuse};
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
    /// Files of the seed that stand in for files taken over whole: entry of the new release -> of the seed's.
    reused: HashMap<usize, usize>,
    seed: Option<Arc<InstalledTree>>,
    left_over: bool,
}

impl EntryFiles for Stage {
    /// Built files lie here; those taken over whole are read where they come from.
    fn open(&self, entry: usize) -> io::Result<File> {
        if let (Some(from), Some(seed)) = (self.reused.get(&entry), &self.seed) {
            return seed.open(*from);
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
            if let Some(flag) = built.get_mut(*entry) {
                *flag = true;
            }
        }
        let reused = plan.reuse.iter().map(|reuse| (reuse.to, reuse.from)).collect();
        let building = Building::new(release.contents.entries.len());
        let stage = Self {
            path,
            folders,
            release,
            built,
            kept: plan.kept.clone(),
            building,
            reused,
            seed,
            left_over,
        };
        stage.remove_strangers()?;
        stage.create_entries()?;
        Ok(stage)
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

    /// Divides `chunks` into those that are not there yet and those that are.
    ///
    /// Everything in a folder left over by an earlier run is hashed, nothing is taken on trust.
    pub(crate) fn divide<'p>(
        &self,
        chunks: &'p [NeededChunk],
        token: &CancellationToken,
    ) -> Result<(Vec<&'p NeededChunk>, Vec<&'p NeededChunk>), EngineError> {
        if !self.left_over {
            return Ok((chunks.iter().collect(), Vec::new()));
        }
        let present: Result<Vec<bool>, EngineError> = chunks
            .par_iter()
            .map_init(Vec::new, |buffer, chunk| {
                control::check(token)?;
                let mut positions = chunk.positions.iter();
                Ok(positions.all(|p| tree::read_chunk(&self.release, *p, self, buffer).is_some()))
            })
            .collect();
        let present = present?;
        let (there, missing): (Vec<_>, Vec<_>) =
            chunks.iter().zip(present).partition(|(_, present)| *present);
        let chunks =
            |pairs: Vec<(&'p NeededChunk, bool)>| pairs.into_iter().map(|(chunk, _)| chunk).collect();
        Ok((chunks(missing), chunks(there)))
    }

    /// Writes a verified chunk to every place of the built files that it belongs to.
    ///
    /// Bytes of the chunk that are not file content must be what the list of files says they are.
    pub(crate) fn write(&self, chunk: &NeededChunk, plain: &[u8]) -> Result<(), EngineError> {
        for position in chunk.positions.iter() {
            let Some(at) = self.release.index.chunks.get(*position) else {
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
        tree::read_chunk(&seed.release, position, &**seed, buffer) == Some(chunk.id)
    }

    /// Takes over the files that are the same in the seed.
    ///
    /// `done` counts bytes.
    pub(crate) fn take_over(
        &self,
        reuse: &[Reuse],
        sharing: Sharing,
        token: &CancellationToken,
        done: &AtomicU64,
    ) -> Result<(), EngineError> {
        let Some(seed) = &self.seed else {
            return Ok(());
        };
        let nowhere = || (None, None);
        reuse
            .par_iter()
            .try_for_each_init(nowhere, |(near_from, near_to), reuse| {
                control::check(token)?;
                let (Some(from), Some(to)) = (
                    seed.release.contents.entries.get(reuse.from),
                    self.release.contents.entries.get(reuse.to),
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
                let from = seed.folders.of_near(near_from, from.path.as_str());
                let shared = from.and_then(|(from_dir, from)| {
                    let (to_dir, to) = self.folders.of_near(near_to, to.path.as_str())?;
                    share::share(&from_dir, from, &to_dir, to, how)
                });
                shared.during("take over", self.path.join(to.path.as_str()))?;
                if let Some(facts) = file_facts(&self.release.contents, reuse.to) {
                    done.fetch_add(facts.size, Ordering::Relaxed);
                    if how != Sharing::HardLink || self.release.manifest.launch.starts(&to.path) {
                        self.set_mode(reuse.to, facts.executable)?;
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
        for entry in &self.release.contents.entries {
            let EntryKind::Link { target } = &entry.kind else {
                continue;
            };
            let path = self.path.join(entry.path.as_str());
            remove_if_there(self.dir(), entry.path.as_str()).during("replace", &path)?;
            create_link(self.dir(), target, entry.path.as_str()).during("create the link", &path)?;
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
            let path = entry.path.as_str();
            match &entry.kind {
                _ if self.kept.contains(&i) && !self.left_over => Ok(()),
                _ if self.kept.contains(&i) => remove_if_there(self.dir(), path),
                EntryKind::Folder => self.create_folder(path),
                EntryKind::File { size, .. } if self.is_built(i) => self.make_way(path, *size),
                EntryKind::File { .. } | EntryKind::Link { .. } if self.left_over => {
                    remove_if_there(self.dir(), path)
                }
                // In a folder that was just created nothing is in the way.
                EntryKind::File { .. } | EntryKind::Link { .. } => Ok(()),
            }
            .during("create", self.path.join(path))?;
        }
        Ok(())
    }

    fn create_folder(&self, path: &str) -> io::Result<()> {
        if self.left_over {
            return create_folder(self.dir(), path);
        }
        let (parent, name) = self.folders.of(path)?;
        parent.create_dir_with(name, &DirBuilder::new())
    }

    /// Keeps a file of `size` bytes from an earlier run and removes anything else; an empty file is created.
    fn make_way(&self, path: &str, size: u64) -> io::Result<()> {
        if self.left_over && self.keep(path, size)? {
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
            path: at.path.as_str(),
            facts,
            mode: self.mode(entry, &at.path, facts.executable),
        };
        let written = self.building.write(&self.folders, &target, part);
        match written.during("write", self.path.join(at.path.as_str()))? {
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
        .during("open", self.path.join(at.path.as_str()))?;
        disk::set_mode(&file, self.mode(entry, &at.path, executable))
            .during("set the mode of", self.path.join(at.path.as_str()))
    }

    /// Installed files are read-only, for versions share them, but not those that are left to the player.
    fn mode(&self, entry: usize, path: &TreePath, executable: bool) -> u32 {
        let write = if self.release.is_players(entry) { 0o200 } else { 0 };
        // Start programs get their execute bit even if the publisher's system had none to give.
        let execute = if executable || self.release.manifest.launch.starts(path) {
            0o111
        } else {
            0
        };
        0o444 | write | execute
    }

    fn entry_path(&self, entry: usize) -> PathBuf {
        let entry = self.release.contents.entries.get(entry);
        entry.map_or_else(|| self.path.clone(), |entry| self.path.join(entry.path.as_str()))
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
