// SPDX-License-Identifier: MIT
//! Small builds to publish.
#![allow(dead_code)]

use std::path::Path;

use tempfile::TempDir;
use vsekai_formats::release::Platform;
use vsekai_publish::{Cancel, PublishError, Release, ReleaseInfo, ScanOptions, ScannedTree, Unobserved};

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
