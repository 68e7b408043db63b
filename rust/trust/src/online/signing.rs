// SPDX-License-Identifier: MIT
//! Snapshot and timestamp, signed with the server's own keys.

use std::collections::HashMap;
use std::num::NonZeroU64;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};
use tough::schema::{Hashes, Metafile, Role, RoleType, Root, Signed, Snapshot, Timestamp as TimestampRole};

use super::metadata::{check_signed, read};
use super::rules::SPEC_VERSION;
use super::{ChangeError, Metadata, Verified};
use crate::names;
use crate::publisher::{SigningKey, sign, to_text};

/// How long what the server signs is to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Periods {
    /// The snapshot.
    pub snapshot: SignedDuration,
    /// The timestamp. Short: it bounds how long somebody can keep players on an old state unnoticed.
    pub timestamp: SignedDuration,
}

/// What the server signed, as it is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnlineTexts {
    /// The text.
    pub text: String,
    /// Its version.
    pub version: u64,
    /// When it is to be believed no more.
    pub expires: Timestamp,
}

/// Signs the snapshot of a title's metadata.
///
/// # Errors
/// [`ChangeError::NoOnlineKey`] if `keys` lack those the root names.
pub fn sign_snapshot(
    metadata: &Metadata,
    verified: &Verified,
    last: u64,
    expires: Timestamp,
    keys: &[SigningKey],
) -> Result<OnlineTexts, ChangeError> {
    let version = last.saturating_add(1);
    let mut role = Snapshot::new(SPEC_VERSION.to_owned(), number(version), expires);
    let targets = metafile(&metadata.targets, verified.targets.signed.version());
    role.meta.insert(names::meta("targets"), targets);
    for (channel, signed) in &verified.channels {
        let text = metadata.channels.get(channel).map_or("", String::as_str);
        let file = metafile(text, signed.signed.version());
        role.meta.insert(names::meta(channel.as_str()), file);
    }
    finish(role, &verified.root.signed, RoleType::Snapshot, keys)
}

/// Signs the timestamp that names `snapshot`.
///
/// # Errors
/// As [`sign_snapshot`].
pub fn sign_timestamp(
    snapshot: &str,
    snapshot_version: u64,
    root: &Root,
    last: u64,
    expires: Timestamp,
    keys: &[SigningKey],
) -> Result<OnlineTexts, ChangeError> {
    let version = last.saturating_add(1);
    let mut role = TimestampRole::new(SPEC_VERSION.to_owned(), number(version), expires);
    let file = metafile(snapshot, number(snapshot_version));
    role.meta.insert(names::meta("snapshot"), file);
    finish(role, root, RoleType::Timestamp, keys)
}

fn finish<T: Role>(
    role: T,
    root: &Root,
    kind: RoleType,
    keys: &[SigningKey],
) -> Result<OnlineTexts, ChangeError> {
    let (version, expires) = (role.version().get(), role.expires());
    let wanted = root.roles.get(&kind);
    let names = |key: &&SigningKey| wanted.is_some_and(|wanted| wanted.keyids.contains(&key.public().id()));
    let signers: Vec<&SigningKey> = keys.iter().filter(names).collect();
    let needed = wanted.map_or(1, |wanted| wanted.threshold.get());
    if (signers.len() as u64) < needed {
        return Err(ChangeError::NoOnlineKey {
            role: kind.to_string(),
            needed,
            found: signers.len() as u64,
        });
    }
    let signed = sign(role, signers).and_then(|signed| to_text(&signed));
    let text = signed.map_err(|error| ChangeError::rule(&kind.to_string(), error.to_string()))?;
    Ok(OnlineTexts {
        text,
        version,
        expires,
    })
}

fn metafile(text: &str, version: NonZeroU64) -> Metafile {
    Metafile {
        length: Some(text.len() as u64),
        hashes: Some(Hashes {
            sha256: Sha256::digest(text.as_bytes()).to_vec().into(),
            _extra: HashMap::new(),
        }),
        version,
        _extra: HashMap::new(),
    }
}

fn number(version: u64) -> NonZeroU64 {
    NonZeroU64::new(version).unwrap_or(NonZeroU64::MIN)
}

/// Checks that a snapshot and a timestamp are signed and name what is in force. Expiry is not looked at.
///
/// # Errors
/// The first thing that does not hold.
pub fn check_online(
    metadata: &Metadata,
    verified: &Verified,
    snapshot: &str,
    timestamp: &str,
) -> Result<(), ChangeError> {
    let signed: Signed<Snapshot> = read("snapshot", snapshot)?;
    check_signed("snapshot", verified.root.signed.verify_role(&signed))?;
    let channels = verified.channels.iter();
    let channels = channels.filter_map(|(channel, role)| {
        let text = metadata.channels.get(channel)?;
        Some((channel.as_str(), metafile(text, role.signed.version())))
    });
    let targets = metafile(&metadata.targets, verified.targets.signed.version());
    for (role, expected) in std::iter::once(("targets", targets)).chain(channels) {
        if signed.signed.meta.get(&names::meta(role)) != Some(&expected) {
            let reason = format!("it does not name the {role} metadata in force");
            return Err(ChangeError::rule("snapshot", reason));
        }
    }
    let expected = metafile(snapshot, signed.signed.version());
    let signed: Signed<TimestampRole> = read("timestamp", timestamp)?;
    check_signed("timestamp", verified.root.signed.verify_role(&signed))?;
    match signed.signed.meta.get(&names::meta("snapshot")) == Some(&expected) {
        true => Ok(()),
        false => Err(ChangeError::rule(
            "timestamp",
            "it does not name the snapshot in force",
        )),
    }
}
