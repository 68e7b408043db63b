// SPDX-License-Identifier: MIT
//! What a release would cost: the bytes to be sent, and the documents that say what players would fetch.
//!
//! Nothing is sent and nothing changes on the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rayon::prelude::*;
use vsekai_formats::index::IndexChunk;
use vsekai_formats::release::{MAX_INDEX_BYTES, ReleaseManifest, ReleaseRef, Slug, address};
use vsekai_trust::publisher::KeyFolder;

use crate::build::Documents;
use crate::packer::Packer;
use crate::server::{Api, store_failure};
use crate::task::blocking;
use crate::upload::{Compared, compared};
use crate::{Cancel, Comparison, Observer, Phase, Progress, PublishError, Release, Server};

/// What publishing a release would do.
#[derive(Clone, Debug)]
pub struct Preview {
    /// What the server lacks.
    pub comparison: Comparison,
    /// Bytes to be sent, compressed as they would be.
    pub new_bytes: u64,
    /// The release as players would see it.
    pub release: ReleaseDocuments,
    /// Those before it in the channel, for the same platform, newest first.
    pub earlier: Vec<ReleaseDocuments>,
}

/// The documents of a release as they are served; the manifest pins the others.
#[derive(Clone, Debug)]
pub struct ReleaseDocuments {
    /// What the publisher says of it.
    pub manifest: ReleaseManifest,
    /// The list of files, compressed.
    pub contents: Bytes,
    /// The chunk index.
    pub index: Bytes,
}

/// Finds out what publishing `release` in `channel` would send, and reads the documents of up to `earlier`
/// releases before it.
///
/// What the server lacks is compressed for this, which takes as long as publishing without a network does.
///
/// # Errors
/// As [`crate::compare()`].
pub async fn preview(
    release: Arc<Release>,
    server: &Server,
    channel: &Slug,
    keys: &KeyFolder,
    earlier: usize,
    observer: Arc<dyn Observer>,
    cancel: &Cancel,
) -> Result<Preview, PublishError> {
    observer.on_progress(Progress {
        phase: Phase::Comparing,
        done_bytes: 0,
        total_bytes: 0,
    });
    let (comparison, compared) = compared(&release, server, channel, keys).await?;
    let Compared {
        api,
        mut view,
        chunks,
        mut sizes,
    } = compared;
    let missing: Vec<IndexChunk> = lacking(&chunks, &sizes);
    let work = {
        let (release, cancel, level) = (Arc::clone(&release), cancel.clone(), server.level);
        move || stored_sizes(&release, &missing, level, &*observer, &cancel)
    };
    let found = blocking(work).await?;
    let new_bytes = found.iter().map(|size| u64::from(*size)).sum();
    for (slot, size) in sizes.iter_mut().filter(|slot| slot.is_none()).zip(found) {
        *slot = Some(size);
    }
    let (info, platform) = (release.info().clone(), release.platform());
    let sequence = view.next_sequence(platform);
    let made = {
        let sizes = sizes.into_iter().map(Option::unwrap_or_default).collect();
        let release = Arc::clone(&release);
        blocking(move || release.documents(sizes, sequence)).await?
    };
    let mut before = Vec::new();
    for listed in view.releases(channel, platform)?.into_iter().take(earlier + 1) {
        cancel.check()?;
        if listed.version != info.version && before.len() < earlier {
            let documents = view
                .documents(&api, &info.title, channel, platform, &listed)
                .await?;
            before.push(with_index(&api, documents, &listed).await?);
        }
    }
    Ok(Preview {
        comparison,
        new_bytes,
        release: ReleaseDocuments {
            manifest: made.manifest,
            contents: made.contents_bytes.into(),
            index: release.index().to_bytes().into(),
        },
        earlier: before,
    })
}

fn lacking(chunks: &[IndexChunk], sizes: &[Option<u32>]) -> Vec<IndexChunk> {
    let pairs = chunks.iter().zip(sizes);
    pairs
        .filter(|(_, size)| size.is_none())
        .map(|(chunk, _)| *chunk)
        .collect()
}

/// Compresses every chunk for its size alone, on all processors.
fn stored_sizes(
    release: &Release,
    chunks: &[IndexChunk],
    level: i32,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Vec<u32>, PublishError> {
    let total_bytes = chunks.iter().map(|chunk| u64::from(chunk.size)).sum();
    let done = AtomicU64::new(0);
    let packer = Packer::new(level);
    let size_of = |chunk: &IndexChunk| {
        cancel.check()?;
        let stored = packer.pack(release, chunk)?.len();
        let bytes = u64::from(chunk.size);
        observer.on_progress(Progress {
            phase: Phase::Comparing,
            done_bytes: done.fetch_add(bytes, Ordering::Relaxed) + bytes,
            total_bytes,
        });
        u32::try_from(stored).map_err(|error| PublishError::Internal(error.to_string()))
    };
    chunks.par_iter().map(size_of).collect()
}

async fn with_index(
    api: &Api,
    documents: Documents,
    release: &ReleaseRef,
) -> Result<ReleaseDocuments, PublishError> {
    const ACTION: &str = "read the index of a release";
    let Documents {
        manifest,
        contents_bytes,
        ..
    } = documents;
    let name = address::index_name(&manifest.title, manifest.platform, &release.version);
    let path = format!("{}/{name}", address::INDEX);
    let read = api.0.get_fresh(&path, MAX_INDEX_BYTES).await;
    let index = read.map_err(|error| store_failure(ACTION, error))?;
    match manifest.index.matches(&index) {
        true => Ok(ReleaseDocuments {
            manifest,
            contents: contents_bytes.into(),
            index,
        }),
        false => Err(PublishError::BadAnswer {
            action: ACTION,
            reason: format!("that of {} does not match its manifest", release.version),
        }),
    }
}
