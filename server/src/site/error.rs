// SPDX-License-Identifier: MIT
//! Why a site was not written.

use std::path::PathBuf;

use vsekai_formats::release::Slug;
use vsekai_store::StoreError;

use crate::db::DatabaseError;
use crate::service::ServiceError;
use crate::storage::StorageError;

/// A site that was not written, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// Somebody else is writing it.
    #[error("{} is being written by another export or mirror", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// What is to be written is older than what is there.
    #[error(
        "{place} has timestamp {found} of {title}, which is not older than the one to be written, {offered}; is this \
         data folder a copy from before? Export to an empty place, or once the server has signed past {found}"
    )]
    Newer {
        /// The site.
        place: String,
        /// The title.
        title: Slug,
        /// The version of the timestamp there.
        found: u64,
        /// The version to be written.
        offered: u64,
    },
    /// A file of the site is not what was written there.
    #[error("{place} has a damaged {path}; remove it, then run this again with --check")]
    Damaged {
        /// The site.
        place: String,
        /// The file.
        path: String,
    },
    /// The data folder.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The site's folder.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The site's bucket, or a source of chunks.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<DatabaseError> for SiteError {
    fn from(error: DatabaseError) -> Self {
        Self::Service(error.into())
    }
}
