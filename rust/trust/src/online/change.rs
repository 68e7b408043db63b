// SPDX-License-Identifier: MIT
//! Changes of a title's metadata: what a publisher sends, and whether it may take the place of what is there.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tough::schema::{Role, Root, Signed, Targets};
use vsekai_formats::ChunkId;
use vsekai_formats::release::{Pinned, Slug};

use super::metadata::{check_signed, read};
use super::rules::sequence_of;
use super::{ChangeError, Metadata, Verified};
use crate::names::TargetName;

/// New metadata, signed; what is not named stays as it is. All of it is taken in one step or none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The next root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<String>,
    /// The next targets role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<String>,
    /// The next roles of channels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<Slug, String>,
    /// The channel pointers that these roles list and that are new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pointers: Vec<String>,
}

/// What a change leads to.
#[derive(Clone, Debug)]
pub struct Applied {
    /// All texts then.
    pub metadata: Metadata,
    /// The same, verified.
    pub verified: Verified,
    /// Targets that are listed now and were not before.
    pub new_targets: Vec<ListedTarget>,
}

/// A target of a channel's role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedTarget {
    /// Its name.
    pub name: TargetName,
    /// Its bytes.
    pub pinned: Pinned,
    /// The publish sequence stated for a manifest.
    pub sequence: Option<u64>,
}

impl Change {
    /// Tells whether root or targets are changed, which only the owners of a title may.
    pub fn is_ceremony(&self) -> bool {
        self.root.is_some() || self.targets.is_some()
    }

    /// Judges the change of `current` and returns what it leads to.
    ///
    /// Every new role must have the next version, enough signatures (a root those of the root before as well),
    /// the form of [`super::rules`], and an end of its validity that has not come at `now`. Everything that
    /// stays must hold under what is new.
    ///
    /// # Errors
    /// The first of these that does not hold.
    pub fn apply(&self, current: Option<&Metadata>, now: Timestamp) -> Result<Applied, ChangeError> {
        let before = current.map(Metadata::verify).transpose()?;
        let metadata = self.merged(current)?;
        if let (Some(before), Some(root)) = (&before, &self.root) {
            // Whoever trusts the root before must be able to follow to this one.
            let next: Signed<Root> = read("root", root)?;
            check_signed("root", before.root.signed.verify_role(&next))?;
        }
        let verified = metadata.verify()?;
        self.check_new(before.as_ref(), &verified, now)?;
        let new_targets = new_targets(before.as_ref(), &verified);
        Ok(Applied {
            metadata,
            verified,
            new_targets,
        })
    }

    fn merged(&self, current: Option<&Metadata>) -> Result<Metadata, ChangeError> {
        let mut metadata = match (current, &self.root, &self.targets) {
            (Some(current), _, _) => current.clone(),
            (None, Some(_), Some(_)) => Metadata::default(),
            (None, _, _) => return Err(ChangeError::NotBegun),
        };
        if let Some(root) = &self.root {
            metadata.root.clone_from(root);
        }
        if let Some(targets) = &self.targets {
            metadata.targets.clone_from(targets);
        }
        let channels = self.channels.iter();
        metadata
            .channels
            .extend(channels.map(|(channel, text)| (channel.clone(), text.clone())));
        Ok(metadata)
    }

    fn check_new(
        &self,
        before: Option<&Verified>,
        after: &Verified,
        now: Timestamp,
    ) -> Result<(), ChangeError> {
        if self.root.is_some() {
            let before = before.map(|before| version(&before.root));
            check_next("root", &after.root, before, now)?;
        }
        if self.targets.is_some() {
            let before = before.map(|before| version(&before.targets));
            check_next("targets", &after.targets, before, now)?;
        }
        for channel in self.channels.keys() {
            let before = before
                .and_then(|before| before.channels.get(channel))
                .map(version);
            if let Some(role) = after.channels.get(channel) {
                check_next(channel.as_str(), role, before, now)?;
            }
        }
        Ok(())
    }
}

fn version<T: Role>(role: &Signed<T>) -> u64 {
    role.signed.version().get()
}

fn check_next<T: Role>(
    name: &str,
    role: &Signed<T>,
    before: Option<u64>,
    now: Timestamp,
) -> Result<(), ChangeError> {
    let expected = before.unwrap_or(0).saturating_add(1);
    if version(role) != expected {
        return Err(ChangeError::Version {
            role: name.to_owned(),
            expected,
            found: version(role),
        });
    }
    match role.signed.expires() > now {
        true => Ok(()),
        false => Err(ChangeError::rule(
            name,
            format!("it was valid until {} only", role.signed.expires()),
        )),
    }
}

fn new_targets(before: Option<&Verified>, after: &Verified) -> Vec<ListedTarget> {
    let mut found = Vec::new();
    for (channel, role) in &after.channels {
        let known = before.and_then(|before| before.channels.get(channel));
        found.extend(listed(&role.signed).filter(|new| {
            let same = |role: &Signed<Targets>| listed(&role.signed).any(|old| old == *new);
            !known.is_some_and(same)
        }));
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Returns the targets of a channel's role whose rules have been checked.
pub fn listed(role: &Targets) -> impl Iterator<Item = ListedTarget> {
    role.targets.iter().filter_map(|(name, target)| {
        Some(ListedTarget {
            name: name.raw().parse().ok()?,
            pinned: Pinned {
                sha256: ChunkId::from_bytes((&*target.hashes.sha256).try_into().ok()?),
                length: target.length,
            },
            sequence: sequence_of(target),
        })
    })
}
