// SPDX-License-Identifier: MIT
//! A version's files together with the documents that say what they are.

use std::collections::HashSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use cap_std::fs::File;

use crate::error::EngineError;
use crate::event::Step;
use crate::install;
use crate::paths::InstallPaths;
use crate::progress::Meter;
use crate::record::InstalledVersion;
use crate::release::Release;
use crate::session::Session;
use crate::tree::{self, EntryFiles, Folders};
use crate::verify;

/// A complete tree, or what should be one, as a source of files and chunks.
pub(crate) struct InstalledTree {
    pub(crate) folders: Folders,
    pub(crate) release: Arc<Release>,
}

impl InstalledTree {
    /// Opens a version of this install.
    ///
    /// # Errors
    /// Its documents are not those it was installed with, or its folder is not there.
    pub(crate) fn open(paths: &InstallPaths, version: &InstalledVersion) -> Result<Self, EngineError> {
        let release = Arc::new(install::load_release(paths, version)?);
        Self::at(&paths.version(&version.name), release)
    }

    /// Opens a folder that may have files of `release`.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn at(folder: &Path, release: Arc<Release>) -> Result<Self, EngineError> {
        let folders = Folders::below(tree::open_root(folder)?);
        Ok(Self { folders, release })
    }

    /// Returns how many bytes [`InstalledTree::check`] looks at.
    pub(crate) fn bytes(&self) -> u64 {
        self.release.published_files().map(|(_, facts)| facts.size).sum()
    }

    /// Hashes every file; returns the entries that are not as they were published.
    ///
    /// # Errors
    /// The player cancelled.
    pub(crate) fn check(&self, session: &Session) -> Result<HashSet<usize>, EngineError> {
        self.check_as_part(session, &session.meter(Step::Verify, 0, self.bytes()))
    }

    /// The same as a part of what `meter` counts.
    pub(crate) fn check_as_part(
        &self,
        session: &Session,
        meter: &Meter<'_>,
    ) -> Result<HashSet<usize>, EngineError> {
        meter.ticking(|| verify::full(&self.folders, &self.release, &session.token, meter.counter()))
    }
}

impl EntryFiles for InstalledTree {
    fn open(&self, entry: usize) -> io::Result<File> {
        tree::Tree {
            folders: &self.folders,
            release: &self.release,
        }
        .open(entry)
    }
}
