// SPDX-License-Identifier: MIT
//! The public side of a data folder, written as a site of static files, beside a running server.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use vsekai_formats::index::Index;
use vsekai_formats::release::{Pinned, address};
use vsekai_store::{ChunkStore, StoreError};
use vsekai_trust::names;

use crate::db::public::{MetadataRow, Public};
use crate::db::{Database, chunks, now};
use crate::limits::Limits;
use crate::service::privacy::Readers;
use crate::service::{ServiceError, blocking, keep_whole, verify};
use crate::site::{Document, Kind, Needed, Place, Pruned, Site, SiteError, Written};
use crate::storage::{ContentFolder, DataPlace, database_path, document_folder, index_folder};

/// How to export.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Look at every file of the site, instead of believing the record of what was written.
    pub look_at_everything: bool,
    /// Remove what has not been needed for this long.
    pub prune: Option<Duration>,
    /// Write what only private channels have, too; whoever reads the site can read it.
    pub include_private: bool,
}

/// What an export did.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Exported {
    /// What was written.
    #[serde(flatten)]
    pub written: Written,
    /// What was removed, if that was asked for.
    pub pruned: Option<Pruned>,
    /// Indexes of no release that were left out, since not all of their chunks have been uploaded.
    pub incomplete_indexes: Vec<String>,
}

/// Brings the site at `place` up to date with the data folder `data`.
///
/// Every chunk and document is checked against its digest. Only what is new is read and written. Whatever
/// happens on the way, the site is the one before or the new one.
///
/// # Errors
/// Somebody else writes the site, it is newer than the data folder, a file of the data folder is missing or
/// damaged, or the site cannot be written.
pub async fn export(
    data: impl Into<DataPlace>,
    place: Place,
    limits: &Limits,
    options: &Options,
) -> Result<Exported, SiteError> {
    let data = data.into();
    let _whole = keep_whole(&data.root).await?;
    let database = Database::open(&database_path(&data.root)).await?;
    let outcome = Export::of(&data, limits, place, options, &database).await;
    database.close().await?;
    outcome
}

struct Export {
    site: Site,
    public: Public,
    documents: ContentFolder,
    indexes: ContentFolder,
    store: Arc<dyn ChunkStore>,
    limits: Limits,
    incomplete: Vec<String>,
}

impl Export {
    async fn of(
        data: &DataPlace,
        limits: &Limits,
        place: Place,
        options: &Options,
        database: &Database,
    ) -> Result<Exported, SiteError> {
        let (indexes, caps, include_private) =
            (index_folder(&data.root), limits.clone(), options.include_private);
        let read = database.read("read what is public", move |tx| {
            let mut public = Public::read(tx)?;
            let readers = match include_private {
                true => None,
                false => Readers::read(tx, &indexes, &caps)?,
            };
            if let Some(readers) = &readers {
                readers.leave_out_private(&mut public);
            }
            Ok((public, readers))
        });
        let (public, readers) = read.await?;
        let mut export = Self {
            public,
            site: Site::open(place, options.look_at_everything).await?,
            documents: document_folder(&data.root),
            indexes: index_folder(&data.root),
            store: data.store(limits.chunk_bytes).await?.shared(),
            limits: limits.clone(),
            incomplete: Vec::new(),
        };
        export.write().await?;
        let mut exported = Exported {
            written: export.site.written(),
            pruned: None,
            incomplete_indexes: export.incomplete.clone(),
        };
        if let Some(grace) = options.prune {
            let chunks = database.read("read the ledger of chunks", chunks::all).await?;
            let needed = Needed {
                documents: export.addresses(),
                chunks: chunks
                    .into_iter()
                    .map(|(id, _)| id)
                    .filter(|id| readers.as_ref().is_none_or(|readers| readers.is_public(*id)))
                    .collect(),
            };
            exported.pruned = Some(export.site.prune(&needed, grace, now()).await?);
        }
        Ok(exported)
    }

    /// Writes everything in the order in which it may become visible.
    async fn write(&mut self) -> Result<(), SiteError> {
        let timestamps = self.public.timestamps();
        for (title, text) in &timestamps {
            self.site.check_timestamp(title, text).await?;
        }
        self.write_indexes().await?;
        self.write_contents().await?;
        self.write_targets().await?;
        let is_snapshot = |row: &&MetadataRow| row.role == "snapshot";
        let is_timestamp = |row: &&MetadataRow| row.role == "timestamp";
        let rows = &self.public.metadata;
        let (snapshots, others): (Vec<_>, Vec<_>) = rows
            .iter()
            .filter(|row| !is_timestamp(row))
            .partition(is_snapshot);
        for row in others.into_iter().chain(snapshots) {
            self.site.put(metadata_document(row)).await?;
        }
        self.site.publish(&timestamps).await
    }

    /// Writes each new index after its chunks.
    async fn write_indexes(&mut self) -> Result<(), SiteError> {
        let released: HashSet<&str> = self
            .public
            .releases
            .iter()
            .map(|release| release.index_name.as_str())
            .collect();
        for (name, pinned) in &self.public.indexes {
            let path = index_path(name);
            if self.site.has(&path, pinned) {
                continue;
            }
            let bytes = read(&self.indexes, pinned).await?;
            let limits = self.limits.clone();
            let parsed = bytes.clone();
            let index = blocking(move || verify::read_index(&parsed, &limits)).await?;
            match put_chunks(&mut self.site, &self.store, index).await {
                // Stock clients may upload an index before its chunks.
                Err(SiteError::Store(StoreError::Missing { .. })) if !released.contains(name.as_str()) => {
                    self.incomplete.push(name.clone());
                    continue;
                }
                put => put?,
            }
            let kind = Kind::Binary;
            self.site.put(Document { path, bytes, kind }).await?;
        }
        Ok(())
    }

    async fn write_contents(&mut self) -> Result<(), SiteError> {
        for release in &self.public.releases {
            let path = address::contents(&release.title, release.platform, &release.version);
            if !self.site.has(&path, &release.contents) {
                let bytes = read(&self.documents, &release.contents).await?;
                let kind = Kind::Zstd;
                self.site.put(Document { path, bytes, kind }).await?;
            }
        }
        Ok(())
    }

    async fn write_targets(&mut self) -> Result<(), SiteError> {
        for target in &self.public.targets {
            let path = target_path(target);
            if !self.site.has(&path, &target.pinned) {
                let bytes = match &target.text {
                    Some(text) => Bytes::copy_from_slice(text.as_bytes()),
                    None => read(&self.documents, &target.pinned).await?,
                };
                let kind = Kind::Json;
                self.site.put(Document { path, bytes, kind }).await?;
            }
        }
        Ok(())
    }

    /// Returns every address that is needed, but for chunks and timestamps.
    fn addresses(&self) -> HashSet<String> {
        let Public {
            indexes,
            releases,
            targets,
            metadata,
        } = &self.public;
        let indexes = indexes.iter().map(|(name, _)| index_path(name));
        let contents = releases
            .iter()
            .map(|release| address::contents(&release.title, release.platform, &release.version));
        let targets = targets.iter().map(target_path);
        let metadata = metadata.iter().map(metadata_path);
        indexes.chain(contents).chain(targets).chain(metadata).collect()
    }
}

async fn put_chunks(site: &mut Site, store: &Arc<dyn ChunkStore>, index: Index) -> Result<(), SiteError> {
    site.put_chunks(store.clone(), index.unique_ids()).await
}

async fn read(folder: &ContentFolder, pinned: &Pinned) -> Result<Bytes, ServiceError> {
    let (folder, pinned) = (folder.clone(), pinned.clone());
    blocking(move || Ok(folder.read_verified(&pinned)?)).await
}

fn index_path(name: &str) -> String {
    format!("{}/{name}", address::INDEX)
}

fn target_path(target: &crate::db::metadata::TargetRow) -> String {
    let folder = names::repository(&target.title);
    let (sha256, name) = (&target.pinned.sha256, &target.name);
    format!("{folder}/{}/{sha256}.{name}", names::TARGETS)
}

fn metadata_path(row: &MetadataRow) -> String {
    format!(
        "{}/{}",
        names::repository(&row.title),
        names::targets(&row.role, row.version)
    )
}

fn metadata_document(row: &MetadataRow) -> Document {
    Document {
        path: metadata_path(row),
        bytes: Bytes::copy_from_slice(row.text.as_bytes()),
        kind: Kind::Json,
    }
}
