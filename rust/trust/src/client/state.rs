// SPDX-License-Identifier: MIT
//! What a player's side remembers between updates: one file, replaced as a whole.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use fs_err as fs;
use jiff::Timestamp as Time;
use serde::{Deserialize, Serialize};
use vsekai_formats::release::{Pinned, Slug};
use vsekai_store::{bounded, durable};

use crate::error::TrustError;

/// The folder that keeps the trusted state of one title.
///
/// A state that is there and cannot be read is an error, never "none": otherwise whoever damages the file
/// could serve old releases again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedState {
    folder: PathBuf,
}

/// The trusted state: everything that was verified, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remembered {
    /// Version of this document.
    pub schema: u32,
    /// The title.
    pub title: Slug,
    /// The root that everything began with.
    pub anchor: Pinned,
    /// Every root since, the newest last; the first is the anchor.
    pub roots: Vec<Pinned>,
    /// The latest time the clock was seen to show.
    pub latest_time: Time,
    /// The newest verified metadata by role.
    pub metadata: BTreeMap<String, String>,
    /// Channel pointers by target name, so that an unchanged one need not be fetched.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pointers: BTreeMap<String, String>,
}

impl Remembered {
    /// Returns the newest verified metadata of `role`.
    pub fn metadata(&self, role: &str) -> Option<Bytes> {
        let text = self.metadata.get(role)?;
        Some(Bytes::copy_from_slice(text.as_bytes()))
    }

    /// Returns version and validity of each role, by name.
    pub fn roles(&self) -> Vec<RoleState> {
        let roles = self.metadata.iter();
        let states = roles.filter_map(|(role, text)| {
            let head = head_of(text)?;
            Some(RoleState {
                role: role.clone(),
                version: head.version,
                expires: head.expires,
            })
        });
        states.collect()
    }
}

/// One role of the trusted state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RoleState {
    /// Its name.
    pub role: String,
    /// Its version.
    pub version: u64,
    /// Until when it is valid, RFC 3339.
    pub expires: String,
}

impl TrustedState {
    /// Keeps the state in `folder`, which is created with the first state.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// Returns the folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads the state of `title`; `None` if there never was one.
    ///
    /// # Errors
    /// [`TrustError::State`] if the file is there and cannot be read, is damaged, or is of another title;
    /// [`TrustError::NewerForm`] if a newer launcher wrote it.
    pub fn load(&self, title: &Slug) -> Result<Option<Remembered>, TrustError> {
        let Some(bytes) = self.read()? else {
            return Ok(None);
        };
        let document = whole(&bytes).map_err(|reason| self.unreadable(reason))?;
        if let Ok(form) = form(document)
            && form > SCHEMA
        {
            let what = format!("trusted state in {}", self.file().display());
            return Err(TrustError::NewerForm { what, form });
        }
        let parsed = serde_json::from_slice(document);
        let remembered: Remembered = parsed.map_err(|error| self.unreadable(error.to_string()))?;
        if remembered.title != *title {
            let reason = format!(
                "it is of the title \"{}\" instead of \"{title}\"",
                remembered.title
            );
            return Err(self.unreadable(reason));
        }
        Ok(Some(remembered))
    }

    /// Replaces the state, durably and in one step, unless it is newer than `next` by now.
    ///
    /// # Errors
    /// A file operation failed, and the state is the old or the new one; or the old one cannot be read, or is a newer
    /// launcher's.
    pub fn store(&self, next: &Remembered) -> Result<(), TrustError> {
        let bytes = encode(next).map_err(|reason| self.unreadable(reason))?;
        self.replace(next, &bytes).map_err(|error| match error {
            TrustError::Io { source, .. } if is_full(&source) => TrustError::DiskFull {
                path: self.folder.clone(),
                needed: bytes.len() as u64,
            },
            other => other,
        })
    }

    fn replace(&self, next: &Remembered, bytes: &[u8]) -> Result<(), TrustError> {
        durable::create_folders(&self.folder).map_err(|source| self.failed("create", source))?;
        let _lock = self.lock()?;
        // Another launcher may have come further since; the state never goes back.
        if let Some(there) = self.load(&next.title)?
            && there.anchor == next.anchor
            && progress(&there) > progress(next)
        {
            return Ok(());
        }
        durable::replace(&self.file(), ".tmp-", bytes).map_err(|source| self.failed("replace", source))
    }

    /// Forgets everything, so that trust starts anew. Only a person may decide that.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn forget(&self) -> Result<(), TrustError> {
        let removed = match fs::remove_file(self.file()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            other => other,
        };
        removed
            .and_then(|()| durable::sync_folder(&self.folder))
            .map_err(|source| self.failed("remove", source))
    }

    /// Says that there is no state although there was one.
    pub fn missing(&self) -> TrustError {
        self.unreadable("it is missing, although a verified release was installed with it".to_owned())
    }

    fn read(&self) -> Result<Option<Vec<u8>>, TrustError> {
        match bounded::read_file(self.file(), MAX_STATE) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unreadable(error.to_string())),
        }
    }

    /// Keeps other launchers out between looking at the state and replacing it; let go when dropped.
    fn lock(&self) -> Result<fs::File, TrustError> {
        let path = self.folder.join("lock");
        let opened = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        opened
            .and_then(|file| {
                fs4::FileExt::lock(file.file())?;
                Ok(file)
            })
            .map_err(|source| self.failed("lock", source))
    }

    fn file(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    fn unreadable(&self, reason: String) -> TrustError {
        TrustError::State {
            path: self.file(),
            reason,
        }
    }

    fn failed(&self, action: &'static str, source: std::io::Error) -> TrustError {
        TrustError::Io {
            action,
            path: self.file(),
            source,
        }
    }
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// How far a state is: of two with the same anchor the greater one is newer.
fn progress(remembered: &Remembered) -> (usize, u64, Time) {
    let version = |role: &str| Some(head_of(remembered.metadata.get(role)?)?.version);
    (
        remembered.roots.len(),
        version(super::set::TIMESTAMP).unwrap_or(0),
        remembered.latest_time,
    )
}

fn head_of(text: &str) -> Option<Head> {
    let document: Document = serde_json::from_str(text).ok()?;
    Some(document.signed)
}

#[derive(Deserialize)]
struct Document {
    signed: Head,
}

#[derive(Deserialize)]
struct Head {
    version: u64,
    expires: String,
}

/// Writes the state, and its digest in a line of its own: a flipped bit must not look like a replaced key.
fn encode(remembered: &Remembered) -> Result<Vec<u8>, String> {
    let mut bytes = serde_json::to_vec(remembered).map_err(|error| error.to_string())?;
    let digest = hex::encode(super::verify::sha256(&bytes));
    bytes.push(b'\n');
    bytes.extend_from_slice(digest.as_bytes());
    bytes.push(b'\n');
    Ok(bytes)
}

/// Returns the document without its digest, which must be the right one.
fn whole(bytes: &[u8]) -> Result<&[u8], String> {
    let damaged = || "it is damaged".to_owned();
    let (document, digest) = bytes
        .len()
        .checked_sub(DIGEST_LINE)
        .map(|end| bytes.split_at(end))
        .ok_or_else(damaged)?;
    let (document, newline) = document.split_at(document.len().saturating_sub(1));
    let expected = format!("{}\n", hex::encode(super::verify::sha256(document)));
    match newline == b"\n" && digest == expected.as_bytes() {
        true => Ok(document),
        false => Err(damaged()),
    }
}

/// Returns the version of a document's form, whatever else is in it.
pub(super) fn form(document: &[u8]) -> serde_json::Result<u32> {
    #[derive(Deserialize)]
    struct Form {
        schema: u32,
    }
    serde_json::from_slice(document).map(|Form { schema }| schema)
}

/// Version of the state's form.
pub(super) const SCHEMA: u32 = 1;
const FILE: &str = "trusted.json";
/// 64 hexadecimal digits and the end of the line.
const DIGEST_LINE: usize = 65;
/// Every piece of metadata at its largest would be less.
const MAX_STATE: usize = 256 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn remembered(timestamp: u64) -> Remembered {
        let anchor = Pinned::of(b"root");
        let text = format!("{{\"signed\":{{\"version\":{timestamp},\"expires\":\"\"}}}}");
        Remembered {
            schema: SCHEMA,
            title: title(),
            roots: vec![anchor.clone()],
            anchor,
            latest_time: Time::UNIX_EPOCH,
            metadata: BTreeMap::from([("timestamp".to_owned(), text)]),
            pointers: BTreeMap::new(),
        }
    }

    fn title() -> Slug {
        "game".parse().unwrap()
    }

    fn state() -> (tempfile::TempDir, TrustedState) {
        let folder = tempfile::tempdir().unwrap();
        let state = TrustedState::new(folder.path().join("trust"));
        (folder, state)
    }

    #[test]
    fn a_state_is_read_back_as_it_was_stored() {
        let (_folder, state) = state();
        assert_eq!(state.load(&title()).unwrap(), None);
        state.store(&remembered(3)).unwrap();
        assert_eq!(state.load(&title()).unwrap(), Some(remembered(3)));
    }

    #[test]
    fn a_state_never_goes_back() {
        let (_folder, state) = state();
        state.store(&remembered(3)).unwrap();
        state.store(&remembered(2)).unwrap();
        assert_eq!(state.load(&title()).unwrap(), Some(remembered(3)));
    }

    #[test]
    fn every_changed_byte_of_a_state_makes_it_unreadable() {
        let (_folder, state) = state();
        state.store(&remembered(3)).unwrap();
        let good = fs::read(state.file()).unwrap();
        for place in 0..good.len() {
            let mut bad = good.clone();
            bad[place] ^= 1;
            fs::write(state.file(), bad).unwrap();
            let refused = state.load(&title());
            assert!(matches!(refused, Err(TrustError::State { .. })), "byte {place}");
        }
        for length in 0..good.len() {
            fs::write(state.file(), &good[..length]).unwrap();
            assert!(state.load(&title()).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn the_state_of_a_newer_launcher_is_no_damage_and_not_written_over() {
        let (_folder, state) = state();
        let newer = Remembered {
            schema: SCHEMA + 1,
            ..remembered(3)
        };
        state.store(&newer).unwrap();
        let before = fs::read(state.file()).unwrap();
        for refused in [state.load(&title()).map(drop), state.store(&remembered(4))] {
            assert!(
                matches!(refused, Err(TrustError::NewerForm { form: 2, .. })),
                "{refused:?}"
            );
        }
        assert_eq!(fs::read(state.file()).unwrap(), before);
    }

    #[test]
    fn the_state_of_another_title_is_refused() {
        let (_folder, state) = state();
        state.store(&remembered(3)).unwrap();
        assert!(state.load(&"other".parse().unwrap()).is_err());
    }

    #[test]
    fn a_forgotten_state_is_gone() {
        let (_folder, state) = state();
        state.forget().unwrap();
        state.store(&remembered(3)).unwrap();
        state.forget().unwrap();
        assert_eq!(state.load(&title()).unwrap(), None);
    }
}
