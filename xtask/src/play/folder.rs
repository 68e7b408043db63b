// SPDX-License-Identifier: MIT
//! The data folder of `cargo xtask play`: the server's data, the player's install, and what was published.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use super::builds::{Builds, Version};
use crate::{fs, ui};

/// A data folder in use by this run alone.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    record: Record,
    _lock: fs_err::File,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    title: String,
    /// Version and fingerprint of each build that was published.
    published: Vec<(String, String)>,
}

impl Folder {
    /// Opens the folder `root` for `builds`.
    ///
    /// What an earlier run left is used if it comes from the same builds and `fresh` is not asked for;
    /// otherwise it is removed. A folder that holds something else is refused and left alone.
    pub fn open(root: &Path, builds: &Builds, fresh: bool) -> Result<Self> {
        let old = read_record(root)?;
        fs_err::create_dir_all(root)?;
        let lock = fs_err::File::create(root.join(LOCK))?;
        if lock.file().try_lock().is_err() {
            bail!(
                "another `cargo xtask play` uses {}; end it, or name another folder with --data",
                root.display()
            );
        }
        let record = Record {
            title: builds.title.to_owned(),
            published: Vec::new(),
        };
        let mut folder = Self {
            root: root.to_path_buf(),
            record,
            _lock: lock,
        };
        match old {
            Some(old) if !fresh && old.fits(builds) => folder.record = old,
            Some(_) => folder.clear()?,
            None => {}
        }
        folder.write_record()?;
        Ok(folder)
    }

    /// Returns the server's data folder.
    #[must_use]
    pub fn server(&self) -> PathBuf {
        self.root.join("server")
    }

    /// Returns the install folder.
    #[must_use]
    pub fn install(&self) -> PathBuf {
        self.root.join("install")
    }

    /// Returns whether an earlier run published `version`.
    #[must_use]
    pub fn is_published(&self, version: &Version) -> bool {
        self.record
            .published
            .iter()
            .any(|(name, _)| *name == version.name)
    }

    /// Remembers that `version` is published.
    pub fn remember(&mut self, version: &Version) -> Result<()> {
        self.record
            .published
            .push((version.name.clone(), version.stamp.clone()));
        self.write_record()
    }

    fn clear(&self) -> Result<()> {
        ui::note("removing what an earlier run published and installed");
        fs::remove_folder(&self.install())?;
        fs::remove_folder(&self.server())
    }

    fn write_record(&self) -> Result<()> {
        let temporary = self.root.join(format!("{RECORD}.tmp"));
        fs_err::write(&temporary, serde_json::to_vec_pretty(&self.record)?)?;
        fs_err::rename(temporary, self.root.join(RECORD))?;
        Ok(())
    }
}

impl Record {
    fn fits(&self, builds: &Builds) -> bool {
        let same = |name: &str, stamp: &str| {
            builds
                .versions
                .iter()
                .any(|build| build.name == name && build.stamp == stamp)
        };
        self.title == builds.title && self.published.iter().all(|(name, stamp)| same(name, stamp))
    }
}

fn read_record(root: &Path) -> Result<Option<Record>> {
    let file = root.join(RECORD);
    if file.is_file() {
        // A record that cannot be read is still a sign that the folder is ours.
        return Ok(Some(
            serde_json::from_slice(&fs_err::read(file)?).unwrap_or_default(),
        ));
    }
    let is_foreign = |name: std::ffi::OsString| name != LOCK;
    if root.is_dir() {
        for entry in fs_err::read_dir(root)? {
            if is_foreign(entry?.file_name()) {
                bail!(
                    "{} holds something else; name an empty folder with --data",
                    root.display()
                );
            }
        }
    }
    Ok(None)
}

const RECORD: &str = "play.json";
const LOCK: &str = "play.lock";

#[cfg(test)]
mod tests {
    use super::*;

    fn builds(stamp: &str) -> Builds {
        let version = Version {
            name: "1".into(),
            folder: "/b".into(),
            notes: "/n".into(),
            stamp: stamp.to_owned(),
        };
        Builds {
            title: "game",
            versions: vec![version],
            launcher: None,
            game_arguments: Vec::new(),
        }
    }

    #[test]
    fn the_same_builds_are_not_published_again() {
        let root = tempfile::tempdir().unwrap();
        let builds = builds("a");
        let mut folder = Folder::open(root.path(), &builds, false).unwrap();
        assert!(!folder.is_published(&builds.versions[0]));
        folder.remember(&builds.versions[0]).unwrap();
        drop(folder);
        let folder = Folder::open(root.path(), &builds, false).unwrap();
        assert!(folder.is_published(&builds.versions[0]));
    }

    #[test]
    fn other_builds_start_over() {
        let root = tempfile::tempdir().unwrap();
        let first = builds("a");
        let mut folder = Folder::open(root.path(), &first, false).unwrap();
        folder.remember(&first.versions[0]).unwrap();
        fs_err::create_dir_all(folder.install()).unwrap();
        drop(folder);
        let folder = Folder::open(root.path(), &builds("b"), false).unwrap();
        assert!(!folder.is_published(&first.versions[0]));
        assert!(!folder.install().exists());
    }

    #[test]
    fn a_folder_of_somebody_else_is_left_alone() {
        let root = tempfile::tempdir().unwrap();
        fs_err::write(root.path().join("letter.txt"), "dear").unwrap();
        let error = Folder::open(root.path(), &builds("a"), true).unwrap_err();
        assert!(error.to_string().contains("holds something else"));
        assert_eq!(fs_err::read_dir(root.path()).unwrap().count(), 1);
    }

    #[test]
    fn one_run_at_a_time_uses_a_folder() {
        let root = tempfile::tempdir().unwrap();
        let _first = Folder::open(root.path(), &builds("a"), false).unwrap();
        assert!(
            Folder::open(root.path(), &builds("a"), false)
                .unwrap_err()
                .to_string()
                .contains("another")
        );
    }
}
