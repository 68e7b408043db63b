// SPDX-License-Identifier: MIT
//! What is measured on: trees of real game data, made the same on every machine.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::tools::apt::{self, Apt, Suite};
use crate::tools::cache::Record;
use crate::tools::{Cache, Trees};
use crate::{fs, ui};

/// How much data to make.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    /// Bytes of the game's tree, at least.
    pub(super) bytes: u64,
    /// Files of the tree of small files, at least.
    pub(super) small_files: usize,
}

/// A tree and its size.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    /// The folder.
    pub(super) folder: PathBuf,
    /// Number of files.
    pub(super) files: usize,
    /// Bytes of all files.
    pub(super) bytes: u64,
}

impl Tree {
    /// Counts the files below `folder`.
    pub(super) fn of(folder: PathBuf) -> Result<Self> {
        let mut bytes = 0;
        let files = fs::files(&folder, &[])?;
        for file in &files {
            bytes += fs_err::symlink_metadata(folder.join(file))?.len();
        }
        Ok(Self {
            folder,
            files: files.len(),
            bytes,
        })
    }

    /// Returns number and size of the files, for people.
    pub(super) fn describe(&self) -> String {
        format!("{} files, {:.0} MB", self.files, self.bytes as f64 / 1e6)
    }
}

/// Makes a tree like a game's in `folder`: many small files of one game, large ones of another.
pub(super) fn make_game(cache: &Cache, extent: Extent, folder: &Path) -> Result<Tree> {
    let trees = Trees::get(cache)?;
    let mut sources = vec![("wesnoth", trees.new)];
    // The second package is a large download; what needs only a little does without.
    if extent.bytes > SMALL {
        sources.push(("supertuxkart", supertuxkart(cache)?));
    }
    fs::remove_folder(folder)?;
    let mut bytes = 0;
    for round in 0..=u8::MAX {
        for (name, source) in &sources {
            for file in fs::files(source, &[])? {
                if bytes >= extent.bytes {
                    return Tree::of(folder.to_path_buf());
                }
                let target = folder.join(format!("{name}-{round}")).join(&file);
                bytes += put(&source.join(&file), &target, round)?;
            }
        }
        if bytes >= extent.bytes || bytes == 0 {
            return Tree::of(folder.to_path_buf());
        }
    }
    bail!("so much data cannot be made out of what is there")
}

/// Makes a tree of many small files in `folder`: two versions of a game, its text files cut into pieces.
pub(super) fn make_small_files(cache: &Cache, extent: Extent, folder: &Path) -> Result<Tree> {
    let trees = Trees::get(cache)?;
    fs::remove_folder(folder)?;
    let mut count = 0;
    for (name, source) in [("new", &trees.new), ("old", &trees.old)] {
        for file in fs::files(source, &[])? {
            let from = source.join(&file);
            if count < extent.small_files && fs_err::metadata(&from)?.len() < LARGEST_SMALL_FILE {
                put(&from, &folder.join(name).join(&file), 0)?;
                count += 1;
            }
        }
    }
    for file in fs::files(&trees.new, &[])? {
        let content = fs_err::read(trees.new.join(&file))?;
        for (number, piece) in content.chunks(PIECE).enumerate().skip(1) {
            if count >= extent.small_files {
                return Tree::of(folder.to_path_buf());
            }
            let mut name = file.clone().into_os_string();
            name.push(format!(".{number}"));
            let target = folder.join("pieces").join(name);
            fs_err::create_dir_all(target.parent().context("find the folder")?)?;
            fs_err::write(target, piece)?;
            count += 1;
        }
    }
    Tree::of(folder.to_path_buf())
}

/// Joins all files of a tree, so that there is one large file with the same content.
pub(super) fn make_blob(tree: &Tree, target: &Path) -> Result<()> {
    let mut blob = fs_err::File::create(target)?;
    for file in fs::files(&tree.folder, &[])? {
        std::io::copy(&mut fs_err::File::open(tree.folder.join(file))?, &mut blob)?;
    }
    Ok(())
}

/// Makes a version of `tree` in `folder` in which files with `percent` of all bytes have other content.
///
/// Each byte of a changed file is another one, so that the content compresses as well as it did.
pub(super) fn make_changed(tree: &Tree, percent: u64, folder: &Path) -> Result<Tree> {
    fs::remove_folder(folder)?;
    let files = fs::files(&tree.folder, &[])?;
    let wanted = tree.bytes * percent / 100;
    let mut changed = 0;
    // Steps of a prime number spread the changes over small and large files of all kinds.
    let order = (0..files.len()).map(|number| (number * STEP) % files.len());
    let mut is_changed = vec![false; files.len()];
    for number in order {
        let size = fs_err::metadata(tree.folder.join(&files[number]))?.len();
        let is_program = files[number] == Path::new(PROGRAM);
        if !is_program && !is_changed[number] && changed + size <= wanted {
            is_changed[number] = true;
            changed += size;
        }
    }
    for (file, is_changed) in files.iter().zip(is_changed) {
        let key = if is_changed { 0x55 } else { 0 };
        put(&tree.folder.join(file), &folder.join(file), key)?;
    }
    Tree::of(folder.to_path_buf())
}

/// Puts the file `from` to `target`, each byte changed by `key`, and returns its size.
fn put(from: &Path, target: &Path, key: u8) -> Result<u64> {
    if let Some(parent) = target.parent() {
        fs_err::create_dir_all(parent)?;
    }
    // Nobody writes into the trees, so links do where they can be made.
    if key == 0 && fs_err::hard_link(from, target).is_ok() {
        return Ok(fs_err::metadata(target)?.len());
    }
    if key == 0 {
        return Ok(fs_err::copy(from, target)?);
    }
    let content: Vec<u8> = fs_err::read(from)?.into_iter().map(|byte| byte ^ key).collect();
    fs_err::write(target, &content)?;
    Ok(content.len() as u64)
}

fn supertuxkart(cache: &Cache) -> Result<PathBuf> {
    if cache.record(KEY).is_none() {
        ui::step("Getting the data of SuperTuxKart (once; about 630 MB to load)");
        cache.get(KEY, unpack_supertuxkart)?;
    }
    cache.path(KEY, "tree").context("find the unpacked data")
}

fn unpack_supertuxkart(folder: &Path) -> Result<Record> {
    let state = folder.join("apt");
    let apt = Apt::open(&state, &SUITES, |apt| Ok(apt.version(PACKAGE)?.is_some()))?;
    let version = apt
        .version(PACKAGE)?
        .with_context(|| format!("no {PACKAGE} in the suite"))?;
    let file = apt.download(PACKAGE)?;
    apt::unpack(&[file], &folder.join("root"))?;
    fs::remove_folder(&state)?;
    let tree = PathBuf::from("root/usr/share/games/supertuxkart");
    fs::remove_links(&folder.join(&tree))?;
    Ok(Record {
        version,
        paths: [("tree".to_owned(), tree)].into(),
    })
}

/// The program that a release has to have.
pub(super) const PROGRAM: &str = "game.bin";

const PACKAGE: &str = "supertuxkart-data";
const KEY: &str = "supertuxkart-1";
const SUITES: [Suite; 5] = [
    Suite {
        name: "bookworm",
        components: "main",
    },
    apt::NEWEST[0],
    apt::NEWEST[1],
    apt::OLDER[1],
    apt::NEWEST[2],
];

const SMALL: u64 = 100_000_000;
const LARGEST_SMALL_FILE: u64 = 64 * 1024;
const PIECE: usize = 2048;
const STEP: usize = 7919;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_tree_has_the_same_names_and_sizes_and_as_much_other_content_as_asked_for() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("tree");
        fs_err::create_dir_all(&folder).unwrap();
        for number in 0..100 {
            fs_err::write(folder.join(format!("{number}")), [number; 1000]).unwrap();
        }
        let tree = Tree::of(folder.clone()).unwrap();
        let changed = make_changed(&tree, 10, &temporary.path().join("changed")).unwrap();
        assert_eq!((changed.files, changed.bytes), (100, 100_000));
        let differs = |file: &PathBuf| {
            fs_err::read(folder.join(file)).unwrap() != fs_err::read(changed.folder.join(file)).unwrap()
        };
        let files = fs::files(&folder, &[]).unwrap();
        assert_eq!(files.iter().filter(|file| differs(file)).count(), 10);
    }
}
