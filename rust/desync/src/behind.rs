// SPDX-License-Identifier: MIT
//! Syncs behind the back of whoever writes, so that the disk works all the time and little is left for the end.

use std::io;
use std::thread;

/// Starts a sync for every few MiB that were written; one is under way at a time.
#[derive(Debug, Default)]
pub(crate) struct SyncBehind {
    unsynced: u64,
    under_way: Option<thread::JoinHandle<io::Result<()>>>,
}

impl SyncBehind {
    /// Notes that `len` bytes were written, and starts the sync that `sync` returns if it is time.
    ///
    /// # Errors
    /// An earlier sync failed.
    pub(crate) fn wrote<S>(&mut self, len: u64, sync: impl FnOnce() -> S) -> io::Result<()>
    where
        S: FnOnce() -> io::Result<()> + Send + 'static,
    {
        self.unsynced = self.unsynced.saturating_add(len);
        let busy = self.under_way.as_ref().is_some_and(|sync| !sync.is_finished());
        if self.unsynced < SYNC_BYTES || busy {
            return Ok(());
        }
        self.finish()?;
        self.unsynced = 0;
        // Without a thread the sync at the end does it all.
        self.under_way = thread::Builder::new().spawn(sync()).ok();
        Ok(())
    }

    /// Waits for the sync that is under way. What was written since is the caller's to sync.
    ///
    /// # Errors
    /// It failed. That counts, even if a later one does not: the system tells of a lost write only once.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        match self.under_way.take().map(thread::JoinHandle::join) {
            Some(Ok(outcome)) => outcome,
            Some(Err(_)) => Err(io::Error::other("the sync was cut off")),
            None => Ok(()),
        }
    }
}

const SYNC_BYTES: u64 = 32 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn a_sync_is_made_for_much_and_none_for_little() {
        let syncs = Arc::new(AtomicU32::new(0));
        let mut behind = SyncBehind::default();
        for len in [SYNC_BYTES - 1, 1, 1] {
            let syncs = Arc::clone(&syncs);
            let sync = move || {
                move || {
                    syncs.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                }
            };
            behind.wrote(len, sync).unwrap();
        }
        behind.finish().unwrap();
        assert_eq!(syncs.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_failed_sync_is_told() {
        let mut behind = SyncBehind::default();
        behind
            .wrote(SYNC_BYTES, || || Err(io::ErrorKind::StorageFull.into()))
            .unwrap();
        assert_eq!(behind.finish().unwrap_err().kind(), io::ErrorKind::StorageFull);
        behind.finish().unwrap();
    }
}
