// SPDX-License-Identifier: MIT
//! The hash in eight segments of the input side by side, one in each lane of a vector.
//!
//! A byte changes the hash twice: by its entry of the table where it enters the window, and by the same entry rotated by
//! 48, which is 16, where it leaves. So each entry is looked up once, and put in a row with those of the other
//! segments at the same place. All else is done by vectors.

use std::ops::ControlFlow;

use pulp::x86::V3;
use pulp::{u32x8, u64x2};

use super::{BoundaryTest, TABLE, WINDOW};
use crate::vectors::{Vectors, Work};

/// Looks for the first boundary in `text`, whose first 48 bytes fill the window.
///
/// Breaks with the position of the byte before it, counted from the end of that window; continues with the length of
/// what has none, after which is less than eight segments. To be used where boundaries are farther apart than
/// [`BLOCK`]: all of a block is hashed before it is searched.
pub(super) fn search(vectors: Vectors, test: &BoundaryTest, text: &[u8]) -> ControlFlow<usize, usize> {
    let Some((window, mut rest)) = text.split_first_chunk::<WINDOW>() else {
        return ControlFlow::Continue(0);
    };
    let mut rows = Rows::new(window);
    let mut done = 0;
    while let Some(segments) = rest.as_chunks().0.first_chunk() {
        rows.enter(segments);
        let least = vectors.run(Scan { test, rows: &rows });
        for (lane, _) in (0..).zip(least).filter(|(_, least)| *least <= test.limit) {
            let start = done + lane * SEGMENT;
            let found = text.get(start..).and_then(|text| {
                let entering = text.get(WINDOW..WINDOW + SEGMENT)?;
                test.find_exact(super::hash(text.first_chunk()?), text, entering)
            });
            if let Some(position) = found {
                return ControlFlow::Break(start + position);
            }
        }
        rest = rest.get(BLOCK..).unwrap_or_default();
        done += BLOCK;
    }
    ControlFlow::Continue(done)
}

/// Entries of the table, a row for each place in the segments. A word holds those of two lanes.
struct Rows {
    /// Of the window before the first segment of the next block.
    carried: [u64; WINDOW],
    /// Of the windows before the segments.
    before: [[u64; LANES / 2]; WINDOW],
    within: [[u64; LANES / 2]; SEGMENT],
}

impl Rows {
    fn new(window: &[u8; WINDOW]) -> Self {
        Self {
            carried: window.map(|byte| LOW[usize::from(byte)]),
            before: [[0; LANES / 2]; WINDOW],
            within: [[0; LANES / 2]; SEGMENT],
        }
    }

    /// Takes the next block.
    fn enter(&mut self, segments: &[[u8; SEGMENT]; LANES]) {
        let [a, b, c, d, e, f, g, h] = segments;
        for (place, row) in self.within.iter_mut().enumerate() {
            // Fewer stores than with a word for each lane, and the stores take the time.
            let pair = |low: &[u8; SEGMENT], high: &[u8; SEGMENT]| {
                LOW[usize::from(low[place])] | HIGH[usize::from(high[place])]
            };
            *row = [pair(a, b), pair(c, d), pair(e, f), pair(g, h)];
        }
        // Before a segment is the end of the one in the lane before.
        let (_, ends) = self.within.split_at(SEGMENT - WINDOW);
        for ((before, carried), [a, b, c, d]) in self.before.iter_mut().zip(&mut self.carried).zip(ends) {
            *before = [
                *carried | a << 32,
                a >> 32 | b << 32,
                b >> 32 | c << 32,
                c >> 32 | d << 32,
            ];
            *carried = d >> 32;
        }
    }
}

/// Finds for each lane the least quotient of the [`BoundaryTest`]: one up to its limit tells of a boundary.
struct Scan<'a> {
    test: &'a BoundaryTest,
    rows: &'a Rows,
}

impl Work for Scan<'_> {
    type Output = [u32; LANES];

    #[inline(always)]
    fn run(self, simd: V3) -> [u32; LANES] {
        match self.test.twos {
            0 => self.find::<false>(simd),
            _ => self.find::<true>(simd),
        }
    }
}

impl Scan<'_> {
    /// `ROTATES` says whether the divisor has factors of two.
    #[inline(always)]
    fn find<const ROTATES: bool>(self, simd: V3) -> [u32; LANES] {
        let Self { test, rows } = self;
        let test = LaneTest {
            one: simd.splat_u32x8(1),
            inverse: simd.splat_u32x8(test.inverse),
            right: u64x2(u64::from(test.twos), 0),
            left: u64x2(u64::from(u32::BITS - test.twos), 0),
        };
        let (mut hash, mut least) = (simd.splat_u32x8(0), simd.splat_u32x8(u32::MAX));
        for row in &rows.before {
            hash = simd.xor_u32x8(rotated::<1, 31>(simd, hash), pulp::cast(*row));
        }
        let (first, others) = rows.within.split_at(WINDOW);
        for (leaving, entering) in rows.before.iter().zip(first) {
            hash = roll(simd, hash, *leaving, *entering);
            least = simd.min_u32x8(least, test.quotient::<ROTATES>(simd, hash));
        }
        for (leaving, entering) in rows.within.iter().zip(others) {
            hash = roll(simd, hash, *leaving, *entering);
            least = simd.min_u32x8(least, test.quotient::<ROTATES>(simd, hash));
        }
        pulp::cast(least)
    }
}

/// The [`BoundaryTest`] for eight hashes.
struct LaneTest {
    one: u32x8,
    inverse: u32x8,
    right: u64x2,
    left: u64x2,
}

impl LaneTest {
    #[inline(always)]
    fn quotient<const ROTATES: bool>(&self, simd: V3, hash: u32x8) -> u32x8 {
        let quotient = simd.wrapping_mul_u32x8(simd.wrapping_add_u32x8(hash, self.one), self.inverse);
        if !ROTATES {
            return quotient;
        }
        simd.or_u32x8(
            simd.shr_u32x8(quotient, self.right),
            simd.shl_u32x8(quotient, self.left),
        )
    }
}

#[inline(always)]
fn roll(simd: V3, hash: u32x8, leaving: [u64; LANES / 2], entering: [u64; LANES / 2]) -> u32x8 {
    const { assert!(WINDOW % 32 == 16) };
    let step = simd.xor_u32x8(rotated::<16, 16>(simd, pulp::cast(leaving)), pulp::cast(entering));
    simd.xor_u32x8(rotated::<1, 31>(simd, hash), step)
}

/// Rotates to the left; the two numbers make 32.
#[inline(always)]
fn rotated<const LEFT: i32, const RIGHT: i32>(simd: V3, word: u32x8) -> u32x8 {
    simd.or_u32x8(
        simd.shl_const_u32x8::<LEFT>(word),
        simd.shr_const_u32x8::<RIGHT>(word),
    )
}

/// Segments side by side.
const LANES: usize = 8;
/// Bytes of a segment: the rows of all lanes stay in the processor's first cache, and a boundary in one of them throws
/// away little work on those after it.
const SEGMENT: usize = 128;
/// Bytes that are hashed before the next search.
pub(super) const BLOCK: usize = LANES * SEGMENT;

/// The table in the lower half of a word, for lanes with an even number.
static LOW: [u64; 256] = widened(0);
/// The table in the upper half.
static HIGH: [u64; 256] = widened(32);

const fn widened(left: u32) -> [u64; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < table.len() {
        table[index] = (TABLE[index] as u64) << left;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::super::Roll;
    use super::*;
    use crate::testdata::synthetic;
    use crate::vectors::kinds;

    #[test]
    fn the_first_boundary_of_all_segments_is_the_one_that_is_found_byte_by_byte() {
        let data = synthetic(WINDOW + 5 * BLOCK + 300);
        for vectors in kinds() {
            // With factors of two and without, and so few that there is none.
            for divisor in [96, 1024, 1537, 6154, 49_535, u32::MAX] {
                let test = BoundaryTest::new(divisor);
                for start in (0..data.len()).step_by(37) {
                    let text = &data[start..];
                    let Some(window) = text.first_chunk() else {
                        continue;
                    };
                    let roll = Roll {
                        test: &test,
                        hash: super::super::hash(window),
                        leaving: text,
                        entering: &text[WINDOW..],
                    };
                    let expected = roll.find();
                    match search(vectors, &test, text) {
                        ControlFlow::Break(position) => {
                            assert_eq!(Some(position), expected, "{divisor} {start}")
                        }
                        ControlFlow::Continue(done) => {
                            assert_eq!(done, (text.len() - WINDOW) / BLOCK * BLOCK);
                            assert!(
                                expected.is_none_or(|position| position >= done),
                                "{divisor} {start}"
                            );
                        }
                    }
                }
            }
        }
    }
}
