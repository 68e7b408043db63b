// SPDX-License-Identifier: MIT
//! Finding things by their digests.

use crate::id::ChunkId;

/// Numbers in the order of the digests that they stand for, those of one digest in ascending order.
///
/// 16 bytes for each; a hash table of digests would take three times as much, and more while it grows.
#[derive(Clone, Debug)]
pub struct ByDigest<D> {
    /// The first bytes of the digest, which nearly always tell it apart, and the number.
    slots: Vec<(u64, u32)>,
    digest_of: D,
}

impl<D: Fn(u32) -> Option<ChunkId>> ByDigest<D> {
    /// Sorts `numbers`; `digest_of` returns the digest that one stands for, always the same. Those that stand for none
    /// are left out.
    pub fn sort(numbers: impl Iterator<Item = u32>, digest_of: D) -> Self {
        let slot = |number| Some((beginning(&digest_of(number)?), number));
        let mut slots: Vec<(u64, u32)> = numbers.filter_map(slot).collect();
        slots.sort_unstable_by(|(begins, number), (other_begins, other)| {
            let digests = || digest_of(*number).cmp(&digest_of(*other));
            begins
                .cmp(other_begins)
                .then_with(digests)
                .then(number.cmp(other))
        });
        Self { slots, digest_of }
    }

    /// Returns the first number that stands for `digest`.
    pub fn find(&self, digest: &ChunkId) -> Option<u32> {
        let begins = beginning(digest);
        let is_before = |(other_begins, number): &(u64, u32)| {
            *other_begins < begins || *other_begins == begins && (self.digest_of)(*number) < Some(*digest)
        };
        let at = self.slots.partition_point(is_before);
        let (_, number) = self.slots.get(at)?;
        ((self.digest_of)(*number) == Some(*digest)).then_some(*number)
    }

    /// Returns each number with the first one that stands for the same digest.
    pub fn with_first(&self) -> impl Iterator<Item = (u32, u32)> {
        let mut before: Option<(u64, u32)> = None;
        self.slots.iter().map(move |(begins, number)| {
            let same = before.filter(|(other_begins, first)| {
                other_begins == begins && (self.digest_of)(*first) == (self.digest_of)(*number)
            });
            let first = same.map_or(*number, |(_, first)| first);
            before = Some((*begins, first));
            (*number, first)
        })
    }
}

fn beginning(digest: &ChunkId) -> u64 {
    let bytes = digest.as_bytes().first_chunk();
    bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digests that begin alike, differ, and repeat.
    fn digest(number: u32) -> Option<ChunkId> {
        let mut bytes = [0; 32];
        bytes[0] = (number % 3) as u8;
        bytes[31] = (number % 5) as u8;
        (number < 60).then_some(ChunkId::from_bytes(bytes))
    }

    #[test]
    fn what_is_there_is_found_by_its_first_number_and_nothing_else_is() {
        let table = ByDigest::sort((0..99).rev(), digest);
        for number in 0..60 {
            assert_eq!(
                table.find(&digest(number).unwrap()),
                Some(number % 15),
                "{number}"
            );
        }
        assert_eq!(table.find(&ChunkId::from_bytes([1; 32])), None);
        assert_eq!(table.find(&ChunkId::from_bytes([255; 32])), None);
    }

    #[test]
    fn every_number_is_told_the_first_of_its_digest() {
        let table = ByDigest::sort(0..60, digest);
        let mut found: Vec<_> = table.with_first().collect();
        found.sort_unstable();
        let expected: Vec<_> = (0..60).map(|number| (number, number % 15)).collect();
        assert_eq!(found, expected);
    }
}
