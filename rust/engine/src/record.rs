// SPDX-License-Identifier: MIT
//! What an install folder remembers: its settings, and which version is current.

use serde::{Deserialize, Serialize};
use vsekai_formats::release::{Pinned, Platform, Slug, Version};

use crate::disk;
use crate::error::EngineError;
use crate::paths::InstallPaths;

/// Where an install gets its releases from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
}

/// Which version is current: the one small file whose replacement is an update's commit point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Current {
    /// Version of this document.
    pub schema: u32,
    /// What is started by "Play".
    pub current: InstalledVersion,
    /// What a roll-back goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<InstalledVersion>,
    /// Manifest of a release the player went back from; it is not offered again by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Pinned>,
}

/// A complete version in the install folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

impl Settings {
    /// Reads the settings; `None` in a folder that was never used.
    ///
    /// # Errors
    /// The file is there but cannot be read or understood.
    pub fn load(paths: &InstallPaths) -> Result<Option<Self>, EngineError> {
        load(&paths.settings(), "settings of this installation")
    }

    pub(crate) fn store(&self, paths: &InstallPaths) -> Result<(), EngineError> {
        store(&paths.settings(), self)
    }
}

impl Current {
    /// Reads which version is current; `None` where nothing is installed.
    ///
    /// # Errors
    /// The file is there but cannot be read or understood, or names a folder outside `versions/`.
    pub fn load(paths: &InstallPaths) -> Result<Option<Self>, EngineError> {
        let what = "record of the installed version";
        let Some(current) = load::<Self>(&paths.current(), what)? else {
            return Ok(None);
        };
        for version in std::iter::once(&current.current).chain(&current.previous) {
            if !is_version_name(&version.name) {
                let reason = format!("{:?} is not the name of a version folder", version.name);
                return Err(EngineError::BadDocument {
                    what: what.to_owned(),
                    reason,
                });
            }
        }
        Ok(Some(current))
    }

    pub(crate) fn store(&self, paths: &InstallPaths) -> Result<(), EngineError> {
        store(&paths.current(), self)
    }
}

/// Names are made here, but the record may have been edited since.
pub(crate) fn is_version_name(name: &str) -> bool {
    vsekai_formats::TreePath::parse(name).is_ok_and(|path| path.depth() == 1)
}

fn load<T: for<'de> Deserialize<'de>>(path: &std::path::Path, what: &str) -> Result<Option<T>, EngineError> {
    let Some(bytes) = disk::read_bounded(path, MAX_RECORD_BYTES)? else {
        return Ok(None);
    };
    let parsed = serde_json::from_slice(&bytes);
    parsed.map(Some).map_err(|error| EngineError::BadDocument {
        what: format!("{what} ({})", path.display()),
        reason: error.to_string(),
    })
}

fn store<T: Serialize>(path: &std::path::Path, value: &T) -> Result<(), EngineError> {
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|e| EngineError::Internal(e.to_string()))?;
    bytes.push(b'\n');
    disk::write_durably(path, &bytes)
}

const MAX_RECORD_BYTES: usize = 64 * 1024;
