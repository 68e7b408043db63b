// SPDX-License-Identifier: MIT
//! One thread that writes chunks to their places in a file.
//!
//! Several threads would only wait for each other: a system lets one of them write to a file at a time. While
//! it goes on, what it wrote is already brought to the disk, so that little is left for the sync at the end.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use fs_err as fs;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::behind::SyncBehind;
use crate::error::DesyncError;
use crate::files::write_all_at;

/// Takes chunks for a file.
#[derive(Debug)]
pub(crate) struct Writer {
    sender: mpsc::Sender<Placed>,
    work: JoinHandle<io::Result<()>>,
}

/// A chunk and where it goes.
#[derive(Debug)]
struct Placed {
    plain: Bytes,
    starts: Vec<u64>,
}

impl Writer {
    /// Starts writing to `file`, which is zero from `zero_from` on; `depth` chunks may wait for their turn.
    pub(crate) fn start(file: Arc<fs::File>, zero_from: u64, depth: usize) -> Self {
        let (sender, receiver) = mpsc::channel(depth.max(1));
        let work = spawn_blocking(move || write_all(&file, zero_from, receiver));
        Self { sender, work }
    }

    /// Hands over a chunk that was checked.
    ///
    /// # Errors
    /// The writer has failed; [`Writer::finish`] says why.
    pub(crate) async fn write(&self, plain: Bytes, starts: Vec<u64>) -> Result<(), DesyncError> {
        let sent = self.sender.send(Placed { plain, starts }).await;
        sent.map_err(|_| DesyncError::Internal("the output cannot be written".to_owned()))
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// Something could not be written.
    pub(crate) async fn finish(self) -> Result<(), DesyncError> {
        drop(self.sender);
        self.work.await?.map_err(DesyncError::file("write the output"))
    }
}

fn write_all(file: &Arc<fs::File>, zero_from: u64, mut chunks: mpsc::Receiver<Placed>) -> io::Result<()> {
    let mut behind = SyncBehind::default();
    while let Some(Placed { plain, starts }) = chunks.blocking_recv() {
        let zero = plain.iter().all(|byte| *byte == 0);
        for start in starts {
            // There the file is zero already, and stays a hole.
            if !(zero && start >= zero_from) {
                write_all_at(file, start, &plain)?;
                behind.wrote(plain.len() as u64, || {
                    let file = Arc::clone(file);
                    move || file.sync_data()
                })?;
            }
        }
    }
    behind.finish()
}
