// SPDX-License-Identifier: MIT
//! The chunks that a plan needs: a part of planning, and as pure.

use std::ops::Range;
use std::sync::Arc;

use vsekai_formats::{ByDigest, ChunkId, Index};

use crate::plan::number;
use crate::release::Release;

/// The distinct chunks that built files need, in the order of the new index; each is known by its number.
///
/// There may be a hundred thousand: three numbers are kept of each, the rest is in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NeededChunks {
    index: Arc<Index>,
    kept: Vec<Kept>,
    /// The chunks that have more than one place, and where they are beside the first: number and position, in order.
    repeats: Vec<(u32, u32)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kept {
    /// Where the new index has it first among the places that are needed.
    position: u32,
    stored_size: u32,
    /// Where the seed's index has it, or [`NOWHERE`].
    installed: u32,
}

/// A chunk that built files need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeededChunk {
    /// Its number among those needed.
    pub number: u32,
    /// Its id.
    pub id: ChunkId,
    /// Its plain size in bytes.
    pub size: u32,
    /// Its size in bytes as served.
    pub stored_size: u32,
    /// In how many places of the new index it is needed.
    pub places: u32,
    /// Where the seed's index has it, if it does.
    pub installed: Option<u32>,
}

impl NeededChunk {
    /// Returns the bytes that it fills, all its places counted.
    pub fn filled_bytes(&self) -> u64 {
        u64::from(self.size) * u64::from(self.places)
    }
}

impl NeededChunks {
    /// Collects nothing.
    pub(crate) fn none(new: &Release) -> Self {
        Self {
            index: new.index.clone(),
            kept: Vec::new(),
            repeats: Vec::new(),
        }
    }

    /// Collects the chunks below the content of the files `build`.
    pub(crate) fn of(new: &Release, seed: Option<&Release>, build: &[u32]) -> Self {
        let mut chunks = Self::none(new);
        if !build.is_empty() {
            chunks.collect(new, &is_needed(new, build));
        }
        if let Some(seed) = seed {
            chunks.look_for_in(seed);
        }
        chunks
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Returns the numbers of all of them.
    pub(crate) fn numbers(&self) -> Range<u32> {
        0..number(self.kept.len())
    }

    /// Returns all of them in order.
    pub fn iter(&self) -> impl Iterator<Item = NeededChunk> {
        self.select(self.numbers())
    }

    /// Returns those with the numbers.
    pub(crate) fn select(&self, numbers: impl IntoIterator<Item = u32>) -> impl Iterator<Item = NeededChunk> {
        numbers.into_iter().filter_map(|number| self.get(number))
    }

    /// Returns the chunk with a number.
    pub fn get(&self, number: u32) -> Option<NeededChunk> {
        let kept = self.kept.get(number as usize)?;
        let chunk = self.index.chunks.get(kept.position as usize)?;
        Some(NeededChunk {
            number,
            id: chunk.id,
            size: chunk.size,
            stored_size: kept.stored_size,
            places: 1 + self.repeats_of(number).len() as u32,
            installed: Some(kept.installed).filter(|installed| *installed != NOWHERE),
        })
    }

    /// Returns the positions in the new index where the chunk with a number is needed.
    pub fn positions(&self, number: u32) -> impl Iterator<Item = usize> {
        let first = self.kept.get(number as usize).map(|kept| kept.position);
        let repeats = self.repeats_of(number).iter().map(|(_, position)| *position);
        first.into_iter().chain(repeats).map(|position| position as usize)
    }

    fn repeats_of(&self, number: u32) -> &[(u32, u32)] {
        let from = self.repeats.partition_point(|(other, _)| *other < number);
        let rest = self.repeats.get(from..).unwrap_or_default();
        let end = rest.partition_point(|(other, _)| *other == number);
        rest.get(..end).unwrap_or_default()
    }

    fn collect(&mut self, new: &Release, is_needed: &[bool]) {
        let index = new.index.clone();
        let firsts = index.first_positions();
        // What is known of each distinct chunk stands where the index has it first.
        let mut known = vec![(0, NOWHERE); firsts.len()];
        let mut stored_sizes = new.contents.stored_sizes.iter();
        for (((position, chunk), first), is_needed) in (0..).zip(&index.chunks).zip(firsts).zip(is_needed) {
            let Some((stored_size, needed)) = known.get_mut(first as usize) else {
                continue;
            };
            if first == position {
                *stored_size = stored_sizes.next().copied().unwrap_or(chunk.size);
            }
            match (is_needed, *needed) {
                (false, _) => {}
                (true, NOWHERE) => {
                    *needed = number(self.kept.len());
                    self.kept.push(Kept {
                        position,
                        stored_size: *stored_size,
                        installed: NOWHERE,
                    });
                }
                (true, needed) => self.repeats.push((needed, position)),
            }
        }
        self.kept.shrink_to_fit();
        self.repeats.sort_unstable();
        self.repeats.shrink_to_fit();
    }

    /// Notes which chunks a seed's index has, but for those with bytes that are left to the player.
    fn look_for_in(&mut self, seed: &Release) {
        // Entries lie in the archive in their order, so their ranges are sorted.
        let players: Vec<Range<u64>> = seed
            .players()
            .filter_map(|entry| seed.layout.payload(entry))
            .collect();
        let mut found = Vec::new();
        let by_id = ByDigest::sort(self.numbers(), |number| Some(self.get(number)?.id));
        for (position, chunk) in (0..).zip(&seed.index.chunks) {
            let next = players.partition_point(|payload| payload.end <= chunk.start);
            let is_players = players
                .get(next)
                .is_some_and(|payload| payload.start < chunk.end());
            if !is_players && let Some(number) = by_id.find(&chunk.id) {
                found.push((number, position));
            }
        }
        // The first place of each counts.
        for (number, position) in found.into_iter().rev() {
            if let Some(kept) = self.kept.get_mut(number as usize) {
                kept.installed = position;
            }
        }
    }
}

/// Tells of each chunk of the new index whether it has content of a file in `build`.
fn is_needed(new: &Release, build: &[u32]) -> Vec<bool> {
    let chunks = &new.index.chunks;
    let mut needed = vec![false; chunks.len()];
    for entry in build {
        let payload = new.layout.payload(*entry as usize);
        let Some(payload) = payload.filter(|range| !range.is_empty()) else {
            continue;
        };
        let first = chunks.partition_point(|chunk| chunk.end() <= payload.start);
        let places = chunks.iter().zip(&mut needed).skip(first);
        for (_, needed) in places.take_while(|(chunk, _)| chunk.start < payload.end) {
            *needed = true;
        }
    }
    needed
}

const NOWHERE: u32 = u32::MAX;
