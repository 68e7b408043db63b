// SPDX-License-Identifier: MIT
//! tar files into archives and back, with the system's tar as the other side.

use std::path::Path;
use std::process::Command;

use crate::common::{Place, desync, listing, noise, ours, ours_ok, real_ok};

fn tar(arguments: &[&str]) {
    real_ok(Path::new("tar"), arguments);
}

fn has_tar() -> bool {
    let found = Command::new("tar").arg("--version").output().is_ok();
    if !found {
        let _: Option<()> = vsekai_tests::skip("tar", "install it with the system's package manager");
    }
    found
}

fn tree(place: &Place) -> String {
    place.file("tree/a.txt", b"hello\n");
    place.file("tree/d/big", noise(1, 300_000));
    place.file("tree/d/empty", b"");
    place.file(&format!("tree/{}/{}", "l".repeat(120), "m".repeat(150)), b"long");
    std::os::unix::fs::symlink("../a.txt", place.at("tree/d/link")).unwrap();
    place.at("tree")
}

/// Times without fractions, which the plain tar format does not have.
fn whole_seconds(root: &str) {
    let time = rustix::fs::Timespec {
        tv_sec: 1_700_000_000,
        tv_nsec: 0,
    };
    let times = rustix::fs::Timestamps {
        last_access: time,
        last_modification: time,
    };
    let mut folders = vec![std::path::PathBuf::from(root)];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if fs_err::symlink_metadata(&path).unwrap().is_dir() {
                folders.push(path.clone());
            }
            let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
            rustix::fs::utimensat(rustix::fs::CWD, &path, &times, flags).unwrap();
        }
    }
    rustix::fs::utimensat(rustix::fs::CWD, root, &times, rustix::fs::AtFlags::empty()).unwrap();
}

#[test]
fn a_tar_file_makes_the_archive_of_its_tree() {
    if !has_tar() {
        return;
    }
    let place = Place::new();
    let source = tree(&place);
    whole_seconds(&source);
    let (from_disk, from_tar) = (place.at("disk.catar"), place.at("tar.catar"));
    ours_ok(&["tar", &from_disk, &source]);
    let expected = fs_err::read(&from_disk).unwrap();
    let file = place.at("t.tar");
    for format in ["gnu", "pax"] {
        let format = format!("--format={format}");
        tar(&[&format, "--numeric-owner", "-C", &source, "-cf", &file, "."]);
        ours_ok(&["tar", "--input-format", "tar", &from_tar, &file]);
        assert!(fs_err::read(&from_tar).unwrap() == expected, "{format}");
        // The one folder that holds everything is the root.
        tar(&[
            &format,
            "--numeric-owner",
            "-C",
            &place.at(""),
            "-cf",
            &file,
            "tree",
        ]);
        ours_ok(&["tar", "--input-format", "tar", &from_tar, &file]);
        assert!(fs_err::read(&from_tar).unwrap() == expected, "{format}");
    }
    let cancel = vsekai_desync::Cancel::default();
    let input = fs_err::read(&file).unwrap();
    let line = ["tar", "--input-format", "tar", "-", "-"];
    let piped = crate::common::ours_with(&line, &input, &cancel);
    assert!(piped.code == 0 && piped.out == expected, "{}", piped.err);
    let pipe = crate::common::pipe(place.at("pipe"));
    let writing = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs_err::write(pipe, input).unwrap()
    });
    ours_ok(&["tar", "--input-format", "tar", &from_tar, &pipe]);
    writing.join().unwrap();
    assert!(fs_err::read(&from_tar).unwrap() == expected);
}

#[test]
fn nothing_of_an_unordered_tar_file_is_lost() {
    if !has_tar() {
        return;
    }
    let place = Place::new();
    let source = tree(&place);
    fs_err::hard_link(format!("{source}/a.txt"), format!("{source}/z.txt")).unwrap();
    let (file, archive, target) = (place.at("t.tar"), place.at("t.catar"), place.at("target"));
    let members = ["z.txt", "d/big", "a.txt", "d/empty"];
    tar(&[&["-C", &source, "-cf", &file], &members[..]].concat());
    assert_eq!(ours(&["tar", "--input-format", "tar", &archive, &file]).code, 1);
    ours_ok(&["tar", "--input-format", "tar", "--tar-add-root", &archive, &file]);
    ours_ok(&["untar", "--no-same-owner", &archive, &target]);
    for member in members {
        let (a, b) = (format!("{source}/{member}"), format!("{target}/{member}"));
        assert!(fs_err::read(a).unwrap() == fs_err::read(b).unwrap(), "{member}");
    }
}

#[test]
fn an_archive_becomes_a_tar_file_that_tar_unpacks() {
    if !has_tar() {
        return;
    }
    let place = Place::new();
    let source = tree(&place);
    whole_seconds(&source);
    let (archive, index, store) = (place.at("t.catar"), place.at("t.caidx"), place.folder("store"));
    ours_ok(&["tar", &archive, &source]);
    ours_ok(&["tar", "-i", "-s", &store, &index, &source]);
    let file = place.at("t.tar");
    for (name, line) in [
        ("a", vec!["untar", "--output-format", "gnu-tar", &archive, &file]),
        (
            "b",
            vec![
                "untar",
                "--output-format",
                "gnu-tar",
                "-i",
                "-s",
                &store,
                &index,
                &file,
            ],
        ),
    ] {
        ours_ok(&line);
        let target = place.folder(name);
        tar(&["-C", &target, "-xpf", &file]);
        assert_eq!(listing(&source), listing(&target));
    }
    if let Some(desync) = desync() {
        let theirs = place.at("theirs.catar");
        real_ok(&desync, &["tar", "--input-format", "tar", &theirs, &file]);
        assert!(fs_err::read(&theirs).unwrap() == fs_err::read(&archive).unwrap());
    }
}
