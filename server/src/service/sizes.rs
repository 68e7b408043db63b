// SPDX-License-Identifier: MIT
//! What takes how much of the disk: by title, channel and release, alone or shared with others.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;
use vsekai_formats::ChunkId;
use vsekai_formats::release::{Platform, Slug, Version};
use vsekai_trust::names::TargetName;

use super::chunk_use::{ChunkKey, chunks_of};
use super::collect::{Amount, Folders};
use super::error::ServiceError;
use super::token::Verb;
use super::{Access, Service, blocking};
use crate::db::chunks::{self, ChunkRow};
use crate::db::retained::{self, ReleaseRow};
use crate::db::{Database, metadata};
use crate::limits::Limits;

/// Sizes of everything that is published, in bytes as stored.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct SizeReport {
    /// All chunks in the store.
    pub chunks: Amount,
    /// Those of them that no release needs: of indexes under names of their own, of releases under way, or left over.
    pub unreleased: Amount,
    /// Bytes of the chunks in the store before compression.
    pub plain_bytes: u64,
    /// Bytes that the store would need if releases shared no chunks, divided by those it needs; 1 without releases.
    pub dedup_ratio: f64,
    /// The titles, in order of name.
    pub titles: Vec<TitleSize>,
}

/// Bytes that something needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Size {
    /// All of them.
    pub bytes: u64,
    /// Those that nothing else of the same kind needs: what its removal frees at most.
    pub own_bytes: u64,
}

/// The sizes of a title.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct TitleSize {
    /// The title.
    #[schema(value_type = String)]
    pub title: Slug,
    /// Its size.
    #[serde(flatten)]
    pub size: Size,
    /// Bytes that its releases would need if they shared no chunks, divided by those they need.
    pub dedup_ratio: f64,
    /// Its channels, in order of name: what each lists or once listed.
    pub channels: Vec<ChannelSize>,
    /// Its releases, in the order of publishing.
    pub releases: Vec<ReleaseSizes>,
}

/// The size of a channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChannelSize {
    /// The channel.
    #[schema(value_type = String)]
    pub channel: Slug,
    /// Its size.
    #[serde(flatten)]
    pub size: Size,
}

/// The size of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReleaseSizes {
    /// The platform.
    #[schema(value_type = String)]
    pub platform: Platform,
    /// The version.
    #[schema(value_type = String)]
    pub version: Version,
    /// The publish sequence.
    pub sequence: u64,
    /// The size of its chunks.
    #[serde(flatten)]
    pub size: Size,
}

impl Service {
    /// Measures everything that is published. This reads every index.
    ///
    /// # Errors
    /// The token does not allow it, or an index is missing or damaged.
    pub async fn sizes(&self, access: &Access) -> Result<SizeReport, ServiceError> {
        access.require_everywhere(Verb::Observe)?;
        let _alone = self.collecting.lock().await;
        report(&self.database, self.folders(), self.limits.clone()).await
    }
}

/// Measures what is published in a data folder; a server may be running on it.
///
/// # Errors
/// The database failed, or an index is missing or damaged.
pub async fn report(
    database: &Database,
    folders: Folders,
    limits: Arc<Limits>,
) -> Result<SizeReport, ServiceError> {
    let read = database.read("read what is published", |tx| {
        let releases = retained::releases(tx)?;
        let targets = metadata::all_targets(tx)?;
        let names = targets.into_iter().map(|target| (target.title, target.name));
        Ok((releases, names.collect()))
    });
    let (releases, names) = read.await?;
    let mut measure = Measure::new(releases, names);
    let mut measure = blocking(move || {
        measure.read_indexes(&folders, &limits)?;
        Ok(measure)
    })
    .await?;
    let mut after: Option<ChunkId> = None;
    loop {
        let from = after;
        let read = database.read("read the ledger of chunks", move |tx| {
            chunks::page(tx, from, READ_AT_ONCE)
        });
        let rows = read.await?;
        let Some(last) = rows.last() else { break };
        after = Some(last.id);
        for row in &rows {
            measure.count(row);
        }
    }
    Ok(measure.finish())
}

/// Who needs a chunk: nobody yet, one of a kind, or several.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Owner {
    #[default]
    Nobody,
    One(u32),
    Several,
}

impl Owner {
    fn add(&mut self, owner: u32) {
        *self = match *self {
            Self::Nobody => Self::One(owner),
            Self::One(one) if one == owner => Self::One(one),
            _ => Self::Several,
        };
    }

    fn is_only(self, owner: u32) -> bool {
        self == Self::One(owner)
    }
}

/// A chunk and the releases, channels and titles that need it.
#[derive(Clone, Debug, Default)]
struct Chunk {
    release: Owner,
    channel: Owner,
    title: Owner,
    /// Releases that need it.
    releases: Vec<u32>,
}

struct Measure {
    releases: Vec<ReleaseRow>,
    /// The channels of each release, by their place in `channels`.
    channels_of: Vec<Vec<u32>>,
    channels: Vec<(Slug, Slug)>,
    titles: Vec<Slug>,
    chunks: HashMap<ChunkKey, Chunk>,
    release_sizes: Vec<Size>,
    channel_sizes: Vec<Size>,
    title_sizes: Vec<Size>,
    all: Amount,
    unreleased: Amount,
    plain_bytes: u64,
}

impl Measure {
    fn new(releases: Vec<ReleaseRow>, names: Vec<(Slug, String)>) -> Self {
        let mut titles: Vec<Slug> = releases.iter().map(|row| row.files.title.clone()).collect();
        titles.sort();
        titles.dedup();
        let mut listed: BTreeMap<(Slug, Slug), Vec<(Platform, Version)>> = BTreeMap::new();
        for (title, name) in names {
            if let Ok(TargetName::Manifest {
                channel,
                platform,
                version,
            }) = name.parse()
            {
                listed
                    .entry((title, channel))
                    .or_default()
                    .push((platform, version));
            }
        }
        let mut places: HashMap<(&Slug, Platform, &Version), Vec<u32>> = HashMap::new();
        for (place, ((title, _), members)) in (0u32..).zip(&listed) {
            for (platform, version) in members {
                places.entry((title, *platform, version)).or_default().push(place);
            }
        }
        let channels_of = releases.iter().map(|row| {
            let key = (&row.files.title, row.files.platform, &row.files.version);
            places.get(&key).cloned().unwrap_or_default()
        });
        Self {
            channels_of: channels_of.collect(),
            release_sizes: vec![Size::default(); releases.len()],
            channel_sizes: vec![Size::default(); listed.len()],
            title_sizes: vec![Size::default(); titles.len()],
            channels: listed.into_keys().collect(),
            titles,
            releases,
            chunks: HashMap::new(),
            all: Amount::default(),
            unreleased: Amount::default(),
            plain_bytes: 0,
        }
    }

    fn read_indexes(&mut self, folders: &Folders, limits: &Limits) -> Result<(), ServiceError> {
        for ((release, row), channels) in (0u32..).zip(&self.releases).zip(&self.channels_of) {
            let title = self.titles.binary_search(&row.files.title).unwrap_or_default();
            let title = u32::try_from(title).unwrap_or(u32::MAX);
            for key in chunks_of(&folders.indexes, &row.index, limits)? {
                let chunk = self.chunks.entry(key).or_default();
                chunk.release.add(release);
                chunk.title.add(title);
                chunk.releases.push(release);
                for channel in channels {
                    chunk.channel.add(*channel);
                }
            }
        }
        Ok(())
    }

    /// Counts a chunk of the store for everything that needs it.
    fn count(&mut self, row: &ChunkRow) {
        let bytes = row.sizes.stored;
        self.all.add(bytes);
        self.plain_bytes = self.plain_bytes.saturating_add(row.sizes.plain);
        let Some(chunk) = self.chunks.remove(&ChunkKey::of(row.id)) else {
            return self.unreleased.add(bytes);
        };
        let mut channels: Vec<u32> = Vec::new();
        let mut titles: Vec<u32> = Vec::new();
        for release in &chunk.releases {
            add(&mut self.release_sizes, *release, chunk.release, bytes);
            let place = *release as usize;
            channels.extend(self.channels_of.get(place).into_iter().flatten());
            let title = self.releases.get(place).map(|row| &row.files.title);
            let title = title.and_then(|title| self.titles.binary_search(title).ok());
            titles.extend(title.and_then(|title| u32::try_from(title).ok()));
        }
        for (sizes, owners, owner) in [
            (&mut self.channel_sizes, &mut channels, chunk.channel),
            (&mut self.title_sizes, &mut titles, chunk.title),
        ] {
            owners.sort_unstable();
            owners.dedup();
            for one in owners {
                add(sizes, *one, owner, bytes);
            }
        }
    }

    fn finish(self) -> SizeReport {
        let sum = |sizes: &mut dyn Iterator<Item = &Size>| sizes.map(|size| size.bytes).sum::<u64>();
        let needed = self.all.bytes.saturating_sub(self.unreleased.bytes);
        let whole = sum(&mut self.release_sizes.iter());
        let sized: Vec<(&ReleaseRow, &Size)> = self.releases.iter().zip(&self.release_sizes).collect();
        let titles = self.titles.iter().zip(&self.title_sizes).map(|(title, size)| {
            let of_title = sized.iter().filter(|(row, _)| row.files.title == *title);
            let channels = self.channels.iter().zip(&self.channel_sizes);
            TitleSize {
                dedup_ratio: ratio(sum(&mut of_title.clone().map(|(_, size)| *size)), size.bytes),
                channels: channels
                    .filter(|((of, _), _)| of == title)
                    .map(|((_, channel), size)| ChannelSize {
                        channel: channel.clone(),
                        size: *size,
                    })
                    .collect(),
                releases: of_title
                    .map(|(row, size)| ReleaseSizes {
                        platform: row.files.platform,
                        version: row.files.version.clone(),
                        sequence: row.sequence,
                        size: **size,
                    })
                    .collect(),
                title: title.clone(),
                size: *size,
            }
        });
        SizeReport {
            titles: titles.collect(),
            chunks: self.all,
            unreleased: self.unreleased,
            plain_bytes: self.plain_bytes,
            dedup_ratio: ratio(whole, needed),
        }
    }
}

fn add(sizes: &mut [Size], place: u32, owner: Owner, bytes: u64) {
    if let Some(size) = sizes.get_mut(place as usize) {
        size.bytes = size.bytes.saturating_add(bytes);
        if owner.is_only(place) {
            size.own_bytes = size.own_bytes.saturating_add(bytes);
        }
    }
}

fn ratio(whole: u64, shared: u64) -> f64 {
    match shared {
        0 => 1.0,
        shared => whole as f64 / shared as f64,
    }
}

/// Rows of the ledger read at once.
const READ_AT_ONCE: usize = 10_000;
