// SPDX-License-Identifier: MIT
//! Where a title's signed metadata and targets lie on a server, and what they are called.
//!
//! A title has a repository of its own with consistent snapshots. All names are flat, and none holds a
//! character that one TUF client writes otherwise than another in an address.

use std::fmt;
use std::str::FromStr;

use vsekai_formats::ChunkId;
use vsekai_formats::release::{Platform, Slug, Version};

/// The address of the timestamp, below [`repository`].
pub const TIMESTAMP: &str = "timestamp.json";
/// Folder of the targets, below [`repository`].
pub const TARGETS: &str = "targets";

/// Returns the address of a title's repository, relative to the server's base address.
pub fn repository(title: &Slug) -> String {
    format!("titles/{title}/tuf")
}

/// Returns the file name of version `version` of the root.
pub fn root(version: u64) -> String {
    format!("{version}.root.json")
}

/// Returns the file name of version `version` of the snapshot.
pub fn snapshot(version: u64) -> String {
    format!("{version}.snapshot.json")
}

/// Returns the file name of version `version` of a targets role: `targets` or a channel's.
pub fn targets(role: &str, version: u64) -> String {
    format!("{version}.{role}.json")
}

/// Returns the name by which a snapshot lists a targets role.
pub fn meta(role: &str) -> String {
    format!("{role}.json")
}

/// Returns a role's name as a file name, so that what another repository calls its roles leads nowhere else.
/// Names of channels stay as they are.
pub fn encoded(role: &str) -> String {
    percent_encoding::utf8_percent_encode(role, FILE_NAME).to_string()
}

/// Returns the address of a target, below [`repository`].
pub fn target(sha256: &ChunkId, name: &TargetName) -> String {
    format!("{TARGETS}/{sha256}.{name}")
}

/// Returns the one pattern of target names that a channel's role may sign.
pub fn pattern(channel: &Slug) -> String {
    format!("{channel}@*")
}

/// Tells whether `channel` would have the role name of a top-level role, and so cannot be a channel.
pub fn is_reserved(channel: &Slug) -> bool {
    matches!(
        channel.as_str(),
        "root" | "timestamp" | "snapshot" | "targets" | "mirrors"
    )
}

/// The name of a target: all that a title's repository signs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum TargetName {
    /// What a channel offers for a platform.
    Pointer {
        /// The channel.
        channel: Slug,
        /// The platform.
        platform: Platform,
    },
    /// A release's manifest, as signed for a channel.
    Manifest {
        /// The channel.
        channel: Slug,
        /// The platform.
        platform: Platform,
        /// The release's version.
        version: Version,
    },
}

impl TargetName {
    /// Names what `channel` offers for `platform`.
    pub fn pointer(channel: &Slug, platform: Platform) -> Self {
        Self::Pointer {
            channel: channel.clone(),
            platform,
        }
    }

    /// Names the manifest of `version` for `platform`, as signed for `channel`.
    pub fn manifest(channel: &Slug, platform: Platform, version: &Version) -> Self {
        Self::Manifest {
            channel: channel.clone(),
            platform,
            version: version.clone(),
        }
    }

    /// Returns the channel, whose role signs the target.
    pub fn channel(&self) -> &Slug {
        match self {
            Self::Pointer { channel, .. } | Self::Manifest { channel, .. } => channel,
        }
    }

    /// Returns the platform.
    pub fn platform(&self) -> Platform {
        match self {
            Self::Pointer { platform, .. } | Self::Manifest { platform, .. } => *platform,
        }
    }
}

impl fmt::Display for TargetName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pointer { channel, platform } => write!(f, "{channel}@{platform}.json"),
            Self::Manifest {
                channel,
                platform,
                version,
            } => write!(f, "{channel}@{platform}@{version}.json"),
        }
    }
}

/// A target that is neither a channel pointer nor a manifest.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is neither CHANNEL@PLATFORM.json nor CHANNEL@PLATFORM@VERSION.json")]
pub struct TargetNameError(pub String);

impl FromStr for TargetName {
    type Err = TargetNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).ok_or_else(|| TargetNameError(text.chars().take(200).collect()))
    }
}

fn parse(text: &str) -> Option<TargetName> {
    let mut parts = text.strip_suffix(".json")?.split('@');
    let channel: Slug = parts.next()?.parse().ok()?;
    let platform: Platform = parts.next()?.parse().ok()?;
    let name = match parts.next() {
        None => TargetName::Pointer { channel, platform },
        Some(version) => TargetName::Manifest {
            channel,
            platform,
            version: version.parse().ok()?,
        },
    };
    parts.next().is_none().then_some(name)
}

const FILE_NAME: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'_')
    .remove(b'.')
    .remove(b'-')
    .remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_targets_are_read_back_as_they_were_written() {
        let channel: Slug = "night-ly_1.0".parse().unwrap();
        let version: Version = "1.0+build.json".parse().unwrap();
        for name in [
            TargetName::pointer(&channel, Platform::LinuxX86_64),
            TargetName::manifest(&channel, Platform::WindowsX86_64, &version),
        ] {
            assert_eq!(name.to_string().parse(), Ok(name));
        }
    }

    #[test]
    fn other_names_of_targets_are_refused() {
        for text in [
            "",
            "stable.json",
            "stable@linux-x86_64",
            "stable@plan9.json",
            "stable@linux-x86_64@.json",
            "stable@linux-x86_64@1@2.json",
            "../stable@linux-x86_64.json",
            "stable@linux-x86_64@a/b.json",
            "Stable@linux-x86_64.json",
        ] {
            assert!(text.parse::<TargetName>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_channel_cannot_have_the_name_of_a_top_level_role() {
        for (name, reserved) in [
            ("root", true),
            ("targets", true),
            ("stable", false),
            ("roots", false),
        ] {
            assert_eq!(is_reserved(&name.parse().unwrap()), reserved, "{name}");
        }
    }
}
