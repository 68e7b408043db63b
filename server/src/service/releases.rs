// SPDX-License-Identifier: MIT
//! Releases: verification, the one transaction that makes them visible, and what clients read.

use std::sync::Arc;

use bytes::Bytes;
use fs_err as fs;
use vsekai_formats::ChunkId;
use vsekai_formats::release::{ChannelList, ChannelPointer, Pinned, Platform, Slug, Version};

use super::access::Access;
use super::error::ServiceError;
use super::token::Verb;
use super::{Service, blocking, turn, verify};
use crate::db::releases::{self, Latest, Publication, ReleaseEntry, ReleaseFiles};

/// The three parts of a release as they were uploaded.
#[derive(Clone, Debug)]
pub struct ReleaseUpload {
    /// The manifest.
    pub manifest: Bytes,
    /// The contents, zstd-compressed.
    pub contents: Bytes,
    /// The index.
    pub index: Bytes,
}

impl Service {
    /// Makes a release visible and points `channel` at it; tells whether it is new.
    ///
    /// Nothing is visible before everything is durable: chunks, then contents, index and manifest, then one
    /// transaction.
    ///
    /// # Errors
    /// The documents do not agree, chunks are missing, or the version or sequence is taken.
    pub async fn publish(
        self: &Arc<Self>,
        access: Access,
        channel: Slug,
        upload: ReleaseUpload,
    ) -> Result<bool, ServiceError> {
        self.undisturbed(|service| async move { service.publish_now(&access, channel, upload).await })
            .await
    }

    async fn publish_now(
        &self,
        access: &Access,
        channel: Slug,
        upload: ReleaseUpload,
    ) -> Result<bool, ServiceError> {
        let _turn = turn(&self.release_checks).await?;
        let release = verify::manifest(&upload.manifest)?;
        access.require(Verb::Publish, &release.manifest.title, &channel)?;
        let needed = {
            let (manifest, limits) = (release.manifest.clone(), self.limits.clone());
            let (contents, index) = (upload.contents.clone(), upload.index.clone());
            blocking(move || verify::release(&manifest, &contents, &index, &limits)).await?
        };
        self.flush().await?;
        // Whatever the publisher was told is there was pending at the latest then, so the flush covered it.
        let found = self
            .entered_sizes(needed.iter().map(|chunk| chunk.id).collect())
            .await?;
        self.refuse_missing(verify::compare_chunks(&needed, &found)?)?;
        self.store_documents(upload).await?;

        let latest = release.manifest.clone();
        let actor = access.actor();
        let publication = self.database.write("publish a release", move |tx| {
            releases::publish(tx, &release, &channel, &actor)
        });
        match publication.await? {
            Publication::Created => Ok(true),
            Publication::AlreadyThere => Ok(false),
            Publication::VersionExists => Err(ServiceError::conflict(
                "version-exists",
                format!(
                    "version {} for {} exists and has other content",
                    latest.version, latest.platform
                ),
            )),
            Publication::SequenceTooLow { latest: there } => Err(ServiceError::conflict(
                "sequence",
                format!(
                    "the sequence {} is not above the latest one, {there}",
                    latest.sequence
                ),
            )),
            Publication::IndexExists => Err(ServiceError::conflict(
                "exists",
                format!(
                    "another index has the name of version {} for {}",
                    latest.version, latest.platform
                ),
            )),
        }
    }

    /// Points `channel` at a release that exists.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] if it does not, [`ServiceError::Forbidden`].
    pub async fn promote(
        &self,
        access: &Access,
        title: Slug,
        channel: Slug,
        platform: Platform,
        version: Version,
    ) -> Result<(), ServiceError> {
        access.require(Verb::Promote, &title, &channel)?;
        let missing = ServiceError::NotFound(format!("version {version} of {title} for {platform}"));
        let actor = access.actor();
        let promoted = self.database.write("promote a release", move |tx| {
            releases::promote(tx, &title, &channel, platform, &version, &actor)
        });
        match promoted.await? {
            true => Ok(()),
            false => Err(missing),
        }
    }

    /// Returns the newest release of `title` for `platform`.
    ///
    /// # Errors
    /// The database failed.
    pub async fn latest(&self, title: Slug, platform: Platform) -> Result<Option<Latest>, ServiceError> {
        let found = self.database.read("look up the latest release", move |tx| {
            releases::latest(tx, &title, platform)
        });
        Ok(found.await?)
    }

    /// Returns the releases of `title`, newest first within each platform.
    ///
    /// # Errors
    /// The database failed.
    pub async fn list(&self, title: Slug) -> Result<Vec<ReleaseEntry>, ServiceError> {
        Ok(self
            .database
            .read("list releases", move |tx| releases::list(tx, &title))
            .await?)
    }

    /// Returns the channels of `title`.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] if it has none.
    pub async fn channels(&self, title: Slug) -> Result<ChannelList, ServiceError> {
        let missing = ServiceError::NotFound(format!("title {title}"));
        let found = self
            .database
            .read("list channels", move |tx| releases::channels(tx, &title));
        found.await?.ok_or(missing)
    }

    /// Returns what `channel` offers for `platform`.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] if nothing.
    pub async fn pointer(
        &self,
        title: Slug,
        channel: Slug,
        platform: Platform,
    ) -> Result<ChannelPointer, ServiceError> {
        let missing = ServiceError::NotFound(format!("channel {channel} of {title} for {platform}"));
        let found = self.database.read("look up a channel", move |tx| {
            releases::pointer(tx, &title, &channel, platform)
        });
        found.await?.ok_or(missing)
    }

    /// Returns the documents of a release.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`] if there is no such release.
    pub async fn release_files(
        &self,
        title: Slug,
        platform: Platform,
        version: Version,
    ) -> Result<ReleaseFiles, ServiceError> {
        let missing = ServiceError::NotFound(format!("version {version} of {title} for {platform}"));
        let found = self.database.read("look up a release", move |tx| {
            releases::files(tx, &title, platform, &version)
        });
        found.await?.ok_or(missing)
    }

    /// Opens a manifest or contents document.
    ///
    /// # Errors
    /// The data folder has lost it.
    pub async fn open_document(&self, pinned: Pinned) -> Result<fs::File, ServiceError> {
        let folder = self.folder.documents().clone();
        blocking(move || Ok(folder.open_file(&pinned)?)).await
    }

    /// Opens an index.
    ///
    /// # Errors
    /// The data folder has lost it.
    pub async fn open_index(&self, pinned: Pinned) -> Result<fs::File, ServiceError> {
        let folder = self.folder.indexes().clone();
        blocking(move || Ok(folder.open_file(&pinned)?)).await
    }

    fn refuse_missing(&self, missing: Vec<ChunkId>) -> Result<(), ServiceError> {
        match missing.len() {
            0 => Ok(()),
            total => Err(ServiceError::MissingChunks {
                first: missing.into_iter().take(self.limits.missing_reported).collect(),
                total,
            }),
        }
    }

    async fn store_documents(&self, upload: ReleaseUpload) -> Result<(), ServiceError> {
        let (documents, indexes) = (self.folder.documents().clone(), self.folder.indexes().clone());
        blocking(move || {
            documents.put(&upload.contents)?;
            indexes.put(&upload.index)?;
            documents.put(&upload.manifest)?;
            Ok(())
        })
        .await
    }
}
