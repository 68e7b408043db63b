// SPDX-License-Identifier: MIT
//! Access lists, capabilities and labels, which casync keeps in records of their own.
#![cfg(target_os = "linux")]

use rustix::fs::{CWD, FileType, Mode, XattrFlags};
use vsekai_formats::catar::goodbye::{Child, name_hash};
use vsekai_formats::catar::record::{self, Entry};
use vsekai_formats::flags;

use crate::common::{Place, casync, desync, ours_ok, real_ok};

/// Owner rwx, user 1000 rw-, group r-x, mask rwx, others r--.
const ACCESS: &[u8] = b"\x02\0\0\0\
    \x01\0\x07\0\xff\xff\xff\xff\
    \x02\0\x06\0\xe8\x03\0\0\
    \x04\0\x05\0\xff\xff\xff\xff\
    \x10\0\x07\0\xff\xff\xff\xff\
    \x20\0\x04\0\xff\xff\xff\xff";
/// Owner rwx, user 1000 r-x, group r-x, mask r-x, others nothing.
const FOR_NEW: &[u8] = b"\x02\0\0\0\
    \x01\0\x07\0\xff\xff\xff\xff\
    \x02\0\x05\0\xe8\x03\0\0\
    \x04\0\x05\0\xff\xff\xff\xff\
    \x10\0\x05\0\xff\xff\xff\xff\
    \x20\0\0\0\xff\xff\xff\xff";
/// cap_net_bind_service, permitted and effective.
const CAPABILITY: &[u8] = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

const SET: [(&str, &str, &[u8]); 3] = [
    ("file", "system.posix_acl_access", ACCESS),
    ("folder", "system.posix_acl_default", FOR_NEW),
    ("program", "security.capability", CAPABILITY),
];

/// Makes a tree with such attributes, or says why it cannot be made here.
fn tree(place: &Place) -> Option<String> {
    let source = place.folder("tree");
    place.folder("tree/folder");
    place.file("tree/file", b"content");
    place.file("tree/program", b"program");
    for (name, attribute, value) in SET {
        set(&format!("{source}/{name}"), attribute, value)?;
    }
    Some(source)
}

/// Sets an attribute, or says why it cannot be set here.
fn set(path: &str, name: &str, value: &[u8]) -> Option<()> {
    match rustix::fs::setxattr(path, name, value, XattrFlags::empty()) {
        Ok(()) => Some(()),
        Err(error) => {
            let what = format!("a file system that keeps {name} ({error})");
            vsekai_tests::skip(&what, "hint: run this test as root, on ext4 or tmpfs")
        }
    }
}

fn attribute(path: &str, name: &str) -> Option<Vec<u8>> {
    let mut value = [0; 256];
    let len = rustix::fs::getxattr(path, name, &mut value[..]).ok()?;
    Some(value[..len].to_vec())
}

#[test]
fn what_casync_keeps_in_records_is_set_again() {
    let Some(casync) = casync() else { return };
    let place = Place::new();
    let Some(source) = tree(&place) else { return };
    let (archive, target) = (place.at("t.catar"), place.at("out"));
    real_ok(&casync, &["make", &archive, &source]);
    ours_ok(&["untar", &archive, &target]);
    for (name, attribute_name, value) in SET {
        let found = attribute(&format!("{target}/{name}"), attribute_name);
        assert_eq!(found.as_deref(), Some(value), "{name} {attribute_name}");
    }
    // Again over what is there, and without attributes into another folder.
    ours_ok(&["untar", &archive, &target]);
    let bare = place.at("bare");
    ours_ok(&["untar", "--no-same-xattrs", &archive, &bare]);
    for (name, attribute_name, _) in SET {
        assert_eq!(attribute(&format!("{bare}/{name}"), attribute_name), None);
    }
}

#[test]
fn what_desync_keeps_in_plain_attributes_comes_back_too() {
    let place = Place::new();
    let Some(source) = tree(&place) else { return };
    let (archive, target) = (place.at("t.catar"), place.at("out"));
    ours_ok(&["tar", &archive, &source]);
    ours_ok(&["untar", &archive, &target]);
    for (name, attribute_name, value) in SET {
        let found = attribute(&format!("{target}/{name}"), attribute_name);
        assert_eq!(found.as_deref(), Some(value), "{name} {attribute_name}");
    }
}

#[test]
fn attributes_of_links_and_devices_come_back_as_with_desync() {
    let place = Place::new();
    let source = place.folder("tree");
    let (link, device) = (format!("{source}/link"), format!("{source}/device"));
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let (mode, null) = (Mode::from_raw_mode(0o640), rustix::fs::makedev(1, 3));
    if let Err(error) = rustix::fs::mknodat(CWD, &device, FileType::CharacterDevice, mode, null) {
        let what = format!("a right to make devices ({error})");
        let _: Option<()> = vsekai_tests::skip(&what, "hint: run this test as root");
        return;
    }
    let note = "trusted.note";
    for path in [&link, &device] {
        if let Err(error) = rustix::fs::lsetxattr(path, note, b"value", XattrFlags::empty()) {
            let what = format!("a file system that keeps {note} of links ({error})");
            let _: Option<()> = vsekai_tests::skip(&what, "hint: run this test as root, on ext4 or tmpfs");
            return;
        }
    }
    let kept = |path: &str| {
        let mut value = [0; 16];
        let len = rustix::fs::lgetxattr(path, note, &mut value[..]).unwrap_or(0);
        value[..len].to_vec()
    };
    let (archive, theirs) = (place.at("t.catar"), place.at("theirs.catar"));
    ours_ok(&["tar", &archive, &source]);
    if let Some(desync) = desync() {
        real_ok(&desync, &["tar", &theirs, &source]);
        assert!(fs_err::read(&theirs).unwrap() == fs_err::read(&archive).unwrap());
        let target = place.at("desync");
        real_ok(&desync, &["untar", &archive, &target]);
        assert_eq!(kept(&format!("{target}/link")), b"value");
    }
    let target = place.at("out");
    let mut made = None;
    // Twice, as what is there already is left alone.
    for _ in 0..2 {
        ours_ok(&["untar", &archive, &target]);
        let found = rustix::fs::lstat(format!("{target}/device")).unwrap();
        let found = (found.st_ino, found.st_ctime, found.st_ctime_nsec);
        assert_eq!(*made.get_or_insert(found), found);
        for name in ["link", "device"] {
            assert_eq!(kept(&format!("{target}/{name}")), b"value", "{name}");
        }
    }
    let found = rustix::fs::lstat(format!("{target}/device")).unwrap();
    let kind = FileType::from_raw_mode(found.st_mode);
    assert_eq!((kind, found.st_rdev), (FileType::CharacterDevice, null));
    assert_eq!(found.st_mode & 0o7777, 0o640);
    let bare = place.at("bare");
    ours_ok(&["untar", "--no-same-xattrs", &archive, &bare]);
    assert_eq!(kept(&format!("{bare}/link")), b"");
}

/// An archive with one file, whose label casync has packed on a system that has labels.
fn labelled(label: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let push_entry = |bytes: &mut Vec<u8>, mode: u64| {
        let entry = Entry {
            feature_flags: flags::SELINUX | 0xb000_0000_1000_1f22,
            mode,
            uid: u64::from(rustix::process::getuid().as_raw()),
            gid: u64::from(rustix::process::getgid().as_raw()),
            ..Entry::default()
        };
        record::push_entry(bytes, &entry);
    };
    push_entry(&mut bytes, 0o40_755);
    let at = bytes.len() as u64;
    record::push_text(&mut bytes, record::FILENAME, b"file");
    push_entry(&mut bytes, 0o100_644);
    record::push_text(&mut bytes, record::SELINUX, label);
    record::push_payload_header(&mut bytes, 7).unwrap();
    bytes.extend(b"content");
    let end = bytes.len() as u64;
    let mut children = [Child {
        hash: name_hash(b"file"),
        at,
        size: end - at,
    }];
    record::push_goodbye(&mut bytes, &mut children, 0, end);
    bytes
}

#[test]
fn a_label_of_selinux_is_set() {
    let place = Place::new();
    let probe = place.file("probe", b"");
    let label = b"system_u:object_r:etc_t:s0";
    let kept = [label.as_slice(), b"\0"].concat();
    let Some(()) = set(&probe, "security.selinux", &kept) else {
        return;
    };
    let archive = place.file("t.catar", labelled(label));
    // It is an archive of casync's, which knows labels whether this system has any or not.
    if let Some(casync) = casync() {
        assert!(real_ok(&casync, &["list", &archive]).contains("file"));
    }
    ours_ok(&["untar", &archive, &place.at("out")]);
    let found = attribute(&place.at("out/file"), "security.selinux");
    assert_eq!(found.as_deref(), Some(kept.as_slice()));
    for flag in ["--no-same-xattrs", "--no-same-owner"] {
        let bare = place.at(flag);
        ours_ok(&["untar", flag, &archive, &bare]);
        assert_eq!(
            attribute(&format!("{bare}/file"), "security.selinux"),
            None,
            "{flag}"
        );
    }
}
