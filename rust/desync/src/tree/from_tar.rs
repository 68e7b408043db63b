// SPDX-License-Identifier: MIT
//! tar files as trees to pack.
//!
//! A tar file lists its members in any order, an archive has them sorted. So the members are listed first,
//! and their content is read from where it lies. Hard links become files of their own, as archives have none.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom, Write};
use std::path::Path;

use fs_err as fs;
use tar::EntryType;
use vsekai_formats::catar::{Encoder, Metadata, record};

use crate::env::Cancel;
use crate::error::DesyncError;
use crate::files::read_exact_at;

/// The members of a tar file, sorted as an archive has them.
#[derive(Debug)]
pub(crate) struct TarTree {
    file: fs::File,
    /// By the components of their paths; the root has none.
    nodes: BTreeMap<Vec<Vec<u8>>, TarNode>,
    skipped: Vec<String>,
}

#[derive(Clone, Debug)]
struct TarNode {
    metadata: Metadata,
    kind: TarKind,
}

#[derive(Clone, Debug)]
enum TarKind {
    Folder,
    File { at: u64, size: u64 },
    Link(Vec<u8>),
    Device { major: u64, minor: u64 },
}

impl TarTree {
    /// Lists the members of `file`, which must be one that can be read at any position.
    ///
    /// Without `add_root` the tar file must have a root: a member `.`, or a folder that holds all others.
    pub(crate) fn read(file: fs::File, add_root: bool, no_time: bool) -> Result<Self, DesyncError> {
        let mut tree = Self {
            file,
            nodes: BTreeMap::new(),
            skipped: Vec::new(),
        };
        let failed = DesyncError::file("read the tar file");
        let reader = BufReader::with_capacity(64 << 10, tree.file.file().try_clone().map_err(&failed)?);
        let mut archive = tar::Archive::new(reader);
        for entry in archive.entries_with_seek().map_err(&failed)? {
            tree.add(&mut entry.map_err(&failed)?, no_time)?;
        }
        tree.root_at_the_top(add_root)?;
        tree.add_missing_parents()?;
        Ok(tree)
    }

    /// Packs the members and returns what was left out.
    pub(crate) fn pack<W: Write>(
        self,
        mut encoder: Encoder<W>,
        cancel: &Cancel,
    ) -> Result<(W, Vec<String>), DesyncError> {
        let mut open: Vec<&[Vec<u8>]> = Vec::new();
        for (path, node) in &self.nodes {
            cancel.check()?;
            while open.last().is_some_and(|folder| !path.starts_with(folder)) {
                encoder.leave()?;
                open.pop();
            }
            self.pack_node(&mut encoder, path.last().map(Vec::as_slice), node)?;
            if matches!(node.kind, TarKind::Folder) {
                open.push(path);
            }
        }
        for _ in open {
            encoder.leave()?;
        }
        Ok((encoder.finish()?, self.skipped))
    }

    fn pack_node<W: Write>(
        &self,
        encoder: &mut Encoder<W>,
        name: Option<&[u8]>,
        node: &TarNode,
    ) -> Result<(), DesyncError> {
        match &node.kind {
            TarKind::Folder => encoder.folder(name, &node.metadata)?,
            TarKind::File { at, size } => {
                let mut content = Section {
                    file: &self.file,
                    at: *at,
                    left: *size,
                };
                encoder.file(name, &node.metadata, *size, &mut content)?;
            }
            TarKind::Link(target) => encoder.link(name, &node.metadata, target)?,
            TarKind::Device { major, minor } => encoder.device(name, &node.metadata, *major, *minor)?,
        }
        Ok(())
    }

    fn add<R: Read>(&mut self, entry: &mut tar::Entry<'_, R>, no_time: bool) -> Result<(), DesyncError> {
        let path = entry.path_bytes().into_owned();
        let components = components(&path)?;
        let Some(kind) = self.kind(entry, &path)? else {
            return Ok(());
        };
        let mut metadata = metadata(entry, &kind).map_err(DesyncError::file("read the tar file"))?;
        if no_time {
            metadata.mtime = 0;
        }
        let mut node = TarNode { metadata, kind };
        if entry.header().entry_type() == EntryType::Link {
            // The same file under another name; the first one has its metadata.
            let target = entry.link_name_bytes().unwrap_or_default().into_owned();
            let found = self.nodes.get(&self::components(&target)?);
            node = found.cloned().ok_or_else(|| {
                let (path, target) = (shown(&path), shown(&target));
                DesyncError::Damaged(format!(
                    "{path} in the tar file is a link to {target}, which is not there"
                ))
            })?;
        }
        self.nodes.insert(components, node);
        Ok(())
    }

    /// Returns what a member is, or nothing for what archives do not have.
    fn kind<R: Read>(
        &mut self,
        entry: &tar::Entry<'_, R>,
        path: &[u8],
    ) -> Result<Option<TarKind>, DesyncError> {
        let header = entry.header();
        let device = |number: io::Result<Option<u32>>| number.ok().flatten().map_or(0, u64::from);
        Ok(Some(match header.entry_type() {
            EntryType::Regular | EntryType::Continuous | EntryType::Link => TarKind::File {
                at: entry.raw_file_position(),
                size: entry.size(),
            },
            EntryType::Directory => TarKind::Folder,
            EntryType::Symlink => TarKind::Link(entry.link_name_bytes().unwrap_or_default().into_owned()),
            EntryType::Block | EntryType::Char => TarKind::Device {
                major: device(header.device_major()),
                minor: device(header.device_minor()),
            },
            EntryType::XGlobalHeader => return Ok(None),
            EntryType::GNUSparse => {
                let path = shown(path);
                return Err(DesyncError::Damaged(format!(
                    "{path} in the tar file is sparse, which is not supported"
                )));
            }
            _ => {
                self.skipped.push(shown(path));
                return Ok(None);
            }
        }))
    }

    /// Makes the root the node without components.
    fn root_at_the_top(&mut self, add_root: bool) -> Result<(), DesyncError> {
        if self.nodes.contains_key(&Vec::new()) {
            return Ok(());
        }
        if add_root {
            self.nodes.insert(Vec::new(), folder(0));
            return Ok(());
        }
        let first = self
            .nodes
            .first_key_value()
            .map(|(path, node)| (path.clone(), node.kind.clone()));
        let Some((root, TarKind::Folder)) = first else {
            return Err(no_root());
        };
        if root.len() != 1 || !self.nodes.keys().all(|path| path.starts_with(&root)) {
            return Err(no_root());
        }
        let nodes = std::mem::take(&mut self.nodes).into_iter();
        self.nodes = nodes
            .map(|(path, node)| (path.into_iter().skip(1).collect(), node))
            .collect();
        Ok(())
    }

    fn add_missing_parents(&mut self) -> Result<(), DesyncError> {
        let paths: Vec<Vec<Vec<u8>>> = self.nodes.keys().cloned().collect();
        for path in paths {
            for depth in 0..path.len() {
                let parent = path.get(..depth).unwrap_or_default().to_vec();
                let node = self.nodes.entry(parent).or_insert_with(|| folder(0));
                if !matches!(node.kind, TarKind::Folder) {
                    let path = shown(&path.join(&b'/'));
                    return Err(DesyncError::Damaged(format!(
                        "{path} in the tar file lies in something that is no folder"
                    )));
                }
            }
        }
        Ok(())
    }
}

/// Opens a tar file to be read at any position, which a pipe has to be copied for.
pub(crate) fn seekable(path: &Path) -> Result<fs::File, DesyncError> {
    let failed = DesyncError::file("open the tar file");
    let file = fs::File::open(path).map_err(&failed)?;
    match file.metadata().map_err(&failed)?.is_file() {
        true => Ok(file),
        false => spool(file),
    }
}

/// Copies a tar file that cannot be read at any position to one that can.
pub(crate) fn spool(mut input: impl Read) -> Result<fs::File, DesyncError> {
    let failed = DesyncError::file("read the tar file");
    let mut file = tempfile::tempfile().map_err(&failed)?;
    io::copy(&mut input, &mut file).map_err(&failed)?;
    file.seek(SeekFrom::Start(0)).map_err(&failed)?;
    Ok(fs::File::from_parts(file, "the tar file"))
}

fn no_root() -> DesyncError {
    DesyncError::Usage("the tar file has no folder that holds all others; use --tar-add-root".to_owned())
}

fn folder(mtime: i64) -> TarNode {
    TarNode {
        metadata: Metadata {
            mode: record::MODE_FOLDER | 0o755,
            mtime,
            ..Metadata::default()
        },
        kind: TarKind::Folder,
    }
}

fn metadata<R: Read>(entry: &mut tar::Entry<'_, R>, kind: &TarKind) -> io::Result<Metadata> {
    let header = entry.header();
    let kind = match (kind, header.entry_type()) {
        (TarKind::Folder, _) => record::MODE_FOLDER,
        (TarKind::File { .. }, _) => record::MODE_FILE,
        (TarKind::Link(_), _) => record::MODE_LINK,
        (TarKind::Device { .. }, EntryType::Block) => record::MODE_BLOCK,
        (TarKind::Device { .. }, _) => record::MODE_CHARACTER,
    };
    let seconds = i64::try_from(header.mtime()?).unwrap_or_default();
    let mut metadata = Metadata {
        mode: kind | u64::from(header.mode()? & 0o7777),
        uid: header.uid()?,
        gid: header.gid()?,
        mtime: seconds.saturating_mul(1_000_000_000),
        xattrs: BTreeMap::new(),
    };
    for extension in entry.pax_extensions()?.into_iter().flatten() {
        let extension = extension?;
        let (key, value) = (extension.key_bytes(), extension.value_bytes());
        if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            metadata.xattrs.insert(name.to_vec(), value.to_vec());
        }
        if key == b"mtime"
            && let Some(mtime) = std::str::from_utf8(value).ok().and_then(nanoseconds)
        {
            metadata.mtime = mtime;
        }
    }
    Ok(metadata)
}

/// Reads seconds with an optional fraction.
fn nanoseconds(text: &str) -> Option<i64> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let (whole, part) = (seconds.parse::<i64>().ok()?, digits.parse::<i64>().ok()?);
    let part = if seconds.starts_with('-') { -part } else { part };
    whole.checked_mul(1_000_000_000)?.checked_add(part)
}

/// Splits a path, without `.` and slashes at either end.
fn components(path: &[u8]) -> Result<Vec<Vec<u8>>, DesyncError> {
    let parts = path
        .split(|byte| *byte == b'/')
        .filter(|part| !part.is_empty() && *part != b".");
    let parts: Vec<Vec<u8>> = parts.map(<[u8]>::to_vec).collect();
    match parts.iter().any(|part| part == b"..") {
        false => Ok(parts),
        true => Err(DesyncError::Damaged(format!(
            "{} in the tar file leads out of it",
            shown(path)
        ))),
    }
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).escape_default().to_string()
}

/// A part of a file.
struct Section<'a> {
    file: &'a fs::File,
    at: u64,
    left: u64,
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let part = buffer.get_mut(..wanted).unwrap_or_default();
        read_exact_at(self.file, self.at, part)?;
        self.at += wanted as u64;
        self.left -= wanted as u64;
        Ok(wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_nanoseconds() {
        for (text, expected) in [
            ("1", Some(1_000_000_000)),
            ("1.5", Some(1_500_000_000)),
            ("-1.25", Some(-1_250_000_000)),
            ("0.0000000019", Some(1)),
            ("x", None),
            ("99999999999999", None),
        ] {
            assert_eq!(nanoseconds(text), expected, "{text}");
        }
    }
}
