// SPDX-License-Identifier: MIT
//! Feeds a trusted set from a repository on a server. What was verified earlier is not fetched again.

use std::collections::BTreeMap;

use bytes::Bytes;
use vsekai_formats::ChunkId;
use vsekai_formats::release::Pinned;
use vsekai_store::{HttpOrigin, StoreError};

use super::set::{MAX_ROOT, MAX_TIMESTAMP, ROOT, SNAPSHOT, TARGETS, TIMESTAMP, TrustedSet};
use super::verify;
use crate::error::TrustError;
use crate::names;

/// A TUF repository on a server: a folder of metadata and one of targets.
#[derive(Clone, Debug)]
pub struct Repository {
    metadata: Folder,
    targets: Folder,
}

/// A folder below a server's address.
#[derive(Clone, Debug)]
pub struct Folder {
    origin: HttpOrigin,
    path: String,
}

/// Metadata that was verified earlier, by role.
pub type Fetched = BTreeMap<String, Bytes>;

/// What the signed metadata says about a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Its digest and length.
    pub pin: Pinned,
    /// The role that signs it.
    pub role: String,
}

impl Repository {
    /// A repository with its metadata and its targets in these folders.
    pub fn new(metadata: Folder, targets: Folder) -> Self {
        Self { metadata, targets }
    }

    /// Returns version `version` of the root, unverified.
    ///
    /// # Errors
    /// The server does not have it or cannot be asked.
    pub(super) async fn root(&self, version: u64) -> Result<Bytes, StoreError> {
        // A cache on the way may remember that there was no such root.
        self.metadata.get_fresh(&names::root(version), MAX_ROOT).await
    }

    /// 5.3 to 5.6: brings the top-level roles of `set` to what the repository has now.
    ///
    /// # Errors
    /// The first that is refused; what `set` holds was verified all the same.
    pub async fn refresh(&self, set: &mut TrustedSet, known: &Fetched) -> Result<(), TrustError> {
        self.follow_roots(set).await?;
        if let Some(bytes) = known.get(TIMESTAMP) {
            set.recall_timestamp(bytes.clone());
        }
        let timestamp = self.metadata.get_fresh(names::TIMESTAMP, MAX_TIMESTAMP).await?;
        set.update_timestamp(timestamp)?;
        if let Some(bytes) = known.get(SNAPSHOT) {
            set.recall_snapshot(bytes.clone());
        }
        if let Some(wanted) = set.wanted_snapshot()? {
            let name = file_name(set, SNAPSHOT, wanted.version);
            set.update_snapshot(self.metadata.get(&name, wanted.limit).await?)?;
        }
        self.load(set, known, TARGETS, None).await
    }

    /// 5.3.2 to 5.3.10: from root to root until there is none.
    async fn follow_roots(&self, set: &mut TrustedSet) -> Result<(), TrustError> {
        for _ in 0..MAX_ROOT_STEPS {
            let next = set.root().signed.signed.version.get().saturating_add(1);
            match self.root(next).await {
                Ok(bytes) => set.update_root(bytes)?,
                Err(error) if error.is_missing() => return set.finish_root(),
                Err(error) => return Err(error.into()),
            }
        }
        Err(TrustError::Malformed {
            what: format!("{ROOT} metadata"),
            reason: format!("more than {MAX_ROOT_STEPS} new versions follow each other"),
        })
    }

    /// 5.6: loads a targets role, from `known` if that is the announced one.
    ///
    /// # Errors
    /// It cannot be had or is refused.
    pub async fn load(
        &self,
        set: &mut TrustedSet,
        known: &Fetched,
        role: &str,
        delegator: Option<&str>,
    ) -> Result<(), TrustError> {
        if set.targets(role).is_some() {
            return Ok(());
        }
        let wanted = set.announced_role(role)?;
        if let Some(bytes) = known.get(role) {
            match set.update_role(role, delegator, bytes.clone()) {
                Ok(()) => return Ok(()),
                // Nothing newer is to be had under the announced version.
                Err(expired @ TrustError::Expired { .. }) => return Err(expired),
                Err(_) => {}
            }
        }
        let name = file_name(set, role, wanted.version);
        set.update_role(role, delegator, self.metadata.get(&name, wanted.limit).await?)
    }

    /// 5.6.7: looks for a target, role by role in preorder, loading only roles that may sign it.
    ///
    /// # Errors
    /// A role on the way is refused, or none of them signs the target.
    pub async fn find(
        &self,
        set: &mut TrustedSet,
        known: &Fetched,
        name: &str,
    ) -> Result<Target, TrustError> {
        let mut open: Vec<(String, Option<String>)> = vec![(TARGETS.to_owned(), None)];
        let mut visited = Vec::new();
        while let Some((role, delegator)) = open.pop() {
            if visited.contains(&role) {
                continue;
            }
            if visited.len() >= MAX_ROLES {
                break;
            }
            self.load(set, known, &role, delegator.as_deref()).await?;
            if let Some(target) = target_in(set, &role, name) {
                return Ok(target);
            }
            open = next_roles(set, &role, name, open);
            visited.push(role);
        }
        Err(TrustError::NotListed {
            what: format!("the target {name:?}"),
        })
    }

    /// Fetches a target's bytes and checks them.
    ///
    /// # Errors
    /// They cannot be had, are longer than `limit`, or are not the signed ones.
    pub async fn target(&self, set: &TrustedSet, target: &Target, limit: usize) -> Result<Bytes, TrustError> {
        let refused = |reason: String| TrustError::Malformed {
            what: format!("target {:?}", target.name),
            reason,
        };
        let length = usize::try_from(target.pin.length)
            .ok()
            .filter(|length| *length <= limit);
        let Some(length) = length else {
            let reason = format!(
                "its length {} is over the limit of {limit} bytes",
                target.pin.length
            );
            return Err(refused(reason));
        };
        let name = match set.has_consistent_snapshots() {
            true => prefixed(&target.pin.sha256, &target.name),
            false => target.name.clone(),
        };
        let bytes = self.targets.get(&name, length).await?;
        match target.pin.matches(&bytes) {
            true => Ok(bytes),
            false => Err(refused("its length or digest is not the signed one".to_owned())),
        }
    }
}

impl Folder {
    /// The folder `path` below `origin`, or `origin` itself if `path` is empty.
    pub fn new(origin: HttpOrigin, path: impl Into<String>) -> Self {
        Self {
            origin,
            path: path.into(),
        }
    }

    async fn get(&self, name: &str, limit: usize) -> Result<Bytes, StoreError> {
        self.origin.get_bounded(&self.below(name), limit).await
    }

    /// Reads past every cache on the way.
    async fn get_fresh(&self, name: &str, limit: usize) -> Result<Bytes, StoreError> {
        self.origin.get_fresh(&self.below(name), limit).await
    }

    fn below(&self, name: &str) -> String {
        match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{}/{name}", self.path),
        }
    }
}

fn target_in(set: &TrustedSet, role: &str, name: &str) -> Option<Target> {
    let key = tough::TargetName::new(name).ok()?;
    let found = set.targets(role)?.signed.signed.targets.get(&key)?;
    let digest = <[u8; 32]>::try_from(found.hashes.sha256.as_ref()).ok()?;
    Some(Target {
        name: name.to_owned(),
        pin: Pinned {
            sha256: ChunkId::from_bytes(digest),
            length: found.length,
        },
        role: role.to_owned(),
    })
}

/// Puts the roles that `role` lets sign the target on top of what is open; a terminating one ends the search.
fn next_roles(
    set: &TrustedSet,
    role: &str,
    name: &str,
    mut open: Vec<(String, Option<String>)>,
) -> Vec<(String, Option<String>)> {
    let delegations = set
        .targets(role)
        .and_then(|targets| targets.signed.signed.delegations.as_ref());
    let mut children = Vec::new();
    for child in delegations.iter().flat_map(|delegations| &delegations.roles) {
        if !verify::may_sign(child, name) {
            continue;
        }
        children.push((child.name.clone(), Some(role.to_owned())));
        if child.terminating {
            open.clear();
            break;
        }
    }
    open.extend(children.into_iter().rev());
    open
}

fn file_name(set: &TrustedSet, role: &str, version: u64) -> String {
    let role = names::encoded(role);
    match set.has_consistent_snapshots() {
        true => names::targets(&role, version),
        false => names::meta(&role),
    }
}

/// The digest stands before the last component.
fn prefixed(digest: &ChunkId, name: &str) -> String {
    match name.rsplit_once('/') {
        Some((folder, file)) => format!("{folder}/{digest}.{file}"),
        None => format!("{digest}.{name}"),
    }
}

/// Most new roots followed in one update: rotations are rare, and each costs a request.
const MAX_ROOT_STEPS: usize = 256;
/// Most roles looked at for one target.
const MAX_ROLES: usize = 32;
