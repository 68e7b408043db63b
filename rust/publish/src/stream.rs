// SPDX-License-Identifier: MIT
//! Reads a tree's catar straight from its files: any range of it, or all of it through two buffers.

use std::ops::Range;

use rayon::prelude::*;
use vsekai_formats::index::Index;
use vsekai_formats::layout::{Layout, Slice};

use crate::cut::Cutter;
use crate::digest::FileDigests;
use crate::scan::{ScannedKind, ScannedTree};
use crate::{Cancel, Observer, Phase, Progress, PublishError, source};

/// Streams the catar through two buffers of a headroom and a batch each.
pub(crate) struct Streamer<'a> {
    pub(crate) tree: &'a ScannedTree,
    pub(crate) layout: &'a Layout,
    /// Bytes before the batch for what the last one left over.
    pub(crate) headroom: usize,
    pub(crate) observer: &'a dyn Observer,
    pub(crate) cancel: &'a Cancel,
}

impl Streamer<'_> {
    /// Reads the whole catar, appends its chunks to `index` and hashes its files.
    pub(crate) fn run(
        &self,
        mut cutter: Cutter<'_>,
        digests: &mut FileDigests<'_>,
        index: &mut Index,
    ) -> Result<(), PublishError> {
        let total = self.layout.total_len();
        let (mut current, mut next) = (Vec::new(), Vec::new());
        let mut range = batch(0, total);
        let mut left_over = 0;
        self.fill(range.clone(), &mut current)?;
        while !range.is_empty() {
            self.cancel.check()?;
            self.report(range.start);
            let coming = batch(range.end, total);
            let fresh = current.get(self.headroom..).unwrap_or_default();
            let uncut = current.get(self.headroom - left_over..).unwrap_or_default();
            let ((left, ()), filled) = rayon::join(
                || {
                    rayon::join(
                        || cutter.update(uncut, index),
                        || digests.update(range.clone(), fresh),
                    )
                },
                || self.fill(coming.clone(), &mut next),
            );
            filled?;
            left_over = self.carry_over(&current, left, &mut next)?;
            std::mem::swap(&mut current, &mut next);
            range = coming;
        }
        self.report(total);
        match left_over {
            0 => Ok(()),
            _ => Err(PublishError::Internal(
                "the end of the archive was not cut".to_owned(),
            )),
        }
    }

    /// Puts the last `left` bytes of `from` right before the batch in `to`.
    fn carry_over(&self, from: &[u8], left: usize, to: &mut Vec<u8>) -> Result<usize, PublishError> {
        to.resize(to.len().max(self.headroom), 0);
        let rest = from.len().checked_sub(left).and_then(|start| from.get(start..));
        let place = self
            .headroom
            .checked_sub(left)
            .and_then(|start| to.get_mut(start..self.headroom));
        match (rest, place) {
            (Some(rest), Some(place)) => place.copy_from_slice(rest),
            _ => {
                return Err(PublishError::Internal(
                    "more was left over than a chunk".to_owned(),
                ));
            }
        }
        Ok(left)
    }

    fn fill(&self, range: Range<u64>, buffer: &mut Vec<u8>) -> Result<(), PublishError> {
        let len = usize::try_from(range.end - range.start).unwrap_or(BATCH);
        buffer.resize(self.headroom + len, 0);
        fill(
            self.tree,
            self.layout,
            range,
            buffer.get_mut(self.headroom..).unwrap_or_default(),
        )
    }

    fn report(&self, done_bytes: u64) {
        let total_bytes = self.layout.total_len();
        self.observer.on_progress(Progress {
            phase: Phase::Reading,
            done_bytes,
            total_bytes,
        });
    }
}

fn batch(from: u64, total: u64) -> Range<u64> {
    from..total.min(from.saturating_add(BATCH as u64))
}

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

fn fill_part(tree: &ScannedTree, slice: &Slice, part: &mut [u8]) -> Result<(), PublishError> {
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

/// Bytes of the catar in memory at a time, twice.
const BATCH: usize = 8 << 20;
