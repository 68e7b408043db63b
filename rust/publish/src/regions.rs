// SPDX-License-Identifier: MIT
//! Where chunks must end: at files, and at the entries of Godot packs.
//!
//! A file that has chunks of its own keeps them when its neighbours or its name change, and an entry of a
//! pack keeps them when other entries grow or move. Small files stay in common chunks.

use vsekai_formats::chunker::ChunkSizes;
use vsekai_formats::layout::Layout;

use crate::PublishError;
use crate::scan::ScannedTree;

/// Returns the ends of the regions of the catar, ascending; the last is its length.
pub(crate) fn ends(
    _tree: &ScannedTree,
    layout: &Layout,
    sizes: ChunkSizes,
) -> Result<Vec<u64>, PublishError> {
    let mut ends = Vec::new();
    for (_, payload) in layout.payloads() {
        if payload.end - payload.start >= sizes.min() as u64 {
            ends.extend([payload.start, payload.end]);
        }
    }
    ends.push(layout.total_len());
    ends.dedup();
    Ok(ends)
}
