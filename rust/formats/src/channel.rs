// SPDX-License-Identifier: MIT
//! Channel pointers: which release a channel offers, to whom, and which releases were taken back.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::id::ChunkId;
use crate::release::{Pinned, Platform, Slug, Version};
use crate::text;

/// What a channel offers for one platform.
///
/// A field that a reader does not know is passed over: what an older launcher must not pass over gets a new
/// `schema`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelPointer {
    /// [`crate::release::SCHEMA`].
    pub schema: u32,
    /// The title.
    pub title: Slug,
    /// The channel.
    pub channel: Slug,
    /// The platform.
    pub platform: Platform,
    /// The release pointed at.
    #[serde(flatten)]
    pub release: ReleaseRef,
    /// To whom the release is offered; to everybody if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// Manifests of releases that were taken back, by SHA-256, ascending.
    ///
    /// A player on one of them goes to what is offered, although that is older.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<ChunkId>,
    /// Whether the channel stays where it is when something is published.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
}

/// A release, as a channel names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRef {
    /// Its version.
    pub version: Version,
    /// Its publish sequence.
    pub sequence: u64,
    /// Its manifest.
    pub manifest: Pinned,
}

/// A release that is offered to a part of the players first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// The part of the players that are offered the release.
    pub percent: Percent,
    /// What the others are offered; nothing if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<ReleaseRef>,
}

impl ChannelPointer {
    /// Returns the release that `install` is offered, or `None` where there is none for it.
    ///
    /// The answer for one release never turns from "yes" to "no" while its percentage grows, and each
    /// release draws its lots anew, so that it is not always the same players who come first.
    pub fn offer_for(&self, install: &InstallId) -> Option<&ReleaseRef> {
        let offered = match &self.rollout {
            Some(rollout) if !self.is_drawn(install, rollout.percent) => rollout.previous.as_ref(),
            _ => Some(&self.release),
        };
        offered.filter(|release| !self.is_withdrawn(&release.manifest))
    }

    /// Tells whether the release with this manifest was taken back.
    pub fn is_withdrawn(&self, manifest: &Pinned) -> bool {
        self.withdrawn.contains(&manifest.sha256)
    }

    /// Returns every release that the pointer names.
    pub fn releases(&self) -> impl Iterator<Item = &ReleaseRef> {
        let previous = self
            .rollout
            .as_ref()
            .and_then(|rollout| rollout.previous.as_ref());
        std::iter::once(&self.release).chain(previous)
    }

    fn is_drawn(&self, install: &InstallId, percent: Percent) -> bool {
        let mut hasher = Sha256::new();
        hasher.update(install.0);
        hasher.update(self.release.manifest.sha256.as_bytes());
        let mut lot = [0; 8];
        lot.copy_from_slice(&hasher.finalize()[..8]);
        // The lot times 100 divided by 2^64 is its place from 0 to 99.
        let place = (u128::from(u64::from_be_bytes(lot)) * 100) >> 64;
        place < u128::from(percent.0)
    }
}

/// A part of a hundred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Percent(u8);

impl Percent {
    /// Everybody.
    pub const ALL: Self = Self(100);

    /// Returns `percent` of a hundred, or `None` above 100.
    pub fn new(percent: u8) -> Option<Self> {
        (percent <= 100).then_some(Self(percent))
    }

    /// Returns the number from 0 to 100.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// A number that is no percentage.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a percentage: use a whole number from 0 to 100")]
pub struct ParsePercentError(String);

impl FromStr for Percent {
    type Err = ParsePercentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = text.parse().ok().and_then(Self::new);
        number.ok_or_else(|| ParsePercentError(text.chars().take(80).collect()))
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u8::deserialize(deserializer)?;
        Self::new(number).ok_or_else(|| serde::de::Error::custom(ParsePercentError(number.to_string())))
    }
}

/// What tells an install folder from others when a rollout draws lots. It never leaves the machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct InstallId([u8; 16]);

impl InstallId {
    /// Makes an id of random bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for InstallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InstallId({})", hex::encode(self.0))
    }
}

impl Serialize for InstallId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(self.0))
    }
}

impl<'de> Deserialize<'de> for InstallId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let parse = |text: &str| {
            let mut bytes = [0; 16];
            hex::decode_to_slice(text, &mut bytes).map(|()| Self(bytes))
        };
        text::deserialize(deserializer, parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str, sequence: u64) -> ReleaseRef {
        ReleaseRef {
            version: version.parse().unwrap(),
            sequence,
            manifest: Pinned::of(version.as_bytes()),
        }
    }

    fn pointer(percent: Option<u8>, previous: Option<ReleaseRef>) -> ChannelPointer {
        ChannelPointer {
            schema: crate::release::SCHEMA,
            title: "game".parse().unwrap(),
            channel: "stable".parse().unwrap(),
            platform: Platform::LinuxX86_64,
            release: release("2", 2),
            rollout: percent.map(|percent| Rollout {
                percent: Percent::new(percent).unwrap(),
                previous,
            }),
            withdrawn: vec![],
            pinned: false,
        }
    }

    fn installs() -> impl Iterator<Item = InstallId> {
        (0..2000u128).map(|n| InstallId::from_bytes(n.to_be_bytes()))
    }

    fn taken(pointer: &ChannelPointer) -> Vec<InstallId> {
        installs()
            .filter(|id| pointer.offer_for(id) == Some(&pointer.release))
            .collect()
    }

    #[test]
    fn without_a_rollout_everybody_is_offered_the_release() {
        assert_eq!(taken(&pointer(None, None)).len(), 2000);
        assert_eq!(taken(&pointer(Some(100), None)).len(), 2000);
        assert_eq!(taken(&pointer(Some(0), None)).len(), 0);
    }

    #[test]
    fn a_growing_rollout_keeps_everybody_who_was_in_it() {
        let parts: Vec<Vec<InstallId>> = [10, 25, 50, 90]
            .map(|percent| taken(&pointer(Some(percent), None)))
            .into();
        for pair in parts.windows(2) {
            assert!(pair[0].len() < pair[1].len());
            assert!(pair[0].iter().all(|id| pair[1].contains(id)));
        }
        assert!((400..600).contains(&parts[1].len()), "{}", parts[1].len());
    }

    #[test]
    fn each_release_draws_its_lots_anew() {
        let mut other = pointer(Some(50), None);
        other.release = release("3", 3);
        assert_ne!(taken(&pointer(Some(50), None)), taken(&other));
    }

    #[test]
    fn those_outside_a_rollout_are_offered_the_release_before() {
        let before = release("1", 1);
        let pointer = pointer(Some(0), Some(before.clone()));
        assert!(installs().all(|id| pointer.offer_for(&id) == Some(&before)));
    }

    #[test]
    fn a_release_that_was_taken_back_is_offered_to_nobody() {
        let before = release("1", 1);
        let mut pointer = pointer(Some(50), Some(before.clone()));
        pointer.withdrawn = vec![before.manifest.sha256];
        assert!(installs().any(|id| pointer.offer_for(&id).is_none()));
        assert!(installs().all(|id| pointer.offer_for(&id) != Some(&before)));
        assert!(pointer.is_withdrawn(&before.manifest));
    }

    #[test]
    fn a_plain_pointer_keeps_its_compact_form() {
        let text = serde_json::to_string(&pointer(None, None)).unwrap();
        let digest = Pinned::of(b"2").sha256;
        assert_eq!(
            text,
            format!(
                "{{\"schema\":1,\"title\":\"game\",\"channel\":\"stable\",\"platform\":\"linux-x86_64\",\
                 \"version\":\"2\",\"sequence\":2,\"manifest\":{{\"sha256\":\"{digest}\",\"length\":1}}}}"
            )
        );
        assert_eq!(
            serde_json::from_str::<ChannelPointer>(&text).unwrap(),
            pointer(None, None)
        );
    }

    #[test]
    fn a_percentage_over_a_hundred_is_refused() {
        assert!(serde_json::from_str::<Percent>("101").is_err());
        assert!("-1".parse::<Percent>().is_err());
        assert_eq!("7".parse(), Ok(Percent(7)));
    }

    #[test]
    fn a_field_of_a_later_launcher_is_passed_over() {
        let mut value = serde_json::to_value(pointer(Some(5), Some(release("1", 1)))).unwrap();
        value["later"] = serde_json::json!({ "x": 1 });
        assert_eq!(
            serde_json::from_value::<ChannelPointer>(value).unwrap(),
            pointer(Some(5), Some(release("1", 1)))
        );
    }
}
