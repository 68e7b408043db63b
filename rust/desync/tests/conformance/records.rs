// SPDX-License-Identifier: MIT
//! Access lists, capabilities and labels, which casync keeps in records of their own.
#![cfg(target_os = "linux")]

use rustix::fs::XattrFlags;

use crate::common::{Place, casync, ours_ok, real_ok};

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
        let path = format!("{source}/{name}");
        if let Err(error) = rustix::fs::setxattr(&path, attribute, value, XattrFlags::empty()) {
            println!("SKIPPED: {attribute} cannot be set here: {error}");
            return None;
        }
    }
    Some(source)
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
