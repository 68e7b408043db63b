// SPDX-License-Identifier: MIT
//! Archives: what is written reads back, known bytes come out, and damage is found.

use std::io::Read as _;

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};
use vsekai_formats::DigestAlgorithm;
use vsekai_formats::catar::record::{self, Entry};
use vsekai_formats::catar::{
    DecodeError, DecodeLimits, Decoder, EncodeError, Encoder, Event, Metadata, NodeKind,
};

/// A tree to archive; children are sorted by name.
#[derive(Clone, Debug, PartialEq)]
enum Tree {
    Folder(Metadata, Vec<(Vec<u8>, Tree)>),
    File(Metadata, Vec<u8>),
    Link(Metadata, Vec<u8>),
    Device(Metadata, u64, u64),
    Special(Metadata),
}

/// Name, metadata and children so far.
type OpenFolder = (Option<Vec<u8>>, Metadata, Vec<(Vec<u8>, Tree)>);

fn metadata(mode: u64) -> Metadata {
    Metadata {
        mode,
        ..Metadata::default()
    }
}

fn file(content: &[u8]) -> Tree {
    Tree::File(metadata(0o100_644), content.to_vec())
}

fn folder(children: Vec<(&str, Tree)>) -> Tree {
    let children = children.into_iter().map(|(name, tree)| (name.into(), tree));
    Tree::Folder(metadata(0o40_755), children.collect())
}

fn synthetic(len: usize) -> Vec<u8> {
    let blocks = (0u64..).take(len.div_ceil(32));
    let mut bytes: Vec<u8> = blocks
        .flat_map(|counter| Sha256::digest(counter.to_le_bytes()))
        .collect();
    bytes.truncate(len);
    bytes
}

fn vector_tree() -> Tree {
    let link = Tree::Link(metadata(0o120_777), b"a.txt".to_vec());
    folder(vec![
        ("a.txt", file(b"hello\n")),
        (
            "dir",
            folder(vec![("b.bin", file(&synthetic(1000))), ("empty", file(b""))]),
        ),
        ("link", link),
    ])
}

fn encode_into(encoder: &mut Encoder<Vec<u8>>, name: Option<&[u8]>, tree: &Tree) -> Result<(), EncodeError> {
    match tree {
        Tree::Folder(metadata, children) => {
            encoder.folder(name, metadata)?;
            for (name, child) in children {
                encode_into(encoder, Some(name), child)?;
            }
            encoder.leave()
        }
        Tree::File(metadata, content) => {
            encoder.file(name, metadata, content.len() as u64, &mut content.as_slice())
        }
        Tree::Link(metadata, target) => encoder.link(name, metadata, target),
        Tree::Device(metadata, major, minor) => encoder.device(name, metadata, *major, *minor),
        Tree::Special(metadata) => encoder.special(name, metadata),
    }
}

fn encode(tree: &Tree) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new(), DigestAlgorithm::Sha512_256);
    encode_into(&mut encoder, None, tree).unwrap();
    encoder.finish().unwrap()
}

fn decode(bytes: &[u8]) -> Result<Tree, DecodeError> {
    let mut decoder = Decoder::new(bytes, DecodeLimits::default());
    let mut open: Vec<OpenFolder> = Vec::new();
    let mut root = None;
    while let Some(event) = decoder.next_event()? {
        let (name, tree) = match event {
            Event::Orphan(_) => continue,
            Event::Leave => {
                let (name, metadata, children) = open.pop().unwrap();
                (name, Tree::Folder(metadata, children))
            }
            Event::Node(node, NodeKind::Folder) => {
                open.push((node.name, node.metadata, Vec::new()));
                continue;
            }
            Event::Node(node, kind) => {
                let tree = leaf(&mut decoder, node.metadata, kind)?;
                (node.name, tree)
            }
        };
        match (name, open.last_mut()) {
            (Some(name), Some((_, _, children))) => children.push((name, tree)),
            _ => root = Some(tree),
        }
    }
    Ok(root.expect("an archive that ends well has a root"))
}

fn leaf(decoder: &mut Decoder<&[u8]>, metadata: Metadata, kind: NodeKind) -> Result<Tree, DecodeError> {
    Ok(match kind {
        NodeKind::File { size, .. } => {
            let mut content = vec![0; usize::try_from(size).unwrap().min(1 << 20)];
            let mut filled = 0;
            loop {
                let read = decoder.read_payload(&mut content[filled..])?;
                if read == 0 {
                    break;
                }
                filled += read;
            }
            content.truncate(filled);
            Tree::File(metadata, content)
        }
        NodeKind::Link { target } => Tree::Link(metadata, target),
        NodeKind::Device { major, minor, .. } => Tree::Device(metadata, major, minor),
        NodeKind::Fifo | NodeKind::Socket | NodeKind::Folder => Tree::Special(metadata),
    })
}

#[test]
fn the_published_archive_comes_out_byte_for_byte() {
    let bytes = encode(&vector_tree());
    assert_eq!(bytes.len(), 1767);
    assert_eq!(
        hex::encode(Sha256::digest(&bytes)),
        "4b41799ee051d9410046b077f7bdcefe38e8a785182a1c14f4df22668b34b5f2"
    );
    assert_eq!(decode(&bytes).unwrap(), vector_tree());
}

#[test]
fn an_archive_cut_off_anywhere_is_refused() {
    let bytes = encode(&vector_tree());
    for length in 0..bytes.len() {
        assert!(
            matches!(decode(&bytes[..length]), Err(DecodeError::Truncated { .. })),
            "{length}"
        );
    }
}

#[test]
fn bytes_after_the_root_are_refused() {
    let mut bytes = encode(&vector_tree());
    let end = bytes.len() as u64;
    bytes.extend([0; 16]);
    assert!(matches!(decode(&bytes), Err(DecodeError::TrailingBytes { offset }) if offset == end));
}

#[test]
fn fifos_and_sockets_are_not_taken_for_folders() {
    let tree = folder(vec![
        ("fifo", Tree::Special(metadata(0o10_644))),
        ("file", file(b"content")),
        ("socket", Tree::Special(metadata(0o140_755))),
    ]);
    assert_eq!(decode(&encode(&tree)).unwrap(), tree);
}

#[test]
fn names_that_lead_elsewhere_are_refused_in_both_directions() {
    for name in ["..", ".", "", "a/b", "a\0b", &"x".repeat(256)] {
        let tree = folder(vec![(name, file(b""))]);
        let mut encoder = Encoder::new(Vec::new(), DigestAlgorithm::Sha512_256);
        let error = encode_into(&mut encoder, None, &tree).unwrap_err();
        assert!(matches!(error, EncodeError::Name { .. }), "{name:?}: {error}");
        let mut bytes = Vec::new();
        push_folder(&mut bytes);
        record::push_text(&mut bytes, record::FILENAME, name.as_bytes());
        assert!(decode(&bytes).is_err(), "{name:?}");
    }
}

fn push_folder(bytes: &mut Vec<u8>) {
    let entry = Entry {
        feature_flags: 0xb000_0000_1000_1f22,
        mode: 0o40_755,
        ..Entry::default()
    };
    record::push_entry(bytes, &entry);
}

#[test]
fn sizes_are_believed_only_within_their_records() {
    for (kind, sizes) in [
        (record::FILENAME, vec![0, 15, 16, 16 + 257, u64::MAX]),
        (record::XATTR, vec![0, 15, 17, 1 << 20, u64::MAX]),
        (record::SELINUX, vec![0, 16, 1 << 20, u64::MAX]),
        (record::FCAPS, vec![15, 1 << 20]),
        (record::ACL_USER, vec![16, 31, 16 + 16 + 257]),
        (record::GOODBYE, vec![0, 16, 39, 64, u64::MAX]),
        (record::ENTRY, vec![63, 65]),
    ] {
        for size in sizes {
            let mut bytes = Vec::new();
            push_folder(&mut bytes);
            bytes.extend(u64::to_le_bytes(size));
            bytes.extend(kind.to_le_bytes());
            bytes.extend([0; 600]);
            assert!(decode(&bytes).is_err(), "{kind:#x} {size}");
        }
    }
}

#[test]
fn nesting_and_metadata_are_bounded() {
    let mut bytes = Vec::new();
    push_folder(&mut bytes);
    for _ in 0..600 {
        record::push_text(&mut bytes, record::FILENAME, b"d");
        push_folder(&mut bytes);
    }
    assert!(matches!(
        decode(&bytes),
        Err(DecodeError::TooDeep { limit: 512, .. })
    ));
    let mut bytes = Vec::new();
    push_folder(&mut bytes);
    for number in 0..20u8 {
        record::push_xattr(&mut bytes, &[b'u', b'.', b'a' + number], &[0; 60_000]);
    }
    assert!(matches!(decode(&bytes), Err(DecodeError::TooMuchMetadata { .. })));
}

#[test]
fn attributes_of_desync_and_casync_are_told_apart() {
    for (feature_flags, stored, expected) in [
        (0xb000_0000_1000_1f22, &b"val\0"[..], &b"val"[..]),
        (0x9000_0000_1000_1f22, b"val\0", b"val"),
        (0xb000_0001_ffef_fe26, b"val", b"val"),
        (0xb000_0001_ffef_fe26, b"val\0", b"val\0"),
    ] {
        let mut bytes = Vec::new();
        let entry = Entry {
            feature_flags,
            mode: 0o40_755,
            ..Entry::default()
        };
        record::push_entry(&mut bytes, &entry);
        bytes.extend((16 + 7 + stored.len() as u64).to_le_bytes());
        bytes.extend(record::XATTR.to_le_bytes());
        bytes.extend(b"user.x\0");
        bytes.extend(stored);
        let mut decoder = Decoder::new(bytes.as_slice(), DecodeLimits::default());
        match decoder.next_event() {
            Ok(Some(Event::Node(node, NodeKind::Folder))) => {
                assert_eq!(
                    node.metadata.xattrs[&b"user.x"[..]],
                    expected,
                    "{feature_flags:#x}"
                );
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_noticed() {
    for len in [0u64, 4, 6] {
        let mut encoder = Encoder::new(Vec::new(), DigestAlgorithm::Sha512_256);
        encoder.folder(None, &metadata(0o40_755)).unwrap();
        let content = &mut std::io::repeat(1).take(len);
        let result = encoder.file(Some(b"f"), &metadata(0o100_644), 5, content);
        assert!(
            matches!(result, Err(EncodeError::Changed { expected: 5, .. })),
            "{len}"
        );
    }
}

#[test]
fn calls_that_make_no_tree_are_refused() {
    let digest = DigestAlgorithm::Sha512_256;
    assert!(Encoder::new(Vec::new(), digest).finish().is_err());
    assert!(Encoder::new(Vec::new(), digest).leave().is_err());
    let mut encoder = Encoder::new(Vec::new(), digest);
    encoder.folder(None, &metadata(0o40_755)).unwrap();
    assert!(encoder.folder(None, &metadata(0o40_755)).is_err());
    assert!(encoder.finish().is_err());
    let mut encoder = Encoder::new(Vec::new(), digest);
    encoder.folder(None, &metadata(0o40_755)).unwrap();
    encoder.link(Some(b"b"), &metadata(0o777), b"x").unwrap();
    for name in [b"b", b"a"] {
        let result = encoder.link(Some(name), &metadata(0o777), b"x");
        assert!(matches!(result, Err(EncodeError::Name { .. })));
    }
}

fn any_metadata(kind: u64) -> impl Strategy<Value = Metadata> {
    let xattrs = proptest::collection::btree_map(
        proptest::collection::vec(1u8.., 1..20),
        proptest::collection::vec(any::<u8>(), 0..40),
        0..3,
    );
    (0u64..0o10_000, any::<u32>(), any::<u32>(), any::<i64>(), xattrs).prop_map(
        move |(mode, uid, gid, mtime, xattrs)| Metadata {
            mode: kind | mode,
            uid: uid.into(),
            gid: gid.into(),
            mtime,
            xattrs,
        },
    )
}

fn any_name() -> impl Strategy<Value = Vec<u8>> {
    let bytes = proptest::collection::vec((1u8..).prop_filter("slash", |byte| *byte != b'/'), 1..30);
    bytes.prop_filter("dots", |name| name != b"." && name != b"..")
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        (
            any_metadata(0o100_000),
            proptest::collection::vec(any::<u8>(), 0..300)
        )
            .prop_map(|(metadata, content)| Tree::File(metadata, content)),
        (any_metadata(0o120_000), proptest::collection::vec(1u8.., 1..60))
            .prop_map(|(metadata, target)| Tree::Link(metadata, target)),
        (any_metadata(0o60_000), 0u64..4096, 0u64..1 << 20)
            .prop_map(|(metadata, major, minor)| Tree::Device(metadata, major, minor)),
        any_metadata(0o10_000).prop_map(Tree::Special),
    ];
    leaf.prop_recursive(4, 40, 8, |inner| {
        (
            any_metadata(0o40_000),
            proptest::collection::btree_map(any_name(), inner, 0..8),
        )
            .prop_map(|(metadata, children)| Tree::Folder(metadata, children.into_iter().collect()))
    })
}

proptest! {
    #[test]
    fn any_tree_reads_back_as_it_was_written(tree in any_tree()) {
        prop_assert_eq!(decode(&encode(&tree)).unwrap(), tree);
    }
}
