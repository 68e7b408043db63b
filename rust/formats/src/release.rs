// SPDX-License-Identifier: MIT
//! Release documents: what a publisher says about a build, what a channel points at.
//!
//! A client reaches everything from one [`ChannelPointer`] by digests: pointer -> [`ReleaseManifest`] ->
//! index and [`Contents`] -> chunks and files. Parts of two releases can therefore never be mixed.
//!
//! Every document is a static file; `docs/protocol.md` lists the addresses.

use std::fmt;
use std::str::FromStr;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use crate::channel::{ChannelPointer, InstallId, ParsePercentError, Percent, ReleaseRef, Rollout};
use crate::codec::{self, CodecError};
pub use crate::entries::{Entries, EntriesTooLong, Entry, EntryKind, EntryRef};
use crate::id::{ChunkId, DigestAlgorithm};
use crate::name::{self, FoldedNames, NameError, NameReason, TreePath, TreePathRef};
use crate::text;

/// Version of the documents in this module.
pub const SCHEMA: u32 = 1;
/// Largest channel pointer a client reads, in bytes.
pub const MAX_POINTER_BYTES: usize = 64 * 1024;
/// Largest manifest a client reads, in bytes.
pub const MAX_MANIFEST_BYTES: usize = 1024 * 1024;
/// Largest contents document a client reads, in bytes as served (zstd).
pub const MAX_CONTENTS_STORED_BYTES: usize = 64 * 1024 * 1024;
/// Largest contents document a client reads, in bytes after decompression.
pub const MAX_CONTENTS_BYTES: usize = 512 * 1024 * 1024;
/// Largest index a client reads, in bytes: 16 million chunks.
pub const MAX_INDEX_BYTES: usize = 640 * 1024 * 1024;
/// Length up to which a contents document is decompressed as a whole, which is quicker.
const IN_ONE_PIECE: u64 = 8 * 1024 * 1024;
/// Longest release notes, in bytes.
pub const MAX_NOTES_BYTES: usize = 64 * 1024;

/// The name of a title or channel: lower-case letters, digits, `-`, `_` and `.`, at most 64 bytes,
/// starting with a letter or digit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Slug(String);

/// A version label: letters, digits and `.-_+`, at most 64 bytes, starting with a letter or digit.
///
/// Labels need not be SemVer and are never compared: order is the publish sequence.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(String);

/// A title, channel or version that cannot stand in a file name or address.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{text:?} is not a {what}: {rule}")]
pub struct LabelError {
    text: String,
    what: &'static str,
    rule: &'static str,
}

impl Slug {
    /// Returns the name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Version {
    /// Returns the label as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Slug {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_' | '.');
        let rule =
            "use 1 to 64 lower-case letters, digits, '-', '_' and '.', starting with a letter or digit";
        label(text, allowed, "title or channel name", rule).map(Self)
    }
}

impl FromStr for Version {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
        let rule = "use 1 to 64 letters, digits, '.', '-', '_' and '+', starting with a letter or digit";
        label(text, allowed, "version", rule).map(Self)
    }
}

/// Takes a label. Labels become file names, so what [`TreePath`] refuses (device names, trailing dots) is refused here.
fn label(
    text: &str,
    allowed: impl Fn(char) -> bool,
    what: &'static str,
    rule: &'static str,
) -> Result<String, LabelError> {
    let is_label = text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(allowed)
        && TreePath::parse(text).is_ok();
    match is_label {
        true => Ok(text.to_owned()),
        false => Err(LabelError {
            text: text.chars().take(80).collect(),
            what,
            rule,
        }),
    }
}

macro_rules! text_type {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                text::deserialize(deserializer, str::parse)
            }
        }
    };
}
text_type!(Slug);
text_type!(Version);
text_type!(Platform);

/// What a build runs on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Platform {
    /// Linux on 64-bit x86.
    LinuxX86_64,
    /// Linux on 64-bit ARM.
    LinuxArm64,
    /// Windows on 64-bit x86.
    WindowsX86_64,
    /// macOS, one program for Intel and Apple processors.
    MacosUniversal,
}

impl Platform {
    /// Every platform, in the order they are listed to people.
    pub const ALL: [Self; 4] = [
        Self::LinuxX86_64,
        Self::LinuxArm64,
        Self::WindowsX86_64,
        Self::MacosUniversal,
    ];

    /// Returns the platform this program was built for, or `None` where no build can run.
    pub const fn host() -> Option<Self> {
        match (
            cfg!(target_os = "linux"),
            cfg!(target_os = "windows"),
            cfg!(target_os = "macos"),
        ) {
            (true, _, _) if cfg!(target_arch = "x86_64") => Some(Self::LinuxX86_64),
            (true, _, _) if cfg!(target_arch = "aarch64") => Some(Self::LinuxArm64),
            (_, true, _) => Some(Self::WindowsX86_64),
            (_, _, true) => Some(Self::MacosUniversal),
            _ => None,
        }
    }

    /// Returns the name used in addresses and on the command line.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::LinuxX86_64 => "linux-x86_64",
            Self::LinuxArm64 => "linux-arm64",
            Self::WindowsX86_64 => "windows-x86_64",
            Self::MacosUniversal => "macos-universal",
        }
    }
}

/// A platform name nobody publishes for.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a platform: use linux-x86_64, linux-arm64, windows-x86_64 or macos-universal")]
pub struct ParsePlatformError(pub String);

impl FromStr for Platform {
    type Err = ParsePlatformError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|platform| platform.as_str() == text);
        found.ok_or_else(|| ParsePlatformError(text.chars().take(80).collect()))
    }
}

/// What an executable file says about the system it runs on, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramFormat {
    /// ELF, 64-bit x86.
    ElfX86_64,
    /// ELF, 64-bit ARM.
    ElfArm64,
    /// ELF for another processor.
    ElfOther,
    /// A Windows program (`MZ`).
    Windows,
    /// Mach-O, one processor or several.
    MachO,
    /// A script with a `#!` line.
    Script,
    /// None of these.
    Unknown,
}

impl ProgramFormat {
    /// Reads the format from the first bytes of a file; 20 bytes are enough.
    pub fn of(head: &[u8]) -> Self {
        match head {
            [0x7f, b'E', b'L', b'F', ..] => match head.get(18..20) {
                Some([0x3e, 0]) => Self::ElfX86_64,
                Some([0xb7, 0]) => Self::ElfArm64,
                _ => Self::ElfOther,
            },
            [b'M', b'Z', ..] => Self::Windows,
            [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] | [0xca, 0xfe, 0xba, 0xbe | 0xbf, ..] => Self::MachO,
            [b'#', b'!', ..] => Self::Script,
            _ => Self::Unknown,
        }
    }

    /// Tells whether `platform` can start such a file.
    pub fn runs_on(self, platform: Platform) -> bool {
        match platform {
            Platform::LinuxX86_64 => matches!(self, Self::ElfX86_64 | Self::Script),
            Platform::LinuxArm64 => matches!(self, Self::ElfArm64 | Self::Script),
            Platform::WindowsX86_64 => matches!(self, Self::Windows),
            Platform::MacosUniversal => matches!(self, Self::MachO | Self::Script),
        }
    }
}

impl fmt::Display for ProgramFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ElfX86_64 => "a Linux program for x86_64",
            Self::ElfArm64 => "a Linux program for arm64",
            Self::ElfOther => "a Linux program for another processor",
            Self::Windows => "a Windows program",
            Self::MachO => "a macOS program",
            Self::Script => "a script",
            Self::Unknown => "not a program",
        })
    }
}

/// A document or index that another document pins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// SHA-256 of its bytes as served.
    pub sha256: ChunkId,
    /// Its length as served, in bytes.
    pub length: u64,
}

impl Pinned {
    /// Pins `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: ChunkId::of(DigestAlgorithm::Sha256, bytes),
            length: bytes.len() as u64,
        }
    }

    /// Tells whether `bytes` are the pinned ones.
    pub fn matches(&self, bytes: &[u8]) -> bool {
        *self == Self::of(bytes)
    }
}

/// One of a title's channels, for people to choose from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelSummary {
    /// The channel.
    pub name: Slug,
    /// The platforms it offers a release for.
    pub platforms: Vec<Platform>,
}

/// What a publisher says about one build.
///
/// A field that a reader does not know is passed over: what an older launcher must not pass over gets a new
/// `schema`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseManifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The title.
    pub title: Slug,
    /// The platform the build runs on.
    pub platform: Platform,
    /// The build's label.
    pub version: Version,
    /// Position among the title's releases for this platform, from 1; "newer" means a greater one.
    pub sequence: u64,
    /// The index of the build's catar (a `.caidx`).
    pub index: Pinned,
    /// The build's [`Contents`], zstd-compressed.
    pub contents: Pinned,
    /// The programs to start.
    pub launch: Launch,
    /// Figures to show before anything is fetched.
    pub size: ReleaseSize,
    /// What is new, in Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
    /// Oldest launcher version that can install the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_launcher: Option<Version>,
    /// Oldest engine version that can install the build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum_engine: Option<Version>,
    /// Files and folders that are the player's once they are there, even if the build has something there too:
    /// see [`UserPaths`](crate::UserPaths), which checks them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_paths: Vec<TreePath>,
}

/// The programs of a build.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Launch {
    /// Started by "Play".
    pub desktop: Program,
    /// Started by "Play in VR", where the build has such an entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vr: Option<Program>,
}

impl Launch {
    /// Returns the programs, that of "Play" first.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        std::iter::once(&self.desktop).chain(&self.vr)
    }

    /// Tells whether the file `path` is one of them.
    pub fn starts(&self, path: TreePathRef<'_>) -> bool {
        self.programs().any(|program| path == program.path)
    }
}

/// A program of a build and its arguments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The file to start.
    pub path: TreePath,
    /// Arguments, passed as they are without a shell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
}

/// Sizes of a build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseSize {
    /// Number of files.
    pub files: u64,
    /// Bytes of all files as installed.
    pub installed_bytes: u64,
    /// Distinct chunks.
    pub chunks: u64,
    /// Bytes of all distinct chunks as served: the cost of an install from nothing.
    pub download_bytes: u64,
}

/// Everything in a build, in the order of its catar: each folder's entries by name bytes, a folder
/// directly before what it holds. The root itself is not listed.
///
/// Together with the canonical metadata of [`crate::layout`] the list determines every byte of the catar
/// that is not file content, so installed files can stand in for chunks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The entries.
    pub entries: Entries,
    /// Stored size in bytes of each distinct chunk, in order of first appearance in the index.
    pub stored_sizes: Vec<u32>,
}

/// A list of files that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadContentsError {
    /// It cannot be decompressed.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// It is no list of files.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// It has a newer form than [`SCHEMA`], and nothing else of it was looked at.
    #[error("its form {0} is not known")]
    NewerForm(u64),
}

impl Contents {
    /// Reads a list of files as served, of at most `max_len` bytes after decompression; [`Contents::validate`] says
    /// whether it may be used.
    ///
    /// A long one is read piece by piece: the text takes more memory than the list.
    ///
    /// # Errors
    /// It cannot be decompressed, is longer than that, has a newer form, or is no list of files.
    pub fn read(stored: &[u8], max_len: usize) -> Result<Self, ReadContentsError> {
        let mut contents: Self = match codec::stated_len(stored) {
            Some(length) if length <= IN_ONE_PIECE => {
                let text = codec::decompress(stored, max_len)?;
                refuse_newer(&mut serde_json::Deserializer::from_slice(&text))?;
                serde_json::from_slice(&text)?
            }
            _ => {
                let beginning = codec::reader(stored, max_len)?;
                refuse_newer(&mut serde_json::Deserializer::from_reader(beginning))?;
                serde_json::from_reader(codec::reader(stored, max_len)?).map_err(of_reader)?
            }
        };
        contents.stored_sizes.shrink_to_fit();
        Ok(contents)
    }

    /// Checks names, order, parents, links and collisions.
    ///
    /// # Errors
    /// The first entry that breaks a rule, and the rule.
    pub fn validate(&self) -> Result<(), NameError> {
        let refuse = |entry: EntryRef<'_>, reason| {
            Err(NameError {
                path: entry.path.to_string(),
                reason,
            })
        };
        let mut open = vec![OpenFolder::default()];
        for (position, entry) in self.entries.iter().enumerate() {
            let parent = self.entries.folder_of(position);
            while open.last().is_some_and(|folder| folder.position != parent) {
                open.pop();
            }
            let is_listed = parent.is_some() || entry.path.parent().is_none();
            let Some(folder) = open.last_mut().filter(|_| is_listed) else {
                return refuse(entry, NameReason::NoParent);
            };
            let name = entry.path.file_name();
            if folder.last.is_some_and(|last| last.as_bytes() >= name.as_bytes()) {
                return refuse(entry, NameReason::Order);
            }
            folder.last = Some(name);
            // Paths are equal to a system only if the folders are where they part, and these are entries too.
            if let Some(first) = folder.names.add(name) {
                let first = match entry.path.parent() {
                    Some(parent) => format!("{parent}/{first}"),
                    None => first.to_owned(),
                };
                return refuse(entry, NameReason::Collision(first));
            }
            match entry.kind {
                EntryKind::Folder => open.push(OpenFolder::at(position)),
                EntryKind::Link { target } => name::check_link_target(entry.path, target)?,
                EntryKind::File { .. } => {}
            }
        }
        Ok(())
    }

    /// Returns the entries that are regular files.
    pub fn files(&self) -> impl Iterator<Item = (TreePathRef<'_>, u64, bool, ChunkId)> {
        self.entries.iter().filter_map(|entry| match entry.kind {
            EntryKind::File {
                size,
                executable,
                digest,
            } => Some((entry.path, size, executable, digest)),
            _ => None,
        })
    }
}

/// Refuses a document that says that it has a newer form than [`SCHEMA`], and reads no further than that: what follows may be
/// anything. What says nothing of the kind is for whoever reads all of it.
fn refuse_newer<'de>(document: impl Deserializer<'de>) -> Result<(), ReadContentsError> {
    let mut form = None;
    // To stop in the middle is an error too.
    let _ = document.deserialize_map(FindForm(&mut form));
    match form {
        Some(form) if form > u64::from(SCHEMA) => Err(ReadContentsError::NewerForm(form)),
        _ => Ok(()),
    }
}

/// Looks for the form that a document says it has.
struct FindForm<'f>(&'f mut Option<u64>);

impl<'de> Visitor<'de> for FindForm<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a document that says which form it has")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<String>()? {
            if name == "schema" {
                *self.0 = Some(fields.next_value()?);
                break;
            }
            fields.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

/// Tells what is wrong with the text from what is wrong with the frame it is read from.
fn of_reader(error: serde_json::Error) -> ReadContentsError {
    match error.is_io() {
        true => CodecError::of_reader(error.into()).into(),
        false => error.into(),
    }
}

/// A folder whose entries are being checked.
#[derive(Default)]
struct OpenFolder<'a> {
    /// Where it is listed, `None` for the root.
    position: Option<usize>,
    /// The name of its last entry so far.
    last: Option<&'a str>,
    names: FoldedNames<'a>,
}

impl OpenFolder<'_> {
    fn at(position: usize) -> Self {
        Self {
            position: Some(position),
            ..Self::default()
        }
    }
}

/// Addresses of the static files, relative to a server's base address.
pub mod address {
    use super::{Platform, Slug, Version};

    /// Folder of the chunk store; a chunk lies at `<this>/<4 hex>/<64 hex>.cacnk`.
    pub const STORE: &str = "store";
    /// Folder of the indexes.
    pub const INDEX: &str = "index";

    /// Returns the address of a release's [`super::Contents`].
    pub fn contents(title: &Slug, platform: Platform, version: &Version) -> String {
        format!("titles/{title}/releases/{platform}/{version}/contents.json.zst")
    }

    /// Returns the file name of a release's index; it lies in [`INDEX`].
    pub fn index_name(title: &Slug, platform: Platform, version: &Version) -> String {
        format!("{title}_{version}_{platform}.caidx")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdata::{contents, entry, file, streamed};

    fn folder(path: &str) -> Entry {
        entry(path, EntryKind::Folder)
    }

    #[test]
    fn contents_in_catar_order_are_accepted() {
        let tree = contents(&[
            folder("a"),
            folder("a/b"),
            file("a/b/c", 0),
            file("a/d", 0),
            file("e", 0),
        ]);
        assert_eq!(tree.validate(), Ok(()));
    }

    #[test]
    fn contents_with_missing_parents_wrong_order_or_collisions_are_refused() {
        for bad in [
            vec![file("a/b", 0)],
            vec![file("b", 0), file("a", 0)],
            vec![file("a", 0), file("a", 0)],
            vec![folder("a"), file("b", 0), file("a/c", 0)],
            vec![file("a", 0), file("a/b", 0)],
            vec![file("A", 0), file("a", 0)],
            vec![folder("a"), file("a/B", 0), file("a/b", 0)],
            vec![folder("A"), file("A/x", 0), folder("a"), file("a/y", 0)],
        ] {
            assert!(contents(&bad).validate().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn lists_of_any_length_are_read_within_their_bound() {
        for count in [1, 90_000] {
            let entries: Vec<Entry> = (0..count)
                .map(|number| file(&format!("{number:06}"), 0))
                .collect();
            let tree = contents(&entries);
            let json = serde_json::to_vec(&tree).unwrap();
            let stored = codec::compress(&json, 3).unwrap();
            assert_eq!(json.len() as u64 > IN_ONE_PIECE, count > 1);
            assert_eq!(Contents::read(&stored, json.len()).unwrap(), tree);
            assert!(is_too_large(&stored, json.len() - 1));
            assert!(Contents::read(&stored[..stored.len() - 1], json.len()).is_err());
        }
    }

    #[test]
    fn lists_that_do_not_state_their_length_are_held_to_their_bound_too() {
        let tree = contents(&[file("a", 0)]);
        let json = serde_json::to_vec(&tree).unwrap();
        // What is cut off would not be missed.
        let spaces = [&json[..], b"  "].concat();
        for text in [&json, &spaces] {
            let stored = streamed(text, false);
            assert_eq!(codec::stated_len(&stored), None);
            assert_eq!(Contents::read(&stored, text.len()).unwrap(), tree);
            assert!(is_too_large(&stored, text.len() - 1));
        }
        let stored = streamed(&json[1..], false);
        let outcome = Contents::read(&stored, json.len());
        assert!(matches!(outcome, Err(ReadContentsError::Json(_))), "{outcome:?}");
    }

    #[test]
    fn a_list_of_a_newer_form_is_told_by_its_form_whatever_else_is_in_it() {
        let newer = |form: u64| format!("{{\"schema\":{form},\"tree\":[{{\"colour\":\"green\"}}]}}");
        let long = newer(2).replace(']', &format!(",\"{}\"]", "x".repeat(IN_ONE_PIECE as usize)));
        // What comes before it is passed over, and nothing after it is looked at.
        let late = "{\"tree\":[1,{\"schema\":1}],\"schema\":2,\"no JSON".to_owned();
        let far = newer(u64::MAX);
        for (text, form) in [(newer(2), 2), (long, 2), (late, 2), (far, u64::MAX)] {
            for stored in [
                codec::compress(text.as_bytes(), 3).unwrap(),
                streamed(text.as_bytes(), false),
            ] {
                let outcome = Contents::read(&stored, text.len());
                assert!(
                    matches!(outcome, Err(ReadContentsError::NewerForm(found)) if found == form),
                    "{outcome:?}"
                );
            }
        }
        for text in [
            newer(1),
            newer(0),
            "{\"schema\":\"2\"}".to_owned(),
            "[2]".to_owned(),
        ] {
            let outcome = Contents::read(&streamed(text.as_bytes(), false), text.len());
            assert!(matches!(outcome, Err(ReadContentsError::Json(_))), "{outcome:?}");
        }
    }

    fn is_too_large(stored: &[u8], limit: usize) -> bool {
        match Contents::read(stored, limit) {
            Err(ReadContentsError::Codec(error)) => error == CodecError::TooLarge { limit },
            _ => false,
        }
    }

    #[test]
    fn versions_of_real_builds_are_accepted() {
        for version in [
            "0.1.0-nightly-2025-06-09T223340-15e8f67_editor-fa54f85",
            "groups-4.6.2026-02-07T003827Z",
            "v0.1.0-dev.7",
        ] {
            assert!(version.parse::<Version>().is_ok(), "{version}");
        }
        for version in ["", "../x", "a b", "-1", "CON", "1."] {
            assert!(version.parse::<Version>().is_err(), "{version}");
        }
    }

    #[test]
    fn programs_are_told_apart_by_their_first_bytes() {
        let mut elf = vec![0x7f, b'E', b'L', b'F'];
        elf.resize(18, 0);
        elf.extend([0x3e, 0]);
        assert!(ProgramFormat::of(&elf).runs_on(Platform::LinuxX86_64));
        assert!(!ProgramFormat::of(b"MZ\x90\0").runs_on(Platform::LinuxX86_64));
        assert!(!ProgramFormat::of(&elf).runs_on(Platform::WindowsX86_64));
        assert_eq!(ProgramFormat::of(&[]), ProgramFormat::Unknown);
    }
}
