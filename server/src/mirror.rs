// SPDX-License-Identifier: MIT
//! Another server's public side, pulled into a site of static files and verified on the way.
//!
//! Nothing is believed that was not signed: metadata is followed from a pinned root as players do, documents are
//! those that it pins, and chunks are those of their ids. What the other server can still do is to serve nothing,
//! or nothing new.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use vsekai_formats::release::{ChannelPointer, Pinned, ReleaseManifest, Slug, address};
use vsekai_store::http::OriginError;
use vsekai_store::{ChunkStore, HttpOptions, HttpOrigin, HttpStore, StoreError, StoreFormat};
use vsekai_trust::TrustError;
use vsekai_trust::client::{Anchor, TrustClient, TrustedSet, TrustedState, VerifiedTitle};
use vsekai_trust::names::{self, TargetName};
use vsekai_trust::online::{ListedTarget, listed};

use crate::limits::Limits;
use crate::service::{ServiceError, blocking, verify};
use crate::site::{Document, Kind, Site, SiteError};

/// A title to mirror, and where trust in it begins.
#[derive(Clone, Debug)]
pub struct MirroredTitle {
    /// The title.
    pub name: Slug,
    /// A root that its publisher gave out, as served. Players whose root is older cannot use the mirror.
    pub root: Bytes,
}

/// The server to mirror.
#[derive(Debug)]
pub struct Source {
    origin: HttpOrigin,
    store: Arc<dyn ChunkStore>,
    state: PathBuf,
    limits: Limits,
}

/// What was mirrored of a title.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Mirrored {
    /// Releases the site did not have before.
    pub releases: u64,
    /// Releases that are signed, but that the server does not have any more and no channel offers.
    pub gone: u64,
    /// Channels whose metadata is refused, each with the reason; the others do not suffer from it.
    pub refused_channels: Vec<String>,
}

/// Why a title was not mirrored. The site still is what it was before.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The address.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// The server's signed metadata is refused.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The server cannot be asked, or lacks what it has signed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What the server has is not what is signed, or contradicts itself.
    #[error("{what} of the other server cannot be taken: {reason}")]
    Refused {
        /// Which document.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// The site cannot be written.
    #[error(transparent)]
    Site(#[from] SiteError),
}

impl From<ServiceError> for MirrorError {
    fn from(error: ServiceError) -> Self {
        Self::Site(error.into())
    }
}

impl Source {
    /// Names the server at the address `from`. What is known of it is remembered in the folder `state`, so that
    /// it cannot go back to older releases.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn new(from: &str, options: HttpOptions, state: &Path, limits: &Limits) -> Result<Self, MirrorError> {
        let below = |path: &str| format!("{}/{path}", from.trim_end_matches('/'));
        let format = StoreFormat::default().with_max_chunk(limits.chunk_bytes);
        let chunks = HttpOrigin::new(&below(address::STORE), options.clone())?;
        Ok(Self {
            origin: HttpOrigin::new(from, options)?,
            store: Arc::new(HttpStore::new(chunks, format)),
            state: state.to_owned(),
            limits: limits.clone(),
        })
    }

    /// Brings `site` up to date with what is signed of `title`.
    ///
    /// Releases that the site has are not fetched again, nor chunks. The timestamp is written last.
    ///
    /// # Errors
    /// The first thing that is refused or cannot be had. What was written by then is of use to the next run and
    /// seen by nobody.
    pub async fn mirror(&self, title: &MirroredTitle, site: &mut Site) -> Result<Mirrored, MirrorError> {
        let state = TrustedState::new(self.state.join(title.name.as_str()));
        let anchor = Anchor::Pinned(title.root.clone());
        let client = TrustClient::new(self.origin.clone(), title.name.clone(), state, anchor, false);
        let now = Timestamp::now();
        let mut verified = client.refresh(now).await?;
        let timestamp = text_of(verified.set().timestamp().map(|timestamp| &timestamp.bytes))?;
        site.check_timestamp(&title.name, &timestamp).await?;

        let mut mirrored = Mirrored::default();
        let channels = verified.channels().await;
        for channel in &channels {
            match &channel.problem {
                None => {
                    self.channel(&channel.name, &mut verified, site, &mut mirrored)
                        .await?
                }
                Some(problem) => {
                    let line = format!("{}: {problem}", channel.name);
                    mirrored.refused_channels.push(line);
                }
            }
        }
        let roots = self.roots(title, &verified, now).await?;
        site.put_all(roots).await?;
        site.put_all(metadata(&verified)).await?;
        // Remembered before it is shown: the site never shows what the mirror might take back.
        verified.commit()?;
        site.publish(&[(title.name.clone(), timestamp)]).await?;
        Ok(mirrored)
    }

    /// Mirrors the releases and pointers that a channel's role lists: releases before what names them.
    async fn channel(
        &self,
        channel: &Slug,
        verified: &mut VerifiedTitle,
        site: &mut Site,
        mirrored: &mut Mirrored,
    ) -> Result<(), MirrorError> {
        let role = verified.set().targets(channel.as_str());
        let targets: Vec<ListedTarget> = role
            .map(|role| listed(&role.signed.signed).collect())
            .unwrap_or_default();
        let is_pointer = |target: &ListedTarget| matches!(target.name, TargetName::Pointer { .. });
        let (pointers, manifests): (Vec<_>, Vec<_>) = targets.into_iter().partition(is_pointer);
        let mut offered: Vec<Pinned> = Vec::new();
        for target in &pointers {
            let pointer: ChannelPointer = verified.pointer(channel, target.name.platform()).await?;
            offered.extend(pointer.releases().map(|release| release.manifest.clone()));
        }
        for target in &manifests {
            match self.release(verified.name(), target, site).await {
                Ok(new) => mirrored.releases += u64::from(new),
                // Old releases are collected by their server while they are still listed.
                Err(error) if error.is_missing() && !offered.contains(&target.pinned) => mirrored.gone += 1,
                Err(error) => return Err(error),
            }
        }
        for target in &pointers {
            let path = target_path(verified.name(), target);
            let bytes = self.pinned(&path, &target.pinned, vsekai_formats::release::MAX_POINTER_BYTES);
            let (bytes, kind) = (bytes.await?, Kind::Json);
            site.put(Document { path, bytes, kind }).await?;
        }
        Ok(())
    }

    /// Mirrors a release: chunks, then index and contents, then the manifest. Tells whether it is new.
    async fn release(
        &self,
        title: &Slug,
        target: &ListedTarget,
        site: &mut Site,
    ) -> Result<bool, MirrorError> {
        let path = target_path(title, target);
        if site.has(&path, &target.pinned) {
            return Ok(false);
        }
        let bytes = self
            .pinned(&path, &target.pinned, self.limits.manifest_bytes)
            .await?;
        let manifest = verify::manifest(&bytes)
            .map_err(|error| refused(&path, error.outside()))?
            .manifest;
        if !is_of(&manifest, title, target) {
            return Err(refused(&path, "it speaks of another release".to_owned()));
        }
        let index_path = index_path(&manifest);
        let contents_path = address::contents(title, manifest.platform, &manifest.version);
        let index = self
            .pinned(&index_path, &manifest.index, self.limits.index_bytes)
            .await?;
        let contents = self
            .pinned(
                &contents_path,
                &manifest.contents,
                self.limits.contents_stored_bytes,
            )
            .await?;
        // Another channel may list the same release, and then its chunks are there.
        if !site.has(&index_path, &manifest.index) {
            let (parts, limits) = ((contents.clone(), index.clone()), self.limits.clone());
            let checked = blocking(move || verify::release(&manifest, &parts.0, &parts.1, &limits)).await;
            let chunks = checked.map_err(|error| refused(&path, error.outside()))?;
            let ids = chunks.into_iter().map(|chunk| chunk.id);
            site.put_chunks(self.store.clone(), ids).await?;
        }
        let document = |path, bytes, kind| Document { path, bytes, kind };
        site.put(document(index_path, index, Kind::Binary)).await?;
        site.put(document(contents_path, contents, Kind::Zstd)).await?;
        site.put(document(path, bytes, Kind::Json)).await?;
        Ok(true)
    }

    /// Returns every root from the pinned one to the newest, each verified by the one before.
    async fn roots(
        &self,
        title: &MirroredTitle,
        verified: &VerifiedTitle,
        now: Timestamp,
    ) -> Result<Vec<Document>, MirrorError> {
        let mut set = TrustedSet::start(title.root.clone(), now)?;
        let newest = verified.set().root();
        let mut roots = vec![root_document(&title.name, &set)];
        while version_of(&set) < newest.signed.signed.version.get() {
            let path = root_path(&title.name, version_of(&set).saturating_add(1));
            set.update_root(self.origin.get_fresh(&path, MAX_ROOT).await?)?;
            roots.push(root_document(&title.name, &set));
        }
        match set.root().bytes == newest.bytes {
            true => Ok(roots),
            false => Err(refused(
                &root_path(&title.name, version_of(&set)),
                "it is not the root that was followed a moment ago".to_owned(),
            )),
        }
    }

    /// Fetches the file that is pinned.
    async fn pinned(&self, path: &str, pinned: &Pinned, limit: usize) -> Result<Bytes, MirrorError> {
        let length = usize::try_from(pinned.length)
            .ok()
            .filter(|length| *length <= limit);
        let Some(length) = length else {
            let reason = format!("{} bytes are more than the {limit} allowed", pinned.length);
            return Err(refused(path, reason));
        };
        let bytes = self.origin.get_bounded(path, length).await?;
        match pinned.matches(&bytes) {
            true => Ok(bytes),
            false => Err(refused(path, "it is not the one that is signed".to_owned())),
        }
    }
}

impl MirrorError {
    fn is_missing(&self) -> bool {
        match self {
            Self::Store(error) | Self::Site(SiteError::Store(error)) => error.is_missing(),
            _ => false,
        }
    }
}

/// Returns snapshot and roles as they are served, the snapshot last.
fn metadata(verified: &VerifiedTitle) -> Vec<Document> {
    let set = verified.set();
    let folder = names::repository(verified.name());
    let document = |name: String, bytes: &Bytes| Document {
        path: format!("{folder}/{name}"),
        bytes: bytes.clone(),
        kind: Kind::Json,
    };
    let roles = set.verified().filter_map(|(role, bytes)| {
        let targets = set.targets(role)?;
        Some(document(
            names::targets(role, targets.signed.signed.version.get()),
            bytes,
        ))
    });
    let snapshot = set.snapshot().map(|snapshot| {
        document(
            names::snapshot(snapshot.signed.signed.version.get()),
            &snapshot.bytes,
        )
    });
    roles.chain(snapshot).collect()
}

fn is_of(manifest: &ReleaseManifest, title: &Slug, target: &ListedTarget) -> bool {
    let TargetName::Manifest {
        platform, version, ..
    } = &target.name
    else {
        return false;
    };
    manifest.title == *title
        && manifest.platform == *platform
        && manifest.version == *version
        && Some(manifest.sequence) == target.sequence
}

fn target_path(title: &Slug, target: &ListedTarget) -> String {
    let folder = names::repository(title);
    format!("{folder}/{}", names::target(&target.pinned.sha256, &target.name))
}

fn index_path(manifest: &ReleaseManifest) -> String {
    let name = address::index_name(&manifest.title, manifest.platform, &manifest.version);
    format!("{}/{name}", address::INDEX)
}

fn root_path(title: &Slug, version: u64) -> String {
    format!("{}/{}", names::repository(title), names::root(version))
}

fn root_document(title: &Slug, set: &TrustedSet) -> Document {
    Document {
        path: root_path(title, version_of(set)),
        bytes: set.root().bytes.clone(),
        kind: Kind::Json,
    }
}

fn version_of(set: &TrustedSet) -> u64 {
    set.root().signed.signed.version.get()
}

/// Metadata that was parsed as JSON is text.
fn text_of(bytes: Option<&Bytes>) -> Result<String, MirrorError> {
    let bytes = bytes.map(|bytes| bytes.to_vec()).unwrap_or_default();
    String::from_utf8(bytes).map_err(|error| refused(names::TIMESTAMP, error.to_string()))
}

fn refused(what: &str, reason: String) -> MirrorError {
    MirrorError::Refused {
        what: what.to_owned(),
        reason,
    }
}

/// Largest root; the one in force was read with the same bound.
const MAX_ROOT: usize = 512 << 10;
