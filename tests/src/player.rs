// SPDX-License-Identifier: MIT
//! The engine on a player's folder, in this process: quicker than a program for each look.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::Runtime;
use vsekai_engine::{EngineError, InstallConfig, UpdateOutcome, Updater};

use crate::tree::{self, Entry};
use crate::world::platform;

/// An install folder and the engine on it.
#[derive(Debug)]
pub struct Player {
    updater: Updater,
    runtime: Runtime,
    install: PathBuf,
}

/// Opens an install folder with what it remembers of its server.
///
/// # Errors
/// The engine's.
pub fn open(install: &Path) -> Result<Updater, EngineError> {
    let platform = platform().parse().unwrap();
    let mut config = InstallConfig::new(install, platform);
    config.connections = 1;
    Updater::open(config, Arc::new(|_| {}))
}

impl Player {
    /// Opens an install folder.
    ///
    /// # Panics
    /// If the engine does not.
    #[must_use]
    pub fn at(install: &Path) -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        Self {
            updater: open(install).unwrap(),
            runtime: runtime.worker_threads(1).enable_all().build().unwrap(),
            install: install.to_owned(),
        }
    }

    /// Returns the version that is installed.
    ///
    /// # Panics
    /// If the folder's records cannot be read.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        let installed = self.updater.status().unwrap().installed;
        installed.map(|installed| installed.version.to_string())
    }

    /// Returns the files of the installed version; none where nothing is installed.
    ///
    /// # Panics
    /// If they cannot be read.
    #[must_use]
    pub fn files(&self) -> BTreeMap<PathBuf, Entry> {
        let installed = self.updater.status().unwrap().installed;
        let folder = installed.map(|installed| self.install.join("versions").join(installed.name));
        folder.map(|folder| tree::entries(&folder)).unwrap_or_default()
    }

    /// Tells whether every byte of the installed version is right.
    ///
    /// # Panics
    /// If it cannot be checked.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.runtime.block_on(self.updater.verify()).unwrap().is_intact()
    }

    /// Brings the folder to what the channel offers and returns how many chunks that took.
    ///
    /// # Panics
    /// If it fails.
    #[must_use]
    pub fn update(&self) -> u64 {
        match self.runtime.block_on(self.updater.update()).unwrap() {
            UpdateOutcome::UpToDate { .. } => 0,
            UpdateOutcome::Installed(done) | UpdateOutcome::Updated(done) => done.chunks,
            other => panic!("the update did not run: {other:?}"),
        }
    }

    /// Fetches what is damaged.
    ///
    /// # Panics
    /// If it fails.
    pub fn repair(&self) {
        self.runtime.block_on(self.updater.repair()).unwrap();
    }
}
