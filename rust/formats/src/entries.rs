// SPDX-License-Identifier: MIT
//! The files, folders and links of a build: a list of them that takes little memory.
//!
//! A build may have hundreds of thousands. A path of its own for each would take more memory than all else that is said
//! of them.

use std::cmp::Ordering;
use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::ChunkId;
use crate::name::{TreePath, TreePathRef};

/// One file, folder or link of a build.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "EntryFields")]
pub struct Entry {
    /// Where it lies.
    pub path: TreePath,
    /// What it is.
    pub kind: EntryKind,
}

/// What an [`Entry`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum EntryKind<T = String> {
    /// A folder.
    Folder,
    /// A regular file.
    File {
        /// Length in bytes.
        size: u64,
        /// Whether it may be started.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        executable: bool,
        /// SHA-512/256 of its bytes.
        digest: ChunkId,
    },
    /// A symbolic link that stays inside the tree.
    Link {
        /// Its target, relative to the link's folder.
        target: T,
    },
}

impl<T> EntryKind<T> {
    /// Returns the same kind, with what `of_target` makes of a link's target.
    fn with_target<'a, U>(&'a self, of_target: impl FnOnce(&'a T) -> U) -> EntryKind<U> {
        match self {
            Self::Folder => EntryKind::Folder,
            Self::File {
                size,
                executable,
                digest,
            } => EntryKind::File {
                size: *size,
                executable: *executable,
                digest: *digest,
            },
            Self::Link { target } => EntryKind::Link {
                target: of_target(target),
            },
        }
    }
}

/// An [`Entry`] as it lies in [`Entries`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct EntryRef<'a> {
    /// Where it lies.
    pub path: TreePathRef<'a>,
    /// What it is.
    #[serde(flatten)]
    pub kind: EntryKind<&'a str>,
}

impl Entry {
    /// Returns the entry without the memory that it lies in.
    pub fn borrowed(&self) -> EntryRef<'_> {
        EntryRef {
            path: self.path.borrowed(),
            kind: self.kind.with_target(String::as_str),
        }
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.borrowed().serialize(serializer)
    }
}

impl EntryRef<'_> {
    /// Returns a copy that needs no other memory.
    pub fn to_entry(self) -> Entry {
        Entry {
            path: self.path.to_path(),
            kind: self.kind.with_target(|target| (*target).to_owned()),
        }
    }
}

/// The entries of a build, in the order they were given.
///
/// All text lies in one piece, most entries have no more of it than their name, and what is said of one beside its text
/// takes 52 bytes.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Entries {
    /// The own text of each entry, followed by its target if it is a link.
    text: String,
    items: Vec<Item>,
}

/// What [`Entries`] keep of an entry beside its text.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Item {
    /// Where its text ends; it begins where that of the one before does.
    text_end: u32,
    /// The number of the folder that it lies in, 0 at the root; the entry at position `p` has the number `p + 1`.
    ///
    /// Also 0 if that folder is not listed on the way here, which only lists that break the rules have.
    folder: u32,
    /// Bytes of its own text: the whole path of a folder and of what has the number 0 above, the name of all others.
    own_len: u16,
    kind: ItemKind,
    /// Of a file, otherwise 0. Bytes, for a number would make room for another four of them.
    size: [u8; 8],
    /// Of a file, otherwise zeros.
    digest: ChunkId,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ItemKind {
    Folder,
    File,
    Program,
    Link,
}

/// More text than [`Entries`] have room for.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("the paths up to \"{path}\" have more bytes than a list of files can have")]
pub struct EntriesTooLong {
    /// Where it ended.
    pub path: TreePath,
}

impl Entries {
    /// Lists entries.
    ///
    /// # Errors
    /// [`EntriesTooLong`]: paths and targets have 4 GiB or more.
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Result<Self, EntriesTooLong> {
        let mut list = Self::default();
        for entry in entries {
            list.push(entry.borrowed())?;
        }
        list.shrink_to_fit();
        Ok(list)
    }

    /// Appends an entry.
    ///
    /// # Errors
    /// [`EntriesTooLong`]: paths and targets have 4 GiB or more.
    pub fn push(&mut self, entry: EntryRef<'_>) -> Result<(), EntriesTooLong> {
        let (kind, size, digest, target) = match entry.kind {
            EntryKind::Folder => (ItemKind::Folder, 0, NO_DIGEST, ""),
            EntryKind::File {
                size,
                executable,
                digest,
            } => {
                let kind = if executable {
                    ItemKind::Program
                } else {
                    ItemKind::File
                };
                (kind, size, digest, "")
            }
            EntryKind::Link { target } => (ItemKind::Link, 0, NO_DIGEST, target),
        };
        let start = self.text.len();
        let folder = self.find_folder(entry.path.parent());
        if kind == ItemKind::Folder || folder == 0 {
            let parent = entry.path.parent().into_iter();
            self.text.extend(parent.flat_map(|folder| [folder, "/"]));
        }
        self.text.push_str(entry.path.file_name());
        let own_len = u16::try_from(self.text.len() - start);
        self.text.push_str(target);
        let (Ok(text_end), Ok(own_len)) = (u32::try_from(self.text.len()), own_len) else {
            self.text.truncate(start);
            let path = entry.path.to_path();
            return Err(EntriesTooLong { path });
        };
        self.items.push(Item {
            text_end,
            folder,
            own_len,
            kind,
            size: size.to_le_bytes(),
            digest,
        });
        Ok(())
    }

    /// Returns the number of the folder `path` if it is one that the entry added last is or lies in, otherwise 0.
    fn find_folder(&self, path: Option<&str>) -> u32 {
        let Some(path) = path else { return 0 };
        // There is at least one byte of text for each, so there are not more entries than numbers.
        let mut number = self.items.len() as u32;
        while let Some(item) = self.item(number) {
            if item.kind == ItemKind::Folder && self.own_text(number) == path {
                return number;
            }
            number = item.folder;
        }
        0
    }

    /// Returns the entry with a number, see [`Item::folder`].
    fn item(&self, number: u32) -> Option<&Item> {
        self.items.get(number.checked_sub(1)? as usize)
    }

    fn own_text(&self, number: u32) -> &str {
        self.texts(number).map_or("", |(own, _)| own)
    }

    /// Returns the own text of an entry and its target, by its number.
    fn texts(&self, number: u32) -> Option<(&str, &str)> {
        let item = self.item(number)?;
        let before = self.item(number - 1).map_or(0, |before| before.text_end);
        let text = self.text.get(before as usize..item.text_end as usize)?;
        text.split_at_checked(usize::from(item.own_len))
    }

    /// Gives back memory that was kept for entries to come.
    pub fn shrink_to_fit(&mut self) {
        self.text.shrink_to_fit();
        self.items.shrink_to_fit();
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Returns the entry at `position`.
    pub fn get(&self, position: usize) -> Option<EntryRef<'_>> {
        let item = self.items.get(position)?;
        let (own, target) = self.texts(u32::try_from(position + 1).ok()?)?;
        let file = |executable| EntryKind::File {
            size: u64::from_le_bytes(item.size),
            executable,
            digest: item.digest,
        };
        let kind = match item.kind {
            ItemKind::Folder => EntryKind::Folder,
            ItemKind::File => file(false),
            ItemKind::Program => file(true),
            ItemKind::Link => EntryKind::Link { target },
        };
        let path = match kind == EntryKind::Folder || item.folder == 0 {
            true => TreePathRef::of_checked(own),
            false => TreePathRef::of_parts(self.own_text(item.folder), own),
        };
        Some(EntryRef { path, kind })
    }

    /// Returns the position of the folder that the entry at `position` lies in, `None` at the root.
    pub fn folder_of(&self, position: usize) -> Option<usize> {
        let folder = self.items.get(position)?.folder;
        folder.checked_sub(1).map(|folder| folder as usize)
    }

    /// Returns the position of the entry at a path, in a list in the order of an archive.
    pub fn find(&self, path: TreePathRef<'_>) -> Option<usize> {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from + (to - from) / 2;
            match self.get(middle)?.path.cmp_in_tree(path) {
                Ordering::Less => from = middle + 1,
                Ordering::Equal => return Some(middle),
                Ordering::Greater => to = middle,
            }
        }
        None
    }

    /// Returns the entries in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = EntryRef<'_>> + Clone {
        (0..self.len()).filter_map(|position| self.get(position))
    }

    /// Gives the file at `position` another digest; tells whether there is a file.
    pub fn set_digest(&mut self, position: usize, digest: ChunkId) -> bool {
        let is_file = |item: &&mut Item| matches!(item.kind, ItemKind::File | ItemKind::Program);
        let item = self.items.get_mut(position).filter(is_file);
        item.map(|item| item.digest = digest).is_some()
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Entries {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor)
    }
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = Entries;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of files, folders and links")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Entries, A::Error> {
        let mut entries = Entries::default();
        while let Some(entry) = list.next_element::<Entry>()? {
            entries.push(entry.borrowed()).map_err(A::Error::custom)?;
        }
        entries.shrink_to_fit();
        Ok(entries)
    }
}

const NO_DIGEST: ChunkId = ChunkId::from_bytes([0; 32]);

/// The fields of an [`Entry`] of any kind: read as they come, where a tag and flattened fields would have to be collected
/// first. A list of files has tens of thousands of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EntryFields {
    path: TreePath,
    kind: KindName,
    #[serde(default, deserialize_with = "given")]
    size: Option<u64>,
    #[serde(default, deserialize_with = "given")]
    executable: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    digest: Option<ChunkId>,
    #[serde(default, deserialize_with = "given")]
    target: Option<String>,
}

/// Reads a field that is there; `null` is no value for it, and no other way to leave it out.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KindName {
    Folder,
    File,
    Link,
}

impl TryFrom<EntryFields> for Entry {
    type Error = String;

    fn try_from(fields: EntryFields) -> Result<Self, Self::Error> {
        let EntryFields {
            path,
            kind,
            size,
            executable,
            digest,
            target,
        } = fields;
        let kind = match (kind, size, executable, digest, target) {
            (KindName::Folder, None, None, None, None) => EntryKind::Folder,
            (KindName::File, Some(size), executable, Some(digest), None) => EntryKind::File {
                size,
                executable: executable.unwrap_or_default(),
                digest,
            },
            (KindName::Link, None, None, None, Some(target)) => EntryKind::Link { target },
            _ => return Err(format!("\"{path}\" has not the fields of its kind")),
        };
        Ok(Self { path, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{entry, file};

    #[test]
    fn a_list_gives_back_what_was_put_in() {
        let digest = ChunkId::from_bytes([7; 32]);
        let (size, target) = (u64::MAX, "../ö".to_owned());
        let program = |executable| EntryKind::File {
            size,
            executable,
            digest,
        };
        let entries = [
            entry("ä", EntryKind::Folder),
            entry("ä/b", program(true)),
            entry("ä/c", EntryKind::Link { target }),
            entry("d", program(false)),
        ];
        let list = Entries::of(&entries).unwrap();
        assert_eq!((list.len(), list.is_empty()), (4, false));
        let back: Vec<Entry> = list.iter().map(EntryRef::to_entry).collect();
        assert_eq!(back, entries);
        assert_eq!(list.get(4), None);
        let json = serde_json::to_string(&list).unwrap();
        assert_eq!(json, serde_json::to_string(&entries).unwrap());
        assert_eq!(serde_json::from_str::<Entries>(&json).unwrap(), list);
    }

    #[test]
    fn lists_that_break_the_rules_give_back_what_was_put_in_too() {
        let entries = [
            file("a/b", 0),
            entry("a", EntryKind::Folder),
            file("b", 0),
            file("a/c", 0),
            file("b/d", 0),
        ];
        let list = Entries::of(&entries).unwrap();
        let back: Vec<Entry> = list.iter().map(EntryRef::to_entry).collect();
        assert_eq!(back, entries);
    }

    #[test]
    fn entries_are_found_by_their_paths_and_know_their_folders() {
        let entries = [
            entry("a", EntryKind::Folder),
            entry("a/b", EntryKind::Folder),
            file("a/b/c", 0),
            file("a/b.txt", 0),
            file("a.txt", 0),
        ];
        let list = Entries::of(&entries).unwrap();
        for (position, entry) in entries.iter().enumerate() {
            assert_eq!(list.find(entry.path.borrowed()), Some(position));
            let folder = list.folder_of(position).and_then(|folder| list.get(folder));
            assert_eq!(
                folder.map(|folder| folder.path.to_string()).as_deref(),
                entry.path.parent()
            );
        }
        for other in ["a/c", "b", "A"] {
            assert_eq!(list.find(TreePathRef::of_checked(other)), None, "{other}");
        }
    }

    #[test]
    fn only_files_are_given_a_digest() {
        let entries = [entry("a", EntryKind::Folder), file("a/b", 0)];
        let mut list = Entries::of(&entries).unwrap();
        let digest = ChunkId::from_bytes([7; 32]);
        let set = [0, 1, 2].map(|position| list.set_digest(position, digest));
        assert_eq!(set, [false, true, false]);
        let found = list.get(1).map(|entry| entry.kind);
        assert!(matches!(found, Some(EntryKind::File { digest: found, .. }) if found == digest));
    }

    #[test]
    fn an_entry_takes_its_name_and_52_bytes() {
        assert_eq!(size_of::<Item>(), 52);
        let entries = [
            "long",
            "long/path",
            "long/path/to",
            "long/path/to/a",
            "long/path/to/b",
        ];
        let folder = |path: &&str| entry(path, EntryKind::Folder);
        let mut entries: Vec<Entry> = entries.iter().map(folder).collect();
        for last in entries.iter_mut().skip(3) {
            *last = file(last.path.as_str(), 0);
        }
        let list = Entries::of(&entries).unwrap();
        assert_eq!(list.text, "longlong/pathlong/path/toab");
    }

    #[test]
    fn entries_keep_a_compact_json_form() {
        let json = serde_json::to_string(&file("a.txt", 0)).unwrap();
        assert_eq!(
            json,
            format!(
                "{{\"path\":\"a.txt\",\"kind\":\"file\",\"size\":0,\"digest\":\"{}\"}}",
                "0".repeat(64)
            )
        );
        assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), file("a.txt", 0));
    }

    #[test]
    fn entries_with_other_fields_than_their_kind_has_are_refused() {
        let digest = "0".repeat(64);
        let link = r#"{"path":"a","kind":"link","target":"b"}"#;
        for good in [link, r#"{"kind":"folder","path":"a"}"#] {
            assert!(serde_json::from_str::<Entry>(good).is_ok(), "{good}");
        }
        for bad in [
            r#"{"path":"a","kind":"folder","size":1}"#.to_owned(),
            r#"{"path":"a","kind":"folder","target":null}"#.to_owned(),
            r#"{"path":"a","kind":"pipe"}"#.to_owned(),
            r#"{"path":"a","kind":"link"}"#.to_owned(),
            r#"{"path":"a","kind":"file","size":1}"#.to_owned(),
            format!(r#"{{"path":"a","kind":"file","digest":"{digest}"}}"#),
            format!(r#"{{"path":"a","kind":"file","size":1,"digest":"{digest}","target":"b"}}"#),
            format!(r#"{{"path":"a","kind":"file","size":1,"digest":"{digest}","executable":null}}"#),
            format!(r#"{{"path":"a","kind":"file","size":1,"digest":"{digest}","mode":1}}"#),
            format!(r#"{{"path":"../a","kind":"file","size":1,"digest":"{digest}"}}"#),
        ] {
            assert!(serde_json::from_str::<Entry>(&bad).is_err(), "{bad}");
        }
    }
}
