// SPDX-License-Identifier: MIT
//! Replays the fuzz targets' corpus: inputs that once were interesting stay harmless.

use std::path::Path;

use vsekai_formats::catar::{DecodeLimits, Decoder};
use vsekai_formats::{Index, IndexLimits, codec};

/// Calls `check` for every input of a target; there must be some.
fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../fuzz/corpus")
        .join(target);
    let mut inputs = 0;
    for entry in fs_err::read_dir(&folder).unwrap() {
        check(&fs_err::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "{} is empty", folder.display());
}

#[test]
fn indexes_of_the_corpus_are_refused_or_write_back() {
    replay("index", |bytes| {
        if let Ok(index) = Index::from_bytes(bytes, &IndexLimits::default()) {
            assert_eq!(index.to_bytes(), bytes);
        }
    });
}

#[test]
fn archives_of_the_corpus_are_read_to_an_end_or_an_error() {
    replay("catar", |bytes| {
        let mut decoder = Decoder::new(bytes, DecodeLimits::default());
        while let Ok(Some(_)) = decoder.next_event() {}
    });
}

#[test]
fn chunks_of_the_corpus_stay_within_the_bound() {
    replay("chunk", |bytes| {
        let plain = codec::decompress(bytes, 1 << 18);
        if let Some(content) = codec::bare_content(bytes, 1 << 18) {
            assert_eq!(plain.as_deref(), Ok(&bytes[content]));
        }
        if let Ok(plain) = plain {
            assert!(plain.len() <= 1 << 18);
        }
    });
}
