// SPDX-License-Identifier: MIT
//! An archive is read to its end or to an error.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vsekai_fuzz::catar(bytes));
