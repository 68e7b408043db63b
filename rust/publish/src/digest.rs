// SPDX-License-Identifier: MIT
//! Digests of whole files, computed from the catar as it streams by.

use std::ops::Range;

use rayon::prelude::*;
use vsekai_formats::layout::{Layout, Slice};
use vsekai_formats::{ChunkId, DigestAlgorithm, IdHasher};

/// Collects the digest of every file of a catar that arrives in gapless pieces.
///
/// Files that lie inside one piece are hashed in parallel; only a file that spans pieces is hashed in order.
pub(crate) struct FileDigests<'a> {
    layout: &'a Layout,
    digests: Vec<Option<ChunkId>>,
    /// The file that the last piece ended in.
    open: Option<(usize, IdHasher)>,
}

impl<'a> FileDigests<'a> {
    pub(crate) fn new(layout: &'a Layout) -> Self {
        let mut digests = Self {
            layout,
            digests: vec![None; layout.entries().len()],
            open: None,
        };
        // Nothing of an empty file will go by.
        for (entry, _) in layout.payloads().filter(|(_, payload)| payload.is_empty()) {
            digests.set(entry, ChunkId::of(DigestAlgorithm::Sha512_256, &[]));
        }
        digests
    }

    /// Takes the piece `bytes`, which is `range` of the catar.
    pub(crate) fn update(&mut self, range: Range<u64>, bytes: &[u8]) {
        let mut rest = bytes;
        let mut whole = Vec::new();
        for slice in self.layout.slices(range) {
            let len = usize::try_from(slice.len()).unwrap_or(usize::MAX).min(rest.len());
            let (part, after) = rest.split_at(len);
            rest = after;
            let Slice::File { entry, offset, .. } = slice else {
                continue;
            };
            let size = self
                .layout
                .payload(entry)
                .map_or(0, |payload| payload.end - payload.start);
            match offset == 0 && part.len() as u64 == size {
                true => whole.push((entry, part)),
                false => self.update_open(entry, part, offset + part.len() as u64 == size),
            }
        }
        let hash = |(entry, part): &(usize, &[u8])| (*entry, ChunkId::of(DigestAlgorithm::Sha512_256, part));
        for (entry, digest) in whole.par_iter().map(hash).collect::<Vec<_>>() {
            self.set(entry, digest);
        }
    }

    /// Returns the digest of each entry's file, `None` if it has none or not all of it has gone by.
    pub(crate) fn finish(self) -> Vec<Option<ChunkId>> {
        self.digests
    }

    fn update_open(&mut self, entry: usize, part: &[u8], last: bool) {
        let hasher = match self.open.take() {
            Some((open, hasher)) if open == entry => hasher,
            _ => IdHasher::new(DigestAlgorithm::Sha512_256),
        };
        let mut hasher = hasher;
        hasher.update(part);
        match last {
            true => self.set(entry, hasher.finish()),
            false => self.open = Some((entry, hasher)),
        }
    }

    fn set(&mut self, entry: usize, digest: ChunkId) {
        if let Some(slot) = self.digests.get_mut(entry) {
            *slot = Some(digest);
        }
    }
}
