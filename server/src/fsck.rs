// SPDX-License-Identifier: MIT
//! Whether everything that is visible is whole: a check that changes nothing.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use fs_err as fs;
use jiff::Timestamp;
use vsekai_formats::index::Index;
use vsekai_formats::release::Pinned;
use vsekai_formats::{ChunkId, DigestAlgorithm, codec};
use vsekai_store::local::StoreEntry;
use vsekai_store::{LocalStore, PruneStore as _, StoreFormat};
use vsekai_trust::online::{check_online, sign_snapshot};

use crate::db::Database;
use crate::db::chunks::{self, ChunkSizes};
use crate::db::metadata::TargetRow;
use crate::db::references::{References, SignedTitle};
use crate::db::releases::ReleaseFiles;
use crate::limits::Limits;
use crate::service::{ServiceError, keep_whole, online, verify};
use crate::storage::{
    ContentFolder, StorageError, database_path, document_folder, index_folder, online_folder, store_folder,
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
    /// Files that nothing refers to: unfinished uploads and what they left. They harm nobody.
    pub unreferenced: usize,
}

/// Checks the data folder `data`; a server may be running on it.
///
/// # Errors
/// The database or a folder cannot be read at all.
pub async fn check(data: &Path, depth: Depth, limits: &Limits) -> Result<Report, ServiceError> {
    let _whole = keep_whole(data).await?;
    let database = Database::open(&database_path(data)).await?;
    let rows = database.read("read everything", References::all).await?;
    database.close().await?;
    let format = StoreFormat::default().with_max_chunk(limits.chunk_bytes);
    let mut check = Check {
        store: LocalStore::open(store_folder(data), format)?,
        online: online_folder(data),
        documents: document_folder(data),
        indexes: index_folder(data),
        depth,
        limits: limits.clone(),
        report: Report::default(),
    };
    let checked = tokio::task::spawn_blocking(move || {
        check.run(&rows)?;
        Ok(check.report)
    });
    checked
        .await
        .map_err(|error| ServiceError::Internal(error.to_string()))?
}

/// Takes lost chunks out of the ledger, so that publishing the same build again uploads them; tells how many.
///
/// # Errors
/// The database or the store failed.
pub async fn forget_lost_chunks(data: &Path, report: &Report) -> Result<usize, ServiceError> {
    let lost = report.lost_chunks.clone();
    let store = LocalStore::open(store_folder(data), StoreFormat::default())?;
    let database = Database::open(&database_path(data)).await?;
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
    store: LocalStore,
    online: PathBuf,
    documents: ContentFolder,
    indexes: ContentFolder,
    depth: Depth,
    limits: Limits,
    report: Report,
}

impl Check {
    fn run(&mut self, rows: &References) -> Result<(), ServiceError> {
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
        for (id, sizes) in &rows.chunks {
            self.chunk(*id, sizes);
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
        self.count_unreferenced(rows, &known)
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

    fn chunk(&mut self, id: ChunkId, sizes: &ChunkSizes) {
        if let Err(reason) = self.find_chunk(id, sizes) {
            self.report.dangling.push(format!("chunk {id}: {reason}"));
            self.report.lost_chunks.push(id);
        }
    }

    fn find_chunk(&self, id: ChunkId, sizes: &ChunkSizes) -> Result<(), String> {
        let path = self.store.path(id);
        let found = fs::metadata(&path).map_err(|error| error.to_string())?.len();
        if found != sizes.stored {
            return Err(format!(
                "{found} bytes in the store, {} in the ledger",
                sizes.stored
            ));
        }
        if self.depth == Depth::Presence {
            return Ok(());
        }
        let stored = fs::read(&path).map_err(|error| error.to_string())?;
        let max_len = usize::try_from(sizes.plain).unwrap_or(usize::MAX);
        let plain = codec::decode_verified(id, DigestAlgorithm::Sha512_256, &stored, max_len);
        plain.map(drop).map_err(|error| error.to_string())
    }

    fn count_unreferenced(
        &mut self,
        rows: &References,
        known: &HashSet<ChunkId>,
    ) -> Result<(), ServiceError> {
        let names = |pinned: Vec<&Pinned>| -> HashSet<ChunkId> {
            pinned.into_iter().map(|pinned| pinned.sha256).collect()
        };
        let (documents, indexes) = (names(rows.documents().collect()), names(rows.indexes().collect()));
        let unknown = |folder: &ContentFolder, known: &HashSet<ChunkId>| -> Result<usize, StorageError> {
            Ok(folder.list()?.iter().filter(|name| !known.contains(name)).count())
        };
        self.report.unreferenced = unknown(&self.documents, &documents)? + unknown(&self.indexes, &indexes)?;
        for entry in self.store.entries() {
            match entry? {
                StoreEntry::Chunk(id) if known.contains(&id) => {}
                _ => self.report.unreferenced += 1,
            }
        }
        Ok(())
    }
}
