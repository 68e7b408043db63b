// SPDX-License-Identifier: MIT
//! Chunkers: where to cut a stream so that an insertion changes only the chunks around it.
//!
//! Every chunker here decides a chunk's length from the chunk's own bytes alone; nothing crosses a cut. Two
//! runs over the same data that ever start a chunk at the same place therefore agree from there on, which
//! is what [`parallel`] and [`crate::regions`] build on.

pub mod buzhash;
pub mod fastcdc;
pub mod parallel;
pub mod stream;

pub use buzhash::{Buzhash, BuzhashRules};
pub use fastcdc::FastCdc;
pub use parallel::{Cut, cut_all};
pub use stream::{Block, BlockCutter, BlockWriter};

use std::fmt;
use std::str::FromStr;

/// Decides where chunks end.
pub trait Chunker: Send + Sync + fmt::Debug {
    /// Returns the sizes it cuts to.
    fn sizes(&self) -> ChunkSizes;

    /// Returns the length of the chunk at the start of `window`: 1 or more and at most the maximum size, or
    /// 0 if `window` is empty.
    ///
    /// `window` must hold the next [`ChunkSizes::max`] bytes of the input, or all that is left of it if
    /// that is less; bytes beyond the maximum are not looked at.
    fn cut(&self, window: &[u8]) -> usize;
}

impl<C: Chunker + ?Sized> Chunker for &C {
    fn sizes(&self) -> ChunkSizes {
        (**self).sizes()
    }

    fn cut(&self, window: &[u8]) -> usize {
        (**self).cut(window)
    }
}

impl<C: Chunker + ?Sized> Chunker for std::sync::Arc<C> {
    fn sizes(&self) -> ChunkSizes {
        (**self).sizes()
    }

    fn cut(&self, window: &[u8]) -> usize {
        (**self).cut(window)
    }
}

/// Smallest, average and largest size of chunks, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkSizes {
    min: u32,
    avg: u32,
    max: u32,
}

impl ChunkSizes {
    /// casync's and desync's defaults: 16, 64 and 256 KiB.
    pub const DEFAULT: Self = Self {
        min: 16 << 10,
        avg: 64 << 10,
        max: 256 << 10,
    };

    /// Checks the rules that hold for all chunkers.
    ///
    /// # Errors
    /// Sizes that are not ascending, a minimum below 48 bytes (the window of casync's hash), an average
    /// above 8 MiB (where casync's formula loses its meaning) or a maximum above 128 MiB (casync's limit).
    pub fn new(min: u64, avg: u64, max: u64) -> Result<Self, ChunkSizesError> {
        let refuse = |reason| {
            Err(ChunkSizesError {
                min,
                avg,
                max,
                reason,
            })
        };
        if min > avg || avg > max {
            return refuse("they are not in ascending order");
        }
        if min < MIN_MIN {
            return refuse("the minimum is below 48 bytes");
        }
        if avg > MAX_AVG {
            return refuse("the average is above 8 MiB");
        }
        if max > MAX_MAX {
            return refuse("the maximum is above 128 MiB");
        }
        match (u32::try_from(min), u32::try_from(avg), u32::try_from(max)) {
            (Ok(min), Ok(avg), Ok(max)) => Ok(Self { min, avg, max }),
            _ => refuse("the maximum is above 128 MiB"),
        }
    }

    /// Returns the size below which only the last chunk of an input falls, in bytes.
    pub const fn min(&self) -> usize {
        self.min as usize
    }

    /// Returns the size aimed at, in bytes.
    pub const fn avg(&self) -> usize {
        self.avg as usize
    }

    /// Returns the size no chunk exceeds, in bytes.
    pub const fn max(&self) -> usize {
        self.max as usize
    }

    /// Returns minimum, average and maximum as they stand in an index.
    pub const fn for_index(&self) -> (u64, u64, u64) {
        (self.min as u64, self.avg as u64, self.max as u64)
    }
}

impl Default for ChunkSizes {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Reads desync's form: minimum, average and maximum in KiB with colons between, as in `16:64:256`.
impl FromStr for ChunkSizes {
    type Err = ParseChunkSizesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ParseChunkSizesError::Form(text.chars().take(80).collect());
        let parts: Vec<u64> = text
            .split(':')
            .map(|part| part.parse::<u64>().ok().and_then(|kib| kib.checked_mul(1024)))
            .collect::<Option<_>>()
            .ok_or_else(refuse)?;
        match parts[..] {
            [min, avg, max] => Ok(Self::new(min, avg, max)?),
            _ => Err(refuse()),
        }
    }
}

/// Sizes that no chunker can cut to.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("chunk sizes of {min}:{avg}:{max} bytes cannot be used: {reason}")]
pub struct ChunkSizesError {
    /// Minimum, in bytes.
    pub min: u64,
    /// Average, in bytes.
    pub avg: u64,
    /// Maximum, in bytes.
    pub max: u64,
    /// The rule they break.
    pub reason: &'static str,
}

/// Text that is not a triple of chunk sizes.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ParseChunkSizesError {
    /// Not three numbers.
    #[error("{0:?} is not a chunk size: write minimum:average:maximum in KiB, such as 16:64:256")]
    Form(String),
    /// Three numbers that do not fit.
    #[error(transparent)]
    Sizes(#[from] ChunkSizesError),
}

const MIN_MIN: u64 = buzhash::WINDOW as u64;
const MAX_AVG: u64 = 8 << 20;
const MAX_MAX: u64 = crate::index::MAX_CHUNK_SIZE;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_kib() {
        assert_eq!("16:64:256".parse(), Ok(ChunkSizes::DEFAULT));
        for bad in [
            "",
            "16",
            "16:64",
            "16:64:256:1",
            "a:b:c",
            "16:64:99999999999999999999",
        ] {
            assert!(bad.parse::<ChunkSizes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_without_meaning_are_refused() {
        for (min, avg, max) in [
            (47, 100, 200),
            (100, 99, 200),
            (100, 200, 199),
            (48, (8 << 20) + 1, 16 << 20),
            (48, 64, (128 << 20) + 1),
        ] {
            assert!(ChunkSizes::new(min, avg, max).is_err(), "{min}:{avg}:{max}");
        }
        assert!(ChunkSizes::new(48, 48, 48).is_ok());
    }
}
