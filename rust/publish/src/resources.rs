// SPDX-License-Identifier: MIT
//! Which resources inside of Godot packs differ between a build and a release that is published.
//!
//! Of the packs on this machine the directories are read; of those on the server the chunks that hold the
//! directories are fetched, and no others.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use vsekai_formats::index::{Index, IndexLimits};
use vsekai_formats::layout::Layout;
use vsekai_formats::pck::{self, PackedResource};
use vsekai_formats::read_at::ReadAt;
use vsekai_formats::release::{Contents, MAX_CONTENTS_BYTES, MAX_INDEX_BYTES};
use vsekai_formats::{ChunkId, TreePath};
use vsekai_store::{Chunk, ChunkStore, HttpStore};

use crate::regions::{FileInput, into_publish_error};
use crate::scan::ScannedKind;
use crate::server::store_failure;
use crate::task::blocking;
use crate::{PublishError, Release, ReleaseDocuments, Server};

/// How a resource differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the build has it.
    Added,
    /// Its content differs.
    Changed,
    /// Only the published release has it.
    Removed,
}

/// A resource in a pack that differs from the one published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceChange {
    /// The pack, below the build's folder.
    pub pack: TreePath,
    /// The resource's path in the pack.
    pub path: String,
    /// How it differs.
    pub change: Change,
    /// Its size in bytes; that in the published release if only that has it.
    pub bytes: u64,
}

/// Compares the packs of `release` with those that `earlier` has under the same paths, by the digests in their
/// directories.
///
/// Packs that cannot be read (encrypted ones, for instance) are left out.
///
/// # Errors
/// A file cannot be read, or the server does not give the chunks asked for.
pub async fn changed_resources(
    release: Arc<Release>,
    earlier: ReleaseDocuments,
    server: &Server,
) -> Result<Vec<ResourceChange>, PublishError> {
    let old = Old::parse(&earlier)?;
    let store = server.store(old.largest_chunk())?;
    let handle = Handle::current();
    blocking(move || compare_packs(&release, &old, &store, &handle)).await
}

fn compare_packs(
    release: &Release,
    old: &Old,
    store: &HttpStore,
    handle: &Handle,
) -> Result<Vec<ResourceChange>, PublishError> {
    let tree = release.tree();
    let mut changes = Vec::new();
    for entry in &tree.entries {
        let ScannedKind::File(file) = &entry.kind else {
            continue;
        };
        if !file.pack {
            continue;
        }
        let input = FileInput {
            root: &tree.root,
            path: &entry.path,
            file,
        };
        let Some(new) = pck::resources(&input).map_err(into_publish_error)? else {
            continue;
        };
        let before = match old.payload(&entry.path) {
            Some(payload) => {
                let pack = RemotePack {
                    index: &old.index,
                    payload,
                    store,
                    handle,
                    fetched: Mutex::default(),
                };
                pck::resources(&pack).map_err(into_publish_error)?
            }
            None => Some(Vec::new()),
        };
        if let Some(before) = before {
            let found = differences(before, new);
            changes.extend(found.into_iter().map(|(path, change, bytes)| ResourceChange {
                pack: entry.path.clone(),
                path,
                change,
                bytes,
            }));
        }
    }
    Ok(changes)
}

/// Returns what differs between the directories of two packs, by path.
fn differences(old: Vec<PackedResource>, new: Vec<PackedResource>) -> Vec<(String, Change, u64)> {
    let size = |resource: &PackedResource| resource.range.end - resource.range.start;
    let mut before: BTreeMap<String, PackedResource> = old
        .into_iter()
        .map(|resource| (resource.path.clone(), resource))
        .collect();
    let mut found = Vec::new();
    for resource in new {
        let bytes = size(&resource);
        match before.remove(&resource.path) {
            None => found.push((resource.path, Change::Added, bytes)),
            Some(old) if old.md5 != resource.md5 || size(&old) != bytes => {
                found.push((resource.path, Change::Changed, bytes));
            }
            Some(_) => {}
        }
    }
    let gone = before.into_values();
    found.extend(gone.map(|old| (old.path.clone(), Change::Removed, size(&old))));
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
}

/// A published release as far as its files can be found in its chunks.
struct Old {
    contents: Arc<Contents>,
    layout: Layout,
    index: Index,
}

impl Old {
    fn parse(documents: &ReleaseDocuments) -> Result<Self, PublishError> {
        let bad = |reason: String| PublishError::BadAnswer {
            action: "read a release that is published",
            reason,
        };
        let contents = Contents::read(&documents.contents, MAX_CONTENTS_BYTES);
        let contents = Arc::new(contents.map_err(|error| bad(error.to_string()))?);
        contents.validate()?;
        let layout = Layout::of(contents.clone()).map_err(|error| bad(error.to_string()))?;
        let limits = IndexLimits::for_bytes(MAX_INDEX_BYTES);
        let index = Index::from_bytes(&documents.index, &limits).map_err(|error| bad(error.to_string()))?;
        match layout.total_len() == index.total_size() {
            true => Ok(Self {
                contents,
                layout,
                index,
            }),
            false => Err(bad("its index is that of another archive".to_owned())),
        }
    }

    fn largest_chunk(&self) -> usize {
        let sizes = self.index.chunks.iter().map(|chunk| chunk.size as usize);
        sizes.max().unwrap_or_default()
    }

    fn payload(&self, path: &TreePath) -> Option<Range<u64>> {
        let position = self
            .contents
            .entries
            .iter()
            .position(|entry| entry.path == *path)?;
        self.layout.payload(position)
    }
}

/// A pack in the chunks of a server.
struct RemotePack<'a> {
    index: &'a Index,
    payload: Range<u64>,
    store: &'a HttpStore,
    handle: &'a Handle,
    fetched: Mutex<HashMap<ChunkId, Chunk>>,
}

impl RemotePack<'_> {
    fn chunk(&self, id: ChunkId) -> io::Result<Chunk> {
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(chunk) = fetched.get(&id) {
            return Ok(chunk.clone());
        }
        let chunk = self.handle.block_on(self.store.get(id));
        let chunk = chunk
            .map_err(|error| io::Error::other(store_failure("fetch a directory of resources", error)))?;
        fetched.insert(id, chunk.clone());
        Ok(chunk)
    }
}

impl ReadAt for RemotePack<'_> {
    fn len(&self) -> u64 {
        self.payload.end - self.payload.start
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end_of_file = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let mut position = self.payload.start.checked_add(offset).ok_or_else(end_of_file)?;
        let end = position
            .checked_add(buffer.len() as u64)
            .ok_or_else(end_of_file)?;
        if end > self.payload.end {
            return Err(end_of_file());
        }
        let mut rest = buffer;
        while !rest.is_empty() {
            let at = self.index.chunk_at(position);
            let placed = at
                .and_then(|at| self.index.chunks.get(at))
                .ok_or_else(end_of_file)?;
            let chunk = self.chunk(placed.id)?;
            let from = usize::try_from(position - placed.start).map_err(io::Error::other)?;
            let source = chunk.plain().get(from..).filter(|source| !source.is_empty());
            let source = source.ok_or_else(end_of_file)?;
            let count = source.len().min(rest.len());
            let (part, after) = rest.split_at_mut(count);
            part.copy_from_slice(&source[..count]);
            rest = after;
            position += count as u64;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(path: &str, size: u64, md5: u8) -> PackedResource {
        PackedResource {
            path: path.to_owned(),
            range: 100..100 + size,
            md5: [md5; 16],
        }
    }

    #[test]
    fn what_only_moved_inside_the_pack_did_not_change() {
        let mut moved = resource("same", 10, 1);
        moved.range = 900..910;
        let old = vec![
            resource("same", 10, 1),
            resource("gone", 5, 2),
            resource("other", 7, 3),
        ];
        let new = vec![resource("other", 7, 4), moved, resource("new", 9, 5)];
        let expected = [
            ("gone".to_owned(), Change::Removed, 5),
            ("new".to_owned(), Change::Added, 9),
            ("other".to_owned(), Change::Changed, 7),
        ];
        assert_eq!(differences(old, new), expected);
    }
}
