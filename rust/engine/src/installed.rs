// SPDX-License-Identifier: MIT
//! A version's files together with the documents that say what they are.

use std::collections::HashSet;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cap_std::fs::File;

use crate::error::EngineError;
use crate::event::Step;
use crate::install;
use crate::paths::InstallPaths;
use crate::players;
use crate::progress::Meter;
use crate::record::InstalledVersion;
use crate::release::Release;
use crate::session::Session;
use crate::tree::{self, EntryFiles, Folders};
use crate::verify::{self, Looks, VerifyReport};

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

    /// Hashes every file; returns the entries that are not as they were published.
    ///
    /// # Errors
    /// The player cancelled.
    pub(crate) fn check(&self, session: &Session) -> Result<HashSet<usize>, EngineError> {
        let meter = session.meter(Step::Verify, 0, self.release.published_bytes());
        self.check_as_part(session, &meter)
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

/// A folder that should have files of a release.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    folder: PathBuf,
    pub(crate) release: Arc<Release>,
    /// When all of them were there, if that is known.
    installed: Option<SystemTime>,
}

impl Place {
    /// Names a folder that is not ours; nothing is looked at.
    pub(crate) fn new(folder: PathBuf, release: Arc<Release>) -> Self {
        Self {
            folder,
            release,
            installed: None,
        }
    }

    /// Returns where a version of this install should lie.
    ///
    /// # Errors
    /// Its documents are not those it was installed with.
    pub(crate) fn of(paths: &InstallPaths, version: &InstalledVersion) -> Result<Self, EngineError> {
        let release = install::load_release(paths, version)?;
        Ok(Self::with_documents(paths, version, release))
    }

    /// The same by documents that the caller has.
    pub(crate) fn with_documents(paths: &InstallPaths, version: &InstalledVersion, release: Release) -> Self {
        Self {
            folder: paths.version(&version.name),
            release: Arc::new(release),
            installed: install::installed_at(paths, &version.name),
        }
    }

    /// Tells whether the folder is there.
    pub(crate) fn is_there(&self) -> bool {
        self.folder.is_dir()
    }

    /// Opens it; `None` if somebody has removed it.
    pub(crate) fn open(&self) -> Result<Option<InstalledTree>, EngineError> {
        match InstalledTree::at(&self.folder, self.release.clone()) {
            Err(EngineError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// Hashes every file; returns the entries that are not as they were published.
    ///
    /// # Errors
    /// The player cancelled, or the folder cannot be opened; that it is gone is damage.
    pub(crate) fn check(&self, session: &Session) -> Result<HashSet<usize>, EngineError> {
        match self.open()? {
            Some(tree) => tree.check(session),
            None => Ok(self.release.published_entries().collect()),
        }
    }

    /// Returns the entries that are not there as they should be: by their looks, and those files by their bytes that were
    /// written to since they were installed.
    pub(crate) fn damage(&self) -> HashSet<usize> {
        let opened = self.open().ok().flatten();
        let Looks {
            mut damaged,
            modified,
        } = self.looks(opened.as_ref());
        if let Some(InstalledTree { folders, release }) = &opened {
            damaged.extend(verify::differing(&tree::Tree { folders, release }, &modified));
        }
        damaged
    }

    /// Looks at the folder as it was opened, `None` if it is gone.
    pub(crate) fn looks(&self, opened: Option<&InstalledTree>) -> Looks {
        match opened {
            Some(tree) => verify::quick(&tree.folders, &tree.release, self.installed),
            None => Looks {
                damaged: self.release.published_entries().collect(),
                ..Looks::default()
            },
        }
    }

    /// Checks everything but the bytes of the files.
    ///
    /// # Errors
    /// The folder cannot be opened; that it is gone is damage.
    pub(crate) fn quick_report(&self) -> Result<VerifyReport, EngineError> {
        let opened = self.open()?;
        let looks = self.looks(opened.as_ref());
        Ok(VerifyReport {
            modified: self.release.paths_of(&looks.modified),
            ..self.report_of(opened.as_ref(), &looks.damaged)
        })
    }

    /// Says what a check has found that read no file.
    ///
    /// # Errors
    /// The folder cannot be opened; in one that is gone there is nothing.
    pub(crate) fn report(&self, damaged: &HashSet<usize>) -> Result<VerifyReport, EngineError> {
        Ok(self.report_of(self.open()?.as_ref(), damaged))
    }

    fn report_of(&self, opened: Option<&InstalledTree>, damaged: &HashSet<usize>) -> VerifyReport {
        let extra = |tree: &InstalledTree| players::find_in(tree.folders.root(), &tree.release).extra;
        VerifyReport {
            files: self.release.published_files().count() as u64,
            bytes: 0,
            damaged: self.release.paths_of(damaged),
            modified: Vec::new(),
            extra: opened.map(extra).unwrap_or_default(),
        }
    }

    /// Returns the entries of `new` in whose place the player has something here.
    pub(crate) fn occupied(&self, new: &Release) -> HashSet<usize> {
        match self.open() {
            Ok(Some(tree)) => players::occupied(tree.folders.root(), new),
            _ => HashSet::new(),
        }
    }
}
