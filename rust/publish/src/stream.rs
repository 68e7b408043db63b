// SPDX-License-Identifier: MIT
//! Reads any range of a tree's catar straight from its files.

use std::ops::Range;

use rayon::prelude::*;
use vsekai_formats::layout::{Layout, Slice};

use crate::PublishError;
use crate::scan::{ScannedKind, ScannedTree};
use crate::source;

/// Fills `buffer` with `range` of the catar; both must have the same length.
///
/// Files are read in parallel, which is what makes folders of many small files quick.
pub(crate) fn fill(
    tree: &ScannedTree,
    layout: &Layout,
    range: Range<u64>,
    buffer: &mut [u8],
) -> Result<(), PublishError> {
    let mut rest = buffer;
    let mut parts = Vec::new();
    for slice in layout.slices(range) {
        let len = usize::try_from(slice.len()).unwrap_or(usize::MAX);
        let Some((part, after)) = rest.split_at_mut_checked(len) else {
            return Err(PublishError::Internal(
                "a range of the archive is longer than its buffer".to_owned(),
            ));
        };
        parts.push((slice, part));
        rest = after;
    }
    if !rest.is_empty() {
        return Err(PublishError::Internal(
            "a range lies beyond the end of the archive".to_owned(),
        ));
    }
    match parts.as_mut_slice() {
        // The usual case for one chunk: no need to wake other threads.
        [(slice, part)] => fill_part(tree, slice, part),
        _ => parts
            .into_par_iter()
            .try_for_each(|(slice, part)| fill_part(tree, &slice, part)),
    }
}

fn fill_part(tree: &ScannedTree, slice: &Slice<'_>, part: &mut [u8]) -> Result<(), PublishError> {
    match slice {
        Slice::Literal(bytes) => {
            part.copy_from_slice(bytes);
            Ok(())
        }
        Slice::File { entry, offset, .. } => {
            let found = tree.entries.get(*entry).map(|entry| (&entry.path, &entry.kind));
            let Some((path, ScannedKind::File(file))) = found else {
                return Err(PublishError::Internal(
                    "the archive takes bytes from something that is no file".to_owned(),
                ));
            };
            source::read_exact_at(&tree.root, path, &file.stamp, *offset, part)
        }
    }
}
