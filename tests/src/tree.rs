// SPDX-License-Identifier: MIT
//! Trees of files: making them, laying them over one another, comparing them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;
use xtask::{fs, projects, workspace};

/// What a path of a tree is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A folder.
    Folder,
    /// A symbolic link to this target.
    Link(PathBuf),
    /// A file: whether it can be executed, its length, and its content.
    File {
        /// The owner may execute it.
        executable: bool,
        /// The content.
        content: Vec<u8>,
    },
}

/// Returns every path below `root`, relative to it.
///
/// # Panics
/// If something cannot be read.
#[must_use]
pub fn entries(root: &Path) -> BTreeMap<PathBuf, Entry> {
    let mut entries = BTreeMap::new();
    for found in WalkDir::new(root).min_depth(1) {
        let found = found.unwrap();
        let relative = found.path().strip_prefix(root).unwrap().to_path_buf();
        entries.insert(relative, entry(found.path()));
    }
    entries
}

/// Tells whether `text` stands anywhere in a file.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn holds(file: &Path, text: &str) -> bool {
    let content = fs_err::read(file).unwrap();
    content.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Fails if the trees differ in a path, a content, a link or an execute bit.
///
/// # Panics
/// With the first differences.
pub fn assert_same(expected: &Path, found: &Path) {
    let (left, right) = (entries(expected), entries(found));
    let mut differences = Vec::new();
    for (path, entry) in &left {
        match right.get(path) {
            None => differences.push(format!("missing: {}", path.display())),
            Some(other) if other != entry => differences.push(format!("differs: {}", path.display())),
            Some(_) => {}
        }
    }
    let added = right.keys().filter(|path| !left.contains_key(*path));
    differences.extend(added.map(|path| format!("added: {}", path.display())));
    let shown = differences
        .iter()
        .take(20)
        .cloned()
        .collect::<Vec<_>>()
        .join("\n");
    assert!(
        differences.is_empty(),
        "{} and {} differ in {} paths:\n{shown}",
        expected.display(),
        found.display(),
        differences.len()
    );
}

/// Returns bytes that do not compress, the same ones for the same `seed`.
#[must_use]
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let mut bytes: Vec<u8> = std::iter::repeat_with(&mut next)
        .take(length.div_ceil(8))
        .flatten()
        .collect();
    bytes.truncate(length);
    bytes
}

/// The program of a made build.
pub const PROGRAM: &str = "sample-game";

/// Lays out version `number` (1 or 2) of a build: a real program, large files, an empty one, a link, an empty
/// folder, names beyond ASCII. The second version changes a part of a large file, moves one, adds one,
/// removes one, and swaps a file for a folder.
///
/// # Panics
/// If something cannot be written.
pub fn make_build(root: &Path, number: u32) {
    write_program(root, &format!("{number}.0.0"));
    write(root, "data/same.bin", &noise(1, 3 << 20));
    let mut large = noise(2, 6 << 20);
    if number == 1 {
        write(root, "data/gone.txt", b"only in the first version");
        write(root, "data/moved-from.bin", &noise(3, 2 << 20));
        write(root, "data/turns", b"a file that becomes a folder");
    } else {
        large.splice(2_000_000..2_000_100, noise(4, 400));
        write(root, "data/deep/er/moved-to.bin", &noise(3, 2 << 20));
        write(root, "data/turns/into-a-folder.txt", b"was a file");
        write(root, "data/new.bin", &noise(5, 1 << 20));
    }
    write(root, "data/large.bin", &large);
    write(root, "data/empty", b"");
    write(root, "data/Übung 日本語.txt", "names beyond ASCII".as_bytes());
    write(root, "tools/run.sh", b"#!/bin/sh\nexit 0\n");
    make_executable(&root.join("tools/run.sh"));
    fs_err::create_dir_all(root.join("saves")).unwrap();
    make_link("data/same.bin", &root.join("link-to-same"));
}

/// Puts the workspace's small program with its data file into a build.
///
/// # Panics
/// If it cannot be written.
pub fn write_program(root: &Path, version: &str) {
    crate::build_programs();
    fs::replace_file(&workspace::built_program(PROGRAM), &root.join(PROGRAM)).unwrap();
    write(root, "game.txt", format!("Test Game\n{version}\n").as_bytes());
}

/// Lays out version `number` (1 or 2) of a build for tests of many runs: 57 small files, added, changed, moved,
/// removed, empty and nested, one that becomes executable, a link, and a program that is never started.
/// `more` adds files that do not change.
///
/// # Panics
/// If something cannot be written.
pub fn make_small_build(root: &Path, number: u64, more: u64) {
    write_header_of_program(root);
    write(root, "game.txt", format!("Test Game\n{number}.0.0\n").as_bytes());
    for i in 0..30 + more {
        write(root, &format!("same/{i:02}.bin"), &noise(i, 900));
    }
    for i in 0..14 {
        write(
            root,
            &format!("changed/{i:02}.bin"),
            &noise(i + number * 100, 700),
        );
    }
    for i in 0..6 {
        let path = format!("only-{number}/deep/{i}.bin");
        write(root, &path, &noise(i + number * 200, 500));
    }
    let mut large = noise(500, 120_000);
    large[50_000..58_000].copy_from_slice(&noise(number, 8_000));
    write(root, "large.bin", &large);
    write(root, &format!("moved-{number}.bin"), &noise(600, 20_000));
    write(root, "empty", b"");
    write(root, "script", &noise(601, 9_000));
    if number > 1 {
        make_executable(&root.join("script"));
    }
    make_link("large.bin", &root.join("link"));
}

/// The first page of the workspace's small program: enough to be taken for one.
fn write_header_of_program(root: &Path) {
    crate::build_programs();
    let program = fs_err::read(workspace::built_program(PROGRAM)).unwrap();
    write(root, PROGRAM, &program[..4096]);
    make_executable(&root.join(PROGRAM));
}

/// Writes a file of a build with its folders.
///
/// # Panics
/// If it cannot be written.
pub fn write(root: &Path, path: &str, content: &[u8]) {
    let file = root.join(path);
    fs_err::create_dir_all(file.parent().unwrap()).unwrap();
    fs_err::write(file, content).unwrap();
}

/// Puts an entry at `path`; its folder is there and the name is free.
///
/// # Panics
/// If it cannot be written.
pub fn place(path: &Path, entry: &Entry) {
    match entry {
        Entry::Folder => fs_err::create_dir_all(path).unwrap(),
        Entry::Link(target) => make_link(target, path),
        Entry::File { executable, content } => {
            fs_err::write(path, content).unwrap();
            if *executable {
                make_executable(path);
            }
        }
    }
}

/// Copies an install folder; the files of versions are shared, as between versions.
///
/// # Panics
/// If it cannot be copied.
pub fn copy_install(from: &Path, to: &Path) {
    fs_err::create_dir_all(to).unwrap();
    for (path, entry) in entries(from) {
        match entry {
            Entry::File { .. } if path.starts_with("versions") => {
                fs_err::hard_link(from.join(&path), to.join(&path)).unwrap();
            }
            other => place(&to.join(&path), &other),
        }
    }
}

/// Returns the number of the file at `path`, the same for all its names, where the system has one.
#[must_use]
pub fn inode(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        Some(fs_err::symlink_metadata(path).unwrap().ino())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Returns a folder that is removed when dropped, in memory where the system has such a place: nothing there
/// waits for a disk.
///
/// # Panics
/// If none can be had.
#[must_use]
pub fn memory_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = tempfile::tempdir_in(memory);
    made.or_else(|_| tempfile::tempdir()).unwrap()
}

/// Returns the newer of the sample game's versions.
#[must_use]
pub fn newest_game_version() -> &'static str {
    projects::GAME_VERSIONS[projects::GAME_VERSIONS.len() - 1]
}

fn entry(path: &Path) -> Entry {
    let metadata = fs_err::symlink_metadata(path).unwrap();
    if metadata.is_symlink() {
        Entry::Link(fs_err::read_link(path).unwrap())
    } else if metadata.is_dir() {
        Entry::Folder
    } else {
        Entry::File {
            executable: xtask::process::is_executable(path),
            content: fs_err::read(path).unwrap(),
        }
    }
}

#[cfg(unix)]
fn make_executable(file: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(unix)]
fn make_link(target: impl AsRef<Path>, link: &Path) {
    fs_err::os::unix::fs::symlink(target, link).unwrap();
}

#[cfg(not(unix))]
fn make_executable(_file: &Path) {}

#[cfg(not(unix))]
fn make_link(_target: impl AsRef<Path>, _link: &Path) {}
