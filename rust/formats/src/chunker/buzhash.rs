// SPDX-License-Identifier: MIT
//! casync's chunker: a cyclic-polynomial hash over the last 48 bytes.
//!
//! A chunk ends after a byte where `hash % d == d - 1`, with `d` computed from the average size. The test
//! runs for every byte, so it is done without a division: `hash % d == d - 1` says that `d` divides
//! `hash + 1`, which for `d = odd * 2^k` holds exactly if `hash + 1` times the inverse of `odd` (mod 2^32),
//! rotated right by `k`, is at most `(2^32 - 1) / d`. The one exception is `hash + 1` wrapping to zero,
//! which the exact test that follows sorts out.

#[cfg(target_arch = "x86_64")]
mod segments;

#[cfg(target_arch = "x86_64")]
use std::ops::ControlFlow;

use crate::chunker::{ChunkSizes, Chunker};
#[cfg(target_arch = "x86_64")]
use crate::vectors::{Vectors, Work};

/// Bytes that the hash looks at.
pub const WINDOW: usize = 48;

/// Whose cuts to make; the differences show up about once in four gigabytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BuzhashRules {
    /// desync after 1.0.4; equal to casync wherever the average lies well inside minimum and maximum.
    #[default]
    Modern,
    /// casync: the divisor is brought between minimum and maximum.
    Casync,
    /// desync up to 1.0.4: a chunk never ends at exactly the minimum.
    DesyncLegacy,
}

/// Cuts as casync and desync do.
#[derive(Clone, Debug)]
pub struct Buzhash {
    sizes: ChunkSizes,
    test: BoundaryTest,
    cuts_at_min: bool,
}

impl Buzhash {
    /// Prepares cutting to `sizes` by `rules`.
    pub fn new(sizes: ChunkSizes, rules: BuzhashRules) -> Self {
        let mut divisor = divisor(sizes.avg());
        if rules == BuzhashRules::Casync {
            divisor = divisor.clamp(sizes.min, sizes.max);
        }
        Self {
            sizes,
            test: BoundaryTest::new(divisor),
            cuts_at_min: rules != BuzhashRules::DesyncLegacy,
        }
    }
}

impl Chunker for Buzhash {
    fn sizes(&self) -> ChunkSizes {
        self.sizes
    }

    fn cut(&self, window: &[u8]) -> usize {
        let (min, end) = (self.sizes.min(), window.len().min(self.sizes.max()));
        // The hash of the 48 bytes before the minimum; what lies before them cannot matter.
        let Some(start) = min.checked_sub(WINDOW) else {
            return end;
        };
        let (Some(leaving), Some(entering)) = (window.get(start..end), window.get(min..end)) else {
            return end;
        };
        let Some(first) = leaving.first_chunk::<WINDOW>() else {
            return end;
        };
        let hash = hash(first);
        if entering.is_empty() || (self.cuts_at_min && self.test.is_boundary(hash)) {
            return min.min(end);
        }
        let roll = Roll {
            test: &self.test,
            hash,
            leaving,
            entering,
        };
        match roll.position() {
            Some(position) => min + position + 1,
            None => end,
        }
    }
}

/// Tells whether a hash ends a chunk.
#[derive(Clone, Debug)]
struct BoundaryTest {
    divisor: u32,
    inverse: u32,
    twos: u32,
    limit: u32,
}

impl BoundaryTest {
    fn new(divisor: u32) -> Self {
        let divisor = divisor.max(1);
        let twos = divisor.trailing_zeros();
        let odd = divisor >> twos;
        // Newton's iteration doubles the correct low bits each round, starting from three.
        let mut inverse = odd;
        for _ in 0..4 {
            inverse = inverse.wrapping_mul(2u32.wrapping_sub(odd.wrapping_mul(inverse)));
        }
        Self {
            divisor,
            inverse,
            twos,
            limit: u32::MAX / divisor,
        }
    }

    fn is_boundary(&self, hash: u32) -> bool {
        hash % self.divisor == self.divisor - 1
    }

    /// True for every boundary, and for `u32::MAX` whether it is one or not.
    #[inline(always)]
    fn may_be_boundary(&self, hash: u32) -> bool {
        let quotient = hash.wrapping_add(1).wrapping_mul(self.inverse);
        quotient.rotate_right(self.twos) <= self.limit
    }

    fn find_exact(&self, mut hash: u32, leaving: &[u8], entering: &[u8]) -> Option<usize> {
        leaving.iter().zip(entering).position(|(out, new)| {
            hash = hash.rotate_left(1) ^ step(*out, *new);
            self.is_boundary(hash)
        })
    }
}

/// Rolls `hash` over `entering`, with `leaving` dropping out.
#[derive(Clone, Copy)]
struct Roll<'a> {
    test: &'a BoundaryTest,
    /// That of the 48 bytes before `entering`.
    hash: u32,
    /// Those 48 bytes, and all of `entering`.
    leaving: &'a [u8],
    entering: &'a [u8],
}

impl Roll<'_> {
    /// Returns the position of the first byte after which the hash is a boundary.
    fn position(self) -> Option<usize> {
        #[cfg(target_arch = "x86_64")]
        if let Some(vectors) = Vectors::find() {
            return self.position_by(vectors);
        }
        self.find()
    }

    #[cfg(target_arch = "x86_64")]
    fn position_by(self, vectors: Vectors) -> Option<usize> {
        // Where boundaries are dense most of a block of segments would be hashed for nothing.
        if self.test.divisor < segments::BLOCK as u32 {
            return vectors.run(self);
        }
        match segments::search(vectors, self.test, self.leaving) {
            ControlFlow::Break(position) => Some(position),
            ControlFlow::Continue(done) => {
                let leaving = self.leaving.get(done..)?;
                let rest = Roll {
                    test: self.test,
                    hash: hash(leaving.first_chunk()?),
                    leaving,
                    entering: self.entering.get(done..)?,
                };
                Some(done + vectors.run(rest)?)
            }
        }
    }

    /// Eight bytes are rolled before their hashes are tested together: the compiler makes vector
    /// instructions of the tests, and there is one branch for eight bytes. A block that may hold a boundary
    /// is gone over again.
    #[inline(always)]
    fn find(self) -> Option<usize> {
        let Self {
            test,
            mut hash,
            leaving,
            entering,
        } = self;
        let (entering_blocks, entering_rest) = entering.as_chunks::<BLOCK>();
        let (leaving_blocks, _) = leaving.as_chunks::<BLOCK>();
        for (number, (out, new)) in leaving_blocks.iter().zip(entering_blocks).enumerate() {
            let hashes = roll_block(hash, out, new);
            let any = hashes
                .iter()
                .fold(false, |any, hash| any | test.may_be_boundary(*hash));
            if any && let Some(position) = test.find_exact(hash, out, new) {
                return Some(number * BLOCK + position);
            }
            hash = hashes[BLOCK - 1];
        }
        let done = entering_blocks.len() * BLOCK;
        let position = test.find_exact(hash, leaving.get(done..)?, entering_rest)?;
        Some(done + position)
    }
}

/// Wider vectors, where the processor has them, take a quarter off the time.
#[cfg(target_arch = "x86_64")]
impl Work for Roll<'_> {
    type Output = Option<usize>;

    #[inline(always)]
    fn run(self, _: pulp::x86::V3) -> Option<usize> {
        self.find()
    }
}

/// Returns the hash after each byte of a block.
///
/// Two bytes at a time: rotation distributes over exclusive or, so every second hash needs only the hash two
/// bytes before, and the chain of dependent instructions is half as long.
#[inline(always)]
fn roll_block(mut hash: u32, leaving: &[u8; BLOCK], entering: &[u8; BLOCK]) -> [u32; BLOCK] {
    let mut hashes = [0; BLOCK];
    for pair in 0..BLOCK / 2 {
        let first = step(leaving[2 * pair], entering[2 * pair]);
        let second = step(leaving[2 * pair + 1], entering[2 * pair + 1]);
        hashes[2 * pair] = hash.rotate_left(1) ^ first;
        hash = hash.rotate_left(2) ^ (first.rotate_left(1) ^ second);
        hashes[2 * pair + 1] = hash;
    }
    hashes
}

/// What one byte leaving and one byte entering change in the rotated hash.
#[inline(always)]
fn step(leaving: u8, entering: u8) -> u32 {
    TABLE_LEAVING[leaving as usize] ^ TABLE[entering as usize]
}

/// Returns the hash of a full window.
fn hash(window: &[u8; WINDOW]) -> u32 {
    window
        .iter()
        .fold(0u32, |hash, byte| hash.rotate_left(1) ^ TABLE[*byte as usize])
}

/// Returns casync's divisor for an average size: a formula fitted to minimum = average / 4, maximum = 4 *
/// average. It multiplies and then adds, which must not be fused.
fn divisor(avg: usize) -> u32 {
    let avg = avg as f64;
    (avg / (-1.428_888_52e-7 * avg + 1.332_375_15)) as u32
}

/// Bytes rolled between two branches.
const BLOCK: usize = 8;

/// The table for bytes that leave the window: 48 rotations later.
static TABLE_LEAVING: [u32; 256] = {
    let mut table = TABLE;
    let mut index = 0;
    while index < table.len() {
        table[index] = table[index].rotate_left(WINDOW as u32 % 32);
        index += 1;
    }
    table
};

/// casync's table of random numbers.
#[rustfmt::skip]
static TABLE: [u32; 256] = [
    0x458b_e752, 0xc107_48cc, 0xfbbc_dbb8, 0x6ded_5b68, 0xb10a_82b5, 0x20d7_5648, 0xdfc5_665f, 0xa842_8801,
    0x7ebf_5191, 0x8411_35c7, 0x65cc_53b3, 0x280a_597c, 0x16f6_0255, 0xc78c_bc3e, 0x2944_15f5, 0xb938_d494,
    0xec85_c4e6, 0xb7d3_3edc, 0xe549_b544, 0xfded_a5aa, 0x882b_f287, 0x3116_737c, 0x0556_9956, 0xe8cc_1f68,
    0x0806_ac5e, 0x22a1_4443, 0x1529_7e10, 0x50d0_90e7, 0x4ba6_0f6f, 0xefd9_f1a7, 0x5c5c_885c, 0x8248_2f93,
    0x9bfd_7c64, 0x0b3e_7276, 0xf268_8e77, 0x8fad_8abc, 0xb050_9568, 0xf1ad_a29f, 0xa53e_fdfe, 0xcb2b_1d00,
    0xf2a9_e986, 0x6463_432b, 0x9509_4051, 0x5a22_3ad2, 0x9be8_401b, 0x61e5_79cb, 0x1a55_6a14, 0x5840_fdc2,
    0x9261_ddf6, 0xcde0_02bb, 0x5243_2bb0, 0xbf17_373e, 0x7b7c_222f, 0x2955_ed16, 0x9f10_ca59, 0xe840_c4c9,
    0xccab_d806, 0x1454_3f34, 0x1462_417a, 0x0d4a_1f9c, 0x087e_d925, 0xd7f8_f24c, 0x7338_c425, 0xcf86_c8f5,
    0xb191_65cd, 0x9891_c393, 0x3253_84ac, 0x0308_459d, 0x8614_1d7e, 0xc922_116a, 0xe2ff_a6b6, 0x53f5_2aed,
    0x2cd8_6197, 0xf5b9_f498, 0xbf31_9c8f, 0xe041_1fae, 0x977e_b18c, 0xd877_0976, 0x9833_466a, 0xc674_df7f,
    0x8c29_7d45, 0x8ca4_8d26, 0xc49e_d8e2, 0x7344_f874, 0x556f_79c7, 0x6b25_eaed, 0xa03e_2b42, 0xf68f_66a4,
    0x8e8b_09a2, 0xf2e0_e62a, 0x0d3a_9806, 0x9729_e493, 0x8c72_b0fc, 0x160b_94f6, 0x450e_4d3d, 0x7a32_0e85,
    0xbef8_f0e1, 0x21d7_3653, 0x4e3d_977a, 0x1e7b_3929, 0x1cc6_c719, 0xbe47_8d53, 0x8d75_2809, 0xe6d8_c2c6,
    0x275f_0892, 0xc8ac_c273, 0x4cc2_1580, 0xecc4_a617, 0xf5f7_be70, 0xe795_248a, 0x375a_2fe9, 0x4255_70b6,
    0x8898_dcf8, 0xdc2d_97c4, 0x0106_114b, 0x364d_c22f, 0x1e0c_ad1f, 0xbe63_803c, 0x5f69_fac2, 0x4d5a_fa6f,
    0x1bc0_dfb5, 0xfb27_3589, 0x0ea4_7f7b, 0x3c1c_2b50, 0x21b2_a932, 0x6b12_23fd, 0x2fe7_06a8, 0xf9bd_6ce2,
    0xa268_e64e, 0xe987_f486, 0x3eac_f563, 0x1ca2_018c, 0x65e1_8228, 0x2207_360a, 0x57cf_1715, 0x34c3_7d2b,
    0x1f8f_3cde, 0x93b6_57cf, 0x31a0_19fd, 0xe69e_b729, 0x8bca_7b9b, 0x4c9d_5bed, 0x277e_beaf, 0xe0d8_f8ae,
    0xd150_821c, 0x3138_1871, 0xafc3_f1b0, 0x927d_b328, 0xe95e_ffac, 0x305a_47bd, 0x426b_a35b, 0x1233_af3f,
    0x686a_5b83, 0x50e0_72e5, 0xd9d3_bb2a, 0x8bef_c475, 0x487f_0de6, 0xc88d_ff89, 0xbd66_4d5e, 0x971b_5d18,
    0x63b1_4847, 0xd7d3_c1ce, 0x7f58_3cf3, 0x72cb_cb09, 0xc0d0_a81c, 0x7fa3_429b, 0xe915_8a1b, 0x225e_a19a,
    0xd8ca_9ea3, 0xc763_b282, 0xbb0c_6341, 0x020b_8293, 0xd4cd_299d, 0x58cf_a7f8, 0x91b4_ee53, 0x37e4_d140,
    0x95ec_764c, 0x30f7_6b06, 0x5ee6_8d24, 0x679c_8661, 0xa419_79c2, 0xf2b6_1284, 0x4fac_1475, 0x0adb_49f9,
    0x1972_7a23, 0x15a7_e374, 0xc43a_18d5, 0x3fb1_aa73, 0x342f_c615, 0x924c_0793, 0xbee2_d7f0, 0x8a27_9de9,
    0x4aa2_d70c, 0xe24d_d37f, 0xbe86_2c0b, 0x177c_22c2, 0x5388_e5ee, 0xcd8a_7510, 0xf901_b4fd, 0xdbc1_3dbc,
    0x6c0b_ae5b, 0x64ef_e8c7, 0x48b0_2079, 0x8033_1a49, 0xca3d_8ae6, 0xf354_6190, 0xfed7_108b, 0xc49b_941b,
    0x32ba_f4a9, 0xeb83_3a4a, 0x88a3_f1a5, 0x3a91_ce0a, 0x3cc2_7da1, 0x7112_e684, 0x4a30_96b1, 0x3794_574c,
    0xa3c8_b6f3, 0x1d21_3941, 0x6e0a_2e00, 0x2334_79f1, 0x0f4c_d82f, 0x6093_edd2, 0x5d7d_209e, 0x464f_e319,
    0xd4dc_ac9e, 0x0db8_45cb, 0xfb5e_4bc3, 0xe025_6ce1, 0x09fb_4ed1, 0x0914_be1e, 0xa5bd_b2c3, 0xc6eb_57bb,
    0x3032_0350, 0x3f39_7e91, 0xa677_91bc, 0x86bc_0e2c, 0xefa0_a7e2, 0xe9ff_7543, 0xe733_612c, 0xd185_897b,
    0x329e_5388, 0x91dd_236b, 0x2ecb_0d93, 0xf4d8_2a3d, 0x35b5_c03f, 0xe4e6_06f0, 0x05b2_1843, 0x37b4_5964,
    0x5eff_22f4, 0x6027_f4cc, 0x7717_8b3c, 0xae50_7131, 0x7bf7_cabc, 0xf9c1_8d66, 0x593a_de65, 0xd95d_df11,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{cut_ends, synthetic};
    use sha2::{Digest as _, Sha256};

    fn chunker(min: u64, avg: u64, max: u64) -> Buzhash {
        Buzhash::new(ChunkSizes::new(min, avg, max).unwrap(), BuzhashRules::Modern)
    }

    /// The definition, without any of the shortcuts.
    fn plain_cut(window: &[u8], sizes: ChunkSizes, divisor: u32, cuts_at_min: bool) -> usize {
        let end = window.len().min(sizes.max());
        let first = sizes.min() + usize::from(!cuts_at_min);
        (first..end)
            .find(|length| {
                let last: &[u8; WINDOW] = window[length - WINDOW..*length].try_into().unwrap();
                hash(last) % divisor == divisor - 1
            })
            .unwrap_or(end)
    }

    #[test]
    fn the_table_is_casyncs() {
        let bytes: Vec<u8> = TABLE.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(
            hex::encode(Sha256::digest(bytes)),
            "5b52080d38287da9d2e278466e3e0db7ec98e5e8b226f50612a56fa012b1f660"
        );
    }

    #[test]
    fn window_hashes_match_casync() {
        assert_eq!(hash(&[0; WINDOW]), 0x9e48_9e48);
        assert_eq!(hash(&[0xff; WINDOW]), 0xfdc4_023b);
        assert_eq!(hash(&std::array::from_fn(|index| index as u8)), 0x6b67_dec6);
    }

    #[test]
    fn divisors_match_casync() {
        for (kib, expected) in [
            (1, 768),
            (2, 1537),
            (4, 3075),
            (8, 6153),
            (16, 12318),
            (32, 24680),
            (64, 49535),
            (128, 99777),
            (256, 202_440),
            (512, 416_942),
            (1024, 886_711),
            (2048, 2_030_716),
            (4096, 5_721_670),
            (8192, 62_724_856),
        ] {
            assert_eq!(divisor(kib << 10), expected, "{kib} KiB");
        }
    }

    #[test]
    fn the_test_without_division_agrees_with_the_definition() {
        for divisor in [
            1,
            2,
            3,
            768,
            1537,
            6153,
            12318,
            49535,
            65536,
            62_724_856,
            u32::MAX,
        ] {
            let test = BoundaryTest::new(divisor);
            let near_multiples = (0..200u32).flat_map(|n| {
                let multiple = divisor.wrapping_mul(n.wrapping_mul(0x9e37_79b9));
                (0..5).map(move |off| multiple.wrapping_sub(3).wrapping_add(off))
            });
            let hashes = near_multiples.chain(0..3000).chain(u32::MAX - 3000..u32::MAX);
            for hash in hashes.filter(|hash| *hash != u32::MAX) {
                assert_eq!(
                    test.may_be_boundary(hash),
                    test.is_boundary(hash),
                    "{divisor} {hash}"
                );
            }
            assert!(test.may_be_boundary(u32::MAX));
            assert_eq!(test.is_boundary(u32::MAX), divisor.is_power_of_two());
        }
    }

    #[test]
    fn cuts_of_the_published_data_match_desync() {
        let data = synthetic(3_000_000);
        let ends = cut_ends(&chunker(16 << 10, 64 << 10, 256 << 10), &data);
        assert_eq!(ends.len(), 47);
        assert_eq!(ends[..3], [80921, 138_220, 187_412]);
        assert_eq!(ends[45], 2_969_955);
        let ends = cut_ends(&chunker(1 << 10, 4 << 10, 16 << 10), &data);
        assert_eq!((ends.len(), ends[0], ends[1]), (758, 10613, 12445));
        let ends = cut_ends(&chunker(256 << 10, 1 << 20, 4 << 20), &data);
        assert_eq!(ends, [770_144, 2_574_604, 2_917_355, 3_000_000]);
        assert_eq!(cut_ends(&chunker(64 << 10, 64 << 10, 64 << 10), &data).len(), 46);
        let zeros = cut_ends(&chunker(16 << 10, 64 << 10, 256 << 10), &vec![0; 1_000_000]);
        assert_eq!(zeros, [262_144, 524_288, 786_432, 1_000_000]);
    }

    #[test]
    fn a_boundary_at_the_minimum_counts_except_for_old_desync() {
        let mut data = synthetic(1_000_000);
        data[16376..16384].copy_from_slice(&27205u64.to_le_bytes());
        let sizes = ChunkSizes::DEFAULT;
        for (rules, first) in [
            (BuzhashRules::Modern, vec![16384, 80921, 138_220]),
            (BuzhashRules::Casync, vec![16384, 80921, 138_220]),
            (BuzhashRules::DesyncLegacy, vec![80921, 138_220]),
        ] {
            let ends = cut_ends(&Buzhash::new(sizes, rules), &data);
            assert_eq!(ends[..first.len()], first, "{rules:?}");
        }
    }

    #[test]
    fn the_fast_loop_cuts_where_the_definition_does() {
        let data = synthetic(60_000);
        // The last one ends at the maximum often, where boundaries are looked for in many places at a time.
        for (min, avg, max) in [
            (48, 64, 100),
            (64, 200, 1000),
            (100, 1024, 5000),
            (48, 48, 48),
            (512, 2048, 3000),
        ] {
            for rules in [BuzhashRules::Modern, BuzhashRules::DesyncLegacy] {
                let sizes = ChunkSizes::new(min, avg, max).unwrap();
                let fast = Buzhash::new(sizes, rules);
                let mut rest = data.as_slice();
                while !rest.is_empty() {
                    let cut = fast.cut(rest);
                    let plain = plain_cut(rest, sizes, divisor(avg as usize), fast.cuts_at_min);
                    assert_eq!(cut, plain, "{min}:{avg}:{max} {rules:?} {}", rest.len());
                    rest = &rest[cut..];
                }
            }
        }
    }

    #[test]
    fn processors_without_wide_vectors_cut_in_the_same_places() {
        let data = synthetic(20_000);
        for divisor in [1, 64, 1537, 49_535] {
            let test = BoundaryTest::new(divisor);
            // Also what is shorter than a block, and no whole number of them.
            for start in (0..64).chain(data.len() - WINDOW - 20..data.len() - WINDOW) {
                let leaving = &data[start..];
                let roll = Roll {
                    test: &test,
                    hash: hash(leaving.first_chunk().unwrap()),
                    leaving,
                    entering: &leaving[WINDOW..],
                };
                assert_eq!(roll.position(), roll.find(), "{divisor} from {start}");
            }
        }
    }

    #[test]
    fn inputs_up_to_the_minimum_are_one_chunk() {
        let chunker = chunker(64, 256, 1024);
        let data = synthetic(64);
        for length in 0..=64 {
            assert_eq!(chunker.cut(&data[..length]), length);
        }
    }
}
