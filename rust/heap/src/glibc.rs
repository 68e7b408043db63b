// SPDX-License-Identifier: MIT
//! The settings of glibc's allocator: mallopt(3).

use std::ffi::c_int;

/// Sets how many arenas there may be, and returns whether that was taken.
pub(crate) fn set_most_arenas(most: c_int) -> bool {
    // SAFETY: mallopt(3) takes two numbers by value and may be called by any thread at any time.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, most) == 1 }
}
