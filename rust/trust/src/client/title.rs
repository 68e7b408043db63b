// SPDX-License-Identifier: MIT
//! A title as its publisher signed it.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp as Time};
use serde::de::DeserializeOwned;
use tough::schema::{DelegatedRole, PathSet};
use vsekai_formats::ChunkId;
use vsekai_formats::release::{
    ChannelPointer, MAX_MANIFEST_BYTES, MAX_POINTER_BYTES, Pinned, Platform, ReleaseManifest, ReleaseRef,
    SCHEMA, Slug,
};
use vsekai_store::HttpOrigin;

use super::anchor::{Anchor, Started};
use super::fetch::{Fetched, Folder, Repository};
use super::set::{ROOT, SNAPSHOT, TARGETS, TIMESTAMP, TrustedSet};
use super::state::{self, Remembered, TrustedState};
use crate::error::TrustError;
use crate::names::{self, TargetName};

/// How one install comes to believe what a title's publisher signed.
#[derive(Clone, Debug)]
pub struct TrustClient {
    repository: Repository,
    title: Slug,
    state: TrustedState,
    anchor: Anchor,
    expects_state: bool,
}

/// A title's metadata, fresh and verified, from which the rest is reached.
///
/// Nothing is remembered before [`VerifiedTitle::commit`].
#[derive(Clone, Debug)]
pub struct VerifiedTitle {
    client: TrustClient,
    set: TrustedSet,
    known: Fetched,
    remembered: Option<Remembered>,
    anchor: Pinned,
    roots: Vec<Pinned>,
    pointers: BTreeMap<String, String>,
    notices: Vec<Notice>,
}

/// A channel with what its role signs.
#[derive(Debug)]
pub struct ChannelTargets {
    /// The channel.
    pub name: Slug,
    /// The platforms it points at a release for.
    pub platforms: Vec<Platform>,
    /// Why its role is not believed; it offers nothing then.
    pub problem: Option<TrustError>,
}

/// What a player should hear although it is no failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The server's first root was believed because none was known.
    FirstUse {
        /// SHA-256 of the root.
        fingerprint: String,
    },
    /// The publisher changed the keys.
    NewRoot {
        /// The root's version now.
        version: u64,
    },
}

impl TrustClient {
    /// Prepares to ask `origin` for `title`, remembering in `state`.
    ///
    /// With `expects_state` a missing state is an error: something verified was installed before.
    pub fn new(
        origin: HttpOrigin,
        title: Slug,
        state: TrustedState,
        anchor: Anchor,
        expects_state: bool,
    ) -> Self {
        Self {
            repository: repository(origin, &title),
            title,
            state,
            anchor,
            expects_state,
        }
    }

    /// Fetches what changed and verifies it; `now` decides what is expired.
    ///
    /// Costs two requests if nothing changed: whether there is a new root, and the timestamp.
    ///
    /// # Errors
    /// What is refused, and why. What is remembered stays, but for new roots that were verified: those keep out
    /// keys that were replaced.
    pub async fn refresh(&self, now: Time) -> Result<VerifiedTitle, TrustError> {
        self.refresh_as(now, |set| set).await
    }

    /// The same for a publisher who is about to renew what is expired: root, targets and channels may be.
    ///
    /// # Errors
    /// As [`TrustClient::refresh`].
    pub async fn refresh_to_renew(&self, now: Time) -> Result<VerifiedTitle, TrustError> {
        self.refresh_as(now, TrustedSet::unsafe_to_renew).await
    }

    async fn refresh_as(
        &self,
        now: Time,
        rule: impl FnOnce(TrustedSet) -> TrustedSet,
    ) -> Result<VerifiedTitle, TrustError> {
        let remembered = self.state.load(&self.title)?;
        if remembered.is_none() && self.expects_state {
            return Err(self.state.missing());
        }
        check_clock(remembered.as_ref(), now)?;
        let mut title = self.start(remembered, now).await?;
        title.set = rule(title.set);
        let before = title.set.roots().len();
        let refreshed = self.repository.refresh(&mut title.set, &title.known).await;
        let passed = title.set.roots().get(before..).unwrap_or_default();
        if let Some(version) = (!passed.is_empty()).then(|| title.root_version()) {
            title.roots.extend_from_slice(passed);
            title.notices.push(Notice::NewRoot { version });
        }
        match refreshed {
            Ok(()) => Ok(title),
            Err(error) => {
                title.commit_root()?;
                Err(error)
            }
        }
    }

    async fn start(&self, remembered: Option<Remembered>, now: Time) -> Result<VerifiedTitle, TrustError> {
        let mut notices = Vec::new();
        let started = match self.anchor.start(remembered.as_ref(), now)? {
            Some(started) => started,
            None => {
                let root = self.repository.root(1).await?;
                let pin = Pinned::of(&root);
                notices.push(Notice::FirstUse {
                    fingerprint: pin.sha256.to_string(),
                });
                Started::new(pin, TrustedSet::start(root, now)?)
            }
        };
        let metadata = remembered.iter().flat_map(|remembered| &remembered.metadata);
        let known = metadata
            .filter(|(role, _)| role.as_str() != ROOT)
            .map(|(role, text)| (role.clone(), Bytes::copy_from_slice(text.as_bytes())))
            .collect();
        Ok(VerifiedTitle {
            client: self.clone(),
            set: started.set,
            known,
            pointers: remembered
                .as_ref()
                .map(|r| r.pointers.clone())
                .unwrap_or_default(),
            remembered,
            anchor: started.anchor,
            roots: started.roots,
            notices,
        })
    }
}

impl VerifiedTitle {
    /// Returns the verified metadata.
    pub fn set(&self) -> &TrustedSet {
        &self.set
    }

    /// Returns the title's name.
    pub fn name(&self) -> &Slug {
        &self.client.title
    }

    /// Returns the SHA-256 of the root that trust began with.
    pub fn anchor(&self) -> ChunkId {
        self.anchor.sha256
    }

    /// Asks `origin` from now on for what is not known yet: any server will do, for all of it is verified by what is.
    pub fn ask(&mut self, origin: HttpOrigin) {
        self.client.repository = repository(origin, &self.client.title);
    }

    /// Takes what a player should hear.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// Returns the title's channels by name, each with the platforms it has something for.
    ///
    /// A channel whose role is refused is listed with the reason; the others do not suffer from it.
    pub async fn channels(&mut self) -> Vec<ChannelTargets> {
        let mut channels = Vec::new();
        for name in self.channel_names() {
            let loaded = self.load(&name).await;
            let listed = self.set.targets(name.as_str());
            let names = listed.iter().flat_map(|role| role.signed.signed.targets.keys());
            let pointers = names.filter_map(|target| match target.raw().parse() {
                Ok(TargetName::Pointer { channel, platform }) if channel == name => Some(platform),
                _ => None,
            });
            let mut platforms: Vec<Platform> = pointers.collect();
            platforms.sort();
            channels.push(ChannelTargets {
                name,
                platforms,
                problem: loaded.err(),
            });
        }
        channels
    }

    /// Returns what `channel` offers for `platform`.
    ///
    /// # Errors
    /// [`TrustError::NotListed`] if nothing is signed for it; its role or the pointer is refused.
    pub async fn pointer(
        &mut self,
        channel: &Slug,
        platform: Platform,
    ) -> Result<ChannelPointer, TrustError> {
        let name = TargetName::pointer(channel, platform);
        let target = self.find(&name).await?;
        let name = name.to_string();
        let kept = self.pointers.get(&name).map(|text| text.as_bytes());
        let bytes = match kept.filter(|bytes| target.pin.matches(bytes)) {
            Some(bytes) => Bytes::copy_from_slice(bytes),
            None => self.fetch(&target, MAX_POINTER_BYTES).await?,
        };
        let pointer: ChannelPointer = parse(&bytes, "channel pointer")?;
        let title = &self.client.title;
        if pointer.title != *title || pointer.channel != *channel || pointer.platform != platform {
            return Err(malformed(
                "channel pointer",
                "it speaks of another title, channel or platform",
            ));
        }
        if let Ok(text) = std::str::from_utf8(&bytes) {
            self.pointers.insert(name, text.to_owned());
        }
        Ok(pointer)
    }

    /// Returns the manifest of a release that `channel` offers for `platform`, and its bytes.
    ///
    /// # Errors
    /// The channel's role does not sign it, or it is not what the pointer says.
    pub async fn manifest(
        &mut self,
        channel: &Slug,
        platform: Platform,
        release: &ReleaseRef,
    ) -> Result<(ReleaseManifest, Bytes), TrustError> {
        let name = TargetName::manifest(channel, platform, &release.version);
        let target = self.find(&name).await?;
        if target.pin != release.manifest {
            return Err(malformed(
                "release manifest",
                "the channel points at another one than is signed",
            ));
        }
        let bytes = self.fetch(&target, MAX_MANIFEST_BYTES).await?;
        let manifest: ReleaseManifest = parse(&bytes, "release manifest")?;
        let same = manifest.title == self.client.title
            && manifest.platform == platform
            && manifest.version == release.version
            && manifest.sequence == release.sequence;
        match same {
            true => Ok((manifest, bytes)),
            false => Err(malformed(
                "release manifest",
                "it speaks of another build than the channel does",
            )),
        }
    }

    /// Remembers everything that was verified, durably and in one step.
    ///
    /// If nothing changed, nothing is written, but for the time once an hour.
    ///
    /// # Errors
    /// The state cannot be written; what was remembered before still is.
    pub fn commit(&mut self) -> Result<(), TrustError> {
        let next = self.next();
        if self
            .remembered
            .as_ref()
            .is_some_and(|before| !is_worth(before, &next))
        {
            return Ok(());
        }
        self.client.state.store(&next)?;
        self.remembered = Some(next);
        Ok(())
    }

    /// Remembers new roots only, beside everything else as it was.
    fn commit_root(&mut self) -> Result<(), TrustError> {
        let Some(before) = &self.remembered else {
            return Ok(());
        };
        if before.roots == self.roots {
            return Ok(());
        }
        let mut next = before.clone();
        next.anchor = self.anchor.clone();
        next.roots = self.roots.clone();
        next.metadata
            .insert(ROOT.to_owned(), text(&self.set.root().bytes));
        self.client.state.store(&next)?;
        self.remembered = Some(next);
        Ok(())
    }

    fn next(&self) -> Remembered {
        let set = &self.set;
        let mut metadata = BTreeMap::from([(ROOT.to_owned(), text(&set.root().bytes))]);
        if let Some(timestamp) = set.timestamp() {
            metadata.insert(TIMESTAMP.to_owned(), text(&timestamp.bytes));
        }
        if let Some(snapshot) = set.snapshot() {
            metadata.insert(SNAPSHOT.to_owned(), text(&snapshot.bytes));
        }
        for role in self.listed_roles() {
            let known = || self.known.get(&role);
            if let Some(bytes) = set.targets(&role).map(|role| &role.bytes).or_else(known) {
                metadata.insert(role, text(bytes));
            }
        }
        let before = self.remembered.as_ref().map(|remembered| remembered.latest_time);
        Remembered {
            schema: state::SCHEMA,
            title: self.client.title.clone(),
            anchor: self.anchor.clone(),
            roots: self.roots.clone(),
            latest_time: before.unwrap_or(set.now()).max(set.now()),
            metadata,
            pointers: self.pointers.clone(),
        }
    }

    fn listed_roles(&self) -> Vec<String> {
        let listed = self
            .set
            .snapshot()
            .into_iter()
            .flat_map(|snapshot| snapshot.signed.signed.meta.keys());
        listed
            .filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()))
            .collect()
    }

    fn root_version(&self) -> u64 {
        self.set.root().signed.signed.version.get()
    }

    fn channel_names(&self) -> Vec<Slug> {
        let delegations = self
            .set
            .targets(TARGETS)
            .and_then(|targets| targets.signed.signed.delegations.as_ref());
        let roles = delegations.into_iter().flat_map(|delegations| &delegations.roles);
        let mut names: Vec<Slug> = roles.filter_map(channel_of).collect();
        names.sort();
        names.dedup();
        names
    }

    async fn load(&mut self, channel: &Slug) -> Result<(), TrustError> {
        let repository = self.client.repository.clone();
        repository
            .load(&mut self.set, &self.known, channel.as_str(), Some(TARGETS))
            .await
    }

    /// Finds a target that the role of its channel signs, and no other role.
    async fn find(&mut self, name: &TargetName) -> Result<super::fetch::Target, TrustError> {
        let repository = self.client.repository.clone();
        let target = repository
            .find(&mut self.set, &self.known, &name.to_string())
            .await?;
        match target.role == name.channel().as_str() {
            true => Ok(target),
            false => Err(malformed(
                "targets metadata",
                format!(
                    "the role {:?} signs a target of the channel \"{}\"",
                    target.role,
                    name.channel()
                ),
            )),
        }
    }

    async fn fetch(&self, target: &super::fetch::Target, limit: usize) -> Result<Bytes, TrustError> {
        self.client.repository.target(&self.set, target, limit).await
    }
}

/// Returns where the signed metadata of a title and its targets lie.
fn repository(origin: HttpOrigin, title: &Slug) -> Repository {
    let folder = names::repository(title);
    let targets = Folder::new(origin.clone(), format!("{folder}/{}", names::TARGETS));
    Repository::new(Folder::new(origin, folder), targets)
}

/// Returns the channel that a delegation is for: its role bears the channel's name and may sign for it alone.
fn channel_of(role: &DelegatedRole) -> Option<Slug> {
    let channel: Slug = role.name.parse().ok()?;
    match &role.paths {
        PathSet::Paths(paths) if paths.len() == 1 && paths[0].value() == names::pattern(&channel) => {
            Some(channel)
        }
        _ => None,
    }
}

/// A clock that was set back makes expired metadata valid again.
fn check_clock(remembered: Option<&Remembered>, now: Time) -> Result<(), TrustError> {
    match remembered.map(|remembered| remembered.latest_time) {
        Some(latest) if now.saturating_add(CLOCK_TOLERANCE).is_ok_and(|now| now < latest) => {
            Err(TrustError::ClockSetBack {
                now: now.to_string(),
                latest: latest.to_string(),
            })
        }
        _ => Ok(()),
    }
}

/// Tells whether remembering is worth a write to the disk.
fn is_worth(before: &Remembered, next: &Remembered) -> bool {
    let same = Remembered {
        latest_time: next.latest_time,
        ..before.clone()
    };
    same != *next || next.latest_time.duration_since(before.latest_time) >= TIME_GRAIN
}

/// Reads a document whose form must be known.
fn parse<T: DeserializeOwned>(bytes: &[u8], what: &str) -> Result<T, TrustError> {
    match state::form(bytes).map_err(|error| malformed(what, error.to_string()))? {
        SCHEMA => serde_json::from_slice(bytes).map_err(|error| malformed(what, error.to_string())),
        form if form > SCHEMA => Err(TrustError::NewerForm {
            what: what.to_owned(),
            form,
        }),
        // No launcher ever knew one, so a newer launcher would not help.
        form => Err(malformed(what, format!("its form {form} is not known"))),
    }
}

fn malformed(what: &str, reason: impl Into<String>) -> TrustError {
    TrustError::Malformed {
        what: what.to_owned(),
        reason: reason.into(),
    }
}

/// Metadata that was parsed as JSON is text.
fn text(bytes: &Bytes) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A clock that is set right by the network jumps back a little.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(10);
/// How much later it must be for the time alone to be remembered.
const TIME_GRAIN: SignedDuration = SignedDuration::from_hours(1);
