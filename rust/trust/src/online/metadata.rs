// SPDX-License-Identifier: MIT
//! The metadata of a title that people sign: root, targets, and a role for each channel.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use tough::schema::{Delegations, Role, Root, Signed, Targets};
use vsekai_formats::release::Slug;

use super::{ChangeError, rules};

/// The texts of a title's metadata in force, byte for byte as they are served.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// The newest root.
    pub root: String,
    /// The targets role, which delegates to the channels.
    pub targets: String,
    /// The role of each channel.
    pub channels: BTreeMap<Slug, String>,
}

/// A title's metadata, read and verified from the root downwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// The newest root.
    pub root: Signed<Root>,
    /// The targets role, which delegates to the channels.
    pub targets: Signed<Targets>,
    /// The role of each channel.
    pub channels: BTreeMap<Slug, Signed<Targets>>,
}

impl Metadata {
    /// Reads everything and checks every signature, threshold and rule. Expiry is not looked at.
    ///
    /// # Errors
    /// The first thing that does not hold.
    pub fn verify(&self) -> Result<Verified, ChangeError> {
        let root: Signed<Root> = read("root", &self.root)?;
        check_signed("root", root.signed.verify_role(&root))?;
        rules::check_root(&root.signed)?;
        let targets: Signed<Targets> = read("targets", &self.targets)?;
        check_signed("targets", root.signed.verify_role(&targets))?;
        let delegations = rules::check_targets(&targets.signed)?;
        let mut channels = BTreeMap::new();
        for role in &delegations.roles {
            let channel = rules::channel_of(role)?;
            let text = self.channels.get(&channel).ok_or_else(|| {
                let reason = format!("channel {channel} has no metadata of its own yet");
                ChangeError::rule("targets", reason)
            })?;
            let verified = verify_channel(delegations, &channel, text)?;
            channels.insert(channel, verified);
        }
        match self
            .channels
            .keys()
            .find(|channel| !channels.contains_key(channel))
        {
            None => Ok(Verified {
                root,
                targets,
                channels,
            }),
            Some(channel) => {
                let reason = format!("channel {channel} is not among the delegations");
                Err(ChangeError::rule("targets", reason))
            }
        }
    }
}

impl Verified {
    /// Returns the delegations to channels.
    pub fn delegations(&self) -> Option<&Delegations> {
        self.targets.signed.delegations.as_ref()
    }
}

/// Reads metadata of the type that `role` has.
pub(super) fn read<T: Role + DeserializeOwned>(role: &str, text: &str) -> Result<Signed<T>, ChangeError> {
    serde_json::from_str(text).map_err(|error| ChangeError::Unreadable {
        role: role.to_owned(),
        reason: error.to_string(),
    })
}

/// Says whose signatures are at fault.
pub(super) fn check_signed(role: &str, outcome: tough::schema::Result<()>) -> Result<(), ChangeError> {
    outcome.map_err(|error| ChangeError::signature(role, &error))
}

fn verify_channel(
    delegations: &Delegations,
    channel: &Slug,
    text: &str,
) -> Result<Signed<Targets>, ChangeError> {
    let name = channel.as_str();
    let role: Signed<Targets> = read(name, text)?;
    check_signed(name, delegations.verify_role(&role, name))?;
    rules::check_channel(channel, &role.signed)?;
    Ok(role)
}
