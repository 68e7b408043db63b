// SPDX-License-Identifier: MIT
//! Trees and their archives: our commands with each other and with the real tools, in both directions.

use std::os::unix::fs::PermissionsExt as _;

use crate::common::{Place, casync, desync, listing, noise, ours, ours_ok, real_ok};

/// A tree with all that archives keep: nesting, links, empty files, odd names, modes and sizes around those
/// of chunks.
fn tree(place: &Place, name: &str) -> String {
    let at = |path: &str| format!("{name}/{path}");
    place.file(&at("a.txt"), b"hello\n");
    place.file(&at("empty"), b"");
    place.file(&at("big.bin"), noise(7, 900_000));
    place.file(&at("zero.bin"), vec![0; 600_000]);
    place.file(&at("deep/er/est/file"), noise(8, 70_000));
    place.file(&at("name with space"), b"x");
    place.file(&at("日本語/ünï"), b"y");
    // casync cannot unpack longer ones.
    place.file(&at(&"n".repeat(200)), b"z");
    place.folder(&at("hollow"));
    for number in 0..200u64 {
        place.file(
            &at(&format!("many/{number:03}")),
            noise(number, number as usize * 37),
        );
    }
    let root = place.at(name);
    for (link, target) in [
        ("link", "a.txt"),
        ("dangling", "../../nowhere"),
        ("deep/up", "../a.txt"),
    ] {
        std::os::unix::fs::symlink(target, format!("{root}/{link}")).unwrap();
    }
    for (path, mode) in [
        ("a.txt", 0o640),
        ("big.bin", 0o755),
        ("hollow", 0o700),
        ("deep", 0o2755),
    ] {
        let mode = std::fs::Permissions::from_mode(mode);
        fs_err::set_permissions(format!("{root}/{path}"), mode).unwrap();
    }
    root
}

/// As whoever runs the tests; only root can give files away.
const UNTAR: [&str; 2] = ["untar", "--no-same-owner"];

fn assert_same(a: &str, b: &str) {
    assert!(
        fs_err::read(a).unwrap() == fs_err::read(b).unwrap(),
        "{a} and {b} differ"
    );
}

#[test]
fn a_tree_comes_back_from_archive_and_index() {
    let place = Place::new();
    let (source, store) = (tree(&place, "tree"), place.folder("store"));
    let (archive, index) = (place.at("t.catar"), place.at("t.caidx"));
    ours_ok(&["tar", &archive, &source]);
    ours_ok(&["tar", "-i", "-s", &store, &index, &source]);
    let (a, b) = (place.at("a"), place.at("b"));
    ours_ok(&[&UNTAR[..], &[&archive, &a]].concat());
    ours_ok(&[&UNTAR[..], &["-i", "-s", &store, &index, &b]].concat());
    assert_eq!(listing(&source), listing(&a));
    assert_eq!(listing(&source), listing(&b));
}

#[test]
fn archives_equal_desyncs_byte_for_byte() {
    let Some(desync) = desync() else { return };
    let place = Place::new();
    let source = tree(&place, "tree");
    place.file(&format!("tree/{}", "m".repeat(255)), b"z");
    // Not every file system has attributes.
    let file = format!("{source}/a.txt");
    let flags = rustix::fs::XattrFlags::empty();
    let _ = rustix::fs::setxattr(&file, "user.comment", b"value", flags);
    let _ = rustix::fs::setxattr(&source, "user.empty", b"", flags);
    let (ours_archive, theirs) = (place.at("ours"), place.at("theirs"));
    for extra in [&[][..], &["--no-time"]] {
        ours_ok(&[&["tar"], extra, &[&ours_archive, &source]].concat());
        real_ok(&desync, &[&["tar"], extra, &[&theirs, &source]].concat());
        assert_same(&ours_archive, &theirs);
    }
    let slash = format!("{source}/./");
    ours_ok(&["tar", "--no-time", &ours_archive, &slash]);
    assert_same(&ours_archive, &theirs);
}

#[test]
fn indexes_of_trees_equal_desyncs() {
    let Some(desync) = desync() else { return };
    let place = Place::new();
    let source = tree(&place, "tree");
    let (ours_store, theirs_store) = (place.folder("os"), place.folder("ts"));
    let (ours_index, theirs_index) = (place.at("ours.caidx"), place.at("theirs.caidx"));
    let cut = ["--chunker", "legacy"];
    ours_ok(
        &[
            &["tar", "-i"],
            &cut[..],
            &["-s", &ours_store, &ours_index, &source],
        ]
        .concat(),
    );
    real_ok(
        &desync,
        &["tar", "-i", "-s", &theirs_store, &theirs_index, &source],
    );
    assert_same(&ours_index, &theirs_index);
    // An index made of the archive is the same as one made of the tree.
    let archive = place.at("t.catar");
    ours_ok(&["tar", &archive, &source]);
    ours_ok(&[&["make"], &cut[..], &[&ours_index, &archive]].concat());
    assert_same(&ours_index, &theirs_index);
}

#[test]
fn desync_unpacks_what_is_packed_here_and_the_other_way_round() {
    let Some(desync) = desync() else { return };
    let place = Place::new();
    let (source, ours_store, theirs_store) = (tree(&place, "tree"), place.folder("os"), place.folder("ts"));
    let (ours_index, theirs_index) = (place.at("o.caidx"), place.at("t.caidx"));
    ours_ok(&["tar", "-i", "-s", &ours_store, &ours_index, &source]);
    real_ok(
        &desync,
        &["tar", "-i", "-s", &theirs_store, &theirs_index, &source],
    );
    let (a, b) = (place.folder("a"), place.folder("b"));
    real_ok(
        &desync,
        &[&UNTAR[..], &["-i", "-s", &ours_store, &ours_index, &a]].concat(),
    );
    ours_ok(&[&UNTAR[..], &["-i", "-s", &theirs_store, &theirs_index, &b]].concat());
    assert_eq!(listing(&source), listing(&a));
    assert_eq!(listing(&source), listing(&b));
    let listed = real_ok(&desync, &["mtree", "-i", "-s", &ours_store, &ours_index]);
    // desync pads the times of all but files with spaces.
    let padded = |line: &str| match line.split_once(" time=") {
        Some((_, time)) => !time.split('.').nth(1).unwrap_or_default().starts_with(' '),
        None => true,
    };
    let ours_list = ours_ok(&["mtree", "-i", "-s", &theirs_store, &theirs_index]);
    let ours_lines: Vec<&str> = ours_list.lines().collect();
    assert_eq!(listed.lines().count(), ours_lines.len());
    for line in listed.lines().filter(|line| padded(line)) {
        assert!(ours_lines.contains(&line), "{line}");
    }
    assert_eq!(ours_ok(&["mtree", &source]), ours_list);
}

#[test]
fn sha256_archives_of_old_desync_are_read_despite_their_wrong_flag() {
    let Some(desync) = desync() else { return };
    let place = Place::new();
    let (source, store) = (tree(&place, "tree"), place.folder("store"));
    let index = place.at("t.caidx");
    real_ok(
        &desync,
        &["--digest", "sha256", "tar", "-i", "-s", &store, &index, &source],
    );
    let target = place.at("target");
    ours_ok(&[&UNTAR[..], &["-i", "-s", &store, &index, &target]].concat());
    assert_eq!(listing(&source), listing(&target));
}

#[test]
fn casync_unpacks_what_is_packed_here_and_the_other_way_round() {
    let Some(casync) = casync() else { return };
    let place = Place::new();
    let (source, store) = (tree(&place, "tree"), place.folder("store"));
    let (ours_archive, theirs) = (place.at("o.catar"), place.at("t.catar"));
    ours_ok(&["tar", &ours_archive, &source]);
    let a = place.at("a");
    real_ok(&casync, &["extract", &ours_archive, &a]);
    assert_eq!(listing(&source), listing(&a));
    real_ok(&casync, &["make", &theirs, &source]);
    let b = place.at("b");
    ours_ok(&[&UNTAR[..], &[&theirs, &b]].concat());
    assert_eq!(listing(&source), listing(&b));
    let (ours_index, theirs_index) = (place.at("o.caidx"), place.at("t.caidx"));
    ours_ok(&["tar", "-i", "-s", &store, &ours_index, &source]);
    let c = place.at("c");
    real_ok(
        &casync,
        &["extract", &format!("--store={store}"), &ours_index, &c],
    );
    assert_eq!(listing(&source), listing(&c));
    let casync_store = place.at("cs");
    real_ok(
        &casync,
        &["make", &format!("--store={casync_store}"), &theirs_index, &source],
    );
    let d = place.at("d");
    ours_ok(&[&UNTAR[..], &["-i", "-s", &casync_store, &theirs_index, &d]].concat());
    assert_eq!(listing(&source), listing(&d));
}

#[test]
fn fifos_and_sockets_of_casync_are_left_out_and_not_taken_for_folders() {
    let Some(casync) = casync() else { return };
    let place = Place::new();
    place.file("tree/a", b"a");
    place.file("tree/z", b"z");
    let (source, archive, target) = (place.at("tree"), place.at("t.catar"), place.at("target"));
    crate::common::pipe(format!("{source}/m"));
    std::os::unix::net::UnixListener::bind(format!("{source}/socket")).unwrap();
    real_ok(&casync, &["make", &archive, &source]);
    let outcome = ours(&[&UNTAR[..], &[&archive, &target]].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.err);
    assert!(outcome.err.contains("skipped m"), "{}", outcome.err);
    assert!(outcome.err.contains("skipped socket"), "{}", outcome.err);
    assert_eq!(fs_err::read(format!("{target}/z")).unwrap(), b"z");
    for input in [&archive, &source] {
        let listed = ours(&["mtree", input]);
        assert_eq!(listed.code, 0, "{}", listed.err);
        assert!(listed.err.contains("socket: it is no file"), "{}", listed.err);
        assert_eq!(listed.text().lines().count(), 4, "{}", listed.text());
    }
    let packed = ours(&["tar", &archive, &source]);
    assert!(
        packed.code == 0 && packed.err.contains("skipped"),
        "{}",
        packed.err
    );
    ours_ok(&[&UNTAR[..], &[&archive, &place.at("again")]].concat());
}

#[test]
fn unpacking_again_writes_and_fetches_nothing() {
    let place = Place::new();
    let (source, store) = (tree(&place, "tree"), place.folder("store"));
    let (index, target) = (place.at("t.caidx"), place.at("target"));
    ours_ok(&["tar", "-i", "-s", &store, &index, &source]);
    let line = [
        &UNTAR[..],
        &["--print-stats", "-i", "-s", &store, &index, &target],
    ]
    .concat();
    let first: serde_json::Value = serde_json::from_str(&ours_ok(&line)).unwrap();
    assert_eq!(first["chunks-from-folders"], 0);
    let before = changes(&target);
    let again: serde_json::Value = serde_json::from_str(&ours_ok(&line)).unwrap();
    assert_eq!(again["files-written"], 0, "{again}");
    assert_eq!(again["files-unchanged"], first["files-written"], "{again}");
    // Only the first chunk, which tells what kind of archive it is.
    assert_eq!(again["chunks-from-store"], 1, "{again}");
    assert_eq!(before, changes(&target));
}

/// When the system last changed anything about each file.
fn changes(root: &str) -> Vec<(String, i64, i64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let mut found = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(root)];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = fs_err::symlink_metadata(&path).unwrap();
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            let stamp = (metadata.ctime(), metadata.ctime_nsec(), metadata.ino());
            found.push((path.display().to_string(), stamp.0, stamp.1, stamp.2));
        }
    }
    found.sort();
    found
}

#[test]
fn an_update_writes_and_fetches_only_what_changed() {
    let place = Place::new();
    let (source, store) = (tree(&place, "tree"), place.folder("store"));
    let (old, new) = (place.at("old.caidx"), place.at("new.caidx"));
    ours_ok(&["tar", "-i", "-s", &store, &old, &source]);
    place.file("tree/a.txt", b"something else, and longer than it was");
    place.file("tree/many/100", noise(5, 20_000));
    fs_err::remove_file(place.at("tree/empty")).unwrap();
    place.file("tree/new", b"new");
    let new_store = place.folder("new");
    ours_ok(&["tar", "-i", "-s", &store, &new, &source]);
    ours_ok(&["cache", "-s", &store, "-c", &new_store, &new]);
    let (target, seeded) = (place.at("target"), place.at("seeded"));
    ours_ok(&[&UNTAR[..], &["-i", "-s", &store, &old, &target]].concat());
    let line = [&UNTAR[..], &["--print-stats", "-i", "-s", &new_store, &new]].concat();
    let stats: serde_json::Value =
        serde_json::from_str(&ours_ok(&[&line[..], &["--seed", &target, &seeded]].concat())).unwrap();
    assert!(
        stats["chunks-from-folders"].as_u64() > stats["chunks-from-store"].as_u64(),
        "{stats}"
    );
    assert_eq!(listing(&source), listing(&seeded));
    let stats: serde_json::Value = serde_json::from_str(&ours_ok(&[&line[..], &[&target]].concat())).unwrap();
    assert_eq!(stats["files-written"], 3, "{stats}");
    // What the archive lacks stays, as with desync.
    fs_err::remove_file(format!("{target}/empty")).unwrap();
    let without_root_time = |tree: &str| listing(tree).split_off(1);
    assert_eq!(without_root_time(&source), without_root_time(&target));
}

#[test]
fn nothing_is_written_outside_the_target() {
    let place = Place::new();
    let (outside, target) = (place.folder("outside"), place.folder("target"));
    place.file("outside/file", b"untouched");
    std::os::unix::fs::symlink(&outside, format!("{target}/dir")).unwrap();
    std::os::unix::fs::symlink(format!("{outside}/file"), format!("{target}/file")).unwrap();
    place.file("tree/file", b"content");
    let (archive, with_dir) = (place.at("a.catar"), place.at("b.catar"));
    ours_ok(&["tar", &archive, &place.at("tree")]);
    ours_ok(&[&UNTAR[..], &[&archive, &target]].concat());
    assert_eq!(fs_err::read(format!("{outside}/file")).unwrap(), b"untouched");
    assert_eq!(fs_err::read(format!("{target}/file")).unwrap(), b"content");
    place.file("tree/dir/file", b"content");
    ours_ok(&["tar", &with_dir, &place.at("tree")]);
    let outcome = ours(&[&UNTAR[..], &[&with_dir, &target]].concat());
    assert_eq!(outcome.code, 1, "{}", outcome.err);
    assert_eq!(fs_err::read(format!("{outside}/file")).unwrap(), b"untouched");
}

#[test]
fn a_failed_untar_leaves_whole_files_and_no_temporary_ones() {
    let place = Place::new();
    let (source, target) = (tree(&place, "tree"), place.folder("target"));
    let archive = place.at("t.catar");
    place.file("target/big.bin", b"old");
    ours_ok(&["tar", &archive, &source]);
    let bytes = fs_err::read(&archive).unwrap();
    let short = place.file("short.catar", &bytes[..500_000]);
    let outcome = ours(&[&UNTAR[..], &[&short, &target]].concat());
    assert_eq!(outcome.code, 1);
    assert!(outcome.err.contains("cut off"), "{}", outcome.err);
    assert_eq!(fs_err::read(format!("{target}/big.bin")).unwrap(), b"old");
    let leftover = |line: &String| line.contains(".tmp-untar");
    assert!(!listing(&target).iter().any(leftover));
}

#[test]
fn a_missing_chunk_is_a_failure() {
    let place = Place::new();
    let (source, store, empty) = (tree(&place, "tree"), place.folder("store"), place.folder("empty"));
    let (index, target) = (place.at("t.caidx"), place.at("target"));
    ours_ok(&["tar", "-i", "-s", &store, &index, &source]);
    assert_eq!(
        ours(&[&UNTAR[..], &["-i", "-s", &empty, &index, &target]].concat()).code,
        1
    );
}

#[test]
fn a_receipt_saves_reading_until_anything_is_touched() {
    use std::os::unix::fs::MetadataExt as _;
    let place = Place::new();
    let (source, store, empty) = (tree(&place, "tree"), place.folder("store"), place.folder("empty"));
    let (index, target, home) = (place.at("t.caidx"), place.at("target"), place.folder("home"));
    ours_ok(&["tar", "-i", "-s", &store, &index, &source]);
    let from = |store: &str, extra: &[&str]| {
        let line = [
            &UNTAR[..],
            extra,
            &["--print-stats", "-i", "-s", store, &index, &target],
        ]
        .concat();
        crate::common::ours_at_home(&line, &home)
    };
    assert_eq!(from(&store, &[]).code, 0);
    // Nothing can be fetched from an empty store, so nothing was.
    let again = from(&empty, &[]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert!(
        again.text().contains("\"files-unchanged\": 208"),
        "{}",
        again.text()
    );
    assert_eq!(from(&empty, &["--full-check"]).code, 1);
    assert_eq!(from(&empty, &["--no-same-permissions"]).code, 1);

    // The same length and the same time as before, and still noticed.
    let file = format!("{target}/a.txt");
    let before = fs_err::metadata(&file).unwrap();
    fs_err::write(&file, b"hellO\n").unwrap();
    let time = rustix::fs::Timespec {
        tv_sec: before.mtime(),
        tv_nsec: before.mtime_nsec(),
    };
    let times = rustix::fs::Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(rustix::fs::CWD, &file, &times, rustix::fs::AtFlags::empty()).unwrap();
    assert_eq!(from(&empty, &[]).code, 1);
    let repaired = from(&store, &[]);
    assert!(
        repaired.text().contains("\"files-written\": 1"),
        "{}",
        repaired.text()
    );
    assert_eq!(listing(&source), listing(&target));
    fs_err::remove_file(&file).unwrap();
    assert_eq!(from(&empty, &[]).code, 1);
}
