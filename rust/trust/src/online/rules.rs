// SPDX-License-Identifier: MIT
//! The form that a title's metadata has here. TUF allows more; what is not needed is refused.

use tough::schema::{DelegatedRole, Delegations, PathSet, RoleType, Root, Target, Targets};
use vsekai_formats::release::Slug;

use super::ChangeError;
use crate::names::{self, TargetName};

/// The version of the TUF specification that metadata is written after.
pub const SPEC_VERSION: &str = "1.0.31";
/// The field of a manifest's target that repeats its publish sequence, so that publishers can count on
/// without reading every manifest.
pub const SEQUENCE: &str = "sequence";

/// Returns the publish sequence that a manifest's target states.
pub fn sequence_of(target: &Target) -> Option<u64> {
    target
        .custom
        .get(SEQUENCE)?
        .as_u64()
        .filter(|sequence| *sequence > 0)
}

pub(super) fn check_root(root: &Root) -> Result<(), ChangeError> {
    let refuse = |reason: String| Err(ChangeError::rule("root", reason));
    if !root.consistent_snapshot {
        return refuse("consistent snapshots are needed".to_owned());
    }
    for role in [
        RoleType::Root,
        RoleType::Targets,
        RoleType::Snapshot,
        RoleType::Timestamp,
    ] {
        let Some(keys) = root.roles.get(&role) else {
            return refuse(format!("it names no keys for the role {role}"));
        };
        let mut known: Vec<_> = keys
            .keyids
            .iter()
            .filter(|id| root.keys.contains_key(id))
            .collect();
        known.sort();
        known.dedup();
        if known.len() != keys.keyids.len() {
            return refuse(format!("a key of the role {role} is missing or named twice"));
        }
        if u64::from(keys.threshold) > known.len() as u64 {
            return refuse(format!(
                "the role {role} needs {} signatures and has {} keys",
                keys.threshold,
                known.len()
            ));
        }
    }
    Ok(())
}

/// Returns the delegations if the targets role delegates to channels and does nothing else.
pub(super) fn check_targets(targets: &Targets) -> Result<&Delegations, ChangeError> {
    let refuse = |reason: String| Err(ChangeError::rule("targets", reason));
    if !targets.targets.is_empty() {
        return refuse("it lists targets itself, which only the roles of channels may".to_owned());
    }
    let Some(delegations) = &targets.delegations else {
        return refuse("it delegates to no channel".to_owned());
    };
    let mut seen = Vec::new();
    for role in &delegations.roles {
        let channel = channel_of(role)?;
        let has_key = |id| delegations.keys.contains_key(id);
        let keys = role.keyids.iter().filter(|id| has_key(id)).count() as u64;
        if keys != role.keyids.len() as u64 || u64::from(role.threshold) > keys {
            return refuse(format!("channel {channel} has too few keys for its threshold"));
        }
        if seen.contains(&channel) {
            return refuse(format!("channel {channel} is delegated to twice"));
        }
        seen.push(channel);
    }
    Ok(delegations)
}

/// Returns the channel that a delegation is for, if it is for one channel's targets and nothing else.
pub(super) fn channel_of(role: &DelegatedRole) -> Result<Slug, ChangeError> {
    let refuse = |reason: String| Err(ChangeError::rule("targets", reason));
    let channel: Slug = match role.name.parse() {
        Ok(channel) if !names::is_reserved(&channel) => channel,
        _ => return refuse(format!("{:?} cannot be a channel", role.name)),
    };
    let expected = names::pattern(&channel);
    let only = match &role.paths {
        PathSet::Paths(paths) => {
            matches!(paths.as_slice(), [path] if path.value() == expected)
        }
        PathSet::PathHashPrefixes(_) => false,
    };
    match only && role.terminating {
        true => Ok(channel),
        false => refuse(format!(
            "channel {channel} must be delegated to for {expected:?} alone, terminating"
        )),
    }
}

pub(super) fn check_channel(channel: &Slug, role: &Targets) -> Result<(), ChangeError> {
    let refuse = |reason: String| Err(ChangeError::rule(channel.as_str(), reason));
    if role
        .delegations
        .as_ref()
        .is_some_and(|delegations| !delegations.roles.is_empty() || !delegations.keys.is_empty())
    {
        return refuse("a channel cannot delegate to others".to_owned());
    }
    for (raw, target) in &role.targets {
        let name: TargetName = match raw.raw().parse() {
            Ok(name) => name,
            Err(error) => return refuse(format!("a target has another name than targets have: {error}")),
        };
        if name.channel() != channel {
            return refuse(format!("the target {name} belongs to another channel"));
        }
        if target.hashes.sha256.len() != 32 {
            return refuse(format!("the target {name} has no SHA-256"));
        }
        if matches!(name, TargetName::Manifest { .. }) && sequence_of(target).is_none() {
            return refuse(format!("the target {name} does not state its sequence"));
        }
    }
    Ok(())
}
