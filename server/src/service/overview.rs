// SPDX-License-Identifier: MIT
//! What there is, for people who look after it: titles, their channels and releases, and what a release changes.

use std::collections::HashMap;

use rusqlite::Transaction;
use serde::Serialize;
use tough::schema::{Signed, Targets};
use utoipa::ToSchema;
use vsekai_formats::index::Index;
use vsekai_formats::release::{
    ChannelPointer, Contents, Pinned, Platform, ReleaseManifest, Slug, Version, address,
};
use vsekai_trust::names::TargetName;
use vsekai_trust::online::{ListedTarget, listed};

use super::access::Access;
use super::changes::{Changes, Lists};
use super::error::ServiceError;
use super::privacy::{Audience, Privacy};
use super::releases::no_release;
use super::{Service, blocking, turn, verify};
use crate::db::releases::{self, ReleaseEntry, ReleaseFiles};
use crate::db::{downloads, metadata};
use crate::storage::ContentFolder;

/// A title in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TitleOverview {
    /// The title.
    #[schema(value_type = String)]
    pub title: Slug,
    /// Its channels.
    pub channels: usize,
    /// Its releases that the token allows reading.
    pub releases: u64,
    /// When the first of its roles ends that people sign, in seconds since 1970-01-01 UTC.
    pub first_end: Option<i64>,
}

/// A title with its channels and a page of its releases.
#[derive(Clone, Debug, Serialize)]
pub struct TitleView {
    /// The title.
    pub title: Slug,
    /// Its channels, by name.
    pub channels: Vec<ChannelView>,
    /// Its releases, newest first within each platform.
    pub releases: Vec<ReleaseView>,
}

/// A channel.
#[derive(Clone, Debug, Serialize)]
pub struct ChannelView {
    /// Its name.
    pub name: Slug,
    /// When its role ends, in seconds since 1970-01-01 UTC.
    pub ends: i64,
    /// Whether it takes a token to read it.
    pub is_private: bool,
    /// What it offers, by platform.
    pub pointers: Vec<ChannelPointer>,
    /// The releases it lists, ascending by platform and sequence.
    pub listed: Vec<ListedRelease>,
}

/// A release that a channel lists.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ListedRelease {
    /// The platform.
    pub platform: Platform,
    /// The publish sequence.
    pub sequence: u64,
    /// The version.
    pub version: Version,
}

/// A release in a list.
#[derive(Clone, Debug, Serialize)]
pub struct ReleaseView {
    /// What is known of it.
    #[serde(flatten)]
    pub entry: ReleaseEntry,
    /// How often its index was fetched from this server.
    pub downloads: u64,
}

impl ChannelView {
    /// Returns what it offers for `platform`.
    pub fn pointer(&self, platform: Platform) -> Option<&ChannelPointer> {
        self.pointers.iter().find(|pointer| pointer.platform == platform)
    }

    /// Returns the release before the one of this sequence in the channel.
    pub fn before(&self, platform: Platform, sequence: u64) -> Option<&ListedRelease> {
        let earlier = |release: &&ListedRelease| release.platform == platform && release.sequence < sequence;
        self.listed.iter().rfind(earlier)
    }
}

impl Service {
    /// Lists the titles that the token allows anything on.
    ///
    /// # Errors
    /// The database failed.
    pub async fn titles(&self, access: &Access) -> Result<Vec<TitleOverview>, ServiceError> {
        let (access, privacy) = (access.clone(), self.privacy.clone());
        let read = self.database.read("list titles", move |tx| {
            let titles = metadata::titles(tx)?.into_iter();
            titles
                .filter(|title| access.require_title(title).is_ok())
                .map(|title| overview(tx, title, &access, &privacy))
                .collect()
        });
        Ok(read.await?)
    }

    /// Returns a title with its channels and releases.
    ///
    /// # Errors
    /// The token does not allow it, or [`ServiceError::NotFound`].
    pub async fn title(&self, access: &Access, title: Slug) -> Result<TitleView, ServiceError> {
        access.require_title(&title)?;
        // So that the figures are those of this moment.
        self.write_downloads().await?;
        let missing = ServiceError::NotFound(format!("the title {title}"));
        let read = self
            .database
            .read("read a title", move |tx| title_view(tx, title));
        let mut view = read.await?.ok_or(missing)?;
        for channel in &mut view.channels {
            let audience = self.audience_of_channel(&view.title, &channel.name);
            channel.is_private = audience != Audience::Everybody;
            if !access.may_read(&audience) {
                channel.pointers.clear();
                channel.listed.clear();
            }
        }
        let title = &view.title;
        view.releases.retain(|ReleaseView { entry, .. }| {
            access.may_read(&self.audience_of_release(title, entry.platform, &entry.version))
        });
        Ok(view)
    }

    /// Returns a release's manifest.
    ///
    /// # Errors
    /// The token does not allow it, there is no such release, or its manifest is damaged.
    pub async fn manifest(
        &self,
        access: &Access,
        title: Slug,
        platform: Platform,
        version: Version,
    ) -> Result<ReleaseManifest, ServiceError> {
        let files = self.readable_files(access, title, platform, version).await?;
        let documents = self.folder.documents().clone();
        blocking(move || Ok(verify::manifest(&documents.read_verified(&files.manifest)?)?.manifest)).await
    }

    /// Tells what a release changes for players who have the version `before`.
    ///
    /// # Errors
    /// The token does not allow it, one of the two does not exist, or a document is damaged.
    pub async fn changes(
        &self,
        access: &Access,
        title: Slug,
        platform: Platform,
        before: Version,
        after: Version,
    ) -> Result<Changes, ServiceError> {
        let before = self
            .readable_files(access, title.clone(), platform, before)
            .await?;
        let after = self.readable_files(access, title, platform, after).await?;
        let before_index = self.find_index_of(&before).await?;
        let after_index = self.find_index_of(&after).await?;
        // The lists of large builds take up memory, as they do when a release is checked.
        let _turn = turn(&self.release_checks).await?;
        let (documents, indexes) = (self.folder.documents().clone(), self.folder.indexes().clone());
        let limits = self.limits.clone();
        blocking(move || {
            let read = |files: &ReleaseFiles, index: &Pinned| {
                Ok::<Lists, ServiceError>(Lists {
                    contents: read_contents(&documents, &files.contents, &limits)?,
                    index: read_index(&indexes, index, &limits)?,
                })
            };
            let (before, after) = (read(&before, &before_index)?, read(&after, &after_index)?);
            Ok(Changes::between(&before, &after, MOST_LINES))
        })
        .await
    }

    /// Finds the documents of a release that the token allows reading.
    async fn readable_files(
        &self,
        access: &Access,
        title: Slug,
        platform: Platform,
        version: Version,
    ) -> Result<ReleaseFiles, ServiceError> {
        access.require_title(&title)?;
        let files = self.release_files(title, platform, version).await?;
        match access.may_read(&self.audience_of_index(&files.index_name)) {
            true => Ok(files),
            false => Err(no_release(&files.title, files.platform, &files.version)),
        }
    }

    async fn find_index_of(&self, files: &ReleaseFiles) -> Result<Pinned, ServiceError> {
        self.find_index(&super::indexes::IndexName::parse(&files.index_name)?)
            .await
    }
}

fn read_contents(
    documents: &ContentFolder,
    pinned: &Pinned,
    limits: &crate::limits::Limits,
) -> Result<Contents, ServiceError> {
    verify::read_contents(&documents.read_verified(pinned)?, limits)
}

fn read_index(
    indexes: &ContentFolder,
    pinned: &Pinned,
    limits: &crate::limits::Limits,
) -> Result<Index, ServiceError> {
    verify::read_index(&indexes.read_verified(pinned)?, limits)
}

fn overview(
    tx: &Transaction<'_>,
    title: Slug,
    access: &Access,
    privacy: &Privacy,
) -> rusqlite::Result<TitleOverview> {
    let releases = match privacy.has_private_channels() {
        false => releases::count(tx, &title)?,
        true => {
            let may_read = |entry: &&ReleaseEntry| {
                let name = address::index_name(&title, entry.platform, &entry.version);
                access.may_read(&privacy.audience_of_index(&name))
            };
            releases::list(tx, &title)?.iter().filter(may_read).count() as u64
        }
    };
    let roles = metadata::newest(tx, Some(&title))?;
    let by_people = |role: &str| !matches!(role, "snapshot" | "timestamp");
    let is_channel = |role: &str| by_people(role) && !matches!(role, "root" | "targets");
    Ok(TitleOverview {
        channels: roles.iter().filter(|row| is_channel(&row.role)).count(),
        releases,
        first_end: roles
            .iter()
            .filter(|row| by_people(&row.role))
            .map(|row| row.expires_at)
            .min(),
        title,
    })
}

fn title_view(tx: &Transaction<'_>, title: Slug) -> rusqlite::Result<Option<TitleView>> {
    let Some(current) = metadata::current(tx, &title)? else {
        return Ok(None);
    };
    let ends: HashMap<String, i64> = metadata::newest(tx, Some(&title))?
        .into_iter()
        .map(|row| (row.role, row.expires_at))
        .collect();
    let mut channels = Vec::new();
    for (name, text) in &current.channels {
        let ends = ends.get(name.as_str()).copied().unwrap_or_default();
        channels.push(channel_view(tx, &title, name, text, ends)?);
    }
    let downloads = downloads::of_title(tx, &title)?;
    let releases = releases::list(tx, &title)?.into_iter().map(|entry| {
        let name = address::index_name(&title, entry.platform, &entry.version);
        ReleaseView {
            downloads: downloads.get(&name).copied().unwrap_or_default(),
            entry,
        }
    });
    Ok(Some(TitleView {
        releases: releases.collect(),
        channels,
        title,
    }))
}

/// Reads what a channel says. It was verified when it was put in force.
fn channel_view(
    tx: &Transaction<'_>,
    title: &Slug,
    name: &Slug,
    text: &str,
    ends: i64,
) -> rusqlite::Result<ChannelView> {
    let role: Option<Signed<Targets>> = serde_json::from_str(text).ok();
    let targets: Vec<ListedTarget> = role
        .map(|role| listed(&role.signed).collect())
        .unwrap_or_default();
    let mut pointers = Vec::new();
    let mut releases = Vec::new();
    for target in targets {
        match &target.name {
            TargetName::Pointer { .. } => {
                let row = metadata::target(tx, title, &target.name.to_string(), target.pinned.sha256)?;
                let text = row.and_then(|row| row.text).unwrap_or_default();
                pointers.extend(serde_json::from_str::<ChannelPointer>(&text).ok());
            }
            TargetName::Manifest {
                platform, version, ..
            } => releases.push(ListedRelease {
                platform: *platform,
                sequence: target.sequence.unwrap_or_default(),
                version: version.clone(),
            }),
        }
    }
    pointers.sort_by_key(|pointer| pointer.platform);
    releases.sort();
    Ok(ChannelView {
        name: name.clone(),
        ends,
        is_private: false,
        pointers,
        listed: releases,
    })
}

/// Changed files that are named.
const MOST_LINES: usize = 200;
