// SPDX-License-Identifier: MIT
//! A disk that knows what is durable.
//!
//! What a program sees is always up to date; what would be there after a power cut is what was synced, and
//! perhaps some of the rest. Bytes and modes become durable when their file is synced, names when their folder
//! is. A rename becomes durable as a whole, with either of its folders.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use crate::power::trace::{Action, Step};
use crate::tree;

/// Number of a file or folder, whatever names it has.
pub(super) type Id = usize;

/// The disk.
#[derive(Clone, Debug)]
pub struct Disk {
    root: PathBuf,
    pub(super) nodes: Vec<Node>,
    /// Changes of names that are not durable yet, in their order.
    pub(super) renames: Vec<Renames>,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Node {
    File(File),
    Folder(Folder),
    Link(PathBuf),
}

/// A file: what it holds, what of that is durable, and the changes in between.
#[derive(Clone, Debug, Default)]
pub(super) struct File {
    pub(super) now: Content,
    pub(super) durable: Content,
    pub(super) pending: Vec<(usize, Change)>,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) executable: bool,
}

/// A change of a file.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize(usize),
    Mode(bool),
}

/// A folder: its names, and those that are durable.
#[derive(Clone, Debug, Default)]
pub(super) struct Folder {
    now: BTreeMap<String, Id>,
    pub(super) durable: BTreeMap<String, Id>,
}

/// Names that change together.
#[derive(Clone, Debug)]
pub(super) struct Renames {
    step: usize,
    pub(super) names: Vec<(Id, String, Option<Id>)>,
}

/// The topmost folder.
pub(super) const ROOT: Id = 0;

impl Disk {
    /// Reads the folder `root`, all of it durable.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        let mut disk = Self {
            root: root.to_owned(),
            nodes: vec![Node::Folder(Folder::default())],
            renames: Vec::new(),
        };
        let mut known = BTreeMap::new();
        for (path, entry) in tree::entries(root) {
            let at = root.join(&path);
            let id = match (tree::inode(&at), entry) {
                (Some(inode), tree::Entry::File { .. }) if known.contains_key(&inode) => known[&inode],
                (inode, entry) => {
                    let id = disk.add(node_of(entry));
                    known.extend(inode.map(|inode| (inode, id)));
                    id
                }
            };
            disk.rename(0, vec![(at, Some(id))]);
        }
        disk.sync_all(usize::MAX);
        disk
    }

    /// Returns the disk with its topmost folder at another path.
    #[must_use]
    pub fn at(mut self, root: &Path) -> Self {
        self.root = root.to_owned();
        self
    }

    /// Tells whether there is a file at `path`.
    #[must_use]
    pub fn is_file(&self, path: &Path) -> bool {
        self.find(path)
            .is_some_and(|id| matches!(self.nodes[id], Node::File(_)))
    }

    /// Does what a step did.
    ///
    /// # Panics
    /// If it does not fit what is there: the record has a hole.
    pub fn apply(&mut self, number: usize, step: &Step) {
        match &step.action {
            Action::Create {
                path,
                executable,
                truncate,
            } => self.create(number, path, *executable, *truncate),
            Action::Folder(path) => self.create_node(number, path, Node::Folder(Folder::default())),
            Action::Symlink { path, target } => self.create_node(number, path, Node::Link(target.clone())),
            Action::Link { from, to } => {
                let id = self.expect(from);
                self.rename(number, vec![(to.clone(), Some(id))]);
            }
            Action::Rename { from, to } => {
                let id = self.expect(from);
                self.rename(number, vec![(from.clone(), None), (to.clone(), Some(id))]);
            }
            Action::Remove(path) => self.rename(number, vec![(path.clone(), None)]),
            Action::Write { path, at, bytes } => {
                let bytes = bytes.clone();
                self.change(number, path, Change::Write { at: *at, bytes });
            }
            Action::Copy {
                from,
                from_at,
                to,
                to_at,
                len,
            } => {
                let id = self.expect(from);
                let bytes = self.file(id).now.bytes[*from_at..from_at + len].to_vec();
                self.change(number, to, Change::Write { at: *to_at, bytes });
            }
            Action::Resize { path, len } => self.change(number, path, Change::Resize(*len)),
            Action::Mode { path, executable } => self.change(number, path, Change::Mode(*executable)),
            Action::Sync(path) => self.sync(path, step.begun_after),
            Action::SyncAll => self.sync_all(step.begun_after),
            Action::Say(_) => {}
        }
    }

    fn create(&mut self, number: usize, path: &Path, executable: bool, truncate: bool) {
        if self.find(path).is_none() {
            let mut file = File::default();
            (file.now.executable, file.durable.executable) = (executable, executable);
            self.create_node(number, path, Node::File(file));
        } else if truncate {
            self.change(number, path, Change::Resize(0));
        }
    }

    fn create_node(&mut self, number: usize, path: &Path, node: Node) {
        let id = self.add(node);
        self.rename(number, vec![(path.to_owned(), Some(id))]);
    }

    fn add(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Changes names at once and remembers that this is not durable.
    fn rename(&mut self, step: usize, paths: Vec<(PathBuf, Option<Id>)>) {
        let mut names = Vec::new();
        for (path, id) in paths {
            let folder = self.expect(path.parent().unwrap());
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            set(&mut self.folder(folder).now, &name, id);
            names.push((folder, name, id));
        }
        self.renames.push(Renames { step, names });
    }

    fn change(&mut self, step: usize, path: &Path, change: Change) {
        let id = self.expect(path);
        let file = self.file(id);
        change.apply(&mut file.now);
        file.pending.push((step, change));
    }

    fn sync(&mut self, path: &Path, before: usize) {
        let Some(id) = self.find(path) else { return };
        match &mut self.nodes[id] {
            Node::File(file) => file.sync(before),
            Node::Folder(_) => self.sync_names(before, |folder| folder == id),
            Node::Link(_) => {}
        }
    }

    fn sync_all(&mut self, before: usize) {
        for node in &mut self.nodes {
            if let Node::File(file) = node {
                file.sync(before);
            }
        }
        self.sync_names(before, |_| true);
    }

    /// Makes the changes of names durable that concern a folder.
    fn sync_names(&mut self, before: usize, concerns: impl Fn(Id) -> bool) {
        let mut at = 0;
        while at < self.renames.len() {
            let renames = &self.renames[at];
            let now = renames.step < before && renames.names.iter().any(|(folder, ..)| concerns(*folder));
            if !now {
                at += 1;
                continue;
            }
            let done = self.renames.remove(at);
            for (folder, name, id) in &done.names {
                set(&mut self.folder(*folder).durable, name, *id);
                // What the name stood for earlier is past.
                for earlier in &mut self.renames[..at] {
                    earlier.names.retain(|(at, old, _)| (at, old) != (folder, name));
                }
            }
        }
        self.renames.retain(|renames| !renames.names.is_empty());
    }

    fn expect(&self, path: &Path) -> Id {
        let found = self.find(path);
        found.unwrap_or_else(|| panic!("the record has a hole: {} is not there", path.display()))
    }

    fn find(&self, path: &Path) -> Option<Id> {
        let below = path.strip_prefix(&self.root).unwrap();
        let mut id = ROOT;
        for part in below.components() {
            let Component::Normal(name) = part else {
                panic!("cannot follow {}", path.display())
            };
            let Node::Folder(folder) = &self.nodes[id] else {
                return None;
            };
            id = *folder.now.get(name.to_str().unwrap())?;
        }
        Some(id)
    }

    fn folder(&mut self, id: Id) -> &mut Folder {
        match &mut self.nodes[id] {
            Node::Folder(folder) => folder,
            other => panic!("not a folder: {other:?}"),
        }
    }

    fn file(&mut self, id: Id) -> &mut File {
        match &mut self.nodes[id] {
            Node::File(file) => file,
            other => panic!("not a file: {other:?}"),
        }
    }
}

impl File {
    fn sync(&mut self, before: usize) {
        let (done, rest): (Vec<_>, Vec<_>) = self.pending.drain(..).partition(|(step, _)| *step < before);
        for (_, change) in done {
            change.apply(&mut self.durable);
        }
        self.pending = rest;
    }
}

impl Change {
    pub(super) fn apply(&self, content: &mut Content) {
        match self {
            Self::Write { at, bytes } => {
                let end = at + bytes.len();
                if content.bytes.len() < end {
                    content.bytes.resize(end, 0);
                }
                content.bytes[*at..end].copy_from_slice(bytes);
            }
            Self::Resize(len) => content.bytes.resize(*len, 0),
            Self::Mode(executable) => content.executable = *executable,
        }
    }
}

pub(super) fn set(names: &mut BTreeMap<String, Id>, name: &str, id: Option<Id>) {
    match id {
        Some(id) => names.insert(name.to_owned(), id),
        None => names.remove(name),
    };
}

fn node_of(entry: tree::Entry) -> Node {
    match entry {
        tree::Entry::Folder => Node::Folder(Folder::default()),
        tree::Entry::Link(target) => Node::Link(target),
        tree::Entry::File { executable, content } => {
            let content = Content {
                bytes: content,
                executable,
            };
            Node::File(File {
                now: content.clone(),
                durable: content,
                pending: Vec::new(),
            })
        }
    }
}
