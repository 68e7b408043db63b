// SPDX-License-Identifier: MIT
//! File trees on disk: packed into archives, unpacked from them, and used in place of chunks.

pub(crate) mod from_tar;
pub(crate) mod image;
pub(crate) mod pack;
pub(crate) mod receipt;
pub(crate) mod stream;
pub(crate) mod to_tar;
pub(crate) mod unpack;

#[cfg(unix)]
#[path = "unix.rs"]
pub(crate) mod system;
#[cfg(not(unix))]
#[path = "windows.rs"]
pub(crate) mod system;
