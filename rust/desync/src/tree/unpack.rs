// SPDX-License-Identifier: MIT
//! Unpacks archives into a folder, and leaves alone what is right already.
//!
//! Every operation is on one name inside an open folder, through handles that cannot leave the target: no
//! name and no link in the archive or on the disk leads outside. A file is written under a temporary name
//! and renamed, so at every instant its name holds the old content or the new.

use std::ffi::{OsStr, OsString};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File};
use fs_err as fs;
use serde::Serialize;
use vsekai_formats::catar::{Decoder, Event, Metadata, Node, NodeKind};

use crate::behind::SyncBehind;
use crate::env::Cancel;
use crate::error::DesyncError;
use crate::tree::system;

/// What of the metadata is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct UnpackOptions {
    pub(crate) owner: bool,
    pub(crate) permissions: bool,
    pub(crate) xattrs: bool,
}

/// What became of the archive's files.
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct UnpackStats {
    pub(crate) files_unchanged: u64,
    pub(crate) files_written: u64,
    pub(crate) bytes_unchanged: u64,
    pub(crate) bytes_written: u64,
}

/// Is told of every node, before anything is done with it.
pub(crate) trait Watch<R> {
    fn node(&mut self, decoder: &mut Decoder<R>, path: &[u8], node: &Node, kind: &NodeKind);
}

/// Watches nothing.
impl<R> Watch<R> for () {
    fn node(&mut self, _: &mut Decoder<R>, _: &[u8], _: &Node, _: &NodeKind) {}
}

/// Unpacks one archive.
pub(crate) struct Unpacker<'a> {
    pub(crate) archive: &'a str,
    pub(crate) target: &'a Path,
    pub(crate) options: UnpackOptions,
    pub(crate) cancel: &'a Cancel,
    open: Vec<OpenFolder>,
    stats: UnpackStats,
    skipped: Vec<String>,
    paths: Paths,
    changed: bool,
    process: u32,
    next_temp: u64,
    behind: SyncBehind,
    buffers: (Vec<u8>, Vec<u8>),
}

/// What an archive was unpacked to.
#[derive(Debug)]
pub(crate) struct Unpacked {
    pub(crate) stats: UnpackStats,
    /// Nodes that were left out.
    pub(crate) skipped: Vec<String>,
    /// All others, the root first.
    pub(crate) paths: Paths,
    /// Whether the archive keeps times.
    pub(crate) has_times: bool,
}

/// Paths below a target, each ended by a NUL.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths(pub(crate) Vec<u8>);

impl Paths {
    fn push(&mut self, path: &[u8]) {
        self.0.extend_from_slice(path);
        self.0.push(0);
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.0
            .split_inclusive(|byte| *byte == 0)
            .filter_map(|path| path.split_last().map(|(_, path)| path))
    }
}

struct OpenFolder {
    dir: Arc<Dir>,
    /// It was made, or found empty, by this run: nothing in it has to be looked at before it is written.
    fresh: bool,
    path: PathBuf,
    metadata: Metadata,
    /// The path as the archive has it, for watchers.
    archive_path: Vec<u8>,
}

impl<'a> Unpacker<'a> {
    pub(crate) fn new(
        archive: &'a str,
        target: &'a Path,
        options: UnpackOptions,
        cancel: &'a Cancel,
    ) -> Self {
        Self {
            archive,
            target,
            options,
            cancel,
            open: Vec::new(),
            stats: UnpackStats::default(),
            skipped: Vec::new(),
            paths: Paths::default(),
            changed: false,
            process: std::process::id(),
            next_temp: 0,
            behind: SyncBehind::default(),
            buffers: (vec![0; BLOCK], Vec::new()),
        }
    }

    /// Unpacks everything.
    pub(crate) fn run<R: Read>(
        mut self,
        mut decoder: Decoder<R>,
        watch: &mut dyn Watch<R>,
    ) -> Result<Unpacked, DesyncError> {
        let mut has_times = false;
        loop {
            self.cancel.check()?;
            let event = decoder.next_event().map_err(|source| self.decode_error(source))?;
            match event {
                None => break,
                Some(Event::Leave) => self.leave()?,
                Some(Event::Orphan(name)) => self.skip(&name),
                Some(Event::Node(mut node, kind)) => {
                    has_times |= node.name.is_none() && node.metadata.mtime != 0;
                    let path = self.archive_path(&node);
                    watch.node(&mut decoder, &path, &node, &kind);
                    for (name, value) in node.system_xattrs() {
                        node.metadata.xattrs.entry(name.into()).or_insert(value);
                    }
                    self.node(&mut decoder, &node, kind, path)?;
                }
            }
        }
        Ok(Unpacked {
            stats: self.stats,
            skipped: self.skipped,
            paths: self.paths,
            has_times,
        })
    }

    fn node<R: Read>(
        &mut self,
        decoder: &mut Decoder<R>,
        node: &Node,
        kind: NodeKind,
        archive_path: Vec<u8>,
    ) -> Result<(), DesyncError> {
        let Some(name) = &node.name else {
            return self.root(node, &kind);
        };
        let Some(os_name) = system::name_from(name) else {
            let name = String::from_utf8_lossy(name);
            return Err(DesyncError::Damaged(format!(
                "{name:?} is no file name on this system"
            )));
        };
        if !matches!(kind, NodeKind::Fifo | NodeKind::Socket) {
            self.paths.push(&archive_path);
        }
        match kind {
            NodeKind::Folder => self.folder(&os_name, node, archive_path),
            NodeKind::File { size, .. } => self.file(decoder, &os_name, size, &node.metadata),
            NodeKind::Link { target } => self.link(&os_name, &target, &node.metadata),
            NodeKind::Device { block, major, minor } => {
                self.device(&os_name, (block, major, minor), &node.metadata)
            }
            NodeKind::Fifo | NodeKind::Socket => {
                self.skip(name);
                Ok(())
            }
        }
    }

    fn root(&mut self, node: &Node, kind: &NodeKind) -> Result<(), DesyncError> {
        if *kind != NodeKind::Folder {
            return Err(DesyncError::Damaged(format!(
                "the root of {} is not a folder",
                self.archive
            )));
        }
        self.paths.push(b"");
        let failed = DesyncError::file("create the target");
        fs::create_dir_all(self.target).map_err(&failed)?;
        let dir = Dir::open_ambient_dir(self.target, ambient_authority());
        let dir = dir.map_err(|error| failed(named(self.target, error)))?;
        let fresh = dir.entries().is_ok_and(|mut entries| entries.next().is_none());
        self.open.push(OpenFolder {
            dir: Arc::new(dir),
            fresh,
            path: self.target.to_owned(),
            metadata: node.metadata.clone(),
            archive_path: Vec::new(),
        });
        Ok(())
    }

    fn folder(&mut self, name: &OsStr, node: &Node, archive_path: Vec<u8>) -> Result<(), DesyncError> {
        let (parent, path) = self.place(name)?;
        let failed = |error| DesyncError::file("create the folder")(named(&path, error));
        let made = match parent.create_dir(name) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found = parent.symlink_metadata(name).map_err(failed)?;
                if !found.is_dir() {
                    let message = format!("{} is in the way: it is no folder", path.display());
                    return Err(DesyncError::Damaged(message));
                }
                false
            }
            Err(error) => return Err(failed(error)),
        };
        self.changed |= made;
        let dir = parent.open_dir(name).map_err(failed)?;
        self.open.push(OpenFolder {
            dir: Arc::new(dir),
            fresh: made,
            path,
            metadata: node.metadata.clone(),
            archive_path,
        });
        Ok(())
    }

    fn leave(&mut self) -> Result<(), DesyncError> {
        let Some(folder) = self.open.pop() else {
            return Err(DesyncError::Internal(
                "a folder ends that was not begun".to_owned(),
            ));
        };
        let failed = DesyncError::file("set the folder's metadata");
        system::set_folder_metadata(&*folder.dir, &folder.metadata, &self.options)
            .map_err(|error| failed(named(&folder.path, error)))?;
        if self.open.is_empty() && self.changed {
            self.behind
                .finish()
                .map_err(DesyncError::file("sync the target"))?;
            system::sync(&*folder.dir).map_err(DesyncError::file("sync the target"))?;
        }
        Ok(())
    }

    /// Writes a file, unless what is there has the same content.
    fn file<R: Read>(
        &mut self,
        decoder: &mut Decoder<R>,
        name: &OsStr,
        size: u64,
        metadata: &Metadata,
    ) -> Result<(), DesyncError> {
        let (parent, path) = self.place(name)?;
        let failed = |error| DesyncError::file("write the file")(named(&path, error));
        let fresh = self.is_fresh();
        let mut old = match fresh {
            true => None,
            false => same_size(&parent, name, size),
        };
        let mut new: Option<TempFile> = None;
        let mut same = 0u64;
        let (mut block, mut there) = std::mem::take(&mut self.buffers);
        loop {
            self.cancel.check()?;
            let read = decoder
                .read_payload(&mut block)
                .map_err(|source| self.decode_error(source))?;
            let bytes = block.get(..read).unwrap_or_default();
            if let Some(old) = &mut old {
                there.resize(bytes.len(), 0);
                if old.read_exact(&mut there).is_ok() && there == bytes {
                    same += read as u64;
                    if read == 0 {
                        break;
                    }
                    continue;
                }
            }
            if new.is_none() {
                let temp = self.temp_file(&parent, metadata).map_err(failed)?;
                let temp = new.insert(temp);
                if same > 0 && old.take().is_some() {
                    copy_start(&parent, name, same, &mut temp.file).map_err(failed)?;
                }
                old = None;
            }
            if let Some(new) = &mut new {
                new.file.write_all(bytes).map_err(failed)?;
            }
            if read == 0 {
                break;
            }
        }
        self.buffers = (block, there);
        self.finish_file(&parent, name, old, new, (size, metadata))
            .map_err(failed)
    }

    fn finish_file(
        &mut self,
        parent: &Arc<Dir>,
        name: &OsStr,
        old: Option<File>,
        new: Option<TempFile>,
        (size, metadata): (u64, &Metadata),
    ) -> io::Result<()> {
        if let Some(new) = new {
            self.changed = true;
            system::set_metadata(&new.file, metadata, &self.options)?;
            self.stats.files_written += 1;
            self.stats.bytes_written += size;
            if !self.is_fresh() && parent.symlink_metadata(name).is_ok_and(|found| found.is_dir()) {
                parent.remove_dir_all(name)?;
            }
            new.publish(parent, name)?;
            return self.behind.wrote(size, || {
                let folder = Arc::clone(parent);
                move || system::sync(&*folder)
            });
        }
        self.stats.files_unchanged += 1;
        self.stats.bytes_unchanged += size;
        match old {
            Some(old) => system::set_metadata(&old, metadata, &self.options),
            None => Ok(()),
        }
    }

    fn link(&mut self, name: &OsStr, target: &[u8], metadata: &Metadata) -> Result<(), DesyncError> {
        let (parent, path) = self.place(name)?;
        let failed = |error| DesyncError::file("create the link")(named(&path, error));
        let same = !self.is_fresh()
            && parent
                .read_link_contents(name)
                .is_ok_and(|found| system::name_bytes(found.as_os_str()) == target);
        if !same {
            self.changed = true;
            let temp = self.temp_name();
            system::make_link(&parent, target, &temp).map_err(failed)?;
            parent.rename(&temp, &parent, name).map_err(|error| {
                let _ = parent.remove_file(&temp);
                failed(error)
            })?;
        }
        system::set_link_metadata(&parent, name, metadata, &self.options).map_err(failed)
    }

    fn device(
        &mut self,
        name: &OsStr,
        numbers: (bool, u64, u64),
        metadata: &Metadata,
    ) -> Result<(), DesyncError> {
        let (parent, path) = self.place(name)?;
        let failed = |error| DesyncError::file("create the device")(named(&path, error));
        if !self.is_fresh() && system::is_device(&*parent, name, numbers) {
            let set = system::set_device_metadata(&*parent, name, metadata, &self.options);
            return set.map_err(failed);
        }
        self.changed = true;
        match parent.remove_file(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        system::make_device(&parent, name, metadata, numbers, &self.options).map_err(failed)
    }

    /// Returns the innermost folder and the path of `name` in it.
    fn place(&self, name: &OsStr) -> Result<(Arc<Dir>, PathBuf), DesyncError> {
        let Some(open) = self.open.last() else {
            return Err(DesyncError::Internal("a node lies in no folder".to_owned()));
        };
        Ok((Arc::clone(&open.dir), open.path.join(name)))
    }

    /// Tells whether the innermost folder held nothing when this run came to it.
    fn is_fresh(&self) -> bool {
        self.open.last().is_some_and(|open| open.fresh)
    }

    fn archive_path(&self, node: &Node) -> Vec<u8> {
        let parent = self
            .open
            .last()
            .map_or(&[][..], |open| open.archive_path.as_slice());
        let name = node.name.as_deref().unwrap_or_default();
        match parent {
            [] => name.to_vec(),
            parent => [parent, name].join(&b'/'),
        }
    }

    fn temp_file(&mut self, parent: &Arc<Dir>, metadata: &Metadata) -> io::Result<TempFile> {
        loop {
            let name = self.temp_name();
            match parent.open_with(&name, &system::new_file_options(metadata.mode)) {
                Ok(file) => {
                    return Ok(TempFile {
                        file,
                        dir: Arc::clone(parent),
                        name: Some(name),
                    });
                }
                // Left by a run that was killed.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn temp_name(&mut self) -> OsString {
        self.next_temp += 1;
        format!(".tmp-untar-{}-{}", self.process, self.next_temp).into()
    }

    fn skip(&mut self, name: &[u8]) {
        let folder = self
            .open
            .last()
            .map_or(&[][..], |open| open.archive_path.as_slice());
        let path = if folder.is_empty() {
            name.to_vec()
        } else {
            [folder, name].join(&b'/')
        };
        self.skipped.push(String::from_utf8_lossy(&path).into_owned());
    }

    fn decode_error(&self, source: vsekai_formats::catar::DecodeError) -> DesyncError {
        DesyncError::Decode {
            name: self.archive.to_owned(),
            source,
        }
    }
}

/// A file without its final name, removed unless it gets it.
struct TempFile {
    file: File,
    dir: Arc<Dir>,
    name: Option<OsString>,
}

impl TempFile {
    fn publish(mut self, folder: &Dir, name: &OsStr) -> io::Result<()> {
        let Some(temp) = self.name.clone() else {
            return Ok(());
        };
        self.dir.rename(&temp, folder, name)?;
        self.name = None;
        Ok(())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            // Nothing can be done about a failure; the next run ignores such files.
            let _ = self.dir.remove_file(name);
        }
    }
}

/// Opens the regular file of that name if it has that size.
fn same_size(folder: &Dir, name: &OsStr, size: u64) -> Option<File> {
    let found = folder.symlink_metadata(name).ok()?;
    let fits = found.is_file() && found.len() == size;
    folder.open(name).ok().filter(|_| fits)
}

/// Copies the first `len` bytes of the old file, which are right.
fn copy_start(folder: &Dir, name: &OsStr, len: u64, new: &mut File) -> io::Result<()> {
    let copied = io::copy(&mut folder.open(name)?.take(len), new)?;
    match copied == len {
        true => Ok(()),
        false => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "it changed meanwhile",
        )),
    }
}

fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

const BLOCK: usize = 128 << 10;
