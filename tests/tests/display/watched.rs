// SPDX-License-Identifier: MIT
//! A file that a program replaces now and then, waited for and not asked again and again.

use std::mem::MaybeUninit;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use rustix::fs::inotify::{self, CreateFlags, Reader, WatchFlags};

/// A file that is replaced as a whole whenever something in it changes.
pub struct Watched {
    file: PathBuf,
    changes: Receiver<()>,
}

impl Watched {
    /// Follows `file`, which need not be there yet.
    pub fn follow(file: &Path) -> Self {
        let folder = file.parent().unwrap();
        fs_err::create_dir_all(folder).unwrap();
        let watch = inotify::init(CreateFlags::CLOEXEC).unwrap();
        inotify::add_watch(&watch, folder, WatchFlags::MOVED_TO).unwrap();
        let (sender, changes) = mpsc::channel();
        // Ends with the test's process: there is no end to what it waits for.
        std::thread::spawn(move || {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut events = Reader::new(watch, &mut buffer);
            while events.next().is_ok() && sender.send(()).is_ok() {}
        });
        Self {
            file: file.to_owned(),
            changes,
        }
    }

    /// Returns what is in it; nothing if it is not there.
    pub fn text(&self) -> String {
        fs_err::read_to_string(&self.file).unwrap_or_default()
    }

    /// Waits until `found` is true of what is in it.
    ///
    /// # Panics
    /// If it is not within `limit`; `what` says what was waited for.
    pub fn until(&self, what: &str, limit: Duration, found: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + limit;
        while !found(&self.text()) {
            let left = deadline.saturating_duration_since(Instant::now());
            let changed = self.changes.recv_timeout(left);
            assert!(changed.is_ok(), "no {what:?} in {}", self.text());
        }
    }
}
