// SPDX-License-Identifier: MIT
//! An index is refused, or writes back as the very same bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vsekai_formats::{Index, IndexLimits};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(index) = Index::from_bytes(bytes, &IndexLimits::default()) {
        assert_eq!(index.to_bytes(), bytes);
    }
});
