// SPDX-License-Identifier: MIT
//! Collecting what nothing keeps: releases first, then the files and chunks that only they needed.
//!
//! The order is that of publishing, backwards. One transaction takes releases out of sight that no rule, channel,
//! person or signed metadata keeps; then the files go that no row names; then chunks, a few at a time, each out of the
//! ledger before out of the store. So a server that is killed anywhere in between leaves files that nobody needs and
//! never a name without its file. Whoever was told that a chunk is there, or may be downloading a release, has the
//! grace of [`Retention`] to finish.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use rusqlite::Transaction;
use serde::Serialize;
use tough::schema::{Signed, Targets};
use utoipa::ToSchema;
use vsekai_formats::ChunkId;
use vsekai_formats::release::{ChannelPointer, Pinned, Platform, Slug, Version};
use vsekai_trust::names::TargetName;
use vsekai_trust::online::listed;

use super::chunk_use::{ChunkKey, chunks_of, chunks_of_all};
use super::error::ServiceError;
use super::token::Verb;
use super::{Access, Service, blocking};
use crate::db::audit::{self, Actor, Event};
use crate::db::chunks::{self, ChunkRow};
use crate::db::metadata::{self, TargetRow};
use crate::db::retained::{self, ReleaseRow};
use crate::db::{Database, indexes, unreadable};
use crate::limits::Limits;
use crate::retention::{Candidate, Retention, Verdict, judge};
use crate::storage::{self, ContentFolder};

/// What was collected, or would be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Collection {
    /// When, in seconds since 1970-01-01 UTC.
    pub at: i64,
    /// Whether nothing was removed.
    pub dry_run: bool,
    /// Whether all of it was done; a server that is stopping leaves the rest to the next time.
    pub complete: bool,
    /// Every release and what becomes of it, in the order of publishing.
    pub releases: Vec<JudgedRelease>,
    /// Manifests, lists of files and indexes that go.
    pub documents: Amount,
    /// Chunks that go.
    pub chunks: Amount,
    /// Chunks that nothing needs but somebody was told of within the grace.
    pub waiting_chunks: Amount,
    /// Chunks that stay because something needs them.
    pub needed_chunks: Amount,
}

/// A number of files and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Amount {
    /// How many.
    pub count: u64,
    /// Their bytes, as stored.
    pub bytes: u64,
}

/// A release and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct JudgedRelease {
    /// The title.
    #[schema(value_type = String)]
    pub title: Slug,
    /// The platform.
    #[schema(value_type = String)]
    pub platform: Platform,
    /// The version.
    #[schema(value_type = String)]
    pub version: Version,
    /// The publish sequence.
    pub sequence: u64,
    /// When it was published, in seconds since 1970-01-01 UTC.
    pub published_at: i64,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Why, for people.
    pub reasons: Vec<String>,
    /// Bytes of chunks that no release which stays needs; 0 for one that stays.
    pub own_bytes: u64,
}

impl Collection {
    /// Returns how many releases go.
    pub fn collected_releases(&self) -> usize {
        let is_gone = |release: &&JudgedRelease| release.verdict == Verdict::Collected;
        self.releases.iter().filter(is_gone).count()
    }

    /// Returns the bytes that are free afterwards.
    pub fn freed_bytes(&self) -> u64 {
        self.documents.bytes.saturating_add(self.chunks.bytes)
    }
}

impl Amount {
    pub(super) fn add(&mut self, bytes: u64) {
        self.count += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// What is needed to look at a data folder.
#[derive(Clone, Debug)]
pub struct Folders {
    /// Indexes.
    pub indexes: ContentFolder,
    /// Manifests and lists of files.
    pub documents: ContentFolder,
}

impl Service {
    /// Tells what [`Service::collect`] would do at `now`, in seconds since 1970-01-01 UTC.
    ///
    /// # Errors
    /// The token does not allow it, or an index is missing or damaged.
    pub async fn plan_collection(&self, access: &Access, now: i64) -> Result<Collection, ServiceError> {
        access.require_everywhere(Verb::Admin)?;
        let _alone = self.collecting.lock().await;
        plan(&self.database, self.folders(), &self.limits, &self.retention, now).await
    }

    /// Removes what nothing keeps at `now`, in seconds since 1970-01-01 UTC, beside clients and publishers.
    ///
    /// # Errors
    /// The token does not allow it; [`ServiceError::Conflict`] with the code `busy` while it is being done already or
    /// somebody reads the whole data folder, as a backup does; an index is missing or damaged. What was removed until
    /// an error is gone, and everything that is visible is whole.
    pub async fn collect(self: &Arc<Self>, access: &Access, now: i64) -> Result<Collection, ServiceError> {
        access.require_everywhere(Verb::Admin)?;
        let actor = access.actor();
        self.undisturbed(|service| async move { service.collect_now(actor, now).await })
            .await
    }

    async fn collect_now(&self, actor: Actor, now: i64) -> Result<Collection, ServiceError> {
        let busy = || {
            ServiceError::conflict(
                "busy",
                "a collection, a report about everything, a backup or a check is under way",
            )
        };
        let _alone = self.collecting.try_lock().map_err(|_| busy())?;
        let root = self.folder.root().to_owned();
        let held = blocking(move || Ok(storage::begin_collecting(&root)?)).await?;
        let _nobody_reads_all = held.ok_or_else(busy)?;
        self.flush().await?;
        let mut report = Collection {
            at: now,
            complete: true,
            ..Collection::default()
        };
        let (state, going) = self.remove_releases(actor, now, &mut report).await?;
        let before = self.retention.grace_ends(now);
        let live = state.needed_chunks(&self.folders(), &self.limits).await?;
        let mut ledger = Ledger::new(going, live, before);
        let mut after = None;
        while let Some(rows) = next_rows(&self.database, &mut after, REMOVED_AT_ONCE).await? {
            if self.stopping.is_cancelled() {
                report.complete = false;
                break;
            }
            let unneeded = ledger.sort(&rows, &mut report);
            let removed: HashSet<ChunkId> = match unneeded.is_empty() {
                true => HashSet::new(),
                false => self.remove_chunks(&unneeded, before).await?.into_iter().collect(),
            };
            for row in unneeded {
                match removed.contains(&row.id) {
                    true => report.chunks.add(row.sizes.stored),
                    // Somebody was told of it in between.
                    false => report.waiting_chunks.add(row.sizes.stored),
                }
            }
        }
        ledger.finish(&mut report);
        self.collect_unknown(before, &mut report).await?;
        Ok(report)
    }

    /// Takes releases and targets out of sight, and removes the files that no row names then.
    async fn remove_releases(
        &self,
        actor: Actor,
        now: i64,
        report: &mut Collection,
    ) -> Result<(State, GoingChunks), ServiceError> {
        // From here on nobody puts a file in place whose row is still to come.
        let _nobody_names = self.naming.write().await;
        let (retention, privacy) = (self.retention.clone(), self.privacy.clone());
        let removed = self.database.write("collect releases", move |tx| {
            let state = State::read(tx, &retention, now)?;
            state.remove(tx, &actor)?;
            privacy.renew(tx)?;
            Ok(state)
        });
        let state = removed.await?;
        report.releases.clone_from(&state.releases);
        let (folders, limits) = (self.folders(), self.limits.clone());
        let (documents, state, going) = blocking(move || {
            let going = state.going_chunks(&folders, &limits);
            let removed = state.remove_files(&folders)?;
            Ok((removed, state, going))
        })
        .await?;
        report.documents = documents;
        Ok((state, going))
    }

    pub(super) fn folders(&self) -> Folders {
        Folders {
            indexes: self.folder.indexes().clone(),
            documents: self.folder.documents().clone(),
        }
    }
}

/// Tells what would be collected from a data folder at `now`; a server may be running on it.
///
/// # Errors
/// The database failed, or an index is missing or damaged.
pub async fn plan(
    database: &Database,
    folders: Folders,
    limits: &Limits,
    retention: &Retention,
    now: i64,
) -> Result<Collection, ServiceError> {
    let rules = retention.clone();
    let read = database.read("look for what nothing keeps", move |tx| {
        State::read(tx, &rules, now)
    });
    let state = read.await?;
    let live = state.needed_chunks(&folders, limits).await?;
    let limits = limits.clone();
    let (state, going, documents) = blocking(move || {
        let going = state.going_chunks(&folders, &limits);
        let documents = state.unnamed_files(&folders)?.amount;
        Ok((state, going, documents))
    })
    .await?;
    let mut report = Collection {
        at: now,
        dry_run: true,
        complete: true,
        releases: state.releases,
        documents,
        ..Collection::default()
    };
    let mut ledger = Ledger::new(going, live, retention.grace_ends(now));
    let mut after = None;
    while let Some(rows) = next_rows(database, &mut after, READ_AT_ONCE).await? {
        for row in ledger.sort(&rows, &mut report) {
            report.chunks.add(row.sizes.stored);
        }
    }
    ledger.finish(&mut report);
    Ok(report)
}

/// Returns the next part of the ledger, `None` at its end.
async fn next_rows(
    database: &Database,
    after: &mut Option<ChunkId>,
    most: usize,
) -> Result<Option<Vec<ChunkRow>>, ServiceError> {
    let from = *after;
    let read = database.read("read the ledger of chunks", move |tx| {
        chunks::page(tx, from, most)
    });
    let rows = read.await?;
    *after = rows.last().map(|row| row.id);
    Ok((!rows.is_empty()).then_some(rows))
}

/// What one consistent state of the database says about what stays.
#[derive(Clone, Debug)]
struct State {
    /// All releases, judged.
    releases: Vec<JudgedRelease>,
    /// The rows of those that go, each with its place in `releases`.
    going: Vec<(usize, ReleaseRow)>,
    /// Targets that go.
    targets: Vec<TargetRow>,
    /// Indexes that stay.
    indexes: Vec<Pinned>,
    /// SHA-256 of the manifests and lists of files that stay.
    documents: HashSet<ChunkId>,
}

impl State {
    fn read(tx: &Transaction<'_>, retention: &Retention, now: i64) -> rusqlite::Result<Self> {
        let rows = retained::releases(tx)?;
        let targets = metadata::all_targets(tx)?;
        let signed = Listing::read(tx)?;
        let candidates = candidates(&rows, &targets, &signed, &retained::pointed(tx)?);
        let judged: Vec<JudgedRelease> = judge(&candidates, retention, now)
            .into_iter()
            .zip(&rows)
            .map(|(judgement, row)| JudgedRelease {
                title: row.files.title.clone(),
                platform: row.files.platform,
                version: row.files.version.clone(),
                sequence: row.sequence,
                published_at: row.published_at,
                verdict: judgement.verdict,
                reasons: judgement.reasons,
                own_bytes: 0,
            })
            .collect();
        let goes = |position: usize| {
            let judged = judged.get(position);
            judged.is_some_and(|release| release.verdict == Verdict::Collected)
        };
        let (going, staying): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .enumerate()
            .partition(|(position, _)| goes(*position));
        let gone_names: HashSet<&str> = going
            .iter()
            .map(|(_, row)| row.files.index_name.as_str())
            .collect();
        let named = indexes::all(tx)?;
        let staying_indexes = named
            .into_iter()
            .filter(|(name, _)| !gone_names.contains(name.as_str()));
        Ok(Self {
            indexes: staying_indexes.map(|(_, pinned)| pinned).collect(),
            documents: staying
                .iter()
                .flat_map(|(_, row)| [row.files.manifest.sha256, row.files.contents.sha256])
                .collect(),
            targets: signed.unneeded(targets, &going, retention.grace_ends(now)),
            releases: judged,
            going,
        })
    }

    fn remove(&self, tx: &Transaction<'_>, actor: &Actor) -> rusqlite::Result<()> {
        for target in &self.targets {
            metadata::remove_target(tx, target)?;
        }
        for (position, row) in &self.going {
            retained::remove(tx, row)?;
            let reasons = self
                .releases
                .get(*position)
                .map(|release| release.reasons.join("; "));
            let event = Event {
                action: "collect",
                title: Some(row.files.title.as_str()),
                platform: Some(row.files.platform.as_str()),
                version: Some(row.files.version.as_str()),
                detail: reasons.as_deref(),
                ..Event::default()
            };
            audit::append(tx, actor, event)?;
        }
        Ok(())
    }

    /// Finds the files that no row names once the releases are gone.
    fn unnamed_files(&self, folders: &Folders) -> Result<Unnamed, ServiceError> {
        let indexes: HashSet<ChunkId> = self.indexes.iter().map(|index| index.sha256).collect();
        let mut unnamed = Unnamed::default();
        for (folder, named) in [
            (&folders.documents, &self.documents),
            (&folders.indexes, &indexes),
        ] {
            for sha256 in folder.list()? {
                if !named.contains(&sha256) {
                    unnamed.amount.add(folder.length(sha256)?);
                    unnamed.files.push((folder.clone(), sha256));
                }
            }
        }
        Ok(unnamed)
    }

    fn remove_files(&self, folders: &Folders) -> Result<Amount, ServiceError> {
        let unnamed = self.unnamed_files(folders)?;
        for (folder, sha256) in &unnamed.files {
            folder.remove(*sha256)?;
        }
        Ok(unnamed.amount)
    }

    /// Returns the chunks of each release that goes. Nothing relies on them: an index that is damaged has none.
    fn going_chunks(&self, folders: &Folders, limits: &Limits) -> GoingChunks {
        let going = self.going.iter().map(|(position, row)| {
            let chunks = chunks_of(&folders.indexes, &row.index, limits).unwrap_or_default();
            (*position, chunks)
        });
        going.collect()
    }

    /// Returns the chunks of everything that stays.
    async fn needed_chunks(
        &self,
        folders: &Folders,
        limits: &Limits,
    ) -> Result<HashSet<ChunkKey>, ServiceError> {
        let (indexes, folder, limits) = (self.indexes.clone(), folders.indexes.clone(), limits.clone());
        blocking(move || chunks_of_all(&folder, indexes.iter(), &limits)).await
    }
}

/// Chunks of releases that go, each with the release's place in the report.
type GoingChunks = Vec<(usize, Vec<ChunkKey>)>;

#[derive(Debug, Default)]
struct Unnamed {
    amount: Amount,
    files: Vec<(ContentFolder, ChunkId)>,
}

/// What the signed metadata in force lists.
#[derive(Debug, Default)]
struct Listing {
    /// Every target: title, name, SHA-256.
    targets: HashSet<(Slug, String, ChunkId)>,
    /// What pointers offer: title, platform, version, and the channel.
    offers: Vec<(Slug, Platform, Version, Slug)>,
}

impl Listing {
    fn read(tx: &Transaction<'_>) -> rusqlite::Result<Self> {
        let mut listing = Self::default();
        for title in metadata::titles(tx)? {
            let Some(current) = metadata::current(tx, &title)? else {
                continue;
            };
            for (channel, text) in &current.channels {
                let role: Signed<Targets> = serde_json::from_str(text).map_err(unreadable)?;
                for target in listed(&role.signed) {
                    let name = target.name.to_string();
                    if let TargetName::Pointer { platform, .. } = &target.name {
                        listing.read_pointer(tx, &title, channel, *platform, &name, target.pinned.sha256)?;
                    }
                    listing
                        .targets
                        .insert((title.clone(), name, target.pinned.sha256));
                }
            }
        }
        Ok(listing)
    }

    fn read_pointer(
        &mut self,
        tx: &Transaction<'_>,
        title: &Slug,
        channel: &Slug,
        platform: Platform,
        name: &str,
        sha256: ChunkId,
    ) -> rusqlite::Result<()> {
        let row = metadata::target(tx, title, name, sha256)?;
        let text = row.and_then(|row| row.text).unwrap_or_default();
        let pointer: ChannelPointer = serde_json::from_str(&text).map_err(unreadable)?;
        for release in pointer.releases() {
            let version = release.version.clone();
            self.offers
                .push((title.clone(), platform, version, channel.clone()));
        }
        Ok(())
    }

    fn lists(&self, target: &TargetRow) -> bool {
        let key = (target.title.clone(), target.name.clone(), target.pinned.sha256);
        self.targets.contains(&key)
    }

    /// Returns the targets that nobody needs any more: those of releases that go, and pointers that were replaced
    /// before `before`.
    fn unneeded(
        &self,
        targets: Vec<TargetRow>,
        going: &[(usize, ReleaseRow)],
        before: i64,
    ) -> Vec<TargetRow> {
        let going: HashSet<(&Slug, ChunkId)> = going
            .iter()
            .map(|(_, row)| (&row.files.title, row.files.manifest.sha256))
            .collect();
        let is_unneeded = |target: &TargetRow| match target.text {
            Some(_) => target.unlisted_at.is_none_or(|at| at < before),
            None => going.contains(&(&target.title, target.pinned.sha256)),
        };
        let unlisted = targets.into_iter().filter(|target| !self.lists(target));
        unlisted.filter(is_unneeded).collect()
    }
}

/// Brings together what is known about keeping each release.
fn candidates(
    rows: &[ReleaseRow],
    targets: &[TargetRow],
    signed: &Listing,
    pointed: &[(Slug, Slug, i64)],
) -> Vec<Candidate> {
    let mut candidates: Vec<Candidate> = rows.iter().map(candidate).collect();
    let by_name: HashMap<(&Slug, Platform, &Version), usize> = rows
        .iter()
        .enumerate()
        .map(|(position, row)| {
            let files = &row.files;
            ((&files.title, files.platform, &files.version), position)
        })
        .collect();
    let by_id: BTreeMap<i64, usize> = rows.iter().enumerate().map(|(at, row)| (row.id, at)).collect();
    for target in targets {
        let Ok(TargetName::Manifest {
            channel,
            platform,
            version,
        }) = target.name.parse()
        else {
            continue;
        };
        let position = by_name.get(&(&target.title, platform, &version));
        let Some(candidate) = position.and_then(|position| candidates.get_mut(*position)) else {
            continue;
        };
        if signed.lists(target) {
            candidate.listed_by.insert(channel.clone());
        }
        candidate.unlisted_at = candidate.unlisted_at.max(target.unlisted_at);
        candidate.channels.insert(channel);
    }
    let offers = signed
        .offers
        .iter()
        .map(|(title, platform, version, channel)| (by_name.get(&(title, *platform, version)), channel));
    let rows_say = pointed.iter().map(|(_, channel, id)| (by_id.get(id), channel));
    for (position, channel) in offers.chain(rows_say) {
        if let Some(candidate) = position.and_then(|position| candidates.get_mut(*position)) {
            candidate.offered_by.insert(channel.clone());
        }
    }
    candidates
}

fn candidate(row: &ReleaseRow) -> Candidate {
    Candidate {
        title: row.files.title.clone(),
        platform: row.files.platform,
        sequence: row.sequence,
        published_at: row.published_at,
        channels: BTreeSet::new(),
        listed_by: BTreeSet::new(),
        offered_by: BTreeSet::new(),
        unlisted_at: None,
        held: row.hold.is_some(),
    }
}

/// Sorts the rows of the ledger into those that stay and those that go.
struct Ledger {
    live: HashSet<ChunkKey>,
    before: i64,
    /// The chunks of each release that goes and nothing else needs.
    going: GoingChunks,
    /// Their bytes in the store.
    stored: HashMap<ChunkKey, u64>,
}

impl Ledger {
    fn new(mut going: GoingChunks, live: HashSet<ChunkKey>, before: i64) -> Self {
        for (_, chunks) in &mut going {
            chunks.retain(|chunk| !live.contains(chunk));
        }
        let chunks = going.iter().flat_map(|(_, chunks)| chunks);
        Self {
            stored: chunks.map(|chunk| (*chunk, 0)).collect(),
            live,
            before,
            going,
        }
    }

    /// Counts what stays and returns what goes.
    fn sort(&mut self, rows: &[ChunkRow], report: &mut Collection) -> Vec<ChunkRow> {
        let mut unneeded = Vec::new();
        for row in rows {
            let key = ChunkKey::of(row.id);
            if self.live.contains(&key) {
                report.needed_chunks.add(row.sizes.stored);
                continue;
            }
            if let Some(stored) = self.stored.get_mut(&key) {
                *stored = row.sizes.stored;
            }
            match row.touched_at < self.before {
                true => unneeded.push(*row),
                false => report.waiting_chunks.add(row.sizes.stored),
            }
        }
        unneeded
    }

    /// Tells for each release that goes what it alone needed.
    fn finish(self, report: &mut Collection) {
        for (position, chunks) in &self.going {
            if let Some(release) = report.releases.get_mut(*position) {
                let stored = chunks.iter().filter_map(|chunk| self.stored.get(chunk));
                release.own_bytes = stored.sum();
            }
        }
    }
}

/// Rows of the ledger read at once.
const READ_AT_ONCE: usize = 10_000;
/// Rows looked at, and chunks removed at most, while uploads of the same shards wait.
pub(super) const REMOVED_AT_ONCE: usize = 1_000;
