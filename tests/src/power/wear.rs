// SPDX-License-Identifier: MIT
//! What is left of a disk when the power goes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::dice::Dice;
use crate::power::disk::{Content, Disk, File, Id, Node, ROOT, set};
use crate::tree::{self, Entry};

/// The files, folders and links of a disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture(pub BTreeMap<PathBuf, Entry>);

/// Which of the changes that are not durable are there all the same.
#[derive(Clone, Copy, Debug)]
enum Kept {
    /// None.
    None,
    /// All.
    All,
    /// Those before a moment, as on a file system that keeps a journal in order.
    First,
    /// Each with this chance in 8, in any combination.
    Each(u64),
}

impl Disk {
    /// Returns what the disk holds if the power goes now. The same seed gives the same.
    ///
    /// Seed 0 is no power cut but a killed program: nothing is lost.
    #[must_use]
    pub fn after_power_cut(&self, seed: u64) -> Picture {
        let mut dice = Dice::new(seed);
        let (names, bytes) = match seed {
            0 => (Kept::All, Kept::All),
            _ => (Kept::thrown(&mut dice), Kept::thrown(&mut dice)),
        };
        let block = [512, 4096][dice.below(2) as usize];
        let mut durable: BTreeMap<Id, BTreeMap<String, Id>> = BTreeMap::new();
        for (id, node) in self.nodes.iter().enumerate() {
            if let Node::Folder(folder) = node {
                durable.insert(id, folder.durable.clone());
            }
        }
        let limit = names.limit(self.renames.len(), &mut dice);
        for (at, renames) in self.renames.iter().enumerate() {
            if names.keeps(at, limit, &mut dice) {
                for (folder, name, id) in &renames.names {
                    set(durable.get_mut(folder).unwrap(), name, *id);
                }
            }
        }
        let mut picture = Picture::default();
        let mut contents = BTreeMap::new();
        let mut open = vec![(ROOT, PathBuf::new())];
        while let Some((folder, path)) = open.pop() {
            for (name, id) in &durable[&folder] {
                let path = path.join(name);
                let entry = match &self.nodes[*id] {
                    Node::Folder(_) => {
                        open.push((*id, path.clone()));
                        Entry::Folder
                    }
                    Node::Link(target) => Entry::Link(target.clone()),
                    Node::File(file) => {
                        // All names of a file show the same.
                        let content = contents
                            .entry(*id)
                            .or_insert_with(|| file.after_power_cut(bytes, block, &mut dice));
                        content.entry()
                    }
                };
                picture.0.insert(path, entry);
            }
        }
        picture
    }
}

impl Kept {
    fn thrown(dice: &mut Dice) -> Self {
        match dice.below(8) {
            0 => Self::None,
            1 => Self::All,
            2..4 => Self::First,
            _ => Self::Each(1 + dice.below(7)),
        }
    }

    /// Returns the number of changes kept by [`Kept::First`].
    fn limit(self, all: usize, dice: &mut Dice) -> usize {
        match self {
            Self::First => dice.below(all as u64 + 1) as usize,
            _ => all,
        }
    }

    fn keeps(self, at: usize, limit: usize, dice: &mut Dice) -> bool {
        match self {
            Self::None => false,
            Self::All => true,
            Self::First => at < limit,
            Self::Each(chance) => dice.below(8) < chance,
        }
    }
}

impl File {
    fn after_power_cut(&self, kept: Kept, block: usize, dice: &mut Dice) -> Content {
        if self.pending.is_empty() {
            return self.durable.clone();
        }
        let mut versions = vec![self.durable.clone()];
        for (_, change) in &self.pending {
            let mut next = versions.last().unwrap().clone();
            change.apply(&mut next);
            versions.push(next);
        }
        match kept {
            Kept::None => versions.swap_remove(0),
            Kept::All => versions.pop().unwrap(),
            Kept::First => {
                let at = dice.below(versions.len() as u64) as usize;
                versions.swap_remove(at)
            }
            Kept::Each(_) => torn(&versions, block, dice),
        }
    }
}

/// Mixes the versions of a file block by block; blocks that were new may hold zeros or what lay there before.
fn torn(versions: &[Content], block: usize, dice: &mut Dice) -> Content {
    let any = |dice: &mut Dice| &versions[dice.below(versions.len() as u64) as usize];
    let len = any(dice).bytes.len();
    let mut bytes = vec![0; len];
    for (number, target) in bytes.chunks_mut(block).enumerate() {
        let at = number * block;
        match dice.below(10) {
            0 if at >= versions[0].bytes.len() => {}
            1 if at >= versions[0].bytes.len() => {
                target.copy_from_slice(&tree::noise(dice.next(), target.len()));
            }
            _ => {
                let source = any(dice).bytes.get(at..).unwrap_or_default();
                let there = source.len().min(target.len());
                target[..there].copy_from_slice(&source[..there]);
            }
        }
    }
    Content {
        bytes,
        executable: any(dice).executable,
    }
}

impl Content {
    fn entry(&self) -> Entry {
        Entry::File {
            executable: self.executable,
            content: self.bytes.clone(),
        }
    }
}

impl Picture {
    /// Lays the picture out in the new folder `root`.
    ///
    /// # Panics
    /// If something cannot be written.
    pub fn lay_out(&self, root: &Path) {
        fs_err::create_dir_all(root).unwrap();
        for (path, entry) in &self.0 {
            tree::place(&root.join(path), entry);
        }
    }

    /// Returns what lies below `folder`.
    #[must_use]
    pub fn below(&self, folder: &Path) -> BTreeMap<PathBuf, Entry> {
        let inside = self.0.iter().filter_map(|(path, entry)| {
            let path = path.strip_prefix(folder).ok()?;
            (path != Path::new("")).then(|| (path.to_owned(), entry.clone()))
        });
        inside.collect()
    }
}
