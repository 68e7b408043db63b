// SPDX-License-Identifier: MIT
//! The client's workflow of The Update Framework, without network, disk or clock.
//!
//! Section numbers are those of the TUF specification 1.0.34, 5 "Detailed client workflow". Types, canonical
//! JSON, key ids, signatures and thresholds are those of `tough`. Its own loader is not used: it loads every
//! delegated role, so that one channel's expired role would stop all others, it asks the clock by itself, and
//! it takes an unreadable file for none.

use std::collections::{BTreeMap, HashSet};

use bytes::Bytes;
use jiff::Timestamp as Time;
use serde::de::DeserializeOwned;
use tough::schema::{Metafile, Role, Root, Signed, Snapshot, Targets, Timestamp};
use vsekai_formats::release::Pinned;

use super::verify;
use crate::error::TrustError;
use crate::names;

/// Metadata that was verified, with the bytes it came in.
#[derive(Clone, Debug)]
pub struct Verified<T> {
    /// What it says.
    pub signed: Signed<T>,
    /// Its bytes as served.
    pub bytes: Bytes,
}

/// Metadata that was verified so far: the root, and below it what belongs together.
///
/// Each `update_` method takes bytes from outside and either believes them by every rule of the
/// specification or leaves the set as it was.
#[derive(Clone, Debug)]
pub struct TrustedSet {
    now: Time,
    renewing: bool,
    root: Verified<Root>,
    roots: Vec<Pinned>,
    timestamp: Option<Verified<Timestamp>>,
    snapshot: Option<Verified<Snapshot>>,
    targets: BTreeMap<String, Verified<Targets>>,
}

/// Which version of a piece of metadata is announced, and how many bytes of it to read at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// The version.
    pub version: u64,
    /// The limit.
    pub limit: usize,
}

impl TrustedSet {
    /// Starts from a root that is believed for its own sake: the pinned one, or the last one that was verified.
    ///
    /// `now` is the time of the whole update (5.1): it decides what is expired.
    ///
    /// # Errors
    /// It is not a root, or is not signed by its own keys.
    pub fn start(root: Bytes, now: Time) -> Result<Self, TrustError> {
        let root: Verified<Root> = parse("root", root)?;
        verify::root_role(&root.signed.signed, &root.signed, ROOT)?;
        Ok(Self {
            now,
            renewing: false,
            roots: vec![Pinned::of(&root.bytes)],
            root,
            timestamp: None,
            snapshot: None,
            targets: BTreeMap::new(),
        })
    }

    /// Lets what people sign be expired, so that its publisher can renew it. Players never do.
    #[must_use]
    pub fn unsafe_to_renew(self) -> Self {
        Self {
            renewing: true,
            ..self
        }
    }

    /// Returns the newest verified root.
    pub fn root(&self) -> &Verified<Root> {
        &self.root
    }

    /// Returns every root from the one the set started with to the newest.
    pub fn roots(&self) -> &[Pinned] {
        &self.roots
    }

    /// Returns the timestamp.
    pub fn timestamp(&self) -> Option<&Verified<Timestamp>> {
        self.timestamp.as_ref()
    }

    /// Returns the snapshot.
    pub fn snapshot(&self) -> Option<&Verified<Snapshot>> {
        self.snapshot.as_ref()
    }

    /// Returns a targets role that was loaded: `targets` or a delegated one.
    pub fn targets(&self, role: &str) -> Option<&Verified<Targets>> {
        self.targets.get(role)
    }

    /// Returns every verified piece of metadata by role.
    pub fn verified(&self) -> impl Iterator<Item = (&str, &Bytes)> {
        let timestamp = self
            .timestamp
            .iter()
            .map(|timestamp| (TIMESTAMP, &timestamp.bytes));
        let snapshot = self.snapshot.iter().map(|snapshot| (SNAPSHOT, &snapshot.bytes));
        let targets = self
            .targets
            .iter()
            .map(|(role, targets)| (role.as_str(), &targets.bytes));
        let root = std::iter::once((ROOT, &self.root.bytes));
        root.chain(timestamp).chain(snapshot).chain(targets)
    }

    /// Returns the time of the update.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Tells whether files bear their version or digest in their names.
    pub fn has_consistent_snapshots(&self) -> bool {
        self.root.signed.signed.consistent_snapshot
    }

    /// 5.3: takes the next root.
    ///
    /// # Errors
    /// It is not signed by both the keys of the root before and its own, or is not the next version.
    pub fn update_root(&mut self, bytes: Bytes) -> Result<(), TrustError> {
        let next: Verified<Root> = parse(ROOT, bytes)?;
        // 5.3.4: a threshold of the keys of the trusted root, and a threshold of the keys of the new one.
        verify::root_role(&self.root.signed.signed, &next.signed, ROOT)?;
        verify::root_role(&next.signed.signed, &next.signed, ROOT)?;
        // 5.3.5: exactly one more, so that no root is left out.
        let (expected, found) = (
            version(&self.root.signed).saturating_add(1),
            version(&next.signed),
        );
        if found < expected {
            return Err(rolled_back(ROOT, expected - 1, found));
        }
        if found > expected {
            return Err(other_version(ROOT, expected, found));
        }
        self.roots.push(Pinned::of(&next.bytes));
        self.root = next;
        Ok(())
    }

    /// 5.3.10: ends the way through the roots.
    ///
    /// # Errors
    /// The last root is expired.
    pub fn finish_root(&self) -> Result<(), TrustError> {
        self.check_fresh(ROOT, &self.root.signed.signed)
    }

    /// Remembers the timestamp of an earlier update, so that an older one is refused.
    ///
    /// 5.3.11: one whose keys were replaced since is forgotten; that is how a repository recovers from a stolen
    /// key that signed too high a version.
    pub fn recall_timestamp(&mut self, bytes: Bytes) {
        let recalled = parse::<Timestamp>(TIMESTAMP, bytes);
        self.timestamp = recalled.ok().filter(|timestamp| {
            verify::root_role(&self.root.signed.signed, &timestamp.signed, TIMESTAMP).is_ok()
                && snapshot_meta(&timestamp.signed).is_ok()
        });
    }

    /// 5.4: takes the timestamp.
    ///
    /// # Errors
    /// It is not signed by the keys of the root, older than the one remembered, or expired.
    pub fn update_timestamp(&mut self, bytes: Bytes) -> Result<(), TrustError> {
        let new: Verified<Timestamp> = parse(TIMESTAMP, bytes)?;
        // 5.4.2
        verify::root_role(&self.root.signed.signed, &new.signed, TIMESTAMP)?;
        let announced = snapshot_meta(&new.signed)?;
        if let Some(old) = &self.timestamp {
            // 5.4.3.1: not older; the same version is the same timestamp, the new bytes are not looked at.
            let (trusted, offered) = (version(&old.signed), version(&new.signed));
            if offered < trusted {
                return Err(rolled_back(TIMESTAMP, trusted, offered));
            }
            if offered == trusted {
                return self.check_fresh(TIMESTAMP, &old.signed.signed);
            }
            // 5.4.3.2
            let (trusted, offered) = (snapshot_meta(&old.signed)?.version, announced.version);
            if offered < trusted {
                return Err(rolled_back(SNAPSHOT, trusted.get(), offered.get()));
            }
        }
        // 5.4.4
        self.check_fresh(TIMESTAMP, &new.signed.signed)?;
        self.timestamp = Some(new);
        Ok(())
    }

    /// Remembers the snapshot of an earlier update, unless its keys were replaced since (5.3.11).
    pub fn recall_snapshot(&mut self, bytes: Bytes) {
        let recalled = parse::<Snapshot>(SNAPSHOT, bytes);
        self.snapshot = recalled.ok().filter(|snapshot| {
            verify::root_role(&self.root.signed.signed, &snapshot.signed, SNAPSHOT).is_ok()
        });
    }

    /// Returns which snapshot the timestamp announces, or `None` if the set has it.
    ///
    /// # Errors
    /// The one in the set is expired, or there is no timestamp.
    pub fn wanted_snapshot(&self) -> Result<Option<Announced>, TrustError> {
        let meta = snapshot_meta(&self.timestamp_role()?.signed)?;
        if let Some(snapshot) = &self.snapshot
            && version(&snapshot.signed) == meta.version.get()
            && check_meta(SNAPSHOT, meta, &snapshot.bytes).is_ok()
        {
            self.check_fresh(SNAPSHOT, &snapshot.signed.signed)?;
            return Ok(None);
        }
        Ok(Some(announced(meta, MAX_SNAPSHOT)))
    }

    /// 5.5: takes the snapshot.
    ///
    /// # Errors
    /// It is not the one the timestamp announces, not signed, expired, or lists something older than before.
    pub fn update_snapshot(&mut self, bytes: Bytes) -> Result<(), TrustError> {
        let meta = snapshot_meta(&self.timestamp_role()?.signed)?;
        // 5.5.2
        check_meta(SNAPSHOT, meta, &bytes)?;
        let new: Verified<Snapshot> = parse(SNAPSHOT, bytes)?;
        // 5.5.3
        verify::root_role(&self.root.signed.signed, &new.signed, SNAPSHOT)?;
        // 5.5.4
        check_version(SNAPSHOT, meta, version(&new.signed))?;
        // 5.5.5: no role may vanish or go back.
        if let Some(old) = &self.snapshot {
            check_no_rollback(&old.signed.signed, &new.signed.signed)?;
        }
        // 5.5.6
        self.check_fresh(SNAPSHOT, &new.signed.signed)?;
        self.snapshot = Some(new);
        // What belonged to another snapshot must be looked at again.
        self.targets.clear();
        Ok(())
    }

    /// Returns which version of a targets role the snapshot announces.
    ///
    /// # Errors
    /// The snapshot does not list the role.
    pub fn announced_role(&self, role: &str) -> Result<Announced, TrustError> {
        Ok(announced(self.role_meta(role)?, MAX_TARGETS))
    }

    /// 5.6: takes a targets role: `targets`, or one that the loaded role `delegator` delegates to.
    ///
    /// # Errors
    /// It is not the one the snapshot announces, not signed by the keys the delegator names, or expired.
    pub fn update_role(
        &mut self,
        role: &str,
        delegator: Option<&str>,
        bytes: Bytes,
    ) -> Result<(), TrustError> {
        let meta = self.role_meta(role)?;
        // 5.6.2
        check_meta(role, meta, &bytes)?;
        let new: Verified<Targets> = parse(role, bytes)?;
        // 5.6.3
        match delegator {
            None => verify::root_role(&self.root.signed.signed, &new.signed, role)?,
            Some(delegator) => {
                let parent = self.targets.get(delegator).map(|parent| &parent.signed.signed);
                let delegations = parent.and_then(|parent| parent.delegations.as_ref());
                verify::delegated_role(delegations, &new.signed, role)?;
            }
        }
        // 5.6.4
        check_version(role, meta, version(&new.signed))?;
        // 5.6.5
        self.check_fresh(role, &new.signed.signed)?;
        self.targets.insert(role.to_owned(), new);
        Ok(())
    }

    fn timestamp_role(&self) -> Result<&Verified<Timestamp>, TrustError> {
        self.timestamp.as_ref().ok_or_else(|| not_listed(TIMESTAMP))
    }

    fn role_meta(&self, role: &str) -> Result<&Metafile, TrustError> {
        let listed = self
            .snapshot
            .as_ref()
            .map(|snapshot| &snapshot.signed.signed.meta);
        listed
            .and_then(|meta| meta.get(&names::meta(role)))
            .ok_or_else(|| not_listed(role))
    }

    fn check_fresh<T: Role>(&self, role: &str, signed: &T) -> Result<(), TrustError> {
        let renewable = self.renewing && !matches!(role, TIMESTAMP | SNAPSHOT);
        match renewable || self.now < signed.expires() {
            true => Ok(()),
            false => Err(TrustError::Expired {
                role: role.to_owned(),
                expired: signed.expires().to_string(),
            }),
        }
    }
}

/// Reads metadata and checks that it is of the kind that was asked for.
fn parse<T: Role + DeserializeOwned + verify::Specified>(
    role: &str,
    bytes: Bytes,
) -> Result<Verified<T>, TrustError> {
    let malformed = |reason: String| TrustError::Malformed {
        what: format!("{role} metadata"),
        reason,
    };
    let kind: Kind = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
    let expected = T::TYPE.to_string();
    if kind.signed.kind != expected {
        return Err(malformed(format!(
            "it is of the type {:?} instead of {expected:?}",
            kind.signed.kind
        )));
    }
    let signed: Signed<T> = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
    let form = signed.signed.spec_version();
    match form.split('.').next() {
        Some("1") => Ok(Verified { signed, bytes }),
        _ => Err(malformed(format!("it follows TUF {form:?}, only 1.x is known"))),
    }
}

/// serde checks the tag of a struct when it writes it, but not when it reads it.
#[derive(serde::Deserialize)]
struct Kind {
    signed: KindOf,
}

#[derive(serde::Deserialize)]
struct KindOf {
    #[serde(rename = "_type")]
    kind: String,
}

/// A timestamp lists the snapshot and nothing else.
fn snapshot_meta(timestamp: &Signed<Timestamp>) -> Result<&Metafile, TrustError> {
    let meta = &timestamp.signed.meta;
    match meta.get(&names::meta(SNAPSHOT)) {
        Some(found) if meta.len() == 1 => Ok(found),
        _ => Err(TrustError::Malformed {
            what: "timestamp metadata".to_owned(),
            reason: "it must list the snapshot and nothing else".to_owned(),
        }),
    }
}

fn announced(meta: &Metafile, limit: usize) -> Announced {
    let length = meta.length.and_then(|length| usize::try_from(length).ok());
    Announced {
        version: meta.version.get(),
        limit: length.map_or(limit, |length| length.min(limit)),
    }
}

/// Compares length and digest where they are announced.
fn check_meta(role: &str, meta: &Metafile, bytes: &[u8]) -> Result<(), TrustError> {
    let length = meta.length.is_none_or(|length| length == bytes.len() as u64);
    let digest = meta
        .hashes
        .as_ref()
        .is_none_or(|hashes| hashes.sha256.as_ref() == verify::sha256(bytes).as_slice());
    match length && digest {
        true => Ok(()),
        false => Err(TrustError::Malformed {
            what: format!("{role} metadata"),
            reason: "its length or digest is not the announced one".to_owned(),
        }),
    }
}

fn check_version(role: &str, meta: &Metafile, found: u64) -> Result<(), TrustError> {
    match meta.version.get() {
        expected if expected == found => Ok(()),
        expected => Err(other_version(role, expected, found)),
    }
}

fn check_no_rollback(old: &Snapshot, new: &Snapshot) -> Result<(), TrustError> {
    let listed: HashSet<&String> = new.meta.keys().collect();
    let mut names: Vec<&String> = old.meta.keys().collect();
    names.sort();
    for name in names {
        let role = name.strip_suffix(".json").unwrap_or(name);
        if !listed.contains(name) {
            return Err(TrustError::Malformed {
                what: "snapshot metadata".to_owned(),
                reason: format!("it does not list the role {role:?} any more"),
            });
        }
        let (trusted, offered) = (old.meta[name].version, new.meta[name].version);
        if offered < trusted {
            return Err(rolled_back(role, trusted.get(), offered.get()));
        }
    }
    Ok(())
}

fn version<T: Role>(signed: &Signed<T>) -> u64 {
    signed.signed.version().get()
}

fn rolled_back(role: &str, trusted: u64, offered: u64) -> TrustError {
    TrustError::RolledBack {
        role: role.to_owned(),
        trusted,
        offered,
    }
}

fn other_version(role: &str, expected: u64, found: u64) -> TrustError {
    TrustError::Malformed {
        what: format!("{role} metadata"),
        reason: format!("it is version {found}, expected was {expected}"),
    }
}

fn not_listed(role: &str) -> TrustError {
    TrustError::NotListed {
        what: format!("the role {role:?}"),
    }
}

/// Name of the root role.
pub(super) const ROOT: &str = "root";
/// Name of the timestamp role.
pub(super) const TIMESTAMP: &str = "timestamp";
/// Name of the snapshot role.
pub(super) const SNAPSHOT: &str = "snapshot";
/// Name of the top-level targets role.
pub(super) const TARGETS: &str = "targets";

/// Largest root: a few dozen keys take a few kilobytes.
pub(super) const MAX_ROOT: usize = 512 * 1024;
/// Largest timestamp: it lists one file.
pub(super) const MAX_TIMESTAMP: usize = 16 * 1024;
/// Largest snapshot, whatever the timestamp announces: about ten thousand roles.
const MAX_SNAPSHOT: usize = 2 * 1024 * 1024;
/// Largest targets role, whatever the snapshot announces: about ten thousand releases.
const MAX_TARGETS: usize = 5 * 1024 * 1024;
