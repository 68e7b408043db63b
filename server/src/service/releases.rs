// SPDX-License-Identifier: MIT
//! Releases: verification, the one transaction that makes them visible, and what clients read.

use std::sync::Arc;

use bytes::Bytes;
use fs_err as fs;
use vsekai_formats::ChunkId;
use vsekai_formats::release::{Pinned, Platform, Slug, Version};
use vsekai_trust::online::Change;

use super::access::Access;
use super::error::ServiceError;
use super::metadata::Signer;
use super::token::Verb;
use super::{Service, blocking, turn, verify};
use crate::db::audit::{self, Event};
use crate::db::releases::{self, NewRelease, Publication, ReleaseEntry, ReleaseFiles};
use crate::db::retained;

/// The parts of a release as they were uploaded.
#[derive(Clone, Debug)]
pub struct ReleaseUpload {
    /// The manifest.
    pub manifest: Bytes,
    /// The contents, zstd-compressed.
    pub contents: Bytes,
    /// The index.
    pub index: Bytes,
    /// The signed role that lists the manifest.
    pub metadata: Bytes,
}

impl ReleaseUpload {
    /// Returns how many bytes it has.
    pub fn bytes(&self) -> usize {
        let parts = [&self.manifest, &self.contents, &self.index, &self.metadata];
        parts.iter().map(|part| part.len()).sum()
    }
}

/// What names a release on a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseName {
    /// The title.
    pub title: Slug,
    /// The platform.
    pub platform: Platform,
    /// The version.
    pub version: Version,
}

impl ReleaseName {
    fn missing(&self) -> ServiceError {
        let Self {
            title,
            platform,
            version,
        } = self;
        ServiceError::NotFound(format!(
            "version {version} of {title} for {platform}, or a hold on it,"
        ))
    }

    fn event<'a>(&'a self, action: &'a str, detail: Option<&'a str>) -> Event<'a> {
        Event {
            action,
            title: Some(self.title.as_str()),
            platform: Some(self.platform.as_str()),
            version: Some(self.version.as_str()),
            detail,
            ..Event::default()
        }
    }
}

impl Service {
    /// Makes a release visible with the signed role of `channel` that lists it; tells whether it is new.
    ///
    /// Nothing is visible before everything is durable: chunks, then contents, index and manifest, then one
    /// transaction for release, pointer and metadata.
    ///
    /// # Errors
    /// The documents do not agree, chunks are missing, the version or sequence is taken, or the metadata is
    /// refused.
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
        let change = read_change(&upload.metadata, &channel)?;
        let needed = {
            let (manifest, limits) = (release.manifest.clone(), self.limits.clone());
            let (contents, index) = (upload.contents.clone(), upload.index.clone());
            blocking(move || verify::release(&manifest, &contents, &index, &limits)).await?
        };
        // Before chunks are looked for: none of those that are found is collected until a row names them.
        let _naming = self.naming.read().await;
        self.flush().await?;
        // Whatever the publisher was told is there was pending at the latest then, so the flush covered it.
        let found = self
            .entered_sizes(needed.iter().map(|chunk| chunk.id).collect())
            .await?;
        self.refuse_missing(verify::compare_chunks(&needed, &found)?)?;
        self.store_documents(upload).await?;

        let signer = self.signer(&release.manifest.title, access.actor(), "publish")?;
        let published = self.database.attempt("publish a release", move |tx| {
            publish_in(tx, &release, &change, &signer)
        });
        published.await?
    }

    /// Returns the releases of `title` that the token allows reading, newest first within each platform.
    ///
    /// # Errors
    /// The token does not allow it.
    pub async fn list(&self, access: &Access, title: &Slug) -> Result<Vec<ReleaseEntry>, ServiceError> {
        access.require_title(title)?;
        let of_title = title.clone();
        let read = self
            .database
            .read("list releases", move |tx| releases::list(tx, &of_title));
        let mut entries = read.await?;
        entries.retain(|entry| {
            let audience = self.audience_of_release(title, entry.platform, &entry.version);
            access.may_read(&audience)
        });
        Ok(entries)
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
        let missing = no_release(&title, platform, &version);
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

    /// Keeps a release whatever the rules of retention say, until [`Service::let_go_release`].
    ///
    /// # Errors
    /// The token does not allow it, the reason is too long, or there is no such release.
    pub async fn hold_release(
        &self,
        access: &Access,
        name: ReleaseName,
        reason: String,
    ) -> Result<(), ServiceError> {
        access.require_whole_title(Verb::Promote, &name.title)?;
        if reason.len() > MAX_REASON_BYTES {
            let detail = format!("a reason has at most {MAX_REASON_BYTES} bytes");
            return Err(ServiceError::BadRequest(detail));
        }
        let (actor, missing) = (access.actor(), name.missing());
        let held = self.database.write("hold a release", move |tx| {
            let ReleaseName {
                title,
                platform,
                version,
            } = &name;
            let held = retained::hold(tx, title, *platform, version, &reason)?;
            if held {
                audit::append(tx, &actor, name.event("hold", Some(&reason)))?;
            }
            Ok(held)
        });
        held.await?.then_some(()).ok_or(missing)
    }

    /// Leaves a release to the rules of retention again.
    ///
    /// # Errors
    /// The token does not allow it, or the release is not held.
    pub async fn let_go_release(&self, access: &Access, name: ReleaseName) -> Result<(), ServiceError> {
        access.require_whole_title(Verb::Promote, &name.title)?;
        let (actor, missing) = (access.actor(), name.missing());
        let held = self.database.write("hold a release no more", move |tx| {
            let ReleaseName {
                title,
                platform,
                version,
            } = &name;
            let held = retained::let_go(tx, title, *platform, version)?;
            if held {
                audit::append(tx, &actor, name.event("let-go", None))?;
            }
            Ok(held)
        });
        held.await?.then_some(()).ok_or(missing)
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

/// Says that there is no such release.
pub fn no_release(title: &Slug, platform: Platform, version: &Version) -> ServiceError {
    ServiceError::NotFound(format!("version {version} of {title} for {platform}"))
}

const MAX_REASON_BYTES: usize = 1000;

fn publish_in(
    transaction: &rusqlite::Transaction<'_>,
    release: &NewRelease,
    change: &Change,
    signer: &Signer,
) -> rusqlite::Result<Result<bool, ServiceError>> {
    let publication = releases::publish(transaction, release)?;
    let created = match taken(publication, release) {
        Ok(created) => created,
        Err(refusal) => return Ok(Err(refusal)),
    };
    Ok(signer.change(transaction, change)?.map(|()| created))
}

/// Tells whether the release is new, or why it cannot be taken.
fn taken(publication: Publication, release: &NewRelease) -> Result<bool, ServiceError> {
    let (version, platform) = (&release.manifest.version, release.manifest.platform);
    let conflict = |code, detail| Err(ServiceError::conflict(code, detail));
    match publication {
        Publication::Created => Ok(true),
        Publication::AlreadyThere => Ok(false),
        Publication::VersionExists => conflict(
            "version-exists",
            format!("version {version} for {platform} exists and has other content"),
        ),
        Publication::SequenceTooLow { latest } => conflict(
            "sequence",
            format!(
                "the sequence {} is not above the latest one, {latest}",
                release.manifest.sequence
            ),
        ),
        Publication::IndexExists => conflict(
            "exists",
            format!("another index has the name of version {version} for {platform}"),
        ),
    }
}

/// Reads the metadata of a release, which changes the role of `channel` and nothing else.
fn read_change(bytes: &[u8], channel: &Slug) -> Result<Change, ServiceError> {
    let change = super::metadata::read_change(bytes)?;
    let is_this = |(name, _): (&Slug, &String)| name == channel;
    match !change.is_ceremony() && change.channels.len() == 1 && change.channels.iter().all(is_this) {
        true => Ok(change),
        false => Err(ServiceError::invalid(
            "invalid-metadata",
            format!("the metadata of a release changes the role of its channel, {channel}, alone"),
        )),
    }
}
