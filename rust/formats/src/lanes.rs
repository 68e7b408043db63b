// SPDX-License-Identifier: MIT
//! SHA-512/256 of several messages at once, a message in each lane of the processor's vectors.
//!
//! One message leaves most of a processor idle, because each step needs the one before. Four messages side by
//! side take hardly longer than one. The vectors come from the crate `pulp`, which looks at run time whether the
//! processor has them. Only those of x86-64 are written and tested here.

use crate::id::ChunkId;
use crate::vectors::Vectors;

/// Returns the ids of chunks, in their order, if it pays to take them together here.
pub(crate) fn ids(plains: &[&[u8]]) -> Option<Vec<ChunkId>> {
    let vectors = Vectors::find().filter(|_| plains.len() > 1)?;
    Some(side_by_side(plains, vectors))
}

/// One message on its way through a lane: its whole blocks, then what is left of it with the padding.
#[derive(Clone, Copy)]
struct Message<'a> {
    number: usize,
    blocks: &'a [[u8; BLOCK]],
    /// Its last blocks are used.
    tail: [[u8; BLOCK]; 2],
    tail_len: usize,
}

impl<'a> Message<'a> {
    fn new(number: usize, plain: &'a [u8]) -> Self {
        let (blocks, rest) = plain.as_chunks::<BLOCK>();
        let mut tail = [[0; BLOCK]; 2];
        let tail_len = if rest.len() < BLOCK - LENGTH_FIELD { 1 } else { 2 };
        let used = tail
            .get_mut(2 - tail_len..)
            .unwrap_or_default()
            .as_flattened_mut();
        for (to, from) in used.iter_mut().zip(rest.iter().chain(&[0x80])) {
            *to = *from;
        }
        if let Some(field) = used.last_chunk_mut::<LENGTH_FIELD>() {
            *field = (plain.len() as u128 * 8).to_be_bytes();
        }
        Self {
            number,
            blocks,
            tail,
            tail_len,
        }
    }

    /// Returns the blocks that come next, in one piece.
    fn next(&self) -> &[[u8; BLOCK]] {
        match self.blocks {
            [] => self.tail.get(2 - self.tail_len..).unwrap_or_default(),
            blocks => blocks,
        }
    }

    /// Notes that blocks were taken, and tells whether that was all.
    fn take(&mut self, count: usize) -> bool {
        match self.blocks.get(count..).filter(|_| !self.blocks.is_empty()) {
            Some(left) => self.blocks = left,
            None => self.tail_len -= count.min(self.tail_len),
        }
        self.blocks.is_empty() && self.tail_len == 0
    }
}

fn side_by_side(plains: &[&[u8]], vectors: Vectors) -> Vec<ChunkId> {
    let mut ids = vec![ChunkId::from_bytes([0; 32]); plains.len()];
    // The longest first, so that towards the end no lane is left with much to do alone.
    let mut order: Vec<usize> = (0..plains.len()).collect();
    order.sort_by_key(|number| plains.get(*number).map_or(0, |plain| plain.len()));
    let mut waiting = order
        .into_iter()
        .filter_map(|number| Some((number, *plains.get(number)?)));
    let mut next = || {
        waiting
            .next_back()
            .map(|(number, plain)| Message::new(number, plain))
    };
    let mut lanes: [Option<Message<'_>>; LANES] = std::array::from_fn(|_| next());
    let mut states = [[0; LANES]; 8];
    (0..LANES).for_each(|lane| begin(&mut states, lane));
    loop {
        let pieces = lanes.iter().flatten().map(|message| message.next().len());
        let Some(count) = pieces.min() else { return ids };
        // A lane without a message gets any blocks at all.
        let Some(idle) = lanes.iter().flatten().next().map(Message::next) else {
            return ids;
        };
        let pieces: [&[[u8; BLOCK]]; LANES] = std::array::from_fn(|lane| {
            let message = lanes.get(lane).and_then(Option::as_ref);
            message
                .map_or(idle, Message::next)
                .get(..count)
                .unwrap_or_default()
        });
        vectors.run(rounds::Compress {
            states: &mut states,
            blocks: pieces,
        });
        for (lane, slot) in lanes.iter_mut().enumerate() {
            let Some(message) = slot else { continue };
            if message.take(count) {
                if let Some(id) = ids.get_mut(message.number) {
                    *id = id_of(&states, lane);
                }
                begin(&mut states, lane);
                *slot = next();
            }
        }
    }
}

/// Puts the state of a message that has not begun into a lane.
fn begin(states: &mut [[u64; LANES]; 8], lane: usize) {
    for (state, initial) in states.iter_mut().zip(INITIAL) {
        if let Some(state) = state.get_mut(lane) {
            *state = initial;
        }
    }
}

fn id_of(states: &[[u64; LANES]; 8], lane: usize) -> ChunkId {
    let mut bytes = [0; 32];
    for (to, state) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(states) {
        *to = state.get(lane).copied().unwrap_or_default().to_be_bytes();
    }
    ChunkId::from_bytes(bytes)
}

mod rounds {
    use pulp::u64x4;
    use pulp::x86::V3;

    use super::{BLOCK, LANES, ROUNDS};
    use crate::vectors::Work;

    /// Takes equally many blocks in each lane.
    pub(super) struct Compress<'a> {
        pub(super) states: &'a mut [[u64; LANES]; 8],
        pub(super) blocks: [&'a [[u8; BLOCK]]; LANES],
    }

    impl Work for Compress<'_> {
        type Output = ();

        #[inline(always)]
        fn run(self, simd: V3) {
            let mut state = self.states.map(|[a, b, c, d]| u64x4(a, b, c, d));
            let [first, second, third, fourth] = self.blocks;
            for (((a, b), c), d) in first.iter().zip(second).zip(third).zip(fourth) {
                state = block(simd, state, [a, b, c, d]);
            }
            *self.states = state.map(|u64x4(a, b, c, d)| [a, b, c, d]);
        }
    }

    #[inline(always)]
    fn block(simd: V3, before: [u64x4; 8], blocks: [&[u8; BLOCK]; LANES]) -> [u64x4; 8] {
        let [a, b, c, d] = blocks;
        let (a, b) = (a.as_chunks::<8>().0, b.as_chunks::<8>().0);
        let (c, d) = (c.as_chunks::<8>().0, d.as_chunks::<8>().0);
        let mut words = [simd.splat_u64x4(0); 16];
        for (word, (((a, b), c), d)) in words.iter_mut().zip(a.iter().zip(b).zip(c).zip(d)) {
            let (a, b) = (u64::from_be_bytes(*a), u64::from_be_bytes(*b));
            let (c, d) = (u64::from_be_bytes(*c), u64::from_be_bytes(*d));
            *word = u64x4(a, b, c, d);
        }
        let mut state = before;
        for (number, constants) in ROUNDS.iter().enumerate() {
            if number == 0 {
                rounds::<0, false>(simd, &mut state, &mut words, constants);
                rounds::<8, false>(simd, &mut state, &mut words, constants);
            } else {
                rounds::<0, true>(simd, &mut state, &mut words, constants);
                rounds::<8, true>(simd, &mut state, &mut words, constants);
            }
        }
        let [a, b, c, d, e, f, g, h] = state;
        let [i, j, k, l, m, n, o, p] = before;
        [
            simd.wrapping_add_u64x4(a, i),
            simd.wrapping_add_u64x4(b, j),
            simd.wrapping_add_u64x4(c, k),
            simd.wrapping_add_u64x4(d, l),
            simd.wrapping_add_u64x4(e, m),
            simd.wrapping_add_u64x4(f, n),
            simd.wrapping_add_u64x4(g, o),
            simd.wrapping_add_u64x4(h, p),
        ]
    }

    /// Does eight rounds with the words from `FIRST` on, which are the `NEXT` ones of the message schedule or are as
    /// they should be.
    ///
    /// After eight rounds each part of the state is in its place again. Written out they keep it in registers, where a
    /// loop would move it all at each round, which takes a third of the time.
    #[inline(always)]
    fn rounds<const FIRST: usize, const NEXT: bool>(
        simd: V3,
        state: &mut [u64x4; 8],
        words: &mut [u64x4; 16],
        constants: &[u64; 16],
    ) {
        // No function with the parts in an array: each round has the same eight variables in other places.
        macro_rules! write_out {
            ($($at:literal: [$a:ident $b:ident $c:ident] $d:ident [$e:ident $f:ident $g:ident] $h:ident)*) => {
                $(
                    let taken = word::<NEXT>(simd, words, constants, FIRST + $at);
                    round(simd, [$a, $b, $c], &mut $d, [$e, $f, $g], &mut $h, taken);
                )*
            };
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *state;
        write_out! {
            0: [a b c] d [e f g] h
            1: [h a b] c [d e f] g
            2: [g h a] b [c d e] f
            3: [f g h] a [b c d] e
            4: [e f g] h [a b c] d
            5: [d e f] g [h a b] c
            6: [c d e] f [g h a] b
            7: [b c d] e [f g h] a
        }
        *state = [a, b, c, d, e, f, g, h];
    }

    /// Does one round: of the new state only two parts are not parts of the old one, which are put where those are
    /// that go.
    #[inline(always)]
    fn round(
        simd: V3,
        [a, b, c]: [u64x4; 3],
        d: &mut u64x4,
        [e, f, g]: [u64x4; 3],
        h: &mut u64x4,
        word: u64x4,
    ) {
        let large = xor3(
            simd,
            rotated::<14, 50>(simd, e),
            rotated::<18, 46>(simd, e),
            rotated::<41, 23>(simd, e),
        );
        let choice = simd.xor_u64x4(g, simd.and_u64x4(e, simd.xor_u64x4(f, g)));
        let sum = simd.wrapping_add_u64x4(
            simd.wrapping_add_u64x4(*h, word),
            simd.wrapping_add_u64x4(choice, large),
        );
        let small = xor3(
            simd,
            rotated::<28, 36>(simd, a),
            rotated::<34, 30>(simd, a),
            rotated::<39, 25>(simd, a),
        );
        let either = simd.and_u64x4(a, simd.xor_u64x4(b, c));
        let majority = simd.xor_u64x4(either, simd.and_u64x4(b, c));
        *d = simd.wrapping_add_u64x4(*d, sum);
        *h = simd.wrapping_add_u64x4(sum, simd.wrapping_add_u64x4(small, majority));
    }

    /// Returns a word with its constant, after putting the `NEXT` one of the message schedule in its place.
    #[inline(always)]
    fn word<const NEXT: bool>(simd: V3, words: &mut [u64x4; 16], constants: &[u64; 16], at: usize) -> u64x4 {
        if NEXT {
            let (one, nine, fourteen) = (words[(at + 1) % 16], words[(at + 9) % 16], words[(at + 14) % 16]);
            let small = xor3(
                simd,
                rotated::<1, 63>(simd, one),
                rotated::<8, 56>(simd, one),
                simd.shr_const_u64x4::<7>(one),
            );
            let large = xor3(
                simd,
                rotated::<19, 45>(simd, fourteen),
                rotated::<61, 3>(simd, fourteen),
                simd.shr_const_u64x4::<6>(fourteen),
            );
            let sum = simd.wrapping_add_u64x4(words[at], small);
            words[at] = simd.wrapping_add_u64x4(sum, simd.wrapping_add_u64x4(nine, large));
        }
        simd.wrapping_add_u64x4(words[at], simd.splat_u64x4(constants[at]))
    }

    #[inline(always)]
    fn xor3(simd: V3, a: u64x4, b: u64x4, c: u64x4) -> u64x4 {
        simd.xor_u64x4(simd.xor_u64x4(a, b), c)
    }

    /// Rotates to the right; the two numbers make 64.
    #[inline(always)]
    fn rotated<const RIGHT: i32, const LEFT: i32>(simd: V3, word: u64x4) -> u64x4 {
        simd.or_u64x4(
            simd.shr_const_u64x4::<RIGHT>(word),
            simd.shl_const_u64x4::<LEFT>(word),
        )
    }
}

/// Messages side by side.
const LANES: usize = 4;
/// Bytes of a block.
const BLOCK: usize = 128;
/// Bytes of the length at the end of the last block.
const LENGTH_FIELD: usize = 16;

/// What SHA-512/256 begins with (FIPS 180-4, 5.3.6.2).
#[rustfmt::skip]
const INITIAL: [u64; 8] = [
    0x2231_2194_fc2b_f72c, 0x9f55_5fa3_c84c_64c2, 0x2393_b86b_6f53_b151, 0x9638_7719_5940_eabd,
    0x9628_3ee2_a88e_ffe3, 0xbe5e_1e25_5386_3992, 0x2b01_99fc_2c85_b8aa, 0x0eb7_2ddc_81c5_2ca2,
];

/// SHA-512's constants (FIPS 180-4, 4.2.3), sixteen rounds in a row.
#[rustfmt::skip]
const ROUNDS: [[u64; 16]; 5] = [
    [
        0x428a_2f98_d728_ae22, 0x7137_4491_23ef_65cd, 0xb5c0_fbcf_ec4d_3b2f, 0xe9b5_dba5_8189_dbbc,
        0x3956_c25b_f348_b538, 0x59f1_11f1_b605_d019, 0x923f_82a4_af19_4f9b, 0xab1c_5ed5_da6d_8118,
        0xd807_aa98_a303_0242, 0x1283_5b01_4570_6fbe, 0x2431_85be_4ee4_b28c, 0x550c_7dc3_d5ff_b4e2,
        0x72be_5d74_f27b_896f, 0x80de_b1fe_3b16_96b1, 0x9bdc_06a7_25c7_1235, 0xc19b_f174_cf69_2694,
    ],
    [
        0xe49b_69c1_9ef1_4ad2, 0xefbe_4786_384f_25e3, 0x0fc1_9dc6_8b8c_d5b5, 0x240c_a1cc_77ac_9c65,
        0x2de9_2c6f_592b_0275, 0x4a74_84aa_6ea6_e483, 0x5cb0_a9dc_bd41_fbd4, 0x76f9_88da_8311_53b5,
        0x983e_5152_ee66_dfab, 0xa831_c66d_2db4_3210, 0xb003_27c8_98fb_213f, 0xbf59_7fc7_beef_0ee4,
        0xc6e0_0bf3_3da8_8fc2, 0xd5a7_9147_930a_a725, 0x06ca_6351_e003_826f, 0x1429_2967_0a0e_6e70,
    ],
    [
        0x27b7_0a85_46d2_2ffc, 0x2e1b_2138_5c26_c926, 0x4d2c_6dfc_5ac4_2aed, 0x5338_0d13_9d95_b3df,
        0x650a_7354_8baf_63de, 0x766a_0abb_3c77_b2a8, 0x81c2_c92e_47ed_aee6, 0x9272_2c85_1482_353b,
        0xa2bf_e8a1_4cf1_0364, 0xa81a_664b_bc42_3001, 0xc24b_8b70_d0f8_9791, 0xc76c_51a3_0654_be30,
        0xd192_e819_d6ef_5218, 0xd699_0624_5565_a910, 0xf40e_3585_5771_202a, 0x106a_a070_32bb_d1b8,
    ],
    [
        0x19a4_c116_b8d2_d0c8, 0x1e37_6c08_5141_ab53, 0x2748_774c_df8e_eb99, 0x34b0_bcb5_e19b_48a8,
        0x391c_0cb3_c5c9_5a63, 0x4ed8_aa4a_e341_8acb, 0x5b9c_ca4f_7763_e373, 0x682e_6ff3_d6b2_b8a3,
        0x748f_82ee_5def_b2fc, 0x78a5_636f_4317_2f60, 0x84c8_7814_a1f0_ab72, 0x8cc7_0208_1a64_39ec,
        0x90be_fffa_2363_1e28, 0xa450_6ceb_de82_bde9, 0xbef9_a3f7_b2c6_7915, 0xc671_78f2_e372_532b,
    ],
    [
        0xca27_3ece_ea26_619c, 0xd186_b8c7_21c0_c207, 0xeada_7dd6_cde0_eb1e, 0xf57d_4f7f_ee6e_d178,
        0x06f0_67aa_7217_6fba, 0x0a63_7dc5_a2c8_98a6, 0x113f_9804_bef9_0dae, 0x1b71_0b35_131c_471b,
        0x28db_77f5_2304_7d84, 0x32ca_ab7b_40c7_2493, 0x3c9e_be0a_15c9_bebc, 0x431d_67c4_9c10_0d4c,
        0x4cc5_d4be_cb3e_42b6, 0x597f_299c_fc65_7e2a, 0x5fcb_6fab_3ad6_faec, 0x6c44_198c_4a47_5817,
    ],
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::DigestAlgorithm::Sha512_256;
    use crate::testdata::synthetic;
    use crate::vectors::kinds;

    fn one_by_one(plains: &[&[u8]]) -> Vec<ChunkId> {
        let ids = plains.iter().map(|plain| ChunkId::of(Sha512_256, plain));
        ids.collect()
    }

    #[test]
    fn messages_of_every_length_have_the_ids_they_have_alone() {
        let data = synthetic(1100);
        let plains: Vec<&[u8]> = (0..=data.len()).map(|length| &data[..length]).collect();
        for count in [0, 1, 2, 3, 4, 5, 9, plains.len()] {
            for start in [0, 105, 230] {
                let some = &plains[start.min(plains.len() - count)..][..count];
                let together = ChunkId::of_each(Sha512_256, some);
                assert_eq!(together, one_by_one(some), "{count} from {start}");
            }
        }
    }

    #[test]
    fn lanes_that_end_apart_do_not_disturb_each_other() {
        let data = synthetic(300_000);
        let cuts = [0, 262_144, 262_144, 262_145, 270_000, 270_128, 299_999, 300_000];
        let plains: Vec<&[u8]> = cuts.windows(2).map(|pair| &data[pair[0]..pair[1]]).collect();
        assert_eq!(ChunkId::of_each(Sha512_256, &plains), one_by_one(&plains));
    }

    #[test]
    fn both_kinds_of_vectors_agree() {
        let data = synthetic(10_000);
        let plains: Vec<&[u8]> = data.chunks(999).collect();
        let expected = one_by_one(&plains);
        for vectors in kinds() {
            assert_eq!(side_by_side(&plains, vectors), expected, "{vectors:?}");
        }
    }
}
