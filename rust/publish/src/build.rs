// SPDX-License-Identifier: MIT
//! Cuts a folder into chunks and makes the documents of a release.
//!
//! The catar is streamed, never stored: two buffers of some megabytes take turns, one being filled from
//! the files while the other is cut and hashed on all processors. Apart from these buffers memory holds a
//! few hundred bytes for each file and 48 for each chunk, whatever the sizes of the files.
//!
//! Every file is read once here. [`crate::upload()`] reads again only the parts the server lacks, so no file
//! is read more than twice.

use std::ops::Range;
use std::sync::Arc;

use rayon::prelude::*;
use vsekai_formats::chunker::{ChunkSizes, FastCdc};
use vsekai_formats::index::{Index, IndexChunk};
use vsekai_formats::layout::Layout;
use vsekai_formats::release::{
    Contents, Entries, EntryKind, EntryRef, Launch, Pinned, Platform, ReleaseManifest, ReleaseSize, SCHEMA,
    Slug, Version, address,
};
use vsekai_formats::release::{MAX_CONTENTS_BYTES, MAX_CONTENTS_STORED_BYTES, MAX_MANIFEST_BYTES};
use vsekai_formats::{ChunkId, DigestAlgorithm, TreePath, UserPaths, codec, flags};

use crate::cut::Cutter;
use crate::digest::FileDigests;
use crate::scan::{ScannedKind, ScannedTree};
use crate::{Cancel, Observer, PublishError, regions, source, stream};

/// What a publisher says about a release.
#[derive(Clone, Debug)]
pub struct ReleaseInfo {
    /// The title.
    pub title: Slug,
    /// The build's label.
    pub version: Version,
    /// What is new, in Markdown; at most [`vsekai_formats::release::MAX_NOTES_BYTES`].
    pub notes: String,
    /// Oldest launcher version that can install the build.
    pub minimum_launcher: Option<Version>,
    /// Oldest engine version that can install the build.
    pub minimum_engine: Option<Version>,
    /// What is the player's once it is there; order and repetition make no difference.
    pub user_paths: Vec<TreePath>,
}

/// A release that is ready to be uploaded: everything but the stored sizes of its chunks and its sequence,
/// which only the server knows.
#[derive(Clone, Debug)]
pub struct Release {
    tree: Arc<ScannedTree>,
    info: ReleaseInfo,
    layout: Arc<Layout>,
    index: Index,
}

/// The documents of a release, as they are served.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    pub(crate) manifest: ReleaseManifest,
    pub(crate) manifest_bytes: Vec<u8>,
    pub(crate) contents_bytes: Vec<u8>,
}

/// Reads every file of `tree`, cuts the catar into chunks and names them.
///
/// # Errors
/// [`PublishError::UserPath`] if something cannot be left to the player, [`PublishError::Changed`] if a file is not
/// what it was when the folder was scanned, file errors, and [`PublishError::Cancelled`].
pub fn build(
    tree: ScannedTree,
    mut info: ReleaseInfo,
    observer: &dyn Observer,
    cancel: &Cancel,
) -> Result<Release, PublishError> {
    check_notes(&info)?;
    let contents = undigested(&tree)?;
    info.user_paths.sort();
    info.user_paths.dedup();
    UserPaths::of(&info.user_paths, &tree.launch, &contents.entries)?;
    contents.validate()?;
    let layout = Layout::of(Arc::new(contents));
    let mut layout = layout.map_err(|error| PublishError::Internal(error.to_string()))?;
    let sizes = ChunkSizes::DEFAULT;
    let chunker = FastCdc::new(sizes).map_err(|error| PublishError::Internal(error.to_string()))?;
    let region_ends = regions::ends(&tree, &layout, sizes)?;
    let mut digests = FileDigests::new(&layout);
    let mut index = Index::new(flags::for_catar(DIGEST), DIGEST, sizes.for_index());
    let streamer = stream::Streamer {
        tree: &tree,
        layout: &layout,
        headroom: sizes.max(),
        observer,
        cancel,
    };
    streamer.run(Cutter::new(&chunker, &region_ends), &mut digests, &mut index)?;
    for (position, digest) in digests.finish().into_iter().enumerate() {
        let is_done = match digest {
            Some(digest) => layout.set_digest(position, digest),
            None => layout.payload(position).is_none(),
        };
        if !is_done {
            return Err(PublishError::Internal("a file was not hashed".to_owned()));
        }
    }
    let release = Release {
        tree: Arc::new(tree),
        info,
        layout: Arc::new(layout),
        index,
    };
    release.check_unchanged()?;
    Ok(release)
}

impl Release {
    /// Returns the title, version and notes.
    pub fn info(&self) -> &ReleaseInfo {
        &self.info
    }

    /// Returns the platform.
    pub fn platform(&self) -> Platform {
        self.tree.platform
    }

    /// Returns the folder as it was listed.
    pub(crate) fn tree(&self) -> &ScannedTree {
        &self.tree
    }

    /// Returns the programs to start.
    pub fn launch(&self) -> &Launch {
        &self.tree.launch
    }

    /// Returns the number of files.
    pub fn files(&self) -> usize {
        self.tree.files()
    }

    /// Returns the bytes of all files.
    pub fn bytes(&self) -> u64 {
        self.tree.bytes()
    }

    /// Returns the entries of the release, digests included.
    pub fn entries(&self) -> &Entries {
        self.layout.entries()
    }

    /// Returns the index of the release's catar.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// Returns the file name of the index on a server.
    pub fn index_name(&self) -> String {
        address::index_name(&self.info.title, self.platform(), &self.info.version)
    }

    /// Returns the plain bytes of a chunk of the index, read again from the files.
    ///
    /// # Errors
    /// [`PublishError::Changed`] if they do not match the chunk's id any more.
    pub fn read_chunk(&self, chunk: &IndexChunk) -> Result<Vec<u8>, PublishError> {
        let mut plain = vec![0; chunk.size as usize];
        stream::fill(&self.tree, &self.layout, chunk.range(), &mut plain)?;
        match ChunkId::of(DIGEST, &plain) == chunk.id {
            true => Ok(plain),
            false => Err(PublishError::Changed {
                path: self.file_at(chunk),
            }),
        }
    }

    /// Checks, by metadata alone, that every file still is what was read.
    pub(crate) fn check_unchanged(&self) -> Result<(), PublishError> {
        self.tree
            .entries
            .par_iter()
            .try_for_each(|entry| match &entry.kind {
                ScannedKind::File(file) => source::check_unchanged(&self.tree.root, &entry.path, &file.stamp),
                _ => Ok(()),
            })
    }

    /// Makes the documents; `stored_sizes` are those of the distinct chunks in order of first appearance.
    pub(crate) fn documents(&self, stored_sizes: Vec<u32>, sequence: u64) -> Result<Documents, PublishError> {
        let download_bytes = stored_sizes.iter().map(|size| u64::from(*size)).sum();
        let chunks = stored_sizes.len() as u64;
        let contents = Contents {
            schema: SCHEMA,
            entries: self.entries().clone(),
            stored_sizes,
        };
        contents.validate()?;
        let plain =
            serde_json::to_vec(&contents).map_err(|error| PublishError::Internal(error.to_string()))?;
        within("list of files", plain.len(), MAX_CONTENTS_BYTES)?;
        let contents_bytes = codec::compress(&plain, CONTENTS_LEVEL)
            .map_err(|error| PublishError::Internal(error.to_string()))?;
        within(
            "compressed list of files",
            contents_bytes.len(),
            MAX_CONTENTS_STORED_BYTES,
        )?;
        let manifest = ReleaseManifest {
            schema: SCHEMA,
            title: self.info.title.clone(),
            platform: self.platform(),
            version: self.info.version.clone(),
            sequence,
            index: Pinned::of(&self.index.to_bytes()),
            contents: Pinned::of(&contents_bytes),
            launch: self.tree.launch.clone(),
            size: ReleaseSize {
                files: self.files() as u64,
                installed_bytes: self.bytes(),
                chunks,
                download_bytes,
            },
            notes: self.info.notes.clone(),
            minimum_launcher: self.info.minimum_launcher.clone(),
            minimum_engine: self.info.minimum_engine.clone(),
            user_paths: self.info.user_paths.clone(),
        };
        let manifest_bytes =
            serde_json::to_vec(&manifest).map_err(|error| PublishError::Internal(error.to_string()))?;
        within("manifest", manifest_bytes.len(), MAX_MANIFEST_BYTES)?;
        Ok(Documents {
            manifest,
            manifest_bytes,
            contents_bytes,
        })
    }

    fn file_at(&self, chunk: &IndexChunk) -> String {
        let inside =
            |(_, payload): &(usize, Range<u64>)| payload.start < chunk.end() && chunk.start < payload.end;
        let position = self.layout.payloads().find(inside).map(|(position, _)| position);
        let entry = position.and_then(|position| self.entries().get(position));
        entry.map_or_else(
            || self.tree.root.display().to_string(),
            |entry| entry.path.to_string(),
        )
    }
}

/// Lists the entries of a folder, with digests that are still to come.
fn undigested(tree: &ScannedTree) -> Result<Contents, PublishError> {
    let mut entries = Entries::default();
    for scanned in &tree.entries {
        let kind = match &scanned.kind {
            ScannedKind::Folder => EntryKind::Folder,
            ScannedKind::Link { target } => EntryKind::Link { target: &**target },
            ScannedKind::File(file) => EntryKind::File {
                size: file.size,
                executable: file.executable,
                digest: ChunkId::from_bytes([0; 32]),
            },
        };
        let path = scanned.path.borrowed();
        let added = entries.push(EntryRef { path, kind });
        added.map_err(|error| PublishError::Internal(error.to_string()))?;
    }
    entries.shrink_to_fit();
    Ok(Contents {
        schema: SCHEMA,
        entries,
        stored_sizes: Vec::new(),
    })
}

fn check_notes(info: &ReleaseInfo) -> Result<(), PublishError> {
    within(
        "release notes",
        info.notes.len(),
        vsekai_formats::release::MAX_NOTES_BYTES,
    )
}

fn within(what: &'static str, bytes: usize, limit: usize) -> Result<(), PublishError> {
    match bytes <= limit {
        true => Ok(()),
        false => Err(PublishError::TooLarge {
            what,
            bytes: bytes as u64,
            limit: limit as u64,
        }),
    }
}

/// What names the chunks of releases.
const DIGEST: DigestAlgorithm = DigestAlgorithm::Sha512_256;
/// zstd level of the list of files: it is small, read by every player and written once.
const CONTENTS_LEVEL: i32 = 9;
