// SPDX-License-Identifier: MIT
//! An index is refused, or writes back as the very same bytes.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vsekai_fuzz::index(bytes));
