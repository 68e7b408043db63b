// SPDX-License-Identifier: MIT
//! A stored chunk decompresses within its bound or not at all.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vsekai_formats::codec;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(plain) = codec::decompress(bytes, 1 << 18) {
        assert!(plain.len() <= 1 << 18);
    }
});
