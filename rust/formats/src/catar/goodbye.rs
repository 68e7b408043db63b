// SPDX-License-Identifier: MIT
//! The look-up table of a GOODBYE record: a folder's children, keyed by a hash of their names and laid out
//! as a complete binary search tree (children of slot `i` in slots `2i + 1` and `2i + 2`).

use std::cmp::Reverse;

use siphasher::sip::SipHasher24;

/// One child of a folder; positions are bytes from the start of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    /// [`name_hash`] of its name.
    pub hash: u64,
    /// Where its FILENAME record lies.
    pub at: u64,
    /// Bytes from its FILENAME record to the end of everything in it.
    pub size: u64,
}

/// Returns the hash by which a table finds `name`: SipHash-2-4 with casync's key.
pub fn name_hash(name: &[u8]) -> u64 {
    SipHasher24::new_with_keys(KEY.0, KEY.1).hash(name)
}

/// Returns the children in the order of the table's slots; sorts `children` by hash on the way.
///
/// Equal hashes come in descending position, which is desync's order.
pub fn table_order(children: &mut [Child]) -> Vec<Child> {
    children.sort_unstable_by_key(|child| (child.hash, Reverse(child.at)));
    let mut slots = vec![0usize; children.len()];
    let levels = usize::BITS - children.len().leading_zeros();
    place(&mut slots, 0, 0, children.len(), levels);
    slots
        .into_iter()
        .filter_map(|sorted| children.get(sorted).copied())
        .collect()
}

/// Puts the sorted children `first..first + count` into the subtree at `slot`, `levels` levels deep.
fn place(slots: &mut [usize], slot: usize, first: usize, count: usize, levels: u32) {
    if count == 0 || levels == 0 {
        return;
    }
    let last_level = 1usize << (levels - 1);
    // Children that fit if the last level is half full: then the left subtree is complete.
    let full = last_level - 1 + last_level / 2;
    let left = last_level - 1 - full.saturating_sub(count);
    if let Some(slot) = slots.get_mut(slot) {
        *slot = first + left;
    }
    place(slots, 2 * slot + 1, first, left, levels - 1);
    place(
        slots,
        2 * slot + 2,
        first + left + 1,
        count - left - 1,
        levels - 1,
    );
}

/// The key of casync's name hash.
const KEY: (u64, u64) = (0x8574_442b_0f1d_84b3, 0x2736_ed30_d1c2_2ec1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_hashes_match_casync() {
        for (name, hash) in [
            ("", 0xb64a_cab6_ca92_1906),
            ("a", 0x51ba_5a19_e058_c7ad),
            ("file1", 0xc760_02f6_5246_74b9),
            ("hello world", 0xb036_453e_fd8c_f353),
        ] {
            assert_eq!(name_hash(name.as_bytes()), hash, "{name}");
        }
    }

    #[test]
    fn tables_are_complete_search_trees() {
        for (count, expected) in [
            (0, vec![]),
            (1, vec![0]),
            (2, vec![1, 0]),
            (3, vec![1, 0, 2]),
            (4, vec![2, 1, 3, 0]),
            (5, vec![3, 1, 4, 0, 2]),
            (6, vec![3, 1, 5, 0, 2, 4]),
            (7, vec![3, 1, 5, 0, 2, 4, 6]),
            (10, vec![6, 3, 8, 1, 5, 7, 9, 0, 2, 4]),
        ] {
            let mut children: Vec<_> = (0..count).map(|hash| Child { hash, at: 0, size: 0 }).collect();
            let order: Vec<_> = table_order(&mut children)
                .iter()
                .map(|child| child.hash)
                .collect();
            assert_eq!(order, expected, "{count}");
        }
    }

    #[test]
    fn any_table_can_be_searched() {
        for count in 0..600u64 {
            let mut children: Vec<_> = (0..count).map(|hash| Child { hash, at: 0, size: 0 }).collect();
            let table = table_order(&mut children);
            for wanted in 0..count {
                let mut slot = 0;
                while let Some(found) = table.get(slot).filter(|child| child.hash != wanted) {
                    slot = 2 * slot + 1 + usize::from(wanted > found.hash);
                }
                assert!(slot < table.len(), "{wanted} of {count}");
            }
        }
    }
}
