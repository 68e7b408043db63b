// SPDX-License-Identifier: MIT
//! Stretches of seeds that the output shares with them, on file systems that can (btrfs, XFS, bcachefs).
//!
//! Only whole blocks can be shared, so a stretch must lie in the seed as it lies in the output but for a number
//! of whole blocks. What was shared is read back from the output and checked like everything else: from then on
//! it is the output's own, whatever happens to the seed.

use std::io;

use fs_err as fs;
use vsekai_formats::IndexChunk;

use crate::files::folder_of;
use crate::seeds::Seeds;

/// Chunks in a row that a seed has in the same row, a number of whole blocks from there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stretch {
    /// Position of the seed.
    pub(crate) seed: usize,
    /// Where it begins and ends (exclusive) in the output.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Position in the seed less position in the output.
    shift: i64,
}

impl Stretch {
    /// Returns the whole blocks inside.
    pub(crate) fn blocks(&self, block: u64) -> std::ops::Range<u64> {
        let start = self.start.next_multiple_of(block);
        start..(self.end - self.end % block).max(start)
    }
}

/// Finds the stretches of `wanted`, which are in order, that are worth sharing.
pub(crate) fn stretches(wanted: &[IndexChunk], seeds: &Seeds, block: u64) -> Vec<Stretch> {
    join(wanted.iter().map(|chunk| (*chunk, seeds.place(chunk.id))), block)
}

fn join(wanted: impl Iterator<Item = (IndexChunk, Option<(usize, u64)>)>, block: u64) -> Vec<Stretch> {
    let mut found: Vec<Stretch> = Vec::new();
    for (chunk, place) in wanted {
        let Some((seed, at)) = place else { continue };
        let shift = at.wrapping_sub(chunk.start).cast_signed();
        match found.last_mut() {
            Some(last) if (last.seed, last.shift, last.end) == (seed, shift, chunk.start) => {
                last.end = chunk.end();
            }
            _ => found.push(Stretch {
                seed,
                start: chunk.start,
                end: chunk.end(),
                shift,
            }),
        }
    }
    found.retain(|stretch| {
        let blocks = stretch.blocks(block);
        stretch.shift.unsigned_abs().is_multiple_of(block) && blocks.end - blocks.start >= MIN_SHARED
    });
    found
}

/// Returns the size of the blocks that `output` can share with other files on its file system, if it can.
#[cfg(target_os = "linux")]
pub(crate) fn shared_block(output: &fs::File) -> Option<u64> {
    let folder = folder_of(output.path());
    // The only way to learn it is to try; these files have no names and go with their handles.
    let (from, to) = (
        tempfile::tempfile_in(folder).ok()?,
        tempfile::tempfile_in(folder).ok()?,
    );
    rustix::io::write(&from, &[1; 4096]).ok()?;
    rustix::fs::ioctl_ficlone(&to, &from).ok()?;
    let block = u64::try_from(rustix::fs::fstatfs(output.file()).ok()?.f_bsize).ok()?;
    (block.is_power_of_two() && block <= MIN_SHARED).then_some(block)
}

/// Elsewhere files are copied.
#[cfg(not(target_os = "linux"))]
pub(crate) fn shared_block(_: &fs::File) -> Option<u64> {
    None
}

/// Makes the output share the whole blocks of a stretch with the seed.
#[cfg(target_os = "linux")]
pub(crate) fn share(stretch: &Stretch, seed: &fs::File, output: &fs::File, block: u64) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    if seed.metadata()?.dev() != output.metadata()?.dev() {
        return Err(io::ErrorKind::CrossesDevices.into());
    }
    let blocks = stretch.blocks(block);
    let (mut to, end) = (blocks.start, blocks.end);
    let mut from = to
        .checked_add_signed(stretch.shift)
        .ok_or(io::ErrorKind::InvalidInput)?;
    // Where blocks can be shared, this call shares them and moves both positions on.
    while to < end {
        let left = usize::try_from(end - to).unwrap_or(usize::MAX);
        let moved =
            rustix::fs::copy_file_range(seed.file(), Some(&mut from), output.file(), Some(&mut to), left)?;
        if moved == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

/// Elsewhere files are copied.
#[cfg(not(target_os = "linux"))]
pub(crate) fn share(_: &Stretch, _: &fs::File, _: &fs::File, _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Shorter stretches are copied: sharing them saves little and cuts files into pieces.
const MIN_SHARED: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use vsekai_formats::{ChunkId, DigestAlgorithm};

    fn chunk(start: u64, size: u32) -> IndexChunk {
        IndexChunk {
            id: ChunkId::of(DigestAlgorithm::Sha256, &start.to_le_bytes()),
            start,
            size,
        }
    }

    #[test]
    fn chunks_in_the_same_row_at_whole_blocks_are_joined() {
        let wanted = [
            (chunk(100, 100_000), Some((0, 8292))),
            (chunk(100_100, 100_000), Some((0, 108_292))),
            // Another seed, then nowhere, then not at whole blocks, then too short.
            (chunk(200_100, 100_000), Some((1, 200_100))),
            (chunk(300_100, 100_000), None),
            (chunk(400_100, 100_000), Some((0, 1))),
            (chunk(500_100, 10_000), Some((0, 500_100))),
        ];
        let found = join(wanted.into_iter(), 4096);
        let ranges: Vec<_> = found
            .iter()
            .map(|found| (found.seed, found.start, found.end))
            .collect();
        assert_eq!(ranges, [(0, 100, 200_100), (1, 200_100, 300_100)]);
        assert_eq!(found[0].blocks(4096), 4096..196_608);
    }

    #[test]
    fn less_than_a_block_has_no_blocks() {
        let short = Stretch {
            seed: 0,
            start: 5,
            end: 90,
            shift: 0,
        };
        assert!(short.blocks(4096).is_empty());
    }
}
