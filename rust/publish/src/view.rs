// SPDX-License-Identifier: MIT
//! A title as its publishers see it: everything that is signed, verified from their own root on.
//!
//! A server that lies to a publisher cannot make it sign on top of something that others did not sign, nor
//! push the count of releases.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;
use tough::schema::{Signed, Targets};
use vsekai_formats::release::{
    ChannelPointer, MAX_CONTENTS_STORED_BYTES, Platform, ReleaseRef, Slug, Version, address,
};
use vsekai_store::{StoreError, StoreErrorClass, bounded};
use vsekai_trust::client::{Anchor, TrustClient, TrustedState, VerifiedTitle};
use vsekai_trust::names::TargetName;
use vsekai_trust::online::{Verified, listed};
use vsekai_trust::publisher::KeyFolder;
use vsekai_trust::{TrustError, names};

use crate::PublishError;
use crate::build::Documents;
use crate::ceremony::MAX_ROOT_BYTES;
use crate::server::{Api, store_failure};

/// The verified state of a title on a server.
pub(crate) struct View {
    title: VerifiedTitle,
    /// What is signed.
    pub(crate) verified: Verified,
}

impl View {
    /// Fetches what is signed for `title` and verifies it from the root in `keys` on.
    pub(crate) async fn fetch(api: &Api, title: &Slug, keys: &KeyFolder) -> Result<Self, PublishError> {
        let root = read_root(keys)?;
        let state = TrustedState::new(keys.trusted_folder());
        let client = TrustClient::new(api.0.clone(), title.clone(), state, Anchor::Pinned(root), false);
        let refreshed = client.refresh_to_renew(Timestamp::now()).await;
        let mut found = refreshed.map_err(|error| begun(title, error))?;
        let channels = load(&mut found).await?;
        let set = found.set();
        let targets = set
            .targets("targets")
            .ok_or_else(|| PublishError::Internal("the targets role was not loaded".to_owned()))?;
        let verified = Verified {
            root: set.root().signed.clone(),
            targets: targets.signed.clone(),
            channels,
        };
        let newest = String::from_utf8_lossy(&set.root().bytes).into_owned();
        found.commit().map_err(PublishError::Trust)?;
        // What is handed on with the launcher should be the newest root.
        if newest.as_bytes() != read_root(keys)? {
            keys.keep_root(&newest)?;
        }
        Ok(Self {
            title: found,
            verified,
        })
    }

    /// Returns the channel's role.
    pub(crate) fn channel(&self, channel: &Slug) -> Result<&Targets, PublishError> {
        let role = self.verified.channels.get(channel).map(|role| &role.signed);
        role.ok_or_else(|| PublishError::NoChannel {
            channel: channel.clone(),
            there: self.verified.channels.keys().cloned().collect(),
        })
    }

    /// Returns the releases that `channel` lists for `platform`, newest first.
    pub(crate) fn releases(
        &self,
        channel: &Slug,
        platform: Platform,
    ) -> Result<Vec<ReleaseRef>, PublishError> {
        let mut releases: Vec<ReleaseRef> = releases_in(self.channel(channel)?, platform).collect();
        releases.sort_by_key(|release| std::cmp::Reverse(release.sequence));
        Ok(releases)
    }

    /// Returns the platforms that `channel` points at something for.
    pub(crate) fn platforms(&self, channel: &Slug) -> Result<Vec<Platform>, PublishError> {
        let role = self.channel(channel)?;
        let mut platforms: Vec<Platform> = listed(role)
            .filter(|target| matches!(target.name, TargetName::Pointer { .. }))
            .map(|target| target.name.platform())
            .collect();
        platforms.sort();
        Ok(platforms)
    }

    /// Returns what `channel` offers for `platform`, if anything.
    pub(crate) async fn pointer(
        &mut self,
        channel: &Slug,
        platform: Platform,
    ) -> Result<Option<ChannelPointer>, PublishError> {
        if !self.platforms(channel)?.contains(&platform) {
            return Ok(None);
        }
        let pointer = self.title.pointer(channel, platform).await;
        pointer.map(Some).map_err(not_believed)
    }

    /// Returns the sequence of the next release for `platform`.
    pub(crate) fn next_sequence(&self, platform: Platform) -> u64 {
        let roles = self.verified.channels.values();
        let releases = roles.flat_map(|role| releases_in(&role.signed, platform));
        let latest = releases.map(|release| release.sequence).max();
        latest.unwrap_or(0).saturating_add(1)
    }

    /// Returns a release with a channel that lists it, `preferred` if that does.
    pub(crate) fn find(
        &self,
        platform: Platform,
        version: &Version,
        preferred: &Slug,
    ) -> Option<(Slug, ReleaseRef)> {
        let mut found = None;
        for (channel, role) in &self.verified.channels {
            let release = releases_in(&role.signed, platform).find(|release| release.version == *version);
            match release {
                Some(release) if channel == preferred => return Some((channel.clone(), release)),
                Some(release) => found = Some((channel.clone(), release)),
                None => {}
            }
        }
        found
    }

    /// Returns the documents of a release that `channel` lists.
    pub(crate) async fn documents(
        &mut self,
        api: &Api,
        title: &Slug,
        channel: &Slug,
        platform: Platform,
        release: &ReleaseRef,
    ) -> Result<Documents, PublishError> {
        const ACTION: &str = "read the release that is published";
        let (manifest, bytes) = self
            .title
            .manifest(channel, platform, release)
            .await
            .map_err(not_believed)?;
        let path = address::contents(title, platform, &release.version);
        let contents = api.0.get_fresh(&path, MAX_CONTENTS_STORED_BYTES).await;
        let contents_bytes = contents.map_err(|error| store_failure(ACTION, error))?.to_vec();
        match manifest.contents.matches(&contents_bytes) {
            true => Ok(Documents {
                manifest,
                manifest_bytes: bytes.to_vec(),
                contents_bytes,
            }),
            false => Err(PublishError::BadAnswer {
                action: ACTION,
                reason: "its list of files does not match its manifest".to_owned(),
            }),
        }
    }
}

/// Returns the releases that a channel's role lists for `platform`.
pub(crate) fn releases_in(role: &Targets, platform: Platform) -> impl Iterator<Item = ReleaseRef> {
    listed(role).filter_map(move |target| match target.name {
        TargetName::Manifest {
            platform: its,
            version,
            ..
        } if its == platform => Some(ReleaseRef {
            version,
            sequence: target.sequence?,
            manifest: target.pinned,
        }),
        _ => None,
    })
}

/// Loads every channel's role. One that is refused stops everything: a publisher should look into that.
async fn load(title: &mut VerifiedTitle) -> Result<BTreeMap<Slug, Signed<Targets>>, PublishError> {
    let mut channels = BTreeMap::new();
    for channel in title.channels().await {
        if let Some(problem) = channel.problem {
            return Err(not_believed(problem));
        }
        if let Some(role) = title.set().targets(channel.name.as_str()) {
            channels.insert(channel.name, role.signed.clone());
        }
    }
    Ok(channels)
}

/// Returns the root of a title's keys: what its players have to know.
///
/// # Errors
/// There is none in the folder, or it cannot be read.
pub fn read_root(keys: &KeyFolder) -> Result<Bytes, PublishError> {
    let path = keys.root_file();
    match bounded::read_file(&path, MAX_ROOT_BYTES) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Err(PublishError::NoRoot { path }),
        Err(source) => Err(PublishError::Io {
            action: "read the root",
            source,
        }),
    }
}

/// A server that has no timestamp of a title knows nothing of it.
fn begun(title: &Slug, error: TrustError) -> PublishError {
    match error {
        TrustError::Store(StoreError::Missing { .. }) => PublishError::NotBegun { title: title.clone() },
        TrustError::Store(error) => store_failure(READ_SIGNED, error),
        other => {
            tracing::debug!(repository = names::repository(title), "refused what is signed");
            PublishError::Trust(other)
        }
    }
}

/// Tells what a server cannot hand out now from what cannot be believed.
pub(crate) fn not_believed(error: TrustError) -> PublishError {
    match error {
        TrustError::Store(error) if error.class() == StoreErrorClass::Retry => {
            store_failure(READ_SIGNED, error)
        }
        other => PublishError::Trust(other),
    }
}

const READ_SIGNED: &str = "read what is signed";
