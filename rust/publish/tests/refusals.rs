// SPDX-License-Identifier: MIT
//! What cannot be published is refused, and the words say what and why.

mod common;

use common::{ELF, MACH_O, MZ, scan, scan_for, write};
use vsekai_formats::TreePath;
use vsekai_formats::release::Platform;
use vsekai_publish::{Cancel, PublishError, ScanOptions, Unobserved};

fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        write(dir.path(), path, bytes);
    }
    dir
}

fn refusal(dir: &tempfile::TempDir) -> String {
    scan(dir.path()).unwrap_err().to_string()
}

#[test]
fn an_empty_tree_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir(dir.path().join("only-a-folder")).unwrap();
    assert!(refusal(&dir).ends_with("holds no files; publishing it would empty every player's install"));
}

#[test]
fn a_folder_that_is_missing_or_a_file_is_refused() {
    let dir = folder(&[("file", b"x")]);
    assert!(matches!(
        scan(&dir.path().join("file")),
        Err(PublishError::NotAFolder { .. })
    ));
    assert!(matches!(
        scan(&dir.path().join("missing")),
        Err(PublishError::NotAFolder { .. })
    ));
}

#[test]
fn a_start_program_that_is_not_there_is_refused() {
    let dir = folder(&[("game", &ELF)]);
    let mut options = ScanOptions::new(Platform::LinuxX86_64);
    options.program = Some(TreePath::parse("bin/game").unwrap());
    let error = vsekai_publish::scan(dir.path(), &options, &Cancel::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the start program \"bin/game\" is not among the files of")
    );
    assert!(error.hint().is_some());
}

#[test]
fn a_tree_without_any_program_is_refused() {
    let dir = folder(&[("readme.txt", b"hello")]);
    assert!(refusal(&dir).starts_with("no start program for linux-x86_64 was found in"));
}

#[test]
fn programs_of_another_platform_are_named() {
    let dir = folder(&[("game.exe", &MZ), ("game.pck", b"GDPC")]);
    assert!(refusal(&dir).ends_with("; \"game.exe\" is a Windows program"));
    let error = scan_for(dir.path(), Platform::MacosUniversal)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("no start program for macos-universal"),
        "{error}"
    );
}

#[test]
fn a_named_program_of_another_platform_is_refused() {
    let dir = folder(&[("game", &ELF)]);
    for (platform, expected) in [
        (
            Platform::WindowsX86_64,
            "\"game\" is a Linux program for x86_64, but the build is for windows-x86_64",
        ),
        (
            Platform::LinuxArm64,
            "\"game\" is a Linux program for x86_64, but the build is for linux-arm64",
        ),
    ] {
        let mut options = ScanOptions::new(platform);
        options.program = Some(TreePath::parse("game").unwrap());
        let error = vsekai_publish::scan(dir.path(), &options, &Cancel::default()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn two_candidates_for_the_start_program_are_listed() {
    let dir = folder(&[("a", &ELF), ("b", &ELF)]);
    assert_eq!(
        refusal(&dir),
        "several files could be the start program: \"a\", \"b\""
    );
}

#[test]
fn libraries_wrappers_and_tools_further_down_are_no_candidates() {
    let linux = folder(&[
        ("game", &ELF),
        ("libx.so", &ELF),
        ("liby.so.1", &ELF),
        ("tools/crash", &ELF),
        ("run.sh", b"#!/bin/sh"),
    ]);
    assert_eq!(scan(linux.path()).unwrap().launch.desktop.path.as_str(), "game");
    let windows = folder(&[("game.exe", &MZ), ("game.console.exe", &MZ), ("x.dll", &MZ)]);
    let tree = scan_for(windows.path(), Platform::WindowsX86_64).unwrap();
    assert_eq!(tree.launch.desktop.path.as_str(), "game.exe");
    let mac = folder(&[
        ("Game.app/Contents/MacOS/Game", &MACH_O),
        ("Game.app/Contents/Frameworks/deep/libx.dylib", &MACH_O),
    ]);
    let tree = scan_for(mac.path(), Platform::MacosUniversal).unwrap();
    assert_eq!(tree.launch.desktop.path.as_str(), "Game.app/Contents/MacOS/Game");
}

#[test]
fn names_that_some_system_cannot_hold_are_refused() {
    for (path, reason) in [
        ("con.txt", "con is a device on Windows"),
        ("dir/a:b", "the character ':' has a meaning on some systems"),
        (".vsekai/x", "the launcher keeps its own files there"),
        ("dot.", "a trailing dot or space is dropped by Windows"),
    ] {
        let dir = folder(&[("game", &ELF), (path, b"x")]);
        assert!(refusal(&dir).ends_with(reason), "{path}: {}", refusal(&dir));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_collide_on_other_systems_are_refused() {
    let dir = folder(&[("game", &ELF), ("Readme", b"1"), ("README", b"2")]);
    assert!(
        refusal(&dir).contains("it is the same file as"),
        "{}",
        refusal(&dir)
    );
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_not_text_are_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let dir = folder(&[("game", &ELF)]);
    fs_err::write(dir.path().join(std::ffi::OsStr::from_bytes(b"bad\xff")), b"x").unwrap();
    assert!(refusal(&dir).ends_with("is not valid Unicode"));
}

#[cfg(unix)]
#[test]
fn sockets_and_pipes_are_refused() {
    let dir = folder(&[("game", &ELF)]);
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
    assert_eq!(
        refusal(&dir),
        "\"socket\" is a socket; only files, folders and links can be published"
    );
    let dir = folder(&[("game", &ELF)]);
    let made = std::process::Command::new("mkfifo")
        .arg(dir.path().join("pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    assert_eq!(
        refusal(&dir),
        "\"pipe\" is a pipe; only files, folders and links can be published"
    );
}

#[cfg(unix)]
#[test]
fn links_that_leave_the_tree_are_refused_and_others_are_kept() {
    use std::os::unix::fs::symlink;
    for target in ["/etc/passwd", "../outside", "data/../../outside", "."] {
        let dir = folder(&[("game", &ELF), ("data/x", b"x")]);
        symlink(target, dir.path().join("link")).unwrap();
        assert!(
            matches!(scan(dir.path()), Err(PublishError::BadLink { .. })),
            "{target}"
        );
    }
    let dir = folder(&[("game", &ELF), ("data/x", b"x")]);
    symlink("../game", dir.path().join("data/link")).unwrap();
    let tree = scan(dir.path()).unwrap();
    assert_eq!(tree.files(), 2);
    assert!(matches!(
        scan_for(dir.path(), Platform::WindowsX86_64),
        Err(PublishError::LinkOnWindows { .. })
    ));
}

#[cfg(unix)]
#[test]
fn a_linked_folder_is_not_entered() {
    let outside = folder(&[("secret", b"secret")]);
    let dir = folder(&[("game", &ELF), ("real/x", b"x")]);
    std::os::unix::fs::symlink("real", dir.path().join("alias")).unwrap();
    assert_eq!(scan(dir.path()).unwrap().files(), 2);
    std::os::unix::fs::symlink(outside.path(), dir.path().join("escape")).unwrap();
    assert!(matches!(scan(dir.path()), Err(PublishError::BadLink { .. })));
}

#[cfg(unix)]
#[test]
fn programs_are_executable_whatever_their_mode_says() {
    use vsekai_publish::scan::ScannedKind;
    let dir = folder(&[
        ("game", &ELF),
        ("lib.so", &ELF),
        ("data", b"x"),
        ("start.sh", b"#!/bin/sh"),
    ]);
    let mut options = ScanOptions::new(Platform::LinuxX86_64);
    options.vr_program = Some(TreePath::parse("start.sh").unwrap());
    options.vr_arguments = vec!["--xr-mode".to_owned(), "on".to_owned()];
    let tree = vsekai_publish::scan(dir.path(), &options, &Cancel::default()).unwrap();
    let executable: Vec<&str> = tree
        .entries
        .iter()
        .filter(|entry| matches!(&entry.kind, ScannedKind::File(file) if file.executable))
        .map(|entry| entry.path.as_str())
        .collect();
    assert_eq!(executable, ["game", "lib.so", "start.sh"]);
    assert_eq!(tree.launch.vr.unwrap().arguments, ["--xr-mode", "on"]);
}

#[test]
fn a_file_that_changed_since_the_scan_is_noticed() {
    let dir = folder(&[("game", &ELF), ("data/x", b"before")]);
    for change in [&b"after!"[..], b"longer than before", b""] {
        write(dir.path(), "data/x", b"before");
        let tree = scan(dir.path()).unwrap();
        // Another file in its place, so that the change shows even within the clock's resolution.
        write(dir.path(), "data/new", change);
        fs_err::rename(dir.path().join("data/new"), dir.path().join("data/x")).unwrap();
        let error =
            vsekai_publish::build(tree, common::info("1"), &Unobserved, &Cancel::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"data/x\" changed while it was being published"
        );
    }
}

#[test]
fn a_file_that_is_gone_since_the_scan_is_noticed() {
    let dir = folder(&[("game", &ELF), ("data/empty", b"")]);
    let tree = scan(dir.path()).unwrap();
    fs_err::remove_file(dir.path().join("data/empty")).unwrap();
    let error = vsekai_publish::build(tree, common::info("1"), &Unobserved, &Cancel::default()).unwrap_err();
    assert!(matches!(error, PublishError::Changed { .. }), "{error}");
}

#[test]
fn a_file_that_changed_since_it_was_read_is_noticed_when_it_is_sent() {
    let dir = common::game();
    let release = common::build(dir.path(), "1");
    write(dir.path(), "new", &common::noise(9, 3_000_000));
    fs_err::rename(dir.path().join("new"), dir.path().join("game.pck")).unwrap();
    let chunk = release
        .index()
        .chunks
        .iter()
        .find(|chunk| chunk.size > 100_000)
        .copied()
        .unwrap();
    let outcomes: Vec<bool> = release
        .index()
        .chunks
        .iter()
        .map(|chunk| release.read_chunk(chunk).is_ok())
        .collect();
    assert!(outcomes.contains(&false), "{chunk:?}");
}

#[test]
fn a_cancelled_publication_stops() {
    let dir = common::game();
    let cancel = Cancel::default();
    let tree = scan(dir.path()).unwrap();
    cancel.cancel();
    let options = ScanOptions::new(Platform::LinuxX86_64);
    assert!(matches!(
        vsekai_publish::scan(dir.path(), &options, &cancel),
        Err(PublishError::Cancelled)
    ));
    let built = vsekai_publish::build(tree, common::info("1"), &Unobserved, &cancel);
    assert!(matches!(built, Err(PublishError::Cancelled)));
}
