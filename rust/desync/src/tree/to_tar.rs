// SPDX-License-Identifier: MIT
//! Archives as tar files.

use std::io::{self, Read, Write};

use tar::{Builder, EntryType, Header};
use vsekai_formats::catar::{Decoder, Event, Node, NodeKind};

use crate::env::Cancel;
use crate::error::DesyncError;
use crate::tree::system;

/// Writes the nodes of an archive as members of a tar file in GNU's format, and returns what was left out.
///
/// Paths are relative, the root is `.`; extended attributes stand in extended headers, as GNU tar writes them.
pub(crate) fn to_tar<R: Read, W: Write>(
    archive: &str,
    mut decoder: Decoder<R>,
    output: W,
    cancel: &Cancel,
) -> Result<Vec<String>, DesyncError> {
    let failed = DesyncError::file("write the tar file");
    let mut builder = Builder::new(output);
    let mut path: Vec<Vec<u8>> = Vec::new();
    let mut skipped = Vec::new();
    loop {
        cancel.check()?;
        let event = decoder.next_event().map_err(|source| DesyncError::Decode {
            name: archive.to_owned(),
            source,
        })?;
        let (node, kind) = match event {
            None => break,
            Some(Event::Leave) => {
                path.pop();
                continue;
            }
            Some(Event::Orphan(name)) => {
                skipped.push(String::from_utf8_lossy(&name).into_owned());
                continue;
            }
            Some(Event::Node(node, kind)) => (node, kind),
        };
        path.push(node.name.clone().unwrap_or_else(|| b".".to_vec()));
        let name = member_name(&path, kind == NodeKind::Folder);
        if matches!(kind, NodeKind::Fifo | NodeKind::Socket) {
            skipped.push(String::from_utf8_lossy(&name).into_owned());
        } else {
            append(&mut builder, &mut decoder, &name, &node, &kind).map_err(&failed)?;
        }
        if kind != NodeKind::Folder {
            path.pop();
        }
    }
    let mut output = builder.into_inner().map_err(&failed)?;
    output.flush().map_err(&failed)?;
    Ok(skipped)
}

fn append<R: Read, W: Write>(
    builder: &mut Builder<W>,
    decoder: &mut Decoder<R>,
    name: &[u8],
    node: &Node,
    kind: &NodeKind,
) -> io::Result<()> {
    let path = system::path_from(name)?;
    let mut header = header(node, kind)?;
    append_xattrs(builder, node)?;
    match kind {
        NodeKind::File { .. } => builder.append_data(&mut header, path, Payload(decoder)),
        NodeKind::Link { target } => builder.append_link(&mut header, path, system::path_from(target)?),
        _ => builder.append_data(&mut header, path, io::empty()),
    }
}

fn append_xattrs<W: Write>(builder: &mut Builder<W>, node: &Node) -> io::Result<()> {
    let mut records = Vec::new();
    for (name, value) in &node.metadata.xattrs {
        let name = std::str::from_utf8(name).map_err(|_| io::ErrorKind::InvalidData)?;
        records.push((format!("SCHILY.xattr.{name}"), value.as_slice()));
    }
    match records.is_empty() {
        true => Ok(()),
        false => builder.append_pax_extensions(records.iter().map(|(key, value)| (key.as_str(), *value))),
    }
}

fn header(node: &Node, kind: &NodeKind) -> io::Result<Header> {
    let metadata = &node.metadata;
    let mut header = Header::new_gnu();
    header.set_mode((metadata.mode & 0o7777) as u32);
    header.set_uid(metadata.uid);
    header.set_gid(metadata.gid);
    header.set_mtime(u64::try_from(metadata.mtime.div_euclid(1_000_000_000)).unwrap_or(0));
    header.set_size(0);
    let entry_type = match kind {
        NodeKind::Folder => EntryType::Directory,
        NodeKind::File { size, .. } => {
            header.set_size(*size);
            EntryType::Regular
        }
        NodeKind::Link { .. } => EntryType::Symlink,
        NodeKind::Device { block, major, minor } => {
            let narrow = |number: u64| u32::try_from(number).map_err(|_| io::ErrorKind::InvalidData);
            header.set_device_major(narrow(*major)?)?;
            header.set_device_minor(narrow(*minor)?)?;
            if *block { EntryType::Block } else { EntryType::Char }
        }
        NodeKind::Fifo | NodeKind::Socket => EntryType::Fifo,
    };
    header.set_entry_type(entry_type);
    Ok(header)
}

fn member_name(path: &[Vec<u8>], is_folder: bool) -> Vec<u8> {
    let mut name = match path {
        [root] => root.clone(),
        [_root, below @ ..] => below.join(&b'/'),
        [] => Vec::new(),
    };
    if is_folder {
        name.push(b'/');
    }
    name
}

/// The content of the file an archive is at.
struct Payload<'a, R>(&'a mut Decoder<R>);

impl<R: Read> Read for Payload<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_payload(buffer).map_err(io::Error::other)
    }
}
