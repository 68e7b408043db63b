// SPDX-License-Identifier: MIT
//! How a caller watches and stops a publication.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::PublishError;

/// What a publication is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Listing the folder.
    Scanning,
    /// Reading every file, cutting and hashing.
    Reading,
    /// Asking the server what it lacks.
    Comparing,
    /// Sending chunks.
    Uploading,
    /// Making the release visible.
    Releasing,
}

/// How far a phase is, in bytes of files read or of chunks sent (before compression).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The phase.
    pub phase: Phase,
    /// Bytes done.
    pub done_bytes: u64,
    /// Bytes in all; 0 where the phase has no measure.
    pub total_bytes: u64,
}

/// Receives progress; called from worker threads, must not block.
pub trait Observer: Send + Sync {
    /// Something moved.
    fn on_progress(&self, progress: Progress);
}

/// An observer that looks away.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unobserved;

impl Observer for Unobserved {
    fn on_progress(&self, _progress: Progress) {}
}

/// Stops a publication from another thread; clones stop the same one.
///
/// A stopped publication ends with [`PublishError::Cancelled`]. Chunks that were uploaded stay on the server,
/// so publishing again continues where it stopped.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the publication to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Tells whether [`Cancel::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn check(&self) -> Result<(), PublishError> {
        match self.is_cancelled() {
            true => Err(PublishError::Cancelled),
            false => Ok(()),
        }
    }
}
