// SPDX-License-Identifier: MIT
//! The vectors of this processor, found when the program runs.

use pulp::NullaryFnOnce;
use pulp::x86::{V3, V4};

/// What the processor has.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Vectors {
    /// With rotations.
    V4(V4),
    /// Without.
    V3(V3),
}

/// Work on vectors.
///
/// No closure: so much code in one is not inlined, and then it may not use the vectors.
pub(crate) trait Work {
    type Output;

    /// Does it; to be inlined always.
    fn run(self, simd: V3) -> Self::Output;
}

impl Vectors {
    pub(crate) fn find() -> Option<Self> {
        let best = V4::try_new().map(Self::V4);
        best.or_else(|| V3::try_new().map(Self::V3))
    }

    pub(crate) fn run<W: Work>(self, work: W) -> W::Output {
        match self {
            // The compiler makes rotations of the shifts, as it may use them there.
            Self::V4(simd) => simd.vectorize(Enabled { simd: *simd, work }),
            Self::V3(simd) => simd.vectorize(Enabled { simd, work }),
        }
    }
}

struct Enabled<W> {
    simd: V3,
    work: W,
}

impl<W: Work> NullaryFnOnce for Enabled<W> {
    type Output = W::Output;

    #[inline(always)]
    fn call(self) -> W::Output {
        self.work.run(self.simd)
    }
}

/// All kinds that this processor has, for tests that compare them.
#[cfg(test)]
pub(crate) fn kinds() -> Vec<Vectors> {
    let kinds = [V4::try_new().map(Vectors::V4), V3::try_new().map(Vectors::V3)];
    kinds.into_iter().flatten().collect()
}
