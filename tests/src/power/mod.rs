// SPDX-License-Identifier: MIT
//! Power cuts, simulated: what a disk may hold after one.
//!
//! A program runs once for real, under strace, which writes down every call that changes files with all its
//! bytes ([`trace`]). The calls are replayed on a model of a disk that knows what was synced ([`disk`]). At any
//! step of the replay the power may go: the model then picks, by a seed, one of the states that the real disk
//! could be in ([`wear`]): unsynced bytes lost, torn or replaced by zeros, unsynced names lost or in another
//! order. The state is laid out in a folder, and the real program must cope with it.

pub mod disk;
pub mod trace;
pub mod wear;
