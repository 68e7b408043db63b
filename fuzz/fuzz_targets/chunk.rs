// SPDX-License-Identifier: MIT
//! Stored chunks decompress within their bound or not at all.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| vsekai_fuzz::chunk(bytes));
