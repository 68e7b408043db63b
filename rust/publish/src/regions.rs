// SPDX-License-Identifier: MIT
//! Where chunks must end: at large files, and at the resources inside of Godot packs.

use std::io;
use std::path::Path;

use rayon::prelude::*;
use vsekai_formats::chunker::ChunkSizes;
use vsekai_formats::layout::Layout;
use vsekai_formats::read_at::ReadAt;
use vsekai_formats::regions::CutHints;
use vsekai_formats::{TreePath, pck, regions};

use crate::scan::{ScannedFile, ScannedKind, ScannedTree};
use crate::{PublishError, source};

/// Returns the ends of the regions of the catar, ascending; the last is its length.
///
/// Of packs the header and the directory are read for this.
pub(crate) fn ends(tree: &ScannedTree, layout: &Layout, sizes: ChunkSizes) -> Result<Vec<u64>, PublishError> {
    let hints = cut_hints(tree, sizes)?;
    let regions = regions::regions(layout, sizes, &hints);
    Ok(regions.into_iter().map(|region| region.end).collect())
}

fn cut_hints(tree: &ScannedTree, sizes: ChunkSizes) -> Result<CutHints, PublishError> {
    let min = sizes.min() as u64;
    let packs = tree
        .entries
        .par_iter()
        .enumerate()
        .filter_map(|(position, entry)| match &entry.kind {
            ScannedKind::File(file) if file.pack && file.size >= 2 * min => Some((
                position,
                FileInput {
                    root: &tree.root,
                    path: &entry.path,
                    file,
                },
            )),
            _ => None,
        });
    packs
        .map(|(position, input)| {
            let hints = pck::cut_hints(&input, min).map_err(into_publish_error)?;
            Ok((position, hints))
        })
        .collect()
}

/// A file of the tree, to be read at any position.
pub(crate) struct FileInput<'a> {
    pub(crate) root: &'a Path,
    pub(crate) path: &'a TreePath,
    pub(crate) file: &'a ScannedFile,
}

impl ReadAt for FileInput<'_> {
    fn len(&self) -> u64 {
        self.file.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        source::read_exact_at(self.root, self.path, &self.file.stamp, offset, buffer)
            .map_err(io::Error::other)
    }
}

/// Takes the error of [`FileInput`] out again.
pub(crate) fn into_publish_error(error: io::Error) -> PublishError {
    error
        .downcast::<PublishError>()
        .unwrap_or_else(|source| PublishError::Io {
            action: "read a pack",
            source,
        })
}
