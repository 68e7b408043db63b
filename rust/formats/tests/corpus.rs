// SPDX-License-Identifier: MIT
//! Replays the fuzz targets' corpus: inputs that once were interesting stay harmless.

use std::path::Path;

/// The checks of the fuzz targets themselves: what is replayed is held to what was fuzzed.
#[path = "../../../fuzz/src/lib.rs"]
mod targets;

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
    replay("index", targets::index);
}

#[test]
fn archives_of_the_corpus_are_read_to_an_end_or_an_error() {
    replay("catar", targets::catar);
}

#[test]
fn chunks_of_the_corpus_stay_within_the_bound_and_have_one_content() {
    replay("chunk", targets::chunk);
}
