// SPDX-License-Identifier: MIT
//! What a program does to the files below a folder, written down by strace.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::power::trace::line::{Call, Lines};
use crate::strace;

mod line;

/// One thing a program did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Opened a file, creating an empty one if there was none.
    Create {
        /// The file.
        path: PathBuf,
        /// Whether the owner may execute a new one.
        executable: bool,
        /// Whether what it held was thrown away.
        truncate: bool,
    },
    /// Created a folder.
    Folder(PathBuf),
    /// Created a symbolic link.
    Symlink {
        /// The link.
        path: PathBuf,
        /// Where it leads.
        target: PathBuf,
    },
    /// Gave a file another name too.
    Link {
        /// Its name.
        from: PathBuf,
        /// Its other name.
        to: PathBuf,
    },
    /// Moved a file or folder.
    Rename {
        /// Its name before.
        from: PathBuf,
        /// Its name afterwards.
        to: PathBuf,
    },
    /// Removed a name.
    Remove(PathBuf),
    /// Wrote bytes.
    Write {
        /// The file.
        path: PathBuf,
        /// Where in it.
        at: usize,
        /// What.
        bytes: Vec<u8>,
    },
    /// Copied bytes from one file to another inside the kernel.
    Copy {
        /// The file read.
        from: PathBuf,
        /// Where in it.
        from_at: usize,
        /// The file written.
        to: PathBuf,
        /// Where in it.
        to_at: usize,
        /// How many bytes.
        len: usize,
    },
    /// Set a file's length.
    Resize {
        /// The file.
        path: PathBuf,
        /// The length.
        len: usize,
    },
    /// Set a file's mode.
    Mode {
        /// The file.
        path: PathBuf,
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// Waited until a file or folder was durable.
    Sync(PathBuf),
    /// Waited until everything was durable.
    SyncAll,
    /// Printed a line.
    Say(String),
}

/// An action with its place in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What was done.
    pub action: Action,
    /// How many steps had ended when this one began: a sync covers those alone.
    pub begun_after: usize,
}

impl Step {
    /// Returns the steps of actions done one after the other.
    #[must_use]
    pub fn in_turn(actions: Vec<Action>) -> Vec<Self> {
        let steps = actions.into_iter().enumerate();
        steps
            .map(|(begun_after, action)| Self { action, begun_after })
            .collect()
    }
}

/// Runs `command` under strace and returns what it did below `root`, and what it printed.
///
/// # Panics
/// If strace cannot be run, the command fails, or does something to the files that cannot be followed.
#[must_use]
pub fn record(program: &Path, root: &Path, command: &Command) -> Vec<Step> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut traced = Command::new(program);
    traced.args([
        "--follow-forks",
        "--seccomp-bpf",
        "--quiet=all",
        "--decode-fds=path",
    ]);
    traced.args(["--strings-in-hex=all", "--string-limit=100000000"]);
    traced
        .arg(format!("--trace={CALLS}"))
        .arg("--output")
        .arg(log.path());
    strace::calmly(command, &mut traced);
    let output = traced.output().unwrap();
    assert!(
        output.status.success(),
        "the recorded run failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    follow(&fs_err::read_to_string(log.path()).unwrap(), root)
}

/// Reads strace's log.
fn follow(log: &str, root: &Path) -> Vec<Step> {
    let mut follower = Follower {
        root: root.to_owned(),
        positions: HashMap::new(),
        steps: Vec::new(),
    };
    let mut lines = Lines::default();
    for line in log.lines() {
        if let Some(call) = lines.take(line, follower.steps.len()) {
            follower.take(&call);
        }
    }
    follower.steps
}

/// Turns calls into steps.
struct Follower {
    root: PathBuf,
    /// Where the next plain read or write of an open file is, by descriptor.
    positions: HashMap<i64, usize>,
    steps: Vec<Step>,
}

impl Follower {
    fn take(&mut self, call: &Call) {
        if call.result < 0 {
            return;
        }
        let action = self.action(call);
        let begun_after = call.begun_after;
        let mine = |path: &PathBuf| path.starts_with(&self.root);
        if let Some(action) = action.filter(|action| action.paths().iter().all(|path| mine(path))) {
            self.steps.push(Step { action, begun_after });
        }
    }

    fn action(&mut self, call: &Call) -> Option<Action> {
        let action = match call.name.as_str() {
            "open" | "openat" | "openat2" | "creat" => return self.open(call),
            "write" | "pwrite64" | "writev" => return self.write(call),
            "lseek" => {
                self.positions.insert(call.number(0), size(call.result));
                return None;
            }
            "copy_file_range" | "sendfile" => return self.copy(call),
            "mkdir" | "mkdirat" => Action::Folder(call.place(0)),
            "symlink" | "symlinkat" => Action::Symlink {
                target: call.path(0),
                path: match call.is_relative() {
                    true => call.path_at(1),
                    false => call.path(1),
                },
            },
            "link" | "linkat" => Action::Link {
                from: call.place(0),
                to: call.place(1),
            },
            "rename" | "renameat" | "renameat2" => {
                assert!(!call.has("EXCHANGE"), "cannot follow an exchange: {call:?}");
                Action::Rename {
                    from: call.place(0),
                    to: call.place(1),
                }
            }
            "unlink" | "rmdir" | "unlinkat" => Action::Remove(call.place(0)),
            "ftruncate" => Action::Resize {
                path: call.open_path(0)?,
                len: size(call.number(1)),
            },
            "fchmod" => Action::Mode {
                path: call.open_path(0)?,
                executable: call.mode(1) & 0o100 != 0,
            },
            "chmod" | "fchmodat" => Action::Mode {
                path: call.place(0),
                executable: call.mode(1 + usize::from(call.is_relative())) & 0o100 != 0,
            },
            "fsync" | "fdatasync" => Action::Sync(call.open_path(0)?),
            "syncfs" | "sync" => Action::SyncAll,
            // These start writing or make room, and promise nothing.
            "sync_file_range" | "fadvise64" => return None,
            _ => return self.refuse(call),
        };
        Some(action)
    }

    /// Fails at a call on the followed files that the model does not know.
    fn refuse(&self, call: &Call) -> Option<Action> {
        let on_ours = (0..call.arguments()).any(|i| {
            let path = call.open_path(i);
            path.is_some_and(|path| path.starts_with(&self.root))
        });
        let harmless = match call.name.as_str() {
            "mmap" => !(call.has("MAP_SHARED") && call.has("PROT_WRITE")),
            "ioctl" => !call.has("CLONE"),
            _ => false,
        };
        assert!(!on_ours || harmless, "cannot follow {call:?}");
        None
    }

    fn open(&mut self, call: &Call) -> Option<Action> {
        self.positions.insert(call.result, 0);
        let created = call.name == "creat" || call.has("O_CREAT");
        let truncate = call.name == "creat" || call.has("O_TRUNC");
        (created || truncate).then_some(())?;
        Some(Action::Create {
            path: call.result_path()?,
            executable: call.creation_mode() & 0o100 != 0,
            truncate,
        })
    }

    fn write(&mut self, call: &Call) -> Option<Action> {
        let bytes = call.bytes(1, size(call.result));
        if call.number(0) == 1 && call.open_path(0).is_none_or(|path| !path.starts_with(&self.root)) {
            let said = String::from_utf8_lossy(&bytes).trim_end().to_owned();
            return Some(Action::Say(said));
        }
        let path = call.open_path(0)?;
        let at = match call.name.as_str() {
            "pwrite64" => size(call.number(3)),
            _ => self.advance(call.number(0), bytes.len()),
        };
        Some(Action::Write { path, at, bytes })
    }

    fn copy(&mut self, call: &Call) -> Option<Action> {
        let sends = call.name == "sendfile";
        let (from, to) = if sends { (1, 0) } else { (0, 2) };
        let ours = call.open_path(to)?.starts_with(&self.root);
        assert!(
            !ours || call.has("NULL"),
            "cannot follow a copy with places of its own: {call:?}"
        );
        let len = size(call.result);
        Some(Action::Copy {
            from: call.open_path(from)?,
            from_at: self.advance(call.number(from), len),
            to: call.open_path(to)?,
            to_at: self.advance(call.number(to), len),
            len,
        })
    }

    /// Moves a descriptor's place on and returns where it was.
    fn advance(&mut self, descriptor: i64, len: usize) -> usize {
        let position = self.positions.entry(descriptor).or_default();
        let at = *position;
        *position += len;
        at
    }
}

impl Action {
    fn paths(&self) -> Vec<&PathBuf> {
        match self {
            Self::Create { path, .. }
            | Self::Folder(path)
            | Self::Symlink { path, .. }
            | Self::Remove(path)
            | Self::Write { path, .. }
            | Self::Resize { path, .. }
            | Self::Mode { path, .. }
            | Self::Sync(path) => vec![path],
            Self::Link { from, to } | Self::Rename { from, to } | Self::Copy { from, to, .. } => {
                vec![from, to]
            }
            Self::SyncAll | Self::Say(_) => Vec::new(),
        }
    }
}

fn size(number: i64) -> usize {
    usize::try_from(number).unwrap()
}

/// Every call that changes files, or moves the place where the next change goes.
const CALLS: &str = "open,openat,openat2,creat,write,pwrite64,writev,pwritev,pwritev2,lseek,ftruncate,truncate,\
    fallocate,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,\
    chmod,fchmod,fchmodat,fsync,fdatasync,syncfs,sync,sync_file_range,copy_file_range,sendfile,splice,ioctl,mmap";
