// SPDX-License-Identifier: MIT
//! The server's own keys: one folder, a file for each key, loaded when a title first needs them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vsekai_formats::release::Slug;
use vsekai_trust::publisher::{KeyFolder, PublicKey, SigningKey};

use super::error::ServiceError;

/// The keys that sign snapshots and timestamps.
///
/// They are not encrypted, since the server has to sign while nobody is there. Whoever has them can say which
/// versions of what publishers signed belong together, and hold players on old ones; nothing else.
#[derive(Debug)]
pub(super) struct OnlineKeys {
    folder: PathBuf,
    loaded: Mutex<HashMap<Slug, Keys>>,
}

type Keys = Arc<Vec<SigningKey>>;

impl OnlineKeys {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            loaded: Mutex::default(),
        }
    }

    /// Returns the keys of `title`; none if it has not begun.
    pub(super) fn of(&self, title: &Slug) -> Result<Keys, ServiceError> {
        self.known(&mut self.loaded(), title)
    }

    /// Returns the keys of `title`, after it made the first one if there was none: one, however many ask at once.
    pub(super) fn begun(&self, title: &Slug) -> Result<Keys, ServiceError> {
        let mut loaded = self.loaded();
        let keys = self.known(&mut loaded, title)?;
        match keys.is_empty() {
            true => self.make(&mut loaded, title),
            false => Ok(keys),
        }
    }

    /// Makes another key for `title` and returns all of them.
    pub(super) fn add(&self, title: &Slug) -> Result<Keys, ServiceError> {
        self.make(&mut self.loaded(), title)
    }

    fn known(&self, loaded: &mut HashMap<Slug, Keys>, title: &Slug) -> Result<Keys, ServiceError> {
        if let Some(keys) = loaded.get(title) {
            return Ok(keys.clone());
        }
        let keys = Arc::new(read(&self.folder, title)?);
        loaded.insert(title.clone(), keys.clone());
        Ok(keys)
    }

    fn make(&self, loaded: &mut HashMap<Slug, Keys>, title: &Slug) -> Result<Keys, ServiceError> {
        let key = SigningKey::generate()?;
        folder(&self.folder, title).add(ROLE, &key, None)?;
        let keys = Arc::new(read(&self.folder, title)?);
        loaded.insert(title.clone(), keys.clone());
        Ok(keys)
    }

    fn loaded(&self) -> MutexGuard<'_, HashMap<Slug, Keys>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads the keys of `title` from the folder of all titles' keys.
pub(crate) fn read(folder_of_all: &Path, title: &Slug) -> Result<Vec<SigningKey>, ServiceError> {
    let files = folder(folder_of_all, title).list()?;
    Ok(files
        .iter()
        .map(|file| file.open(None))
        .collect::<Result<_, _>>()?)
}

/// Returns the public halves of `keys`.
pub(super) fn public(keys: &[SigningKey]) -> Vec<PublicKey> {
    keys.iter().map(SigningKey::public).collect()
}

fn folder(folder_of_all: &Path, title: &Slug) -> KeyFolder {
    KeyFolder::new(folder_of_all.join(title.as_str()))
}

const ROLE: &str = "online";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_begins_with_one_key_however_many_ask_at_once() {
        let root = tempfile::tempdir().unwrap();
        let keys = OnlineKeys::new(root.path().to_owned());
        let title: Slug = "game".parse().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| assert_eq!(keys.begun(&title).unwrap().len(), 1));
            }
        });
        assert_eq!(read(root.path(), &title).unwrap().len(), 1);
        assert_eq!(keys.add(&title).unwrap().len(), 2);
        assert_eq!(keys.begun(&title).unwrap().len(), 2);
    }
}
