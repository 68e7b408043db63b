// SPDX-License-Identifier: MIT
//! Where things lie in an install folder.
//!
//! ```text
//! ROOT/versions/<name>/            complete trees, one of them current; never changed once there
//! ROOT/.vsekai/settings.json       server, title, channel
//! ROOT/.vsekai/current.json        which tree is current, which was before: the commit point
//! ROOT/.vsekai/releases/<name>/    manifest, contents and index of each tree
//! ROOT/.vsekai/staging/<name>/     a tree being built
//! ROOT/.vsekai/lock                held by whoever changes any of this
//! ROOT/.vsekai/logs/               output of the game
//! ```

use std::path::{Path, PathBuf};

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

    /// Returns the lock file.
    pub fn lock(&self) -> PathBuf {
        self.state().join("lock")
    }

    /// Returns the folder of game logs.
    pub fn logs(&self) -> PathBuf {
        self.state().join("logs")
    }
}
