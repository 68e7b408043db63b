// SPDX-License-Identifier: MIT
//! Damaged and hostile archives: nothing is written outside the target, whatever they say.

use crate::common::{Place, listing, ours, ours_ok};
use vsekai_formats::catar::record::{self, Entry};

/// A small, fast generator: the same damage on every machine and every run.
struct Noise(u64);

impl Noise {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(0x5851_f42d_4c95_7f2d)
            .wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) as usize % limit.max(1)
    }
}

/// A tree whose names are one flipped bit away from `..` and `/`.
fn sample(place: &Place) -> Vec<u8> {
    for path in ["tree/a.txt", "tree/,./x", "tree/.n/y", "tree/o/z", "tree/d/e/f"] {
        place.file(path, path.as_bytes());
    }
    std::os::unix::fs::symlink("../outside", place.at("tree/link")).unwrap();
    let archive = place.at("t.catar");
    ours_ok(&["tar", "--no-time", &archive, &place.at("tree")]);
    fs_err::read(archive).unwrap()
}

#[test]
fn damaged_archives_write_nothing_outside_the_target() {
    let place = Place::new();
    let good = sample(&place);
    place.file("outside/file", b"untouched");
    place.folder("work");
    let before = (listing(&place.at("outside")), listing(&place.at("tree")));
    let mut noise = Noise(11);
    let mut refused = 0;
    for _ in 0..400 {
        let mut bytes = good.clone();
        for _ in 0..=noise.below(3) {
            let at = noise.below(bytes.len());
            bytes[at] ^= 1 << noise.below(8);
        }
        let archive = place.file("bad.catar", &bytes);
        let outcome = ours(&["untar", "--no-same-owner", &archive, &place.at("work/target")]);
        refused += usize::from(outcome.code != 0);
    }
    assert!(refused > 100, "{refused}");
    assert_eq!(
        before,
        (listing(&place.at("outside")), listing(&place.at("tree")))
    );
    assert_eq!(fs_err::read_dir(place.at("work")).unwrap().count(), 1);
}

/// Starts an archive: the root, and in it a link `l` to `target`.
fn with_link(target: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    push_entry(&mut bytes, 0o40_755);
    record::push_text(&mut bytes, record::FILENAME, b"l");
    push_entry(&mut bytes, 0o120_777);
    record::push_text(&mut bytes, record::SYMLINK, target.as_bytes());
    bytes
}

fn push_entry(bytes: &mut Vec<u8>, mode: u64) {
    let entry = Entry {
        feature_flags: 0xb000_0000_1000_1f22,
        mode,
        ..Entry::default()
    };
    record::push_entry(bytes, &entry);
}

#[test]
fn a_link_followed_by_a_folder_of_its_name_leads_nowhere() {
    let place = Place::new();
    place.file("outside/file", b"untouched");
    for target in [place.at("outside"), "../outside".to_owned()] {
        let mut bytes = with_link(&target);
        // Between the two a name, as the same name twice in a row is refused already.
        record::push_text(&mut bytes, record::FILENAME, b"m");
        push_entry(&mut bytes, 0o120_777);
        record::push_text(&mut bytes, record::SYMLINK, b"x");
        record::push_text(&mut bytes, record::FILENAME, b"l");
        push_entry(&mut bytes, 0o40_755);
        record::push_text(&mut bytes, record::FILENAME, b"file");
        push_entry(&mut bytes, 0o100_644);
        record::push_payload_header(&mut bytes, 4).unwrap();
        bytes.extend(b"evil");
        let archive = place.file("bad.catar", &bytes);
        let outcome = ours(&["untar", "--no-same-owner", &archive, &place.at("target")]);
        assert_eq!(outcome.code, 1, "{}", outcome.err);
        assert_eq!(fs_err::read(place.at("outside/file")).unwrap(), b"untouched");
    }
}

#[test]
fn a_link_followed_by_a_file_of_its_name_is_replaced_and_not_written_through() {
    let place = Place::new();
    let outside = place.file("outside", b"untouched");
    let mut bytes = with_link(&outside);
    record::push_text(&mut bytes, record::FILENAME, b"m");
    push_entry(&mut bytes, 0o120_777);
    record::push_text(&mut bytes, record::SYMLINK, b"x");
    record::push_text(&mut bytes, record::FILENAME, b"l");
    push_entry(&mut bytes, 0o100_644);
    record::push_payload_header(&mut bytes, 9).unwrap();
    bytes.extend(b"overwrite");
    let archive = place.file("bad.catar", &bytes);
    // The archive has no end, so it fails, but only after the file.
    assert_eq!(
        ours(&["untar", "--no-same-owner", &archive, &place.at("target")]).code,
        1
    );
    assert_eq!(fs_err::read(&outside).unwrap(), b"untouched");
}
