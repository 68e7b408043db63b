// SPDX-License-Identifier: MIT
//! FastCDC of 2020, the chunker of published releases.
//!
//! It is several times faster than casync's hash and cuts closer to the average. Its cuts are part of what
//! publishing promises (the same data gives the same chunks, release after release), so the crate behind it
//! is pinned and the cuts of known data are kept as tests.

use fastcdc::v2020;

use crate::chunker::{ChunkSizes, ChunkSizesError, Chunker};

/// Cuts by the gear hash with normalisation level 1.
#[derive(Clone, Debug)]
pub struct FastCdc {
    sizes: ChunkSizes,
    mask_small: u64,
    mask_large: u64,
}

impl FastCdc {
    /// Prepares cutting to `sizes`, which must be powers of two.
    ///
    /// # Errors
    /// Sizes that are not powers of two (the hash looks at pairs of bytes and its masks at whole bits), or a
    /// minimum above 1 MiB, an average outside 256 bytes to 4 MiB or a maximum outside 1 KiB to 16 MiB.
    pub fn new(sizes: ChunkSizes) -> Result<Self, ChunkSizesError> {
        let (min, avg, max) = (sizes.min(), sizes.avg(), sizes.max());
        let refuse = |reason| {
            let (min, avg, max) = sizes.for_index();
            Err(ChunkSizesError {
                min,
                avg,
                max,
                reason,
            })
        };
        if ![min, avg, max].into_iter().all(usize::is_power_of_two) {
            return refuse("FastCDC needs powers of two");
        }
        if !(v2020::MINIMUM_MIN..=v2020::MINIMUM_MAX).contains(&min) {
            return refuse("FastCDC needs a minimum of 64 bytes to 1 MiB");
        }
        if !(v2020::AVERAGE_MIN..=v2020::AVERAGE_MAX).contains(&avg) {
            return refuse("FastCDC needs an average of 256 bytes to 4 MiB");
        }
        if !(v2020::MAXIMUM_MIN..=v2020::MAXIMUM_MAX).contains(&max) {
            return refuse("FastCDC needs a maximum of 1 KiB to 16 MiB");
        }
        let (mask_small, mask_large) = v2020::select_masks(avg, v2020::Normalization::Level1);
        Ok(Self {
            sizes,
            mask_small,
            mask_large,
        })
    }
}

impl Chunker for FastCdc {
    fn sizes(&self) -> ChunkSizes {
        self.sizes
    }

    fn cut(&self, window: &[u8]) -> usize {
        let (_, length) = v2020::cut(
            window,
            self.sizes.min(),
            self.sizes.avg(),
            self.sizes.max(),
            self.mask_small,
            self.mask_large,
            self.mask_small << 1,
            self.mask_large << 1,
        );
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{ChunkId, DigestAlgorithm};
    use crate::testdata::{cut_ends, synthetic};

    #[rustfmt::skip]
    const GOLDEN_16_64_256: [usize; 41] = [
        151071, 238729, 359953, 436299, 462774, 578525, 650691, 760745, 783747, 845094, 933107, 952666, 1018745,
        1103031, 1171512, 1197658, 1236926, 1372951, 1462849, 1482498, 1558850, 1608015, 1661473, 1749985,
        1832445, 1925702, 2020337, 2085927, 2155271, 2198646, 2227755, 2270699, 2441748, 2541354, 2643920,
        2728161, 2761133, 2895638, 2967273, 2985592, 3000000,
    ];

    fn chunker(min: u64, avg: u64, max: u64) -> FastCdc {
        FastCdc::new(ChunkSizes::new(min, avg, max).unwrap()).unwrap()
    }

    #[test]
    fn cuts_of_known_data_never_change() {
        let data = synthetic(3_000_000);
        let ends = cut_ends(&chunker(16 << 10, 64 << 10, 256 << 10), &data);
        assert_eq!(ends, GOLDEN_16_64_256);
        let ends = cut_ends(&chunker(1 << 10, 4 << 10, 16 << 10), &data);
        let bytes: Vec<u8> = ends.iter().flat_map(|end| (*end as u64).to_le_bytes()).collect();
        assert_eq!((ends.len(), ends[0], ends[1]), (593, 6276, 11908));
        assert_eq!(
            ChunkId::of(DigestAlgorithm::Sha256, &bytes).to_string(),
            "76995a878cfada9573933c11e2497756cea9e6ed131497952664bdfc830cb748"
        );
        let ends = cut_ends(&chunker(256 << 10, 1 << 20, 4 << 20), &data);
        assert_eq!(ends, [1197658, 2227755, 3000000]);
    }

    #[test]
    fn sizes_that_are_no_powers_of_two_are_refused() {
        for (min, avg, max) in [
            (1000, 4096, 16384),
            (1024, 4000, 16384),
            (1024, 4096, 16383),
            (2 << 20, 4 << 20, 8 << 20),
            (1024, 8 << 20, 16 << 20),
            (1024, 4096, 32 << 20),
        ] {
            let sizes = ChunkSizes::new(min, avg, max).unwrap();
            assert!(FastCdc::new(sizes).is_err(), "{min}:{avg}:{max}");
        }
    }

    #[test]
    fn inputs_of_any_length_are_cut_completely() {
        let chunker = chunker(64, 256, 1024);
        let data = synthetic(5000);
        for length in 0..data.len() {
            let ends = cut_ends(&chunker, &data[..length]);
            assert_eq!(ends.last().copied().unwrap_or(0), length);
        }
        assert_eq!(cut_ends(&chunker, &[0; 4000]), [1024, 2048, 3072, 4000]);
    }
}
