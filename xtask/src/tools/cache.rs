// SPDX-License-Identifier: MIT
//! The folder in which tools are kept that this project got for itself.
//!
//! A tool's folder counts only once it holds a complete record, which is written last and by a rename. A
//! folder without one is what an interrupted run left: the next run removes it and starts over. A lock file
//! lets one run at a time change the folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::{fs, ui};

/// What is known about a complete tool folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of the tool, as its source names it.
    pub version: String,
    /// Paths inside the folder, by name.
    pub paths: BTreeMap<String, PathBuf>,
}

/// The cache folder.
#[derive(Clone, Debug)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Opens the user's cache: `$XDG_CACHE_HOME` or `~/.cache`, and in it `vsekai-dev/tools`.
    pub fn of_the_user() -> Result<Self> {
        let absolute = |name: &str| {
            std::env::var_os(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
        let base = base.context("find the cache folder: neither XDG_CACHE_HOME nor HOME is set")?;
        Ok(Self::at(base.join("vsekai-dev").join("tools")))
    }

    /// Opens the cache in the folder `root`, which need not exist.
    #[must_use]
    pub fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// Returns the folder of the tool `key`, whether it is there or not.
    #[must_use]
    pub fn folder(&self, key: &str) -> PathBuf {
        self.root.join(key)
    }

    /// Returns the record of the tool `key` if its folder is complete.
    #[must_use]
    pub fn record(&self, key: &str) -> Option<Record> {
        let folder = self.folder(key);
        let record: Record = serde_json::from_slice(&fs_err::read(folder.join(RECORD)).ok()?).ok()?;
        record
            .paths
            .values()
            .all(|path| folder.join(path).exists())
            .then_some(record)
    }

    /// Returns the path called `name` in the folder of the tool `key`, if that is complete and has one.
    #[must_use]
    pub fn path(&self, key: &str, name: &str) -> Option<PathBuf> {
        let record = self.record(key)?;
        Some(self.folder(key).join(record.paths.get(name)?))
    }

    /// Returns the record of the tool `key`, after making its folder with `make` if it is not complete.
    ///
    /// `make` gets the empty folder, at the place where it stays. If it fails, the folder is removed.
    pub fn get(&self, key: &str, make: impl FnOnce(&Path) -> Result<Record>) -> Result<Record> {
        if let Some(record) = self.record(key) {
            return Ok(record);
        }
        let _lock = self.lock(key)?;
        // Another run may have made it while this one waited.
        if let Some(record) = self.record(key) {
            return Ok(record);
        }
        let folder = self.folder(key);
        fs::remove_folder(&folder)?;
        fs_err::create_dir_all(&folder)?;
        let made = make(&folder).and_then(|record| write_record(&folder, &record).map(|()| record));
        if made.is_err() {
            fs::remove_folder(&folder)?;
        }
        made
    }

    fn lock(&self, key: &str) -> Result<fs_err::File> {
        fs_err::create_dir_all(&self.root)?;
        let file = fs_err::File::create(self.root.join(format!("{key}.lock")))?;
        if file.file().try_lock().is_err() {
            ui::note(format!("another run is getting {key}, waiting for it"));
            file.file()
                .lock()
                .with_context(|| format!("lock {key} in the cache folder"))?;
        }
        Ok(file)
    }
}

fn write_record(folder: &Path, record: &Record) -> Result<()> {
    let temporary = folder.join(format!("{RECORD}.tmp"));
    fs_err::write(&temporary, serde_json::to_vec_pretty(record)?)?;
    fs_err::rename(temporary, folder.join(RECORD))?;
    Ok(())
}

const RECORD: &str = "complete.json";

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        Record {
            version: "1".into(),
            paths: BTreeMap::from([("it".into(), "file".into())]),
        }
    }

    fn make(folder: &Path) -> Result<Record> {
        fs_err::write(folder.join("file"), "content")?;
        Ok(record())
    }

    #[test]
    fn a_complete_folder_is_used_again() {
        let temporary = tempfile::tempdir().unwrap();
        let cache = Cache::at(temporary.path().to_path_buf());
        assert_eq!(cache.get("tool", make).unwrap(), record());
        let again = cache.get("tool", |_| anyhow::bail!("made twice")).unwrap();
        assert_eq!(again, record());
        assert_eq!(cache.path("tool", "it"), Some(temporary.path().join("tool/file")));
    }

    #[test]
    fn a_failed_attempt_leaves_nothing_and_the_next_one_starts_empty() {
        let temporary = tempfile::tempdir().unwrap();
        let cache = Cache::at(temporary.path().to_path_buf());
        let failed = cache.get("tool", |folder| {
            fs_err::write(folder.join("half"), "done")?;
            anyhow::bail!("no network")
        });
        assert_eq!(failed.unwrap_err().to_string(), "no network");
        assert!(!cache.folder("tool").exists());
        // What a killed run leaves: a folder without a record.
        fs_err::create_dir_all(cache.folder("tool")).unwrap();
        fs_err::write(cache.folder("tool").join("half"), "done").unwrap();
        cache.get("tool", make).unwrap();
        assert!(!cache.folder("tool").join("half").exists());
    }

    #[test]
    fn a_folder_that_lost_a_file_is_made_again() {
        let temporary = tempfile::tempdir().unwrap();
        let cache = Cache::at(temporary.path().to_path_buf());
        cache.get("tool", make).unwrap();
        fs_err::remove_file(cache.folder("tool").join("file")).unwrap();
        assert!(cache.record("tool").is_none());
        cache.get("tool", make).unwrap();
        assert!(cache.record("tool").is_some());
    }
}
