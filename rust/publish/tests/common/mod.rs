// SPDX-License-Identifier: MIT
//! Small builds to publish.
#![allow(dead_code)]

use std::collections::HashMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;
use vsekai_formats::release::Platform;
use vsekai_publish::{Cancel, PublishError, Release, ReleaseInfo, ScanOptions, ScannedTree, Unobserved};
use vsekai_trust::online::{sign_snapshot, sign_timestamp};
use vsekai_trust::publisher::{Editor, KeyFolder, SigningKey, Validity};

/// The first bytes of a Linux program for x86_64.
pub const ELF: [u8; 20] = [
    0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0x3e, 0,
];
/// The first bytes of a Windows program.
pub const MZ: [u8; 4] = [b'M', b'Z', 0x90, 0];
/// The first bytes of a macOS program for two processors.
pub const MACH_O: [u8; 4] = [0xca, 0xfe, 0xba, 0xbe];

pub fn write(root: &Path, path: &str, bytes: &[u8]) {
    let path = root.join(path);
    fs_err::create_dir_all(path.parent().unwrap()).unwrap();
    fs_err::write(path, bytes).unwrap();
}

/// Bytes that do not repeat, the same for the same seed.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// A folder with a program, a large and several small files, an empty one and an empty folder.
pub fn game() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    write(root, "game.x86_64", &[&ELF[..], &noise(1, 300_000)].concat());
    write(root, "game.pck", &noise(2, 3_000_000));
    write(root, "data/empty", b"");
    write(root, "data/small.txt", b"small");
    write(root, "data/deeper/other.bin", &noise(3, 20_000));
    fs_err::create_dir(root.join("hollow")).unwrap();
    dir
}

pub fn scan(root: &Path) -> Result<ScannedTree, PublishError> {
    scan_for(root, Platform::LinuxX86_64)
}

pub fn scan_for(root: &Path, platform: Platform) -> Result<ScannedTree, PublishError> {
    vsekai_publish::scan(root, &ScanOptions::new(platform), &Cancel::default())
}

pub fn info(version: &str) -> ReleaseInfo {
    ReleaseInfo {
        title: "sample".parse().unwrap(),
        version: version.parse().unwrap(),
        notes: "New **things**".to_owned(),
        minimum_launcher: None,
        minimum_engine: None,
        user_paths: vec![],
    }
}

pub fn build(root: &Path, version: &str) -> Release {
    vsekai_publish::build(
        scan(root).unwrap(),
        info(version),
        &Unobserved,
        &Cancel::default(),
    )
    .unwrap()
}

/// Begins the title "sample" with the channel "stable" and returns what a server serves of it, by address. The
/// keys go into `keys`.
pub fn signed_title(keys: &KeyFolder) -> HashMap<String, String> {
    let now = Timestamp::now();
    let key = |role: &str| {
        let key = SigningKey::generate().unwrap();
        keys.add(role, &key, None).unwrap();
        key.public()
    };
    let online = SigningKey::generate().unwrap();
    let mut editor = Editor::begin(
        &[key("root")],
        &[key("targets")],
        &[online.public()],
        Validity::default(),
        now,
    );
    editor
        .add_channel(&"stable".parse().unwrap(), &[key("stable")])
        .unwrap();
    let change = editor.finish(keys, &mut |file| file.open(None)).unwrap();
    let applied = change.apply(None, now).unwrap();
    let (metadata, verified) = (&applied.metadata, &applied.verified);
    keys.keep_root(&metadata.root).unwrap();
    let (end, online) = (now + SignedDuration::from_hours(1), [online]);
    let snapshot = sign_snapshot(metadata, verified, 0, end, &online).unwrap();
    let root = &verified.root.signed;
    let timestamp = sign_timestamp(&snapshot.text, 1, root, 0, end, &online).unwrap();
    let channel = metadata.channels.values().next().unwrap();
    [
        ("1.root.json", &metadata.root),
        ("timestamp.json", &timestamp.text),
        ("1.snapshot.json", &snapshot.text),
        ("1.targets.json", &metadata.targets),
        ("1.stable.json", channel),
    ]
    .into_iter()
    .map(|(name, text)| (format!("/titles/sample/tuf/{name}"), text.clone()))
    .collect()
}
