// SPDX-License-Identifier: MIT
//! Whether everything that is visible is whole: a check that changes nothing.

use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::path::PathBuf;

use jiff::Timestamp;
use vsekai_formats::ChunkId;
use vsekai_formats::index::Index;
use vsekai_formats::release::Pinned;
use vsekai_store::{PruneStore, StoreError};
use vsekai_trust::online::{check_online, sign_snapshot};

use crate::db::Database;
use crate::db::chunks::{self, ChunkSizes};
use crate::db::metadata::TargetRow;
use crate::db::references::{References, SignedTitle};
use crate::db::releases::ReleaseFiles;
use crate::limits::Limits;
use crate::service::{ServiceError, blocking, keep_whole, online, verify};
use crate::storage::{
    ContentFolder, DataPlace, StorageError, database_path, document_folder, index_folder, online_folder,
};

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Files are there and have the right length.
    Presence,
    /// Files have the right digest, too; reads everything.
    Contents,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// Releases checked.
    pub releases: usize,
    /// Indexes checked.
    pub indexes: usize,
    /// Chunks of the ledger checked.
    pub chunks: usize,
    /// Titles whose signed metadata was checked.
    pub titles: usize,
    /// What is referred to but missing or damaged, one sentence each.
    pub dangling: Vec<String>,
    /// Chunks of the ledger that are missing or damaged, all of them named in `dangling` too.
    pub lost_chunks: Vec<ChunkId>,
    /// Chunks and documents that nothing refers to, as unfinished uploads leave them. They harm nobody.
    pub unreferenced: usize,
}

/// Checks the data folder `data`; a server may be running on it.
///
/// # Errors
/// The database, a folder or the store of chunks cannot be read at all.
pub async fn check(
    data: impl Into<DataPlace>,
    depth: Depth,
    limits: &Limits,
) -> Result<Report, ServiceError> {
    let data = data.into();
    let _whole = keep_whole(&data.root).await?;
    let database = Database::open(&database_path(&data.root)).await?;
    let rows = database.read("read everything", References::all).await?;
    database.close().await?;
    let store = data.store(limits.chunk_bytes).await?.shared();
    let mut check = Check {
        online: online_folder(&data.root),
        documents: document_folder(&data.root),
        indexes: index_folder(&data.root),
        depth,
        limits: limits.clone(),
        report: Report::default(),
    };
    // Listed after the rows were read: what they name is there by then.
    let there = check.find_chunks(&rows.chunks, store.lengths().await?);
    if depth == Depth::Contents {
        check.read_chunks(&*store, &there).await?;
    }
    blocking(move || {
        check.run(&rows)?;
        Ok(check.report)
    })
    .await
}

/// Takes lost chunks out of the ledger, so that publishing the same build again uploads them; tells how many.
///
/// # Errors
/// The database or the store failed.
pub async fn forget_lost_chunks(
    data: impl Into<DataPlace>,
    report: &Report,
    limits: &Limits,
) -> Result<usize, ServiceError> {
    let (data, lost) = (data.into(), report.lost_chunks.clone());
    let store = data.store(limits.chunk_bytes).await?.shared();
    let database = Database::open(&database_path(&data.root)).await?;
    // Rows first: a file without a row harms nobody.
    let rows = lost.clone();
    database
        .write("forget lost chunks", move |tx| chunks::remove(tx, &rows))
        .await?;
    database.close().await?;
    for id in &lost {
        store.remove(*id).await?;
    }
    Ok(lost.len())
}

struct Check {
    online: PathBuf,
    documents: ContentFolder,
    indexes: ContentFolder,
    depth: Depth,
    limits: Limits,
    report: Report,
}

impl Check {
    fn run(&mut self, rows: &References) -> Result<(), StorageError> {
        for release in &rows.releases {
            self.release(release);
        }
        let known: HashSet<ChunkId> = rows.chunks.iter().map(|(id, _)| *id).collect();
        let released: HashSet<&str> = rows
            .releases
            .iter()
            .map(|release| release.index_name.as_str())
            .collect();
        for (name, pinned) in &rows.named_indexes {
            // Stock clients may upload an index before its chunks; a release never lacks any.
            let needs_chunks = released.contains(name.as_str());
            self.index(name, pinned, needs_chunks.then_some(&known));
        }
        for title in &rows.titles {
            self.title(title);
        }
        for target in &rows.targets {
            self.target(target);
        }
        self.report.titles = rows.titles.len();
        self.report.releases = rows.releases.len();
        self.report.indexes = rows.named_indexes.len();
        self.report.chunks = rows.chunks.len();
        self.count_unreferenced(rows)
    }

    fn release(&mut self, release: &ReleaseFiles) {
        let of = format!(
            "of version {} of {} for {}",
            release.version, release.title, release.platform
        );
        for (what, pinned) in [("manifest", &release.manifest), ("contents", &release.contents)] {
            let found = match self.depth {
                Depth::Presence => self.documents.open_file(pinned).map(drop),
                Depth::Contents => self.documents.read_verified(pinned).map(drop),
            };
            if let Err(error) = found {
                self.report.dangling.push(format!("the {what} {of}: {error}"));
            }
        }
    }

    /// Checks what is signed as a client would, and that the server can sign it again.
    fn title(&mut self, title: &SignedTitle) {
        if let Err(reason) = self.check_title(title) {
            let line = format!("the signed metadata of {}: {reason}", title.title);
            self.report.dangling.push(line);
        }
    }

    fn check_title(&self, title: &SignedTitle) -> Result<(), String> {
        let verified = title.metadata.verify().map_err(|error| error.to_string())?;
        let [Some(snapshot), Some(timestamp)] = &title.online else {
            return Err("the server has not signed it".to_owned());
        };
        check_online(&title.metadata, &verified, snapshot, timestamp).map_err(|error| error.to_string())?;
        let keys = online::read(&self.online, &title.title).map_err(|error| error.to_string())?;
        // Signing is the surest way to find out whether there are enough keys; nothing is kept.
        let signed = sign_snapshot(&title.metadata, &verified, 0, Timestamp::MAX, &keys);
        signed.map(drop).map_err(|error| error.to_string())
    }

    fn target(&mut self, target: &TargetRow) {
        let found = match &target.text {
            Some(text) => match target.pinned.matches(text.as_bytes()) {
                true => Ok(()),
                false => Err("it is not what was signed".to_owned()),
            },
            None => self
                .documents
                .open_file(&target.pinned)
                .map(drop)
                .map_err(|error| error.to_string()),
        };
        if let Err(reason) = found {
            let line = format!("the target {} of {}: {reason}", target.name, target.title);
            self.report.dangling.push(line);
        }
    }

    fn index(&mut self, name: &str, pinned: &Pinned, known: Option<&HashSet<ChunkId>>) {
        let read = self.indexes.read_verified(pinned);
        let parsed = read
            .map_err(ServiceError::from)
            .and_then(|bytes| verify::read_index(&bytes, &self.limits));
        let index: Index = match parsed {
            Ok(index) => index,
            Err(error) => return self.report.dangling.push(format!("the index {name}: {error}")),
        };
        let Some(known) = known else { return };
        let missing = index.unique_ids().into_iter().filter(|id| !known.contains(id));
        let lines = missing.map(|id| format!("the index {name}: chunk {id} is not in the ledger"));
        self.report.dangling.extend(lines);
    }

    /// Compares the ledger with the lengths of what is in the store; returns the rows that fit.
    fn find_chunks(
        &mut self,
        rows: &[(ChunkId, ChunkSizes)],
        mut lengths: HashMap<ChunkId, u64>,
    ) -> Vec<(ChunkId, ChunkSizes)> {
        let mut there = Vec::with_capacity(rows.len());
        for (id, sizes) in rows {
            match lengths.remove(id) {
                Some(found) if found == sizes.stored => there.push((*id, *sizes)),
                None => self.lose(*id, "it is not in the store"),
                Some(found) => {
                    let reason = format!("{found} bytes in the store, {} in the ledger", sizes.stored);
                    self.lose(*id, reason);
                }
            }
        }
        self.report.unreferenced += lengths.len();
        there
    }

    /// Reads chunks. A store that does not answer is an error, and not a chunk that is lost.
    async fn read_chunks(
        &mut self,
        store: &dyn PruneStore,
        rows: &[(ChunkId, ChunkSizes)],
    ) -> Result<(), StoreError> {
        for few in rows.chunks(READ_AT_ONCE) {
            let ids: Vec<ChunkId> = few.iter().map(|(id, _)| *id).collect();
            for ((id, sizes), read) in few.iter().zip(store.get_each(&ids).await) {
                match read {
                    Ok(chunk) if chunk.plain().len() as u64 == sizes.plain => {}
                    Ok(chunk) => {
                        let (found, plain) = (chunk.plain().len(), sizes.plain);
                        self.lose(*id, format!("{found} bytes when unpacked, {plain} in the ledger"));
                    }
                    Err(
                        error @ (StoreError::Missing { .. }
                        | StoreError::Invalid { .. }
                        | StoreError::Io { .. }),
                    ) => self.lose(*id, error),
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn lose(&mut self, id: ChunkId, reason: impl Display) {
        self.report.dangling.push(format!("chunk {id}: {reason}"));
        self.report.lost_chunks.push(id);
    }

    fn count_unreferenced(&mut self, rows: &References) -> Result<(), StorageError> {
        for (folder, named) in [
            (&self.documents, rows.documents().collect::<Vec<&Pinned>>()),
            (&self.indexes, rows.indexes().collect()),
        ] {
            let named: HashSet<ChunkId> = named.into_iter().map(|pinned| pinned.sha256).collect();
            let unnamed = folder.list()?.into_iter().filter(|name| !named.contains(name));
            self.report.unreferenced += unnamed.count();
        }
        Ok(())
    }
}

/// Chunks read at a time.
const READ_AT_ONCE: usize = 16;
