// SPDX-License-Identifier: MIT
//! From a title's metadata and what should be different to new metadata with all its signatures.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroU64;

use jiff::{SignedDuration, Timestamp};
use tough::schema::{Delegations, Hashes, Role, Root, Target, Targets};
use vsekai_formats::release::{ChannelPointer, Pinned, Platform, Slug, Version};

use super::roles::{self, KeyRole, RoleSummary};
use super::{KeyError, KeyFile, KeyFolder, KeyId, PublicKey, SigningKey, sign, to_text};
use crate::names::TargetName;
use crate::online::{Change, Metadata, SEQUENCE, SPEC_VERSION, Verified};

/// How long what people sign is to be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The root.
    pub root: SignedDuration,
    /// The targets role.
    pub targets: SignedDuration,
    /// The role of a channel.
    pub channel: SignedDuration,
}

impl Default for Validity {
    fn default() -> Self {
        Self {
            root: days(730),
            targets: days(365),
            channel: days(365),
        }
    }
}

/// A change in the making.
#[derive(Clone, Debug)]
pub struct Editor {
    before: Option<Verified>,
    now: Timestamp,
    validity: Validity,
    root: Root,
    targets: Targets,
    channels: BTreeMap<Slug, Targets>,
    root_is_new: bool,
    targets_are_new: bool,
    new_channels: Vec<Slug>,
    pointers: Vec<String>,
}

impl Editor {
    /// Begins a title: a first root with one key of each role, and no channels yet.
    pub fn begin(
        root: &[PublicKey],
        targets: &[PublicKey],
        online: &[PublicKey],
        validity: Validity,
        now: Timestamp,
    ) -> Self {
        let mut first = Root {
            spec_version: SPEC_VERSION.to_owned(),
            consistent_snapshot: true,
            version: NonZeroU64::MIN,
            expires: end(now, validity.root),
            keys: HashMap::new(),
            roles: HashMap::new(),
            _extra: HashMap::new(),
        };
        for (role, keys) in [
            (KeyRole::Root, root),
            (KeyRole::Targets, targets),
            (KeyRole::Online, online),
        ] {
            roles::set_root_keys(&mut first, &role, keys, 1);
        }
        let mut delegating = empty(end(now, validity.targets));
        delegating.delegations = Some(Delegations::new());
        Self {
            before: None,
            now,
            validity,
            root: first,
            targets: delegating,
            channels: BTreeMap::new(),
            root_is_new: true,
            targets_are_new: true,
            new_channels: Vec::new(),
            pointers: Vec::new(),
        }
    }

    /// Starts from metadata in force.
    pub fn change(before: Verified, validity: Validity, now: Timestamp) -> Self {
        let channels = before.channels.iter();
        Self {
            now,
            validity,
            root: before.root.signed.clone(),
            targets: before.targets.signed.clone(),
            channels: channels
                .map(|(channel, role)| (channel.clone(), role.signed.clone()))
                .collect(),
            root_is_new: false,
            targets_are_new: false,
            new_channels: Vec::new(),
            pointers: Vec::new(),
            before: Some(before),
        }
    }

    /// Returns the keys and threshold of a role as they will be.
    ///
    /// # Errors
    /// There is no such role.
    pub fn keys(&self, role: &KeyRole) -> Result<RoleSummary, KeyError> {
        roles::summary(role, &self.root, &self.targets)
            .ok_or_else(|| KeyError::Refused(format!("there is no channel {role}")))
    }

    /// Gives a role other keys and another threshold.
    ///
    /// # Errors
    /// There is no such role, or fewer keys than have to sign.
    pub fn set_keys(&mut self, role: &KeyRole, keys: &[PublicKey], threshold: u64) -> Result<(), KeyError> {
        self.keys(role)?;
        if threshold == 0 || threshold > keys.len() as u64 {
            return Err(KeyError::Refused(format!(
                "{threshold} signatures cannot be asked of the role {role}, which has {} keys",
                keys.len()
            )));
        }
        match role {
            KeyRole::Channel(channel) => self.delegate(channel, keys, threshold),
            _ => {
                self.touch_root();
                roles::set_root_keys(&mut self.root, role, keys, threshold);
                Ok(())
            }
        }
    }

    /// Adds a channel whose releases are signed by `keys`.
    ///
    /// # Errors
    /// It is there already, or cannot be a channel.
    pub fn add_channel(&mut self, channel: &Slug, keys: &[PublicKey]) -> Result<(), KeyError> {
        if self.channels.contains_key(channel) {
            return Err(KeyError::Refused(format!("channel {channel} is there already")));
        }
        self.delegate(channel, keys, 1)?;
        self.channels
            .insert(channel.clone(), empty(end(self.now, self.validity.channel)));
        self.new_channels.push(channel.clone());
        Ok(())
    }

    /// Gives a role a new version that is valid from now on.
    ///
    /// # Errors
    /// There is no such role, or it is the server's.
    pub fn renew(&mut self, role: &KeyRole) -> Result<(), KeyError> {
        match role {
            KeyRole::Root => self.touch_root(),
            KeyRole::Targets => self.touch_targets(),
            KeyRole::Online => {
                let reason = "the server signs its roles by itself".to_owned();
                return Err(KeyError::Refused(reason));
            }
            KeyRole::Channel(channel) => {
                self.touch_channel(channel)?;
            }
        }
        Ok(())
    }

    /// Lists a manifest in a channel.
    ///
    /// # Errors
    /// There is no such channel.
    pub fn put_manifest(
        &mut self,
        channel: &Slug,
        platform: Platform,
        version: &Version,
        sequence: u64,
        pinned: &Pinned,
    ) -> Result<(), KeyError> {
        let name = TargetName::manifest(channel, platform, version);
        let custom = HashMap::from([(SEQUENCE.to_owned(), sequence.into())]);
        self.put(&name, pinned, custom)
    }

    /// Lists a manifest in a channel no more; tells whether it was listed.
    ///
    /// # Errors
    /// There is no such channel.
    pub fn remove_manifest(
        &mut self,
        channel: &Slug,
        platform: Platform,
        version: &Version,
    ) -> Result<bool, KeyError> {
        let name = TargetName::manifest(channel, platform, version);
        let raw = raw(&name)?;
        let listed = self.channels.get(channel);
        if listed.is_some_and(|role| !role.targets.contains_key(&raw)) {
            return Ok(false);
        }
        self.touch_channel(channel)?.targets.remove(&raw);
        Ok(true)
    }

    /// Points a channel at what `pointer` says.
    ///
    /// # Errors
    /// There is no such channel, or the pointer cannot be written.
    pub fn put_pointer(&mut self, pointer: &ChannelPointer) -> Result<(), KeyError> {
        let text = serde_json::to_string(pointer)
            .map_err(|error| KeyError::Refused(format!("the pointer cannot be written: {error}")))?;
        let name = TargetName::pointer(&pointer.channel, pointer.platform);
        self.put(&name, &Pinned::of(text.as_bytes()), HashMap::new())?;
        self.pointers.push(text);
        Ok(())
    }

    /// Signs everything that is new with the keys in `folder`, each opened by `open`, and checks the whole as a
    /// server would.
    ///
    /// What stays but would not hold any more under new keys is signed anew.
    ///
    /// # Errors
    /// [`KeyError::TooFewKeys`], and what `open` says.
    pub fn finish(
        mut self,
        folder: &KeyFolder,
        open: &mut dyn FnMut(&KeyFile) -> Result<SigningKey, KeyError>,
    ) -> Result<Change, KeyError> {
        self.sign_again_what_would_not_hold()?;
        let mut signers = Signers {
            folder,
            open,
            opened: Vec::new(),
        };
        let mut change = Change {
            pointers: std::mem::take(&mut self.pointers),
            ..Change::default()
        };
        if self.root_is_new {
            change.root = Some(self.sign_root(&mut signers)?);
        }
        if self.targets_are_new {
            let text = signers.sign(self.targets.clone(), &[self.keys(&KeyRole::Targets)?])?;
            change.targets = Some(text);
        }
        for channel in &self.new_channels {
            let role = self.channels.get(channel).cloned();
            let keys = self.keys(&KeyRole::Channel(channel.clone()))?;
            let role = role.ok_or_else(|| KeyError::Refused(format!("there is no channel {channel}")))?;
            change
                .channels
                .insert(channel.clone(), signers.sign(role, &[keys])?);
        }
        let before = self.before.as_ref().map(texts).transpose()?;
        change.apply(before.as_ref(), self.now)?;
        Ok(change)
    }

    fn sign_root(&self, signers: &mut Signers<'_>) -> Result<String, KeyError> {
        let mut needed = vec![self.keys(&KeyRole::Root)?];
        if let Some(before) = &self.before {
            let old = roles::summary(&KeyRole::Root, &before.root.signed, &before.targets.signed);
            needed.extend(old);
        }
        signers.sign(self.root.clone(), &needed)
    }

    fn sign_again_what_would_not_hold(&mut self) -> Result<(), KeyError> {
        let Some(before) = self.before.clone() else {
            return Ok(());
        };
        if !self.targets_are_new && self.root.verify_role(&before.targets).is_err() {
            self.touch_targets();
        }
        for (channel, role) in &before.channels {
            let holds = |delegations: &Delegations| delegations.verify_role(role, channel.as_str()).is_ok();
            let is_new = self.new_channels.contains(channel);
            if !is_new && !self.targets.delegations.as_ref().is_some_and(holds) {
                self.touch_channel(channel)?;
            }
        }
        Ok(())
    }

    fn delegate(&mut self, channel: &Slug, keys: &[PublicKey], threshold: u64) -> Result<(), KeyError> {
        self.touch_targets();
        let delegations = self.targets.delegations.get_or_insert_default();
        roles::set_channel_keys(delegations, channel, keys, threshold)
    }

    fn put(
        &mut self,
        name: &TargetName,
        pinned: &Pinned,
        custom: HashMap<String, serde_json::Value>,
    ) -> Result<(), KeyError> {
        let raw = raw(name)?;
        let target = Target {
            length: pinned.length,
            hashes: Hashes {
                sha256: pinned.sha256.as_bytes().to_vec().into(),
                _extra: HashMap::new(),
            },
            custom,
            _extra: HashMap::new(),
        };
        self.touch_channel(name.channel())?.targets.insert(raw, target);
        Ok(())
    }

    fn touch_root(&mut self) {
        if !self.root_is_new {
            self.root_is_new = true;
            self.root.version = self.root.version.saturating_add(1);
            self.root.expires = end(self.now, self.validity.root);
        }
    }

    fn touch_targets(&mut self) {
        if !self.targets_are_new {
            self.targets_are_new = true;
            self.targets.version = self.targets.version.saturating_add(1);
            self.targets.expires = end(self.now, self.validity.targets);
        }
    }

    fn touch_channel(&mut self, channel: &Slug) -> Result<&mut Targets, KeyError> {
        let role = self
            .channels
            .get_mut(channel)
            .ok_or_else(|| KeyError::Refused(format!("there is no channel {channel}")))?;
        if !self.new_channels.contains(channel) {
            self.new_channels.push(channel.clone());
            role.version = role.version.saturating_add(1);
            role.expires = end(self.now, self.validity.channel);
        }
        Ok(role)
    }
}

/// The keys of a folder, each opened at most once.
struct Signers<'a> {
    folder: &'a KeyFolder,
    open: &'a mut dyn FnMut(&KeyFile) -> Result<SigningKey, KeyError>,
    opened: Vec<SigningKey>,
}

impl Signers<'_> {
    /// Signs `role` with every key there is of each of `needed`, which must be enough for each.
    fn sign<T: Role>(&mut self, role: T, needed: &[RoleSummary]) -> Result<String, KeyError> {
        let mut ids: Vec<KeyId> = Vec::new();
        for summary in needed {
            let wanted: Vec<KeyId> = summary.keys.iter().map(|(id, _)| id.clone()).collect();
            let found = self.open_all(&wanted)?;
            if (found.len() as u64) < summary.threshold {
                return Err(KeyError::TooFewKeys {
                    role: summary.role.to_string(),
                    needed: summary.threshold,
                    found: found.len() as u64,
                    folder: self.folder.path().to_owned(),
                });
            }
            ids.extend(found);
        }
        ids.sort();
        ids.dedup();
        let signers = self.opened.iter().filter(|key| ids.contains(&key.public().id()));
        to_text(&sign(role, signers)?)
    }

    fn open_all(&mut self, wanted: &[KeyId]) -> Result<Vec<KeyId>, KeyError> {
        let mut found = Vec::new();
        for file in self.folder.find(wanted)? {
            let is_open = |key: &&SigningKey| super::id_start(&key.public().id()) == file.id_start;
            let id = match self.opened.iter().find(is_open) {
                Some(key) => key.public().id(),
                None => {
                    let key = (self.open)(&file)?;
                    let id = key.public().id();
                    self.opened.push(key);
                    id
                }
            };
            if wanted.contains(&id) && !found.contains(&id) {
                found.push(id);
            }
        }
        Ok(found)
    }
}

fn raw(name: &TargetName) -> Result<tough::TargetName, KeyError> {
    tough::TargetName::new(name.to_string()).map_err(|error| KeyError::Refused(error.to_string()))
}

/// Returns verified metadata as texts again; only what they mean counts where this is used.
fn texts(verified: &Verified) -> Result<Metadata, KeyError> {
    let channels = verified.channels.iter();
    Ok(Metadata {
        root: to_text(&verified.root)?,
        targets: to_text(&verified.targets)?,
        channels: channels
            .map(|(channel, role)| Ok((channel.clone(), to_text(role)?)))
            .collect::<Result<_, KeyError>>()?,
    })
}

fn empty(expires: Timestamp) -> Targets {
    Targets {
        spec_version: SPEC_VERSION.to_owned(),
        version: NonZeroU64::MIN,
        expires,
        targets: HashMap::new(),
        delegations: None,
        _extra: HashMap::new(),
    }
}

/// Returns the end of a validity in whole seconds, as other clients of TUF want it.
fn end(now: Timestamp, validity: SignedDuration) -> Timestamp {
    let end = now.as_second().saturating_add(validity.as_secs());
    Timestamp::from_second(end).unwrap_or(Timestamp::MAX)
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}
