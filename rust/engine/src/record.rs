// SPDX-License-Identifier: MIT
//! What an install folder remembers: its settings, and which version is current.
//!
//! Its records go through `load` and `store`, by the rule of `Document`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use vsekai_formats::ChunkId;
use vsekai_formats::release::{InstallId, Pinned, Platform, Slug, Version};

use crate::disk;
use crate::error::EngineError;
use crate::lock::Turn;
use crate::paths::InstallPaths;
use crate::preferences::Preferences;
use crate::starts::StartLog;
use crate::watch;

/// A record of the launcher's own in the install folder.
///
/// Each says in `schema` which version of its form it has. A launcher leaves one alone that has a higher version than it
/// knows, and passes over fields that it does not know. So a field that older launchers may pass over, and lose when they
/// write, does not raise the version; all else does: a new word for a value, another meaning, a field that goes.
pub(crate) trait Document: Serialize + DeserializeOwned {
    /// What errors call it.
    const WHAT: &'static str;
    /// The version of its form.
    const SCHEMA: u32 = 1;
}

/// Where an install gets its releases from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Version of this document.
    pub schema: u32,
    /// Base address of the update server.
    pub server: String,
    /// The title.
    pub title: Slug,
    /// The channel followed.
    pub channel: Slug,
    /// The platform installed for.
    pub platform: Platform,
    /// Whether the server may be asked without encryption although it is another machine.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_http: bool,
    /// What rollouts draw lots by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub install: Option<InstallId>,
    /// SHA-256 of the root that trust in the title began with. From then on its trusted state must be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<ChunkId>,
}

/// Which version is current: the one small file whose replacement is an update's commit point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    /// Version of this document.
    pub schema: u32,
    /// What is started by "Play".
    pub current: InstalledVersion,
    /// What a roll-back goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<InstalledVersion>,
    /// Versions kept from before that, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<InstalledVersion>,
    /// Manifest of a release the player went back from; it is not offered again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Pinned>,
}

/// A complete version in the install folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledVersion {
    /// Name of its folder below `versions/`, and of its documents' folder.
    pub name: String,
    /// Its label.
    pub version: Version,
    /// Its publish sequence.
    pub sequence: u64,
    /// The channel it came from.
    pub channel: Slug,
    /// Its manifest.
    pub manifest: Pinned,
    /// Number of files.
    pub files: u64,
    /// Bytes of all files.
    pub installed_bytes: u64,
}

impl Document for Settings {
    const WHAT: &'static str = "settings of this installation";
}

impl Settings {
    /// Reads the settings; `None` in a folder that was never used.
    ///
    /// # Errors
    /// The file is there but cannot be read or understood.
    pub fn load(paths: &InstallPaths) -> Result<Option<Self>, EngineError> {
        load(&paths.settings())
    }

    /// The same, `None` also where they cannot be read: enough to start what is installed and to tell of it.
    pub fn known(paths: &InstallPaths) -> Option<Self> {
        // Whoever needs more of them than this loads them, and says what is wrong.
        Self::load(paths).ok().flatten()
    }

    pub(crate) fn store(&self, paths: &InstallPaths) -> Result<(), EngineError> {
        store(&paths.settings(), self)
    }
}

impl Document for Current {
    const WHAT: &'static str = "record of the installed version";
}

impl Current {
    /// Reads which version is current; `None` where nothing is installed.
    ///
    /// # Errors
    /// The file is there but cannot be read or understood, or names a folder outside `versions/`.
    pub fn load(paths: &InstallPaths) -> Result<Option<Self>, EngineError> {
        let Some(current) = load::<Self>(&paths.current())? else {
            return Ok(None);
        };
        for version in current.versions() {
            if !is_version_name(&version.name) {
                let reason = format!("{:?} is not the name of a version folder", version.name);
                return Err(EngineError::BadRecord {
                    what: named::<Self>(&paths.current()),
                    reason,
                });
            }
        }
        Ok(Some(current))
    }

    /// Returns the versions in the folder: the current one, then the older ones, the newest first.
    pub fn versions(&self) -> impl Iterator<Item = &InstalledVersion> {
        std::iter::once(&self.current).chain(self.older())
    }

    /// Returns the versions that are kept beside the current one, the newest first.
    pub fn older(&self) -> impl Iterator<Item = &InstalledVersion> {
        self.previous.iter().chain(&self.kept)
    }

    /// Returns the record with `older` kept beside the current version, the newest first.
    pub(crate) fn with_older(&self, older: Vec<InstalledVersion>) -> Self {
        let mut older = older.into_iter();
        Self {
            previous: older.next(),
            kept: older.collect(),
            ..self.clone()
        }
    }

    /// Returns the record after going back to `version`; the one left behind becomes the previous one.
    pub(crate) fn went_back_to(&self, version: &InstalledVersion) -> Self {
        let others = self.older().filter(|other| other.name != version.name);
        let older = std::iter::once(&self.current).chain(others).cloned().collect();
        Self {
            current: version.clone(),
            left: Some(self.current.manifest.clone()),
            ..self.with_older(older)
        }
    }

    pub(crate) fn store(&self, paths: &InstallPaths) -> Result<(), EngineError> {
        store(&paths.current(), self)
    }
}

impl Document for Preferences {
    const WHAT: &'static str = "record of the player's settings";
}

impl Preferences {
    /// Reads the preferences; the standard ones in a folder without any, or while they cannot be read.
    pub fn load(paths: &InstallPaths) -> Self {
        Self::read(paths).ok().flatten().unwrap_or_default()
    }

    /// The same; `None` in a folder without any.
    ///
    /// # Errors
    /// [`EngineError::LostRecord`] if they are damaged, another one if they cannot be read now.
    pub(crate) fn read(paths: &InstallPaths) -> Result<Option<Self>, EngineError> {
        let read = load::<Self>(&paths.preferences()).map_err(EngineError::bearable)?;
        if let Some(Err(error)) = read.as_ref().map(Self::check) {
            return Err(EngineError::LostRecord {
                what: named::<Self>(&paths.preferences()),
                reason: error.to_string(),
            });
        }
        Ok(read)
    }

    /// Changes the preferences durably; works beside a running update, and two changes do not undo each other.
    ///
    /// # Errors
    /// As [`Preferences::read`], or they cannot be written: damaged ones are put aside first, not written over.
    pub(crate) fn change(
        paths: &InstallPaths,
        change: impl FnOnce(&Self) -> Result<Self, EngineError>,
    ) -> Result<Self, EngineError> {
        disk::create_folders(&paths.state())?;
        let _turn = Turn::wait(&turns(&paths.preferences()))?;
        let before = Self::read(paths)?.unwrap_or_default();
        let changed = change(&before)?;
        if changed != before {
            store(&paths.preferences(), &changed)?;
        }
        Ok(changed)
    }
}

impl Document for StartLog {
    const WHAT: &'static str = "record of starts";
}

impl StartLog {
    /// Reads the log; empty in a folder that nothing was started from, or whose log cannot be read.
    pub fn load(paths: &InstallPaths) -> Self {
        Self::read(paths).ok().flatten().unwrap_or_default()
    }

    /// The same; `None` in a folder that nothing was started from.
    ///
    /// # Errors
    /// [`EngineError::LostRecord`] if it is damaged, another one if it cannot be read now.
    pub(crate) fn read(paths: &InstallPaths) -> Result<Option<Self>, EngineError> {
        load(&paths.start_log()).map_err(EngineError::bearable)
    }

    /// Changes the log as [`StartLog::change`] does, but only if there is one that can be read: what only makes it more
    /// exact must not stop an update or a roll-back.
    pub(crate) fn change_if_there<T: Default>(
        paths: &InstallPaths,
        change: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, EngineError> {
        match Self::read(paths) {
            Ok(Some(_)) => Self::change(paths, change),
            Ok(None) | Err(_) => Ok(T::default()),
        }
    }

    /// Changes the log durably if `change` does; works beside a running update.
    ///
    /// # Errors
    /// As [`StartLog::read`], or it cannot be written: a damaged one is put aside first, not written over.
    pub(crate) fn change<T>(
        paths: &InstallPaths,
        change: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, EngineError> {
        disk::create_folders(&paths.state())?;
        let _turn = Turn::wait(&turns(&paths.start_log()))?;
        let before = Self::read(paths)?.unwrap_or_else(|| Self {
            // A log that was lost had given out numbers, and no start may find what another one has left.
            next: watch::unused_number(paths),
            ..Self::default()
        });
        let mut log = before.clone();
        let result = change(&mut log);
        if log != before {
            store(&paths.start_log(), &log)?;
        }
        Ok(result)
    }
}

/// Where an install went that was moved away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Version of this document.
    pub schema: u32,
    /// Its folder now.
    pub to: std::path::PathBuf,
}

impl Document for Moved {
    const WHAT: &'static str = "record of where the install went";
}

impl Moved {
    /// Follows an install that was moved away from `root`, maybe more than once; returns where it should be now.
    ///
    /// # Errors
    /// A record on the way is there but cannot be read.
    pub fn follow(root: &std::path::Path) -> Result<std::path::PathBuf, EngineError> {
        let mut root = root.to_owned();
        for _ in 0..MAX_MOVES {
            let paths = InstallPaths::new(&root);
            if paths.current().exists() {
                break;
            }
            match load::<Self>(&paths.moved())? {
                Some(moved) => root = moved.to,
                None => break,
            }
        }
        Ok(root)
    }
}

/// Moves that are followed; more go in circles.
const MAX_MOVES: usize = 16;

/// Names are made here, but the record may have been edited since.
pub(crate) fn is_version_name(name: &str) -> bool {
    vsekai_formats::TreePath::parse(name).is_ok_and(|path| path.depth() == 1)
}

/// Reads the record at `path`.
///
/// # Errors
/// [`EngineError::BadRecord`] if it is damaged, [`EngineError::NewerForm`] if only a newer launcher can read it, another
/// one if it cannot be read now.
pub(crate) fn load<T: Document>(path: &std::path::Path) -> Result<Option<T>, EngineError> {
    let bad = |reason: String| EngineError::BadRecord {
        what: named::<T>(path),
        reason,
    };
    let read = disk::read_bounded(path, MAX_RECORD_BYTES).map_err(|error| match error {
        EngineError::BadRecord { reason, .. } => bad(reason),
        other => other,
    });
    let Some(bytes) = read? else {
        return Ok(None);
    };
    refuse_newer(&bytes, T::SCHEMA, || named::<T>(path))?;
    let parsed = serde_json::from_slice(&bytes);
    parsed.map(Some).map_err(|error| bad(error.to_string()))
}

/// Refuses a JSON document that has a newer form than `known`, before anything else of it is looked at.
///
/// # Errors
/// [`EngineError::NewerForm`]; what has no form at all is for whoever reads the rest.
pub(crate) fn refuse_newer(
    bytes: &[u8],
    known: u32,
    what: impl FnOnce() -> String,
) -> Result<(), EngineError> {
    #[derive(Deserialize)]
    struct Form {
        schema: u64,
    }
    match serde_json::from_slice(bytes) {
        Ok(Form { schema }) if schema > u64::from(known) => Err(EngineError::NewerForm {
            what: what(),
            schema,
            known,
        }),
        _ => Ok(()),
    }
}

fn named<T: Document>(path: &std::path::Path) -> String {
    format!("{} ({})", T::WHAT, path.display())
}

/// Takes a record that is damaged for one that is not there.
pub(crate) fn unless_lost<T>(read: Result<Option<T>, EngineError>) -> Result<Option<T>, EngineError> {
    match read {
        Err(EngineError::LostRecord { .. }) => Ok(None),
        read => read,
    }
}

/// Returns the file that whoever changes the record at `path` takes turns at.
pub(crate) fn turns(path: &std::path::Path) -> std::path::PathBuf {
    path.with_extension("lock")
}

/// Writes the record to `path` durably.
///
/// # Errors
/// It cannot be written, a newer launcher wrote the one that is there, or that one cannot be read now.
pub(crate) fn store<T: Document>(path: &std::path::Path, value: &T) -> Result<(), EngineError> {
    // Whatever the caller has read before.
    match disk::read_bounded(path, MAX_RECORD_BYTES) {
        Ok(Some(there)) => refuse_newer(&there, T::SCHEMA, || named::<T>(path))?,
        Ok(None) | Err(EngineError::BadRecord { .. }) => {}
        Err(error) => return Err(error),
    }
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|e| EngineError::Internal(e.to_string()))?;
    bytes.push(b'\n');
    disk::write_durably(path, &bytes)
}

const MAX_RECORD_BYTES: usize = 256 * 1024;

/// Records for tests of what goes by them.
#[cfg(test)]
pub(crate) mod fixture {
    use super::*;

    /// Returns a version of 10 bytes in a channel "stable"; its manifest is the only one of its kind.
    pub(crate) fn version(label: &str) -> InstalledVersion {
        InstalledVersion {
            name: format!("{label}-folder"),
            version: label.parse().unwrap(),
            sequence: 1,
            channel: "stable".parse().unwrap(),
            manifest: Pinned::of(label.as_bytes()),
            files: 1,
            installed_bytes: 10,
        }
    }

    /// Returns a record of versions, the current one first.
    pub(crate) fn current(labels: &[&str]) -> Current {
        let mut versions = labels.iter().map(|label| version(label));
        Current {
            schema: Current::SCHEMA,
            current: versions.next().unwrap(),
            previous: versions.next(),
            kept: versions.collect(),
            left: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved() -> Moved {
        Moved {
            schema: Moved::SCHEMA,
            to: "there".into(),
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_cannot_be_read_now_is_not_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("moved.json");
        // The system itself has nothing to read at the beginning of this file.
        std::os::unix::fs::symlink("/proc/self/mem", &path).unwrap();
        let error = store(&path, &moved()).unwrap_err();
        assert!(matches!(error, EngineError::Io { .. }), "{error:?}");
        assert!(path.is_symlink());
    }

    #[test]
    fn what_a_newer_launcher_wrote_is_neither_read_nor_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("moved.json");
        let newer = r#"{"schema":2,"way":["somewhere"]}"#;
        fs_err::write(&path, newer).unwrap();
        for error in [
            load::<Moved>(&path).unwrap_err(),
            store(&path, &moved()).unwrap_err(),
        ] {
            let words = error.to_string();
            assert!(
                words.starts_with("the record of where the install went (")
                    && words.ends_with("needs a newer launcher (schema 2, this one knows 1)"),
                "{words}"
            );
            assert_eq!(error.hint().unwrap(), "Update the launcher first");
            assert!(!error.retry());
        }
        assert_eq!(fs_err::read_to_string(&path).unwrap(), newer);
    }

    #[test]
    fn a_field_that_a_newer_launcher_added_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("current.json");
        let current = fixture::current(&["2", "1"]);
        let mut written = serde_json::to_value(&current).unwrap();
        written["colour"] = "green".into();
        written["current"]["colour"] = "green".into();
        fs_err::write(&path, written.to_string()).unwrap();
        assert_eq!(load::<Current>(&path).unwrap(), Some(current));
    }
}
