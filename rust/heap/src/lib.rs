// SPDX-License-Identifier: MIT
//! Bounds what the system's allocator keeps for a program.
//!
//! A setting of the whole process belongs to its program: no library calls this.

#[cfg(all(target_os = "linux", target_env = "gnu"))]
// The one `unsafe` call of this library.
#[allow(unsafe_code)]
mod glibc;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
use glibc::set_most_arenas;

/// Lets all threads of the process take memory from one place, so that what one gives back serves the others.
///
/// glibc gives threads arenas of their own, up to eight for each processor, and each keeps what was given back to it:
/// an install on many threads held half as much again as it ever used (`docs/benchmarks.md`). To be called before
/// threads are started; arenas that are there already stay. Does nothing where the allocator is another one.
///
/// Returns whether the allocator took the setting.
pub fn share_one_arena() -> bool {
    set_most_arenas(1)
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn set_most_arenas(_: i32) -> bool {
    false
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    #[test]
    fn glibc_takes_the_setting() {
        assert!(super::share_one_arena());
    }
}
