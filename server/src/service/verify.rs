// SPDX-License-Identifier: MIT
//! Whether the documents of a release agree with each other. Pure: bytes in, verdict out.

use std::collections::HashMap;
use std::sync::Arc;

use vsekai_formats::index::{Index, IndexLimits};
use vsekai_formats::layout::Layout;
use vsekai_formats::release::{
    Contents, EntryKind, MAX_NOTES_BYTES, Pinned, Program, ReleaseManifest, SCHEMA,
};
use vsekai_formats::{ChunkId, DigestAlgorithm, UserPaths};

use super::error::ServiceError;
use crate::db::chunks::ChunkSizes;
use crate::db::releases::NewRelease;
use crate::limits::Limits;

/// A chunk of a release and the sizes its documents give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeededChunk {
    /// The chunk.
    pub id: ChunkId,
    /// Its sizes.
    pub sizes: ChunkSizes,
}

/// Reads a manifest and checks what can be checked without its other documents.
pub fn manifest(bytes: &[u8]) -> Result<NewRelease, ServiceError> {
    let manifest: ReleaseManifest = serde_json::from_slice(bytes)
        .map_err(|error| refuse(format!("the manifest cannot be read: {error}")))?;
    if manifest.schema != SCHEMA {
        return Err(refuse(format!(
            "the manifest has schema {}, not {SCHEMA}",
            manifest.schema
        )));
    }
    if manifest.sequence == 0 || i64::try_from(manifest.sequence).is_err() {
        return Err(refuse(format!(
            "{} is not a sequence: it starts at 1",
            manifest.sequence
        )));
    }
    if manifest.notes.len() > MAX_NOTES_BYTES {
        return Err(refuse(format!(
            "the notes have more than {MAX_NOTES_BYTES} bytes"
        )));
    }
    let identity = identity(&manifest)?;
    Ok(NewRelease {
        pinned: Pinned::of(bytes),
        identity,
        manifest,
    })
}

/// Checks `contents` and `index` against the manifest and each other; returns the chunks they need.
pub fn release(
    manifest: &ReleaseManifest,
    contents: &[u8],
    index: &[u8],
    limits: &Limits,
) -> Result<Vec<NeededChunk>, ServiceError> {
    check_pinned("contents", &manifest.contents, contents)?;
    check_pinned("index", &manifest.index, index)?;
    let contents = Arc::new(read_contents(contents, limits)?);
    let index = read_index(index, limits)?;
    check_files(manifest, &contents)?;
    let layout = Layout::of(contents.clone()).map_err(|error| refuse(format!("the contents: {error}")))?;
    if layout.total_len() != index.total_size() {
        return Err(refuse(format!(
            "the contents describe an archive of {} bytes, the index one of {}",
            layout.total_len(),
            index.total_size()
        )));
    }
    let needed = needed_chunks(&contents, &index)?;
    let download_bytes: u64 = needed.iter().map(|chunk| chunk.sizes.stored).sum();
    expect("chunks", manifest.size.chunks, needed.len() as u64)?;
    expect("bytes to download", manifest.size.download_bytes, download_bytes)?;
    Ok(needed)
}

/// Reads an index whose chunks this server can hold.
pub fn read_index(bytes: &[u8], limits: &Limits) -> Result<Index, ServiceError> {
    let limits = IndexLimits {
        max_chunk_size: limits.chunk_bytes as u64,
        ..IndexLimits::for_bytes(bytes.len())
    };
    let index = Index::from_bytes(bytes, &limits).map_err(|error| {
        ServiceError::invalid("invalid-index", format!("the index cannot be read: {error}"))
    })?;
    match index.digest {
        DigestAlgorithm::Sha512_256 => Ok(index),
        DigestAlgorithm::Sha256 => Err(ServiceError::invalid(
            "invalid-index",
            "the index names its chunks by SHA-256; this server's store holds chunks named by SHA-512/256",
        )),
    }
}

/// Compares the chunks a release needs with those the store has; returns the missing ones.
pub fn compare_chunks(
    needed: &[NeededChunk],
    found: &[Option<ChunkSizes>],
) -> Result<Vec<ChunkId>, ServiceError> {
    let mut missing = Vec::new();
    for (chunk, found) in needed.iter().zip(found) {
        match found {
            None => missing.push(chunk.id),
            Some(found) if *found == chunk.sizes => {}
            Some(found) => {
                return Err(refuse(format!(
                    "chunk {} has {} bytes plain and {} stored, not {} and {}",
                    chunk.id, found.plain, found.stored, chunk.sizes.plain, chunk.sizes.stored
                )));
            }
        }
    }
    Ok(missing)
}

/// Digest of everything in the manifest but its sequence: publishing the same build twice gives the same
/// identity, although the publisher counted on.
fn identity(manifest: &ReleaseManifest) -> Result<ChunkId, ServiceError> {
    let unnumbered = ReleaseManifest {
        sequence: 0,
        ..manifest.clone()
    };
    let bytes = serde_json::to_vec(&unnumbered)
        .map_err(|error| ServiceError::Internal(format!("write a manifest: {error}")))?;
    Ok(ChunkId::of(DigestAlgorithm::Sha256, &bytes))
}

fn check_pinned(what: &str, pinned: &Pinned, bytes: &[u8]) -> Result<(), ServiceError> {
    match pinned.matches(bytes) {
        true => Ok(()),
        false => {
            let found = Pinned::of(bytes);
            Err(refuse(format!(
                "the {what} are {} bytes with SHA-256 {}, but the manifest says {} bytes with {}",
                found.length, found.sha256, pinned.length, pinned.sha256
            )))
        }
    }
}

/// Reads a contents document.
pub fn read_contents(stored: &[u8], limits: &Limits) -> Result<Contents, ServiceError> {
    let contents = Contents::read(stored, limits.contents_bytes)
        .map_err(|error| refuse(format!("the contents cannot be read: {error}")))?;
    if contents.schema != SCHEMA {
        return Err(refuse(format!(
            "the contents have schema {}, not {SCHEMA}",
            contents.schema
        )));
    }
    contents.validate().map_err(|error| refuse(error.to_string()))?;
    Ok(contents)
}

fn check_files(manifest: &ReleaseManifest, contents: &Contents) -> Result<(), ServiceError> {
    let mut files = 0u64;
    let mut bytes = 0u64;
    for (path, size, _, _) in contents.files() {
        files += 1;
        bytes = bytes.checked_add(size).ok_or_else(|| {
            refuse(format!(
                "the files up to {path} have more bytes than can be counted"
            ))
        })?;
    }
    if files == 0 {
        return Err(refuse("the release has no files".to_owned()));
    }
    expect("files", manifest.size.files, files)?;
    expect("bytes installed", manifest.size.installed_bytes, bytes)?;
    UserPaths::of(&manifest.user_paths, &manifest.launch, &contents.entries)
        .map_err(|error| refuse(error.to_string()))?;
    let programs = [Some(&manifest.launch.desktop), manifest.launch.vr.as_ref()];
    programs
        .into_iter()
        .flatten()
        .try_for_each(|program| check_program(contents, program))
}

fn check_program(contents: &Contents, program: &Program) -> Result<(), ServiceError> {
    match contents.entries.iter().find(|entry| entry.path == program.path) {
        Some(entry) if matches!(entry.kind, EntryKind::File { .. }) => Ok(()),
        Some(_) => Err(refuse(format!(
            "the program {} is not a regular file",
            program.path
        ))),
        None => Err(refuse(format!(
            "the program {} is not in the contents",
            program.path
        ))),
    }
}

/// Returns each distinct chunk with its sizes, in order of first appearance.
fn needed_chunks(contents: &Contents, index: &Index) -> Result<Vec<NeededChunk>, ServiceError> {
    let mut plain_sizes: HashMap<ChunkId, u32> = HashMap::new();
    let mut needed = Vec::with_capacity(contents.stored_sizes.len());
    let mut stored_sizes = contents.stored_sizes.iter();
    for chunk in &index.chunks {
        match plain_sizes.insert(chunk.id, chunk.size) {
            Some(size) if size == chunk.size => continue,
            Some(size) => {
                return Err(refuse(format!(
                    "the index gives chunk {} {size} bytes and {} bytes",
                    chunk.id, chunk.size
                )));
            }
            None => {}
        }
        let stored = stored_sizes
            .next()
            .ok_or_else(|| refuse(format!("the contents give no stored size for chunk {}", chunk.id)))?;
        needed.push(NeededChunk {
            id: chunk.id,
            sizes: ChunkSizes {
                plain: u64::from(chunk.size),
                stored: u64::from(*stored),
            },
        });
    }
    match stored_sizes.next() {
        None => Ok(needed),
        Some(_) => Err(refuse(
            "the contents give more stored sizes than the index has chunks".to_owned(),
        )),
    }
}

fn expect(what: &str, claimed: u64, found: u64) -> Result<(), ServiceError> {
    match claimed == found {
        true => Ok(()),
        false => Err(refuse(format!(
            "the manifest says {claimed} {what}, the documents say {found}"
        ))),
    }
}

fn refuse(detail: String) -> ServiceError {
    ServiceError::invalid("invalid-release", detail)
}
