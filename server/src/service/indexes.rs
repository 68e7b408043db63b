// SPDX-License-Identifier: MIT
//! Indexes under names of the publisher's choice, as stock desync uploads them.

use bytes::Bytes;
use vsekai_formats::TreePath;
use vsekai_formats::release::Pinned;

use super::error::ServiceError;
use super::{Service, blocking, verify};
use crate::db::indexes::{self, Named};

/// A file name ending in `.caidx` or `.caibx`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexName(String);

impl IndexName {
    /// Checks that `text` is such a name and no path.
    ///
    /// # Errors
    /// [`ServiceError::BadRequest`].
    pub fn parse(text: &str) -> Result<Self, ServiceError> {
        let is_name = !text.contains('/') && TreePath::parse(text).is_ok();
        let has_extension = [".caidx", ".caibx"].iter().any(|end| text.ends_with(end));
        match is_name && has_extension {
            true => Ok(Self(text.to_owned())),
            false => Err(ServiceError::BadRequest(
                "the name of an index ends in .caidx or .caibx and has no folder".to_owned(),
            )),
        }
    }

    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Service {
    /// Returns what stands behind `name`.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`], or the database failed.
    pub async fn find_index(&self, name: &IndexName) -> Result<Pinned, ServiceError> {
        let key = name.0.clone();
        let found = self
            .database
            .read("look up an index", move |tx| indexes::find(tx, &key))
            .await?;
        found.ok_or_else(|| ServiceError::NotFound(format!("index {}", name.0)))
    }

    /// Stores an index under `name`; tells whether the name is new.
    ///
    /// # Errors
    /// [`ServiceError::Unsupported`] if it is no index, [`ServiceError::Conflict`] if the name stands for
    /// another one.
    pub async fn put_index(&self, name: IndexName, bytes: Bytes) -> Result<bool, ServiceError> {
        let limits = self.limits.clone();
        let folder = self.folder.indexes().clone();
        let _naming = self.naming.read().await;
        let stored = blocking(move || {
            let parsed = verify::read_index(&bytes, &limits);
            let index = parsed.map_err(|error| ServiceError::Unsupported(error.outside()))?;
            Ok((index.unique_ids(), folder.put(&bytes)?))
        });
        let (ids, pinned) = stored.await?;
        // From the name on the index keeps its chunks; until then this does.
        self.entered_sizes(ids).await?;
        let (key, privacy) = (name.0.clone(), self.privacy.clone());
        let named = self.database.write("name an index", move |tx| {
            let named = indexes::name(tx, &key, &pinned)?;
            privacy.renew(tx)?;
            Ok(named)
        });
        match named.await? {
            Named::New => Ok(true),
            Named::Same => Ok(false),
            Named::Taken => Err(ServiceError::conflict(
                "exists",
                format!("another index has the name {}", name.0),
            )),
        }
    }
}
