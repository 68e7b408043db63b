// SPDX-License-Identifier: MIT
//! Chunks that wait for their names: written under temporary ones, and named once they are on the disk.
//!
//! A chunk's name is thus never seen with anything but the whole chunk behind it, not even after a power cut.
//! Many chunks share one sync, which costs little more than the sync of one.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fs_err as fs;
use vsekai_formats::ChunkId;

use crate::durable::Disk;
use crate::prefixes::Prefixes;

/// The chunks of one store that have no names yet.
#[derive(Debug)]
pub(crate) struct Staging {
    disk: Disk,
    waiting: Mutex<Waiting>,
    /// Held while chunks are synced and named, so that no two do it at once.
    turn: Mutex<()>,
    /// Folders of which is known whether one sync of the disk leaves them out, and those that it does.
    looked_at: Prefixes,
    left_out: Prefixes,
}

#[derive(Debug, Default)]
struct Waiting {
    files: HashMap<ChunkId, Staged>,
    /// What was put since the last flush began, and when the first of it was.
    bytes: usize,
    since: Option<Instant>,
    /// Where names were given since the last [`Staging::finish`] that one sync of the disk leaves out.
    folders: BTreeSet<PathBuf>,
    /// The first failure. What the system held for clean after it may be lost, so nothing is promised again.
    failed: Option<(io::ErrorKind, String)>,
}

/// A chunk that waits for its name.
#[derive(Clone, Debug)]
pub(crate) struct Staged {
    /// Where it is.
    pub(crate) temporary: PathBuf,
    /// What it shall be.
    pub(crate) path: PathBuf,
    /// Its folder was made for it, and so is on the store's file system.
    pub(crate) is_folder_new: bool,
}

impl Staging {
    /// Gets ready to stage chunks of the store in the folder `root`.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        Ok(Self {
            disk: Disk::open(root)?,
            waiting: Mutex::default(),
            turn: Mutex::default(),
            looked_at: Prefixes::default(),
            left_out: Prefixes::default(),
        })
    }

    /// Takes a chunk that was written; true asks for a flush.
    ///
    /// A chunk that waits already is kept, and the other one removed: they are the same.
    pub(crate) fn put(&self, id: ChunkId, staged: Staged, len: usize) -> io::Result<bool> {
        if staged.is_folder_new && Disk::SYNCS_ALL {
            self.looked_at.insert(id);
        }
        let mut waiting = self.waiting();
        let refused = waiting.check();
        if refused.is_err() || waiting.files.contains_key(&id) {
            drop(waiting);
            let _ = fs::remove_file(staged.temporary);
            return refused.map(|()| false);
        }
        waiting.files.insert(id, staged);
        waiting.bytes = waiting.bytes.saturating_add(len);
        let since = *waiting.since.get_or_insert_with(Instant::now);
        Ok(is_flush_due(waiting.bytes, since.elapsed()))
    }

    /// Returns where a chunk lies that has no name yet.
    pub(crate) fn find(&self, id: ChunkId) -> Option<PathBuf> {
        let waiting = self.waiting();
        waiting.files.get(&id).map(|staged| staged.temporary.clone())
    }

    /// Drops a chunk that has no name yet, if there is one.
    pub(crate) fn remove(&self, id: ChunkId) {
        let _turn = self.turn();
        let removed = self.waiting().files.remove(&id);
        if let Some(staged) = removed {
            // It never gets its name; pruning clears such files away.
            let _ = fs::remove_file(staged.temporary);
        }
    }

    /// Syncs the chunks that wait and names them.
    ///
    /// The names themselves survive a power cut only after [`Staging::finish`].
    pub(crate) fn flush(&self) -> io::Result<()> {
        let _turn = self.turn();
        self.name_waiting()
    }

    /// Names all chunks and makes the names survive a power cut, with every other name in the store.
    pub(crate) fn finish(&self) -> io::Result<()> {
        let _turn = self.turn();
        self.name_waiting()?;
        let folders = std::mem::take(&mut self.waiting().folders);
        let synced = self.disk.sync_folders(&folders);
        synced.inspect_err(|error| self.fail(error))
    }

    fn name_waiting(&self) -> io::Result<()> {
        let batch: Vec<(ChunkId, Staged)> = {
            let mut waiting = self.waiting();
            waiting.check()?;
            waiting.bytes = 0;
            waiting.since = None;
            waiting
                .files
                .iter()
                .map(|(id, staged)| (*id, staged.clone()))
                .collect()
        };
        if batch.is_empty() {
            return Ok(());
        }
        let mut outcome = batch
            .iter()
            .try_for_each(|(id, staged)| self.look_at(*id, staged));
        if outcome.is_ok() {
            outcome = self.sync(&batch);
        }
        let named = self.name(&batch, outcome);
        let mut waiting = self.waiting();
        for (id, staged) in &batch {
            waiting.files.remove(id);
            if self.left_out.contains(*id) {
                // The store's own folder too, as the chunk's may be new in it.
                let folders = staged.path.ancestors().skip(1).take(2);
                waiting.folders.extend(folders.map(Path::to_owned));
            }
        }
        drop(waiting);
        named.inspect_err(|error| self.fail(error))
    }

    /// Sees to it that for the folder of a chunk is known whether one sync of the disk leaves it out.
    fn look_at(&self, id: ChunkId, staged: &Staged) -> io::Result<()> {
        if let Some(folder) = staged.path.parent().filter(|_| !self.looked_at.contains(id)) {
            if self.disk.leaves_out(folder)? {
                self.left_out.insert(id);
            }
            self.looked_at.insert(id);
        }
        Ok(())
    }

    fn sync(&self, batch: &[(ChunkId, Staged)]) -> io::Result<()> {
        let left_out = batch.iter().filter(|(id, _)| self.left_out.contains(*id));
        let files = left_out.map(|(_, staged)| staged.temporary.clone());
        self.disk.sync_files(&files.collect())
    }

    /// Names the chunks of `batch` if they are on the disk, which `outcome` says, and else removes them.
    fn name(&self, batch: &[(ChunkId, Staged)], mut outcome: io::Result<()>) -> io::Result<()> {
        for (_, staged) in batch {
            let named = match &outcome {
                Ok(()) => fs::rename(&staged.temporary, &staged.path),
                Err(_) => Ok(()),
            };
            if outcome.is_err() || named.is_err() {
                let _ = fs::remove_file(&staged.temporary);
            }
            outcome = outcome.and(named);
        }
        outcome
    }

    fn fail(&self, error: &io::Error) {
        let mut waiting = self.waiting();
        waiting
            .failed
            .get_or_insert_with(|| (error.kind(), error.to_string()));
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Every change of the list is complete before anything could panic.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn check(&self) -> io::Result<()> {
        match &self.failed {
            Some((kind, text)) => Err(io::Error::new(*kind, text.clone())),
            None => Ok(()),
        }
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        for staged in self.waiting().files.values() {
            // Nothing can be done about a failure; pruning clears such files away.
            let _ = fs::remove_file(&staged.temporary);
        }
    }
}

/// Tells whether to flush what was put, for so long, behind the writers' backs.
fn is_flush_due(bytes: usize, waited: Duration) -> bool {
    bytes >= FLUSH_BYTES || waited >= FLUSH_AFTER
}

/// So much that making files seldom has to wait for a sync, and so little that the disk has work meanwhile. On ext4 with
/// a quarter of this processors were idle for twice as long.
const FLUSH_BYTES: usize = 128 << 20;
/// Where chunks come slowly, so that a run that is killed loses little.
const FLUSH_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn much_is_flushed_soon_and_little_before_long() {
        assert!(!is_flush_due(FLUSH_BYTES - 1, Duration::ZERO));
        assert!(is_flush_due(FLUSH_BYTES, Duration::ZERO));
        assert!(!is_flush_due(1, FLUSH_AFTER / 2));
        assert!(is_flush_due(1, FLUSH_AFTER));
    }
}
