// SPDX-License-Identifier: MIT
//! The archive a folder would make, known from its metadata alone: a place to look for chunks.
//!
//! Where a tree on disk is like the archive that is to be unpacked, the archive's chunks can be put together
//! from its files. Which of its bytes to take for a chunk follows from the node being unpacked: the same
//! path in the image, and the same distance from it. Whatever is put together is used only if it hashes to
//! the chunk's id, so the image may be as wrong as it likes.

use std::collections::HashMap;
use std::io::Write;
use std::ops::Range;
use std::path::{Path, PathBuf};

use fs_err as fs;
use vsekai_formats::DigestAlgorithm;
use vsekai_formats::catar::{Encoder, Node, NodeKind};

use crate::env::Cancel;
use crate::error::DesyncError;
use crate::files::read_exact_at;
use crate::tree::pack::{PackOptions, Step, walk};

/// The archive of a folder, as stretches of records and of files.
#[derive(Debug)]
pub(crate) struct TreeImage {
    literals: Vec<u8>,
    segments: Vec<Segment>,
    files: Vec<PathBuf>,
    /// Where each path begins, and where its content ends.
    places: HashMap<Vec<u8>, Range<u64>>,
    len: u64,
}

#[derive(Debug)]
struct Segment {
    start: u64,
    source: Source,
}

#[derive(Debug)]
enum Source {
    Literal(usize),
    File(usize),
}

impl TreeImage {
    /// Looks at the folder `root` and takes from the archive's root what it does not keep of its files: the
    /// owner if `owner` is not kept, and the time if the archive has none.
    pub(crate) fn of(
        root: &Path,
        archive_root: &Node,
        owner: bool,
        cancel: &Cancel,
    ) -> Result<Self, DesyncError> {
        let digest = vsekai_formats::flags::digest(archive_root.feature_flags);
        let mut builder = Builder::new(digest);
        let options = PackOptions {
            no_time: archive_root.metadata.mtime == 0,
            one_file_system: false,
        };
        walk(root, options, &mut |step| {
            cancel.check()?;
            match step {
                Step::Leave => {
                    builder.encoder.leave()?;
                    builder.parents.pop();
                }
                Step::Skipped(_) => {}
                Step::Node {
                    name,
                    path,
                    mut metadata,
                    kind,
                } => {
                    if !owner {
                        metadata.uid = archive_root.metadata.uid;
                        metadata.gid = archive_root.metadata.gid;
                    }
                    builder.node(name, path, &metadata, &kind)?;
                }
            }
            Ok(())
        })?;
        builder.finish()
    }

    /// Returns where `path` begins, and where its content ends.
    pub(crate) fn place(&self, path: &[u8]) -> Option<Range<u64>> {
        self.places.get(path).cloned()
    }

    /// Puts bytes of the image together; `None` if there are none there, or a file cannot be read.
    pub(crate) fn read(&self, range: Range<u64>) -> Option<Vec<u8>> {
        let len = range
            .end
            .checked_sub(range.start)
            .filter(|_| range.end <= self.len)?;
        let mut bytes = vec![0; usize::try_from(len).ok()?];
        let mut segment = self
            .segments
            .partition_point(|segment| segment.start <= range.start)
            .checked_sub(1)?;
        let mut at = range.start;
        let mut rest = bytes.as_mut_slice();
        while !rest.is_empty() {
            let current = self.segments.get(segment)?;
            let end = self.segments.get(segment + 1).map_or(self.len, |next| next.start);
            let taken = usize::try_from(end.checked_sub(at)?).ok()?.min(rest.len());
            let (part, after) = rest.split_at_mut(taken);
            self.fill(current, at - current.start, part)?;
            rest = after;
            at += taken as u64;
            segment += 1;
        }
        Some(bytes)
    }

    fn fill(&self, segment: &Segment, offset: u64, part: &mut [u8]) -> Option<()> {
        match segment.source {
            Source::Literal(at) => {
                let from = at.checked_add(usize::try_from(offset).ok()?)?;
                part.copy_from_slice(self.literals.get(from..from.checked_add(part.len())?)?);
                Some(())
            }
            Source::File(file) => {
                let file = fs::File::open(self.files.get(file)?).ok()?;
                read_exact_at(&file, offset, part).ok()
            }
        }
    }
}

struct Builder {
    encoder: Encoder<Literals>,
    segments: Vec<Segment>,
    files: Vec<PathBuf>,
    places: HashMap<Vec<u8>, Range<u64>>,
    file_bytes: u64,
    parents: Vec<Vec<u8>>,
}

/// The records, collected where the encoder cannot lose them.
type Literals = Vec<u8>;

impl Builder {
    fn new(digest: DigestAlgorithm) -> Self {
        Self {
            encoder: Encoder::new(Literals::new(), digest),
            segments: vec![Segment {
                start: 0,
                source: Source::Literal(0),
            }],
            files: Vec::new(),
            places: HashMap::new(),
            file_bytes: 0,
            parents: Vec::new(),
        }
    }

    fn node(
        &mut self,
        name: Option<&[u8]>,
        path: &Path,
        metadata: &vsekai_formats::catar::Metadata,
        kind: &NodeKind,
    ) -> Result<(), DesyncError> {
        let start = self.encoder.position();
        let archive_path = match (self.parents.last(), name) {
            (_, None) => Vec::new(),
            (None, Some(name)) => name.to_vec(),
            (Some(parent), Some(name)) if parent.is_empty() => name.to_vec(),
            (Some(parent), Some(name)) => [parent.as_slice(), name].join(&b'/'),
        };
        match kind {
            NodeKind::Folder => {
                self.encoder.folder(name, metadata)?;
                self.parents.push(archive_path.clone());
            }
            NodeKind::File { size, .. } => {
                let payload_at = self.encoder.file_elsewhere(name, metadata, *size)?;
                self.file(path, payload_at, *size);
            }
            NodeKind::Link { target } => self.encoder.link(name, metadata, target)?,
            NodeKind::Device { major, minor, .. } => self.encoder.device(name, metadata, *major, *minor)?,
            NodeKind::Fifo | NodeKind::Socket => {}
        }
        self.places.insert(archive_path, start..self.encoder.position());
        Ok(())
    }

    fn file(&mut self, path: &Path, payload_at: u64, size: u64) {
        if size == 0 {
            return;
        }
        let source = Source::File(self.files.len());
        self.files.push(path.to_owned());
        self.segments.push(Segment {
            start: payload_at,
            source,
        });
        self.file_bytes += size;
        let end = payload_at + size;
        let literals = usize::try_from(end - self.file_bytes).unwrap_or(usize::MAX);
        self.segments.push(Segment {
            start: end,
            source: Source::Literal(literals),
        });
    }

    fn finish(self) -> Result<TreeImage, DesyncError> {
        let len = self.encoder.position();
        let mut literals = self.encoder.finish()?;
        literals
            .flush()
            .map_err(DesyncError::file("look at the folder"))?;
        literals.shrink_to_fit();
        Ok(TreeImage {
            literals,
            segments: self.segments,
            files: self.files,
            places: self.places,
            len,
        })
    }
}
