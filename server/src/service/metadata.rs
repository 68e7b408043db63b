// SPDX-License-Identifier: MIT
//! Signed metadata: changes that publishers send, what the server signs itself, and what clients read.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::Transaction;
use tough::schema::{Root, Signed, Targets};
use vsekai_formats::ChunkId;
use vsekai_formats::release::{ChannelPointer, Pinned, ReleaseRef, SCHEMA, Slug};
use vsekai_trust::names::TargetName;
use vsekai_trust::online::{
    Applied, Change, ChangeError, ListedTarget, Metadata, OnlineTexts, Periods, listed, sign_snapshot,
    sign_timestamp,
};
use vsekai_trust::publisher::{PublicKey, SigningKey};

use super::access::Access;
use super::error::ServiceError;
use super::privacy::Privacy;
use super::token::Verb;
use super::{Service, blocking, online};
use crate::db::audit::Actor;
use crate::db::metadata::{self, RoleRow, TargetRow};
use crate::db::releases;

/// A piece of metadata to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text(pub String);

/// A target to serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A channel pointer.
    Pointer(String),
    /// A manifest, which is a document.
    Manifest(Pinned),
}

impl Service {
    /// Takes a change of a title's metadata.
    ///
    /// # Errors
    /// The token does not allow it, a version was overtaken, or the change is refused.
    pub async fn change_metadata(
        self: &Arc<Self>,
        access: Access,
        title: Slug,
        change: Change,
    ) -> Result<(), ServiceError> {
        match change.is_ceremony() {
            true => access.require_whole_title(Verb::Keys, &title)?,
            false => change
                .channels
                .keys()
                .try_for_each(|channel| access.require(Verb::Promote, &title, channel))?,
        }
        self.undisturbed(|service| async move {
            let signer = service.signer(&title, access.actor(), "promote")?;
            let changed = service
                .database
                .attempt("change signed metadata", move |tx| signer.change(tx, &change));
            changed.await?
        })
        .await
    }

    /// Returns the public halves of the server's own keys for `title`; makes the first one if there is none.
    ///
    /// # Errors
    /// The token does not allow it, or a key cannot be made.
    pub async fn online_keys(
        self: &Arc<Self>,
        access: &Access,
        title: Slug,
        another: bool,
    ) -> Result<Vec<PublicKey>, ServiceError> {
        access.require_whole_title(Verb::Keys, &title)?;
        let service = self.clone();
        blocking(move || {
            let keys = match another {
                true => service.online.add(&title)?,
                false => service.online.begun(&title)?,
            };
            Ok(online::public(&keys))
        })
        .await
    }

    /// Returns a version of a role, or its newest one.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn metadata(
        &self,
        title: Slug,
        role: String,
        version: Option<u64>,
    ) -> Result<Text, ServiceError> {
        let missing = ServiceError::NotFound("metadata of that name".to_owned());
        let found = self.database.read("look up metadata", move |tx| match version {
            Some(version) => metadata::text(tx, &title, &role, version),
            None => Ok(metadata::latest(tx, &title, &role)?.map(|(_, text)| text)),
        });
        found.await?.map(Text).ok_or(missing)
    }

    /// Returns a target that is or was signed.
    ///
    /// # Errors
    /// [`ServiceError::NotFound`].
    pub async fn target(
        &self,
        title: Slug,
        name: TargetName,
        sha256: ChunkId,
    ) -> Result<Target, ServiceError> {
        let missing = ServiceError::NotFound("a target of that name".to_owned());
        let text = name.to_string();
        let found = self.database.read("look up a target", move |tx| {
            metadata::target(tx, &title, &text, sha256)
        });
        let row = found.await?.ok_or(missing)?;
        Ok(match row.text {
            Some(text) => Target::Pointer(text),
            None => Target::Manifest(row.pinned),
        })
    }

    /// Returns when each role of each title ends.
    ///
    /// # Errors
    /// The database failed.
    pub async fn role_ends(&self) -> Result<Vec<RoleRow>, ServiceError> {
        let rows = self
            .database
            .read("list metadata", |tx| metadata::newest(tx, None));
        Ok(rows.await?)
    }

    /// Signs timestamps anew, and snapshots that have passed half of their time. Returns the titles that could
    /// not be signed, with the reason.
    ///
    /// # Errors
    /// The database failed.
    pub async fn sign_again(&self) -> Result<Vec<(Slug, ServiceError)>, ServiceError> {
        let titles = self.database.read("list titles", metadata::titles).await?;
        let mut failed = Vec::new();
        for title in titles {
            let signed = async {
                let signer = self.signer(&title, Actor::server(), "sign")?;
                let signed = self
                    .database
                    .attempt("sign metadata again", move |tx| signer.sign_again(tx));
                signed.await?
            };
            if let Err(error) = signed.await {
                failed.push((title, error));
            }
        }
        Ok(failed)
    }

    /// Returns what is needed to change the metadata of `title` in a transaction.
    pub(super) fn signer(
        &self,
        title: &Slug,
        actor: Actor,
        action: &'static str,
    ) -> Result<Signer, ServiceError> {
        Ok(Signer {
            title: title.clone(),
            actor,
            action,
            keys: self.online.of(title)?,
            periods: self.signing.periods(),
            privacy: self.privacy.clone(),
            now: Timestamp::now(),
        })
    }
}

/// Reads a change.
pub(super) fn read_change(bytes: &[u8]) -> Result<Change, ServiceError> {
    serde_json::from_slice(bytes)
        .map_err(|error| refuse(format!("the signed metadata cannot be read: {error}")))
}

/// Changes the metadata of one title inside a transaction.
pub(super) struct Signer {
    title: Slug,
    actor: Actor,
    action: &'static str,
    keys: Arc<Vec<SigningKey>>,
    periods: Periods,
    privacy: Arc<Privacy>,
    now: Timestamp,
}

type Outcome<T> = rusqlite::Result<Result<T, ServiceError>>;

/// Ends a function with a refusal, which is no failure of the database.
macro_rules! accepted {
    ($outcome:expr) => {
        match $outcome {
            Ok(value) => value,
            Err(refusal) => return Ok(Err(ServiceError::from(refusal))),
        }
    };
}

impl Signer {
    /// Judges `change`, and puts it in force with a new snapshot and timestamp.
    pub(super) fn change(&self, tx: &Transaction<'_>, change: &Change) -> Outcome<()> {
        let current = metadata::current(tx, &self.title)?;
        let applied = accepted!(change.apply(current.as_ref(), self.now));
        for target in &applied.new_targets {
            accepted!(self.take_target(tx, target, change)?);
        }
        for channel in change.channels.keys() {
            if let Some(role) = applied.verified.channels.get(channel) {
                accepted!(self.check_pointers(tx, role)?);
            }
        }
        self.store(tx, change, &applied)?;
        accepted!(self.sign(tx, &applied.metadata, true)?);
        self.privacy.renew(tx)?;
        Ok(Ok(()))
    }

    /// Signs the timestamp anew, and the snapshot if its time is half over.
    fn sign_again(&self, tx: &Transaction<'_>) -> Outcome<()> {
        match metadata::current(tx, &self.title)? {
            Some(current) => self.sign(tx, &current, false),
            None => Ok(Ok(())),
        }
    }

    /// Takes a target that was not listed before: a manifest of a release that is here, or a pointer that
    /// was sent along.
    fn take_target(&self, tx: &Transaction<'_>, target: &ListedTarget, change: &Change) -> Outcome<()> {
        let name = target.name.to_string();
        let known = metadata::target(tx, &self.title, &name, target.pinned.sha256)?;
        let text = match &target.name {
            TargetName::Manifest {
                platform, version, ..
            } => {
                let release = releases::reference(tx, &self.title, *platform, version)?;
                let is_it = |release: &ReleaseRef| {
                    release.manifest == target.pinned && Some(release.sequence) == target.sequence
                };
                if !release.as_ref().is_some_and(is_it) {
                    let reason = format!("{name} is not the manifest of a release on this server");
                    return Ok(Err(refuse(reason)));
                }
                None
            }
            TargetName::Pointer { .. } => {
                let sent = change
                    .pointers
                    .iter()
                    .find(|text| target.pinned.matches(text.as_bytes()));
                let text = sent.cloned().or(known.and_then(|row| row.text));
                let text = accepted!(text.ok_or_else(|| refuse(format!("{name} was not sent along"))));
                let pointer = accepted!(self.read_pointer(&target.name, &text));
                self.point(tx, &pointer)?;
                Some(text)
            }
        };
        metadata::insert_target(
            tx,
            &TargetRow {
                title: self.title.clone(),
                name,
                pinned: target.pinned.clone(),
                text,
                unlisted_at: None,
            },
        )?;
        Ok(Ok(()))
    }

    /// Checks that whatever a channel's pointers name is listed in its role as well.
    fn check_pointers(&self, tx: &Transaction<'_>, role: &Signed<Targets>) -> Outcome<()> {
        let targets: Vec<ListedTarget> = listed(&role.signed).collect();
        for target in &targets {
            let TargetName::Pointer { channel, platform } = &target.name else {
                continue;
            };
            let name = target.name.to_string();
            let row = metadata::target(tx, &self.title, &name, target.pinned.sha256)?;
            let text = row.and_then(|row| row.text).unwrap_or_default();
            let pointer = accepted!(self.read_pointer(&target.name, &text));
            for release in pointer.releases() {
                let manifest = TargetName::manifest(channel, *platform, &release.version);
                let is_it = |listed: &ListedTarget| {
                    listed.name == manifest
                        && listed.pinned == release.manifest
                        && listed.sequence == Some(release.sequence)
                };
                if !targets.iter().any(is_it) {
                    let reason = format!("{name} names a release that {channel} does not list");
                    return Ok(Err(refuse(reason)));
                }
            }
        }
        Ok(Ok(()))
    }

    fn read_pointer(&self, name: &TargetName, text: &str) -> Result<ChannelPointer, ServiceError> {
        let pointer: ChannelPointer =
            serde_json::from_str(text).map_err(|error| refuse(format!("{name} cannot be read: {error}")))?;
        let stated = TargetName::pointer(&pointer.channel, pointer.platform);
        match stated == *name && pointer.title == self.title && pointer.schema == SCHEMA {
            true => Ok(pointer),
            false => Err(refuse(format!("{name} is the pointer of something else"))),
        }
    }

    /// Records where a channel points, for lists and the log.
    fn point(&self, tx: &Transaction<'_>, pointer: &ChannelPointer) -> rusqlite::Result<()> {
        let (channel, platform) = (&pointer.channel, pointer.platform);
        let before = self.pointer_before(tx, channel, pointer)?;
        let action = before.map_or(self.action, |before| describe(&before, pointer, self.action));
        releases::point(
            tx,
            &self.title,
            channel,
            platform,
            &pointer.release.version,
            action,
            &self.actor,
        )
    }

    fn pointer_before(
        &self,
        tx: &Transaction<'_>,
        channel: &Slug,
        pointer: &ChannelPointer,
    ) -> rusqlite::Result<Option<ChannelPointer>> {
        let Some((_, text)) = metadata::latest(tx, &self.title, channel.as_str())? else {
            return Ok(None);
        };
        let name = TargetName::pointer(channel, pointer.platform);
        let role: Option<Signed<Targets>> = serde_json::from_str(&text).ok();
        let before = role.and_then(|role| listed(&role.signed).find(|target| target.name == name));
        let Some(before) = before else {
            return Ok(None);
        };
        let row = metadata::target(tx, &self.title, &name.to_string(), before.pinned.sha256)?;
        let text = row.and_then(|row| row.text).unwrap_or_default();
        Ok(serde_json::from_str(&text).ok())
    }

    fn store(&self, tx: &Transaction<'_>, change: &Change, applied: &Applied) -> rusqlite::Result<()> {
        let verified = &applied.verified;
        if let Some(text) = &change.root {
            let root = &verified.root.signed;
            self.store_role(tx, "root", root.version.get(), text, root.expires)?;
        }
        let roles = verified
            .channels
            .iter()
            .filter_map(|(channel, role)| Some((channel.as_str(), change.channels.get(channel)?, role)));
        let targets = change.targets.as_ref();
        let targets = targets.map(|text| ("targets", text, &verified.targets));
        for (name, text, role) in targets.into_iter().chain(roles) {
            self.store_role(tx, name, role.signed.version.get(), text, role.signed.expires)?;
        }
        for (channel, role) in &verified.channels {
            if change.channels.contains_key(channel) {
                let listed =
                    listed(&role.signed).map(|target| (target.name.to_string(), target.pinned.sha256));
                metadata::note_unlisted(tx, &self.title, channel, &listed.collect())?;
            }
        }
        Ok(())
    }

    fn store_role(
        &self,
        tx: &Transaction<'_>,
        role: &str,
        version: u64,
        text: &str,
        expires: Timestamp,
    ) -> rusqlite::Result<()> {
        metadata::insert(tx, &self.title, role, version, text, expires.as_second())?;
        metadata::log(tx, &self.title, role, version, &self.actor)
    }

    fn sign(&self, tx: &Transaction<'_>, current: &Metadata, changed: bool) -> Outcome<()> {
        let (snapshot_version, snapshot) = match self.snapshot_in_force(tx, changed)? {
            Some(snapshot) => snapshot,
            None => {
                let verified = accepted!(current.verify());
                let last = metadata::latest(tx, &self.title, "snapshot")?.map_or(0, |(last, _)| last);
                let end = self.end(self.periods.snapshot);
                let signed = accepted!(sign_snapshot(current, &verified, last, end, &self.keys));
                self.store_own(tx, "snapshot", &signed)?;
                (signed.version, signed.text)
            }
        };
        let root: Signed<Root> = accepted!(read_root(&current.root));
        let last = metadata::latest(tx, &self.title, "timestamp")?.map_or(0, |(last, _)| last);
        let end = self.end(self.periods.timestamp);
        let signed = accepted!(sign_timestamp(
            &snapshot,
            snapshot_version,
            &root.signed,
            last,
            end,
            &self.keys
        ));
        self.store_own(tx, "timestamp", &signed)?;
        Ok(Ok(()))
    }

    /// Returns the newest snapshot, unless it has to be signed anew.
    fn snapshot_in_force(
        &self,
        tx: &Transaction<'_>,
        changed: bool,
    ) -> rusqlite::Result<Option<(u64, String)>> {
        let rows = metadata::newest(tx, Some(&self.title))?;
        let row = rows.into_iter().find(|row| row.role == "snapshot");
        let half = self.now.as_second() + self.periods.snapshot.as_secs() / 2;
        match row.filter(|row| !changed && row.expires_at > half) {
            Some(_) => metadata::latest(tx, &self.title, "snapshot"),
            None => Ok(None),
        }
    }

    fn store_own(&self, tx: &Transaction<'_>, role: &str, signed: &OnlineTexts) -> rusqlite::Result<()> {
        let end = signed.expires.as_second();
        metadata::insert(tx, &self.title, role, signed.version, &signed.text, end)
    }

    fn end(&self, period: jiff::SignedDuration) -> Timestamp {
        let end = self.now.as_second().saturating_add(period.as_secs());
        Timestamp::from_second(end).unwrap_or(Timestamp::MAX)
    }
}

/// Names what was done to a pointer.
fn describe(before: &ChannelPointer, after: &ChannelPointer, moved: &'static str) -> &'static str {
    if before.withdrawn != after.withdrawn {
        "withdraw"
    } else if before.release != after.release {
        moved
    } else if before.pinned != after.pinned {
        if after.pinned { "pin" } else { "unpin" }
    } else if before.rollout != after.rollout {
        "rollout"
    } else {
        "sign"
    }
}

fn read_root(text: &str) -> Result<Signed<Root>, ServiceError> {
    serde_json::from_str(text).map_err(|error| ServiceError::Internal(format!("read a root: {error}")))
}

fn refuse(detail: String) -> ServiceError {
    ServiceError::invalid("invalid-metadata", detail)
}

impl From<ChangeError> for ServiceError {
    fn from(error: ChangeError) -> Self {
        let code = match &error {
            ChangeError::Version { .. } => "metadata-version",
            ChangeError::NotBegun => "not-begun",
            ChangeError::NoOnlineKey { .. } => "online-key",
            _ => return Self::invalid("invalid-metadata", error),
        };
        Self::conflict(code, error.to_string())
    }
}
