// SPDX-License-Identifier: MIT
//! A note for each folder of a store, of which there is one for the first two bytes of an id.

use std::sync::atomic::{AtomicU64, Ordering};

use vsekai_formats::ChunkId;

/// A set of folders of one store. Any number of threads may use it.
#[derive(Debug)]
pub(crate) struct Prefixes(Box<[AtomicU64]>);

impl Prefixes {
    /// Notes the folder of the chunk `id`.
    pub(crate) fn insert(&self, id: ChunkId) {
        let (word, bit) = self.place(id);
        if let Some(word) = word {
            word.fetch_or(bit, Ordering::Relaxed);
        }
    }

    /// Tells whether the folder of the chunk `id` was noted.
    pub(crate) fn contains(&self, id: ChunkId) -> bool {
        let (word, bit) = self.place(id);
        word.is_some_and(|word| word.load(Ordering::Relaxed) & bit != 0)
    }

    fn place(&self, id: ChunkId) -> (Option<&AtomicU64>, u64) {
        let [first, second, ..] = *id.as_bytes();
        let number = usize::from(u16::from_be_bytes([first, second]));
        (self.0.get(number / 64), 1 << (number % 64))
    }
}

impl Default for Prefixes {
    fn default() -> Self {
        Self((0..FOLDERS / 64).map(|_| AtomicU64::new(0)).collect())
    }
}

const FOLDERS: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_noted_for_all_its_chunks_and_no_other() {
        let id = |first, second, last| {
            let mut bytes = [last; 32];
            [bytes[0], bytes[1]] = [first, second];
            ChunkId::from_bytes(bytes)
        };
        let prefixes = Prefixes::default();
        for (first, second) in [(0, 0), (0, 63), (1, 0), (255, 255)] {
            assert!(!prefixes.contains(id(first, second, 1)));
            prefixes.insert(id(first, second, 1));
            assert!(prefixes.contains(id(first, second, 2)));
        }
        for (first, second) in [(0, 1), (0, 64), (1, 1), (255, 254)] {
            assert!(!prefixes.contains(id(first, second, 1)));
        }
    }
}
