// SPDX-License-Identifier: MIT
//! Walks a tree on disk in the order of an archive, as `desync tar` does.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use fs_err as fs;
use vsekai_formats::catar::{Encoder, Metadata, NodeKind};

use crate::env::Cancel;
use crate::error::DesyncError;
use crate::tree::system;

/// What of a tree goes into the archive.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PackOptions {
    /// Leaves times out.
    pub(crate) no_time: bool,
    /// Leaves out what lies on other file systems; the folder it is mounted on is packed empty.
    pub(crate) one_file_system: bool,
}

/// One step through a tree.
pub(crate) enum Step<'a> {
    /// A node begins; a folder's is followed by those in it and by a `Leave`.
    Node {
        /// Its name in the archive; `None` for the root.
        name: Option<&'a [u8]>,
        /// Where it is.
        path: &'a Path,
        metadata: Metadata,
        kind: NodeKind,
    },
    /// The innermost folder ends.
    Leave,
    /// A FIFO or socket, which is not packed.
    Skipped(&'a Path),
}

/// Walks the tree at `root`, children in ascending order of their names' bytes, and calls `step` for each.
///
/// Links are not followed, not even the root.
pub(crate) fn walk(
    root: &Path,
    options: PackOptions,
    step: &mut dyn FnMut(Step<'_>) -> Result<(), DesyncError>,
) -> Result<(), DesyncError> {
    // Without a slash at the end, which would make the system follow a link.
    let root: PathBuf = root.components().collect();
    let device = fs::symlink_metadata(&root)
        .map(|found| system::device(&found))
        .map_err(DesyncError::file("look at the folder"))?;
    Walk {
        options,
        device,
        step,
    }
    .node(None, &root)
}

/// Packs the tree at `root` into an archive and returns what was left out.
pub(crate) fn pack<W: Write>(
    root: &Path,
    options: PackOptions,
    encoder: Encoder<W>,
    cancel: &Cancel,
) -> Result<(W, Vec<String>), DesyncError> {
    let mut encoder = encoder;
    let mut skipped = Vec::new();
    walk(root, options, &mut |step| {
        cancel.check()?;
        match step {
            Step::Leave => encoder.leave()?,
            Step::Skipped(path) => skipped.push(path.display().to_string()),
            Step::Node {
                name,
                path,
                metadata,
                kind,
            } => pack_node(&mut encoder, name, path, &metadata, &kind)?,
        }
        Ok(())
    })?;
    Ok((encoder.finish()?, skipped))
}

fn pack_node<W: Write>(
    encoder: &mut Encoder<W>,
    name: Option<&[u8]>,
    path: &Path,
    metadata: &Metadata,
    kind: &NodeKind,
) -> Result<(), DesyncError> {
    match kind {
        NodeKind::Folder => encoder.folder(name, metadata)?,
        NodeKind::File { size, .. } => {
            let mut file = system::open_file(path).map_err(DesyncError::file("open the file"))?;
            encoder.file(name, metadata, *size, &mut file)?;
        }
        NodeKind::Link { target } => encoder.link(name, metadata, target)?,
        NodeKind::Device { major, minor, .. } => encoder.device(name, metadata, *major, *minor)?,
        NodeKind::Fifo | NodeKind::Socket => {}
    }
    Ok(())
}

struct Walk<'a> {
    options: PackOptions,
    device: u64,
    step: &'a mut dyn FnMut(Step<'_>) -> Result<(), DesyncError>,
}

impl Walk<'_> {
    /// Visits a node and all below it. Folders are at most as deep as a path can be long.
    fn node(&mut self, name: Option<&[u8]>, path: &Path) -> Result<(), DesyncError> {
        let failed = DesyncError::file("look at the file");
        let found = fs::symlink_metadata(path).map_err(&failed)?;
        let Some(kind) = system::kind(path, &found).map_err(&failed)? else {
            return (self.step)(Step::Skipped(path));
        };
        let mut metadata = system::metadata(path, &found).map_err(&failed)?;
        if self.options.no_time {
            metadata.mtime = 0;
        }
        let is_folder = kind == NodeKind::Folder;
        (self.step)(Step::Node {
            name,
            path,
            metadata,
            kind,
        })?;
        if !is_folder {
            return Ok(());
        }
        let elsewhere = self.options.one_file_system && system::device(&found) != self.device;
        if !elsewhere {
            for name in sorted_names(path)? {
                let bytes = system::name_bytes(&name);
                self.node(Some(&bytes), &path.join(&name))?;
            }
        }
        (self.step)(Step::Leave)
    }
}

fn sorted_names(folder: &Path) -> Result<Vec<OsString>, DesyncError> {
    let failed = DesyncError::file("list the folder");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(&failed)? {
        names.push(entry.map_err(&failed)?.file_name());
    }
    names.sort_by_cached_key(|name| system::name_bytes(name));
    Ok(names)
}
