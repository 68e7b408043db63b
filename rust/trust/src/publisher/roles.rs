// SPDX-License-Identifier: MIT
//! Which keys sign what: the four roles of a root and the channels, seen and changed alike.

use std::collections::HashMap;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

use tough::schema::key::Key;
use tough::schema::{DelegatedRole, Delegations, PathPattern, PathSet, RoleKeys, RoleType, Root, Targets};
use vsekai_formats::release::{LabelError, Slug};

use super::{KeyError, KeyId, PublicKey};
use crate::names;

/// What a key may sign.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyRole {
    /// The root: which keys there are.
    Root,
    /// The targets role: which channels there are, and whose they are.
    Targets,
    /// Snapshot and timestamp, which the server signs.
    Online,
    /// The releases of a channel.
    Channel(Slug),
}

/// The keys of a role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSummary {
    /// The role.
    pub role: KeyRole,
    /// Its keys; `None` for one of a kind that is not made here.
    pub keys: Vec<(KeyId, Option<PublicKey>)>,
    /// How many of them have to sign.
    pub threshold: u64,
}

impl fmt::Display for KeyRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("root"),
            Self::Targets => f.write_str("targets"),
            Self::Online => f.write_str("online"),
            Self::Channel(channel) => f.write_str(channel.as_str()),
        }
    }
}

impl FromStr for KeyRole {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "root" => Self::Root,
            "targets" => Self::Targets,
            "online" | "snapshot" | "timestamp" => Self::Online,
            channel => Self::Channel(channel.parse()?),
        })
    }
}

impl KeyRole {
    /// Returns the roles of a root that this stands for; none for a channel.
    fn of_root(&self) -> &'static [RoleType] {
        match self {
            Self::Root => &[RoleType::Root],
            Self::Targets => &[RoleType::Targets],
            Self::Online => &[RoleType::Snapshot, RoleType::Timestamp],
            Self::Channel(_) => &[],
        }
    }
}

/// Returns the keys and threshold of `role`, if there is such a role.
pub(super) fn summary(role: &KeyRole, root: &Root, targets: &Targets) -> Option<RoleSummary> {
    let (ids, threshold, keys) = match role {
        KeyRole::Channel(channel) => {
            let delegations = targets.delegations.as_ref()?;
            let found = delegations
                .roles
                .iter()
                .find(|found| found.name == channel.as_str())?;
            (&found.keyids, found.threshold, &delegations.keys)
        }
        _ => {
            let found = root.roles.get(role.of_root().first()?)?;
            (&found.keyids, found.threshold, &root.keys)
        }
    };
    let public = |id: &KeyId| keys.get(id).and_then(PublicKey::from_key);
    Some(RoleSummary {
        role: role.clone(),
        keys: ids.iter().map(|id| (id.clone(), public(id))).collect(),
        threshold: threshold.get(),
    })
}

/// Gives a role of the root new keys and a threshold, and forgets keys that no role has any more.
pub(super) fn set_root_keys(root: &mut Root, role: &KeyRole, keys: &[PublicKey], threshold: u64) {
    for kind in role.of_root() {
        root.roles.insert(*kind, role_keys(keys, threshold));
    }
    root.keys.extend(by_id(keys));
    let used: Vec<KeyId> = root
        .roles
        .values()
        .flat_map(|role| role.keyids.iter().cloned())
        .collect();
    root.keys.retain(|id, _| used.contains(id));
}

/// Gives a channel's delegation new keys and a threshold, making it if it is not there.
pub(super) fn set_channel_keys(
    delegations: &mut Delegations,
    channel: &Slug,
    keys: &[PublicKey],
    threshold: u64,
) -> Result<(), KeyError> {
    let role_keys = role_keys(keys, threshold);
    let found = delegations
        .roles
        .iter_mut()
        .find(|role| role.name == channel.as_str());
    match found {
        Some(role) => {
            role.keyids = role_keys.keyids;
            role.threshold = role_keys.threshold;
        }
        None => delegations.roles.push(delegation(channel, role_keys)?),
    }
    delegations.keys.extend(by_id(keys));
    let used: Vec<KeyId> = delegations
        .roles
        .iter()
        .flat_map(|role| role.keyids.iter().cloned())
        .collect();
    delegations.keys.retain(|id, _| used.contains(id));
    Ok(())
}

fn delegation(channel: &Slug, keys: RoleKeys) -> Result<DelegatedRole, KeyError> {
    if names::is_reserved(channel) {
        return Err(KeyError::Refused(format!("{channel} cannot be a channel")));
    }
    let pattern =
        PathPattern::new(names::pattern(channel)).map_err(|error| KeyError::Refused(error.to_string()))?;
    Ok(DelegatedRole {
        name: channel.to_string(),
        keyids: keys.keyids,
        threshold: keys.threshold,
        paths: PathSet::Paths(vec![pattern]),
        terminating: true,
        targets: None,
    })
}

fn role_keys(keys: &[PublicKey], threshold: u64) -> RoleKeys {
    RoleKeys {
        keyids: keys.iter().map(|key| key.id()).collect(),
        threshold: NonZeroU64::new(threshold).unwrap_or(NonZeroU64::MIN),
        _extra: HashMap::new(),
    }
}

fn by_id(keys: &[PublicKey]) -> impl Iterator<Item = (KeyId, Key)> {
    keys.iter().map(|key| (key.id(), key.to_key()))
}
