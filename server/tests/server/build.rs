// SPDX-License-Identifier: MIT
//! Small builds and everything a publisher says about them.

use std::collections::HashSet;

use vsekai_formats::index::Index;
use vsekai_formats::layout::{Layout, Slice};
use vsekai_formats::release::{
    Contents, Entries, Entry, EntryKind, Launch, Pinned, Platform, Program, ReleaseManifest, ReleaseSize,
    SCHEMA,
};
use vsekai_formats::{ChunkId, DigestAlgorithm, TreePath, codec, flags};
use vsekai_trust::online::Change;

pub const TITLE: &str = "test-title";
pub const PLATFORM: Platform = Platform::LinuxX86_64;

/// A build: its documents and its chunks as they are uploaded.
#[derive(Clone, Debug)]
pub struct Build {
    pub manifest: ReleaseManifest,
    pub contents: Vec<u8>,
    pub index: Vec<u8>,
    /// Id, stored bytes, plain length.
    pub chunks: Vec<(ChunkId, Vec<u8>, u64)>,
    pub files: Vec<(String, Vec<u8>)>,
}

impl Build {
    /// Makes a build of a program and some files; `seed` makes its content differ from others.
    pub fn new(version: &str, sequence: u64, seed: u8) -> Self {
        let noise = |salt: u8, len: usize| -> Vec<u8> {
            (0u64..)
                .flat_map(|n| {
                    let text = [&n.to_le_bytes()[..], &[salt]].concat();
                    *ChunkId::of(DigestAlgorithm::Sha256, &text).as_bytes()
                })
                .take(len)
                .collect()
        };
        let files = vec![
            ("data/common.bin".to_owned(), noise(0, 100_000)),
            ("data/level.bin".to_owned(), noise(seed, 70_000)),
            (
                "game".to_owned(),
                [b"#!/bin/sh\n".to_vec(), noise(seed, 10)].concat(),
            ),
        ];
        Self::of_files(files, version, sequence)
    }

    /// Makes a build of `files`, which are in the order of an archive.
    pub fn of_files(files: Vec<(String, Vec<u8>)>, version: &str, sequence: u64) -> Self {
        let mut contents = Contents {
            schema: SCHEMA,
            entries: Entries::of(&entries(&files)).unwrap(),
            stored_sizes: Vec::new(),
        };
        let archive = archive(&contents, &files);
        let mut index = Index::new(
            flags::for_catar(DigestAlgorithm::Sha512_256),
            DigestAlgorithm::Sha512_256,
            (16 << 10, 32 << 10, 64 << 10),
        );
        let mut chunks = Vec::new();
        let mut seen = HashSet::new();
        for plain in archive.chunks(32 << 10) {
            let id = ChunkId::of(DigestAlgorithm::Sha512_256, plain);
            index.push(id, plain.len() as u32);
            if seen.insert(id) {
                let stored = codec::compress(plain, 3).unwrap();
                contents.stored_sizes.push(stored.len() as u32);
                chunks.push((id, stored, plain.len() as u64));
            }
        }
        let index = index.to_bytes();
        let stored_contents = codec::compress(&serde_json::to_vec(&contents).unwrap(), 3).unwrap();
        let manifest = ReleaseManifest {
            schema: SCHEMA,
            title: TITLE.parse().unwrap(),
            platform: PLATFORM,
            version: version.parse().unwrap(),
            sequence,
            index: Pinned::of(&index),
            contents: Pinned::of(&stored_contents),
            launch: Launch {
                desktop: Program {
                    path: TreePath::parse("game").unwrap(),
                    arguments: Vec::new(),
                },
                vr: None,
            },
            size: ReleaseSize {
                files: files.len() as u64,
                installed_bytes: files.iter().map(|(_, bytes)| bytes.len() as u64).sum(),
                chunks: chunks.len() as u64,
                download_bytes: chunks.iter().map(|(_, stored, _)| stored.len() as u64).sum(),
            },
            notes: String::new(),
            minimum_launcher: None,
            minimum_engine: None,
            user_paths: vec![],
        };
        Self {
            manifest,
            contents: stored_contents,
            index,
            chunks,
            files,
        }
    }

    /// Changes the contents document and pins the changed one, as a lying publisher would.
    pub fn with_contents(mut self, change: impl FnOnce(&mut Contents)) -> Self {
        let plain = codec::decompress(&self.contents, 1 << 24).unwrap();
        let mut contents: Contents = serde_json::from_slice(&plain).unwrap();
        change(&mut contents);
        self.contents = codec::compress(&serde_json::to_vec(&contents).unwrap(), 3).unwrap();
        self.manifest.contents = Pinned::of(&self.contents);
        self
    }

    /// Returns the body of a publishing request and its content type.
    pub fn multipart(&self, change: &Change) -> (String, Vec<u8>) {
        let manifest = serde_json::to_vec(&self.manifest).unwrap();
        let metadata = serde_json::to_vec(change).unwrap();
        multipart(&[
            ("manifest", &manifest),
            ("contents", &self.contents),
            ("index", &self.index),
            ("metadata", &metadata),
        ])
    }
}

/// Puts parts together as multipart/form-data; returns the content type and the body.
pub fn multipart(parts: &[(&str, &[u8])]) -> (String, Vec<u8>) {
    const BOUNDARY: &str = "a-line-that-is-in-no-part-7d44e178";
    let mut body = Vec::new();
    for (name, bytes) in parts {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}\"\r\n\
			Content-Type: application/octet-stream\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    (format!("multipart/form-data; boundary={BOUNDARY}"), body)
}

fn entries(files: &[(String, Vec<u8>)]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (path, bytes) in files {
        let path = TreePath::parse(path).unwrap();
        if let Some(parent) = path.parent() {
            let folder = TreePath::parse(parent).unwrap();
            if !entries.iter().any(|entry| entry.path == folder) {
                entries.push(Entry {
                    path: folder,
                    kind: EntryKind::Folder,
                });
            }
        }
        entries.push(Entry {
            kind: EntryKind::File {
                size: bytes.len() as u64,
                executable: path.as_str() == "game",
                digest: ChunkId::of(DigestAlgorithm::Sha512_256, bytes),
            },
            path,
        });
    }
    entries
}

fn archive(contents: &Contents, files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let layout = Layout::of(contents.clone().into()).unwrap();
    let mut archive = Vec::new();
    for slice in layout.slices(0..layout.total_len()) {
        match slice {
            Slice::Literal(bytes) => archive.extend(bytes),
            Slice::File { entry, offset, len } => {
                let path = contents.entries.get(entry).unwrap().path.to_string();
                let (_, bytes) = files.iter().find(|(name, _)| *name == path).unwrap();
                archive.extend_from_slice(&bytes[offset as usize..(offset + len) as usize]);
            }
        }
    }
    archive
}
