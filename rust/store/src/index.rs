// SPDX-License-Identifier: MIT
//! Stores of indexes, by name: a folder or an HTTP server.
//!
//! Index bytes are passed on as they are, bounded and not parsed; whoever uses them checks them.

use std::fmt;
use std::io;
use std::path::PathBuf;

use async_trait::async_trait;
use bytes::Bytes;
use fs_err as fs;

use crate::bounded;
use crate::durable;
use crate::error::{Object, StoreError};
use crate::http::HttpOrigin;
use crate::task::blocking;

/// A place to keep indexes in.
#[async_trait]
pub trait IndexStore: Send + Sync + fmt::Debug {
    /// Returns the bytes of an index, at most `max_bytes` of them.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Invalid`] if it is longer.
    async fn get_index(&self, name: &IndexName, max_bytes: usize) -> Result<Bytes, StoreError>;

    /// Tells whether there is an index of this name.
    ///
    /// # Errors
    /// Anything but a plain "yes" or "no".
    async fn has_index(&self, name: &IndexName) -> Result<bool, StoreError>;

    /// Stores an index in place of any other of its name. It is durable when this returns.
    ///
    /// # Errors
    /// It could not be stored; what was there before is untouched.
    async fn put_index(&self, name: &IndexName, bytes: Bytes) -> Result<(), StoreError>;

    /// Returns a short name for messages: a path or an address without credentials and query.
    fn place(&self) -> String;
}

/// The name of an index in its store: one path component, on every system.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexName(String);

/// A name that could be read as a path, or that some system takes for something else.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a name for an index")]
pub struct IndexNameError(pub String);

impl IndexName {
    /// Checks a name: not empty, no dots alone, no separators, colons or control characters.
    ///
    /// # Errors
    /// [`IndexNameError`].
    pub fn parse(text: &str) -> Result<Self, IndexNameError> {
        let bad = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':');
        if matches!(text, "" | "." | "..") || text.len() > MAX_NAME || text.contains(bad) {
            return Err(IndexNameError(text.chars().take(MAX_NAME).collect()));
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IndexName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Indexes as files of a folder.
#[derive(Clone, Debug)]
pub struct LocalIndexStore {
    root: PathBuf,
}

impl LocalIndexStore {
    /// Uses the folder `root`, which must exist when an index is put.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn path(&self, name: &IndexName) -> PathBuf {
        self.root.join(name.as_str())
    }

    fn read(&self, name: &IndexName, max_bytes: usize) -> Result<Bytes, StoreError> {
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => StoreError::missing(self.place(), object(name)),
            io::ErrorKind::FileTooLarge => {
                let reason = format!("longer than the allowed {max_bytes} bytes");
                StoreError::invalid(self.place(), object(name), reason)
            }
            _ => StoreError::io("read index", error),
        };
        let path = self.path(name);
        let found = fs::metadata(&path).map_err(failed)?;
        if !found.is_file() {
            return Err(StoreError::invalid(
                self.place(),
                object(name),
                "not a regular file",
            ));
        }
        Ok(bounded::read_file(&path, max_bytes).map_err(failed)?.into())
    }
}

#[async_trait]
impl IndexStore for LocalIndexStore {
    async fn get_index(&self, name: &IndexName, max_bytes: usize) -> Result<Bytes, StoreError> {
        let (store, name) = (self.clone(), name.clone());
        blocking("read index", move || store.read(&name, max_bytes)).await
    }

    async fn has_index(&self, name: &IndexName) -> Result<bool, StoreError> {
        let path = self.path(name);
        blocking("look for index", move || match fs::metadata(path) {
            Ok(found) => Ok(found.is_file()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(StoreError::io("look for index", error)),
        })
        .await
    }

    async fn put_index(&self, name: &IndexName, bytes: Bytes) -> Result<(), StoreError> {
        let path = self.path(name);
        blocking("write index", move || {
            durable::replace(&path, ".tmp-index", &bytes)
                .map_err(|error| StoreError::io("write index", error))
        })
        .await
    }

    fn place(&self) -> String {
        self.root.display().to_string()
    }
}

/// Indexes below an address: `GET`, `HEAD` and `PUT` of their names.
#[derive(Clone, Debug)]
pub struct HttpIndexStore {
    origin: HttpOrigin,
}

impl HttpIndexStore {
    /// Uses what lies below `origin`.
    pub fn new(origin: HttpOrigin) -> Self {
        Self { origin }
    }
}

#[async_trait]
impl IndexStore for HttpIndexStore {
    async fn get_index(&self, name: &IndexName, max_bytes: usize) -> Result<Bytes, StoreError> {
        self.origin.get_bounded(name.as_str(), max_bytes).await
    }

    async fn has_index(&self, name: &IndexName) -> Result<bool, StoreError> {
        self.origin.exists(name.as_str()).await
    }

    async fn put_index(&self, name: &IndexName, bytes: Bytes) -> Result<(), StoreError> {
        self.origin.put(name.as_str(), None, bytes).await
    }

    fn place(&self) -> String {
        self.origin.name().to_owned()
    }
}

pub(crate) fn object(name: &IndexName) -> Object {
    Object::File(name.to_string())
}

const MAX_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_component_on_every_system() {
        for good in ["a.caibx", "game_1.0_linux-x86_64.caidx", ".hidden", "日本", "a b"] {
            assert_eq!(IndexName::parse(good).unwrap().as_str(), good);
        }
        let long = "x".repeat(256);
        for bad in ["", ".", "..", "a/b", "/", "a\\b", "C:x", "a\0", "a\nb", &long] {
            assert!(IndexName::parse(bad).is_err(), "{bad:?}");
        }
    }
}
