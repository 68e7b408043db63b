// SPDX-License-Identifier: MIT
//! An archive is read to its end or to an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vsekai_formats::catar::{DecodeLimits, Decoder};

fuzz_target!(|bytes: &[u8]| {
    let mut decoder = Decoder::new(bytes, DecodeLimits::default());
    while let Ok(Some(_)) = decoder.next_event() {}
});
