// SPDX-License-Identifier: MIT
//! Where things lie in an install folder.
//!
//! ```text
//! ROOT/versions/<name>/            complete trees, one of them current; never changed once there
//! ROOT/.vsekai/settings.json       server, title, channel
//! ROOT/.vsekai/preferences.json    what the player decided: when, how fast, what is kept
//! ROOT/.vsekai/starts.json         how the last starts of the game went
//! ROOT/.vsekai/starts/<number>     made by the game when it is there
//! ROOT/.vsekai/moved.json          where the install went, if it was moved away
//! ROOT/.vsekai/moving.json         where it comes from, while it is being moved here
//! ROOT/.vsekai/mirror.json         which address worked last
//! ROOT/.vsekai/read-token.json     the token for the server's private channels, for its owner alone
//! ROOT/.vsekai/<record>.damaged    preferences, starts or token that were found damaged
//! ROOT/.vsekai/current.json        which tree is current, which was before: the commit point
//! ROOT/.vsekai/releases/<name>/    manifest, contents and index of each tree, and later manifests
//! ROOT/.vsekai/staging/<name>/     a tree being built
//! ROOT/.vsekai/trust/<title>/      what was verified of the title's signed metadata
//! ROOT/.vsekai/lock                held by whoever changes any of this
//! ROOT/.vsekai/logs/               output of the game, and of its last crashes
//! ```
//!
//! What becomes of records when launchers change is the rule of `Document` in `record.rs`.

use std::path::{Path, PathBuf};

use vsekai_formats::release::Slug;

/// The paths of an install folder.
#[derive(Clone, Debug)]
pub struct InstallPaths {
    root: PathBuf,
}

impl InstallPaths {
    /// Names the folder; nothing is read or created.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns the install folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the launcher's own folder.
    pub fn state(&self) -> PathBuf {
        self.root.join(".vsekai")
    }

    /// Returns the folder of complete trees.
    pub fn versions(&self) -> PathBuf {
        self.root.join("versions")
    }

    /// Returns the folder of one complete tree.
    pub fn version(&self, name: &str) -> PathBuf {
        self.versions().join(name)
    }

    /// Returns the folder of trees being built.
    pub fn staging(&self) -> PathBuf {
        self.state().join("staging")
    }

    /// Returns the folder of release documents.
    pub fn releases(&self) -> PathBuf {
        self.state().join("releases")
    }

    /// Returns the folder of one tree's documents.
    pub fn release(&self, name: &str) -> PathBuf {
        self.releases().join(name)
    }

    /// Returns the file that server, title and channel are kept in.
    pub fn settings(&self) -> PathBuf {
        self.state().join("settings.json")
    }

    /// Returns the file that names the current tree.
    pub fn current(&self) -> PathBuf {
        self.state().join("current.json")
    }

    /// Returns the file that the player's preferences are kept in.
    pub fn preferences(&self) -> PathBuf {
        self.state().join("preferences.json")
    }

    /// Returns the file that starts of the game are written down in.
    pub fn start_log(&self) -> PathBuf {
        self.state().join("starts.json")
    }

    /// Returns the folder of the files by which a game says that it is there.
    pub fn reports(&self) -> PathBuf {
        self.state().join("starts")
    }

    /// Returns the file by which the game says that start `id` led somewhere.
    pub fn report(&self, id: u64) -> PathBuf {
        self.reports().join(id.to_string())
    }

    /// Returns the file that names the address which worked last.
    pub fn mirror(&self) -> PathBuf {
        self.state().join("mirror.json")
    }

    /// Returns the file that the token for private channels is kept in.
    pub fn read_token(&self) -> PathBuf {
        self.state().join("read-token.json")
    }

    /// Returns the file that says where the install went.
    pub fn moved(&self) -> PathBuf {
        self.state().join("moved.json")
    }

    /// Returns the file that says where an install comes from that is being moved here.
    pub fn moving(&self) -> PathBuf {
        self.state().join("moving.json")
    }

    /// Returns the folder of the trusted state of `title`.
    pub fn trust(&self, title: &Slug) -> PathBuf {
        self.state().join("trust").join(title.as_str())
    }

    /// Returns the lock file.
    pub fn lock(&self) -> PathBuf {
        self.state().join("lock")
    }

    /// Returns the folder of game logs.
    pub fn logs(&self) -> PathBuf {
        self.state().join("logs")
    }
}
