// SPDX-License-Identifier: MIT
//! The formats of the desync protocol and of V-Sekai releases.
//!
//! Pure code: nothing here opens a file or socket, reads a clock or the environment. Input comes as byte
//! slices or [`std::io::Read`], and all of it may be hostile: every length is checked before it is believed.

mod by_digest;
pub mod catar;
pub mod channel;
pub mod chunker;
pub mod codec;
mod entries;
pub mod flags;
pub mod id;
pub mod index;
mod input;
#[cfg(target_arch = "x86_64")]
mod lanes;
pub mod layout;
pub mod name;
pub mod pck;
pub mod read_at;
pub mod regions;
pub mod release;
#[cfg(test)]
mod testdata;
mod text;
pub mod user_paths;
#[cfg(target_arch = "x86_64")]
mod vectors;

pub use by_digest::ByDigest;
pub use chunker::{ChunkSizes, Chunker};
pub use id::{ChunkId, DigestAlgorithm, IdHasher};
pub use index::{Index, IndexChunk, IndexLimits};
pub use layout::{Layout, Slice};
pub use name::{TreePath, TreePathRef};
pub use read_at::ReadAt;
pub use user_paths::UserPaths;
