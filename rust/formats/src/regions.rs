// SPDX-License-Identifier: MIT
//! The parts of a release's catar that are chunked on their own.
//!
//! The content of every file of at least the minimum chunk size is a region, so that such a file has the
//! same chunks in every release and in every place. The records and small files between two of them are a
//! region together. Hints from inside a file (see [`crate::pck`]) divide it further. An index made from
//! regions is an ordinary one: readers check only that no chunk exceeds the maximum.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::chunker::ChunkSizes;
use crate::layout::Layout;

/// Positions inside files where cutting pays, by position of the entry; each list ascends.
pub type CutHints = BTreeMap<usize, Vec<u64>>;

/// Divides the catar of `layout`, gapless and in order; no region is empty.
///
/// A hint is followed only if it leaves at least the minimum chunk size on both sides, so hints never make
/// chunks smaller than that.
pub fn regions(layout: &Layout, sizes: ChunkSizes, hints: &CutHints) -> Vec<Range<u64>> {
    let min = sizes.min() as u64;
    let mut cuts = Vec::new();
    for (entry, payload) in layout.payloads() {
        if payload.end - payload.start < min {
            continue;
        }
        cuts.push(payload.start);
        let mut last = payload.start;
        for hint in hints.get(&entry).into_iter().flatten() {
            let Some(cut) = payload.start.checked_add(*hint) else {
                break;
            };
            let fits_before = cut.checked_sub(last).is_some_and(|before| before >= min);
            let fits_after = payload.end.checked_sub(cut).is_some_and(|after| after >= min);
            if fits_before && fits_after {
                cuts.push(cut);
                last = cut;
            }
        }
        cuts.push(payload.end);
    }
    cuts.push(layout.total_len());
    let mut start = 0;
    let mut regions = Vec::with_capacity(cuts.len());
    for cut in cuts {
        if cut > start {
            regions.push(start..cut);
            start = cut;
        }
    }
    regions
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::Entry;
    use crate::testdata::{contents, file};

    fn layout(sizes: &[u64]) -> Layout {
        let files = sizes.iter().enumerate();
        let files: Vec<Entry> = files
            .map(|(number, size)| file(&format!("f{number}"), *size))
            .collect();
        Layout::of(contents(&files).into()).unwrap()
    }

    fn sizes() -> ChunkSizes {
        ChunkSizes::new(1024, 4096, 16384).unwrap()
    }

    #[test]
    fn large_files_are_regions_and_the_rest_is_joined() {
        let layout = layout(&[10, 5000, 20, 30, 1024, 6000, 0]);
        let regions = regions(&layout, sizes(), &CutHints::new());
        let large: Vec<_> = [1, 4, 5].map(|entry| layout.payload(entry).unwrap()).into();
        assert_eq!(regions.len(), 7);
        assert_eq!(
            [&regions[1], &regions[3], &regions[5]],
            [&large[0], &large[1], &large[2]]
        );
        assert_eq!((regions[0].start, regions[6].end), (0, layout.total_len()));
        assert!(regions.windows(2).all(|pair| pair[0].end == pair[1].start));
    }

    #[test]
    fn a_tree_of_small_files_is_one_region() {
        let layout = layout(&[10, 20, 0]);
        let whole = 0..layout.total_len();
        assert!(regions(&layout, sizes(), &CutHints::new()).iter().eq([&whole]));
    }

    #[test]
    fn hints_are_followed_where_both_sides_stay_large_enough() {
        let layout = layout(&[10_000]);
        let payload = layout.payload(0).unwrap();
        let hints = CutHints::from([(0, vec![0, 1023, 2000, 2500, 4000, 8977, 9_000, u64::MAX])]);
        let found = regions(&layout, sizes(), &hints);
        let inner: Vec<_> = found[1..found.len() - 1]
            .iter()
            .map(|region| region.start - payload.start)
            .collect();
        assert_eq!(inner, [0, 2000, 4000]);
        let hints = CutHints::from([(0, vec![8976])]);
        assert_eq!(regions(&layout, sizes(), &hints).len(), 4);
    }
}
