// SPDX-License-Identifier: MIT
//! The archive computed from a release's list of contents is the one that desync makes of the tree, and
//! casync takes it.

use std::os::unix::fs::PermissionsExt as _;

use crate::common::{Place, casync, desync, listing, noise, real_ok};
use vsekai_formats::layout::Slice;
use vsekai_formats::release::{Contents, Entries, Entry, EntryKind, SCHEMA};
use vsekai_formats::{ChunkId, DigestAlgorithm, Layout, TreePath};

/// Makes a tree with a release's permissions and returns its list of contents.
fn release(place: &Place) -> (String, Contents) {
    let root = place.folder("tree");
    let mut entries = Vec::new();
    let mut add = |path: &str, kind: EntryKind| {
        let path = TreePath::parse(path).unwrap();
        entries.push(Entry { path, kind });
    };
    let file = |path: &str, content: &[u8], executable: bool| {
        let at = place.file(&format!("tree/{path}"), content);
        let mode = if executable { 0o755 } else { 0o644 };
        fs_err::set_permissions(at, std::fs::Permissions::from_mode(mode)).unwrap();
        EntryKind::File {
            size: content.len() as u64,
            executable,
            digest: ChunkId::of(DigestAlgorithm::Sha512_256, content),
        }
    };
    let folder = |path: &str| {
        let at = place.folder(&format!("tree/{path}"));
        fs_err::set_permissions(at, std::fs::Permissions::from_mode(0o755)).unwrap();
        EntryKind::Folder
    };
    add("Game.pck", file("Game.pck", &noise(1, 500_000), false));
    add("Game.x86_64", file("Game.x86_64", &noise(2, 300_000), true));
    add("empty", folder("empty"));
    add("lib", folder("lib"));
    for number in 0..100u64 {
        let path = format!("lib/{number:03}.so");
        add(&path, file(&path, &noise(number, number as usize * 101), false));
    }
    add("lib/deep", folder("lib/deep"));
    add("lib/deep/none", file("lib/deep/none", b"", false));
    std::os::unix::fs::symlink("../Game.pck", format!("{root}/lib/link")).unwrap();
    let target = "../Game.pck".to_owned();
    add("lib/link", EntryKind::Link { target });
    add("日本語", file("日本語", b"x", false));
    fs_err::set_permissions(&root, std::fs::Permissions::from_mode(0o755)).unwrap();
    let contents = Contents {
        schema: SCHEMA,
        entries: Entries::of(&entries).unwrap(),
        stored_sizes: vec![],
    };
    (root, contents)
}

fn render(layout: &Layout, contents: &Contents, root: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for slice in layout.slices(0..layout.total_len()) {
        match slice {
            Slice::Literal(literal) => bytes.extend(literal),
            Slice::File { entry, .. } => {
                bytes.extend(
                    fs_err::read(format!("{root}/{}", contents.entries.get(entry).unwrap().path)).unwrap(),
                );
            }
        }
    }
    bytes
}

#[test]
fn the_archive_of_a_release_is_desyncs_archive_of_its_tree() {
    let Some(desync) = desync() else { return };
    if rustix::process::getuid().as_raw() != 0 {
        println!("SKIPPED: only root has files owned by 0");
        return;
    }
    let place = Place::new();
    let (root, contents) = release(&place);
    contents.validate().unwrap();
    let layout = Layout::of(contents.clone().into()).unwrap();
    let archive = place.at("t.catar");
    real_ok(&desync, &["tar", "--no-time", &archive, &root]);
    assert!(fs_err::read(&archive).unwrap() == render(&layout, &contents, &root));
}

#[test]
fn casync_unpacks_the_archive_of_a_release() {
    let Some(casync) = casync() else { return };
    let place = Place::new();
    let (root, contents) = release(&place);
    let layout = Layout::of(contents.clone().into()).unwrap();
    let archive = place.file("t.catar", render(&layout, &contents, &root));
    let target = place.at("target");
    real_ok(&casync, &["extract", &archive, &target]);
    assert_eq!(listing(&root).len(), listing(&target).len());
    for path in ["Game.pck", "Game.x86_64", "lib/099.so", "日本語"] {
        let (a, b) = (format!("{root}/{path}"), format!("{target}/{path}"));
        assert!(fs_err::read(a).unwrap() == fs_err::read(b).unwrap(), "{path}");
    }
}
