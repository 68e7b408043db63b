// SPDX-License-Identifier: MIT
//! Writes a catar, byte for byte as `desync tar` does.

use std::io::{self, Read, Write};

use crate::catar::goodbye::{Child, name_hash};
use crate::catar::record::{self, MODE_KIND};
use crate::catar::{Metadata, printable};
use crate::flags;
use crate::id::DigestAlgorithm;

/// Writes a catar node by node, parents before children, siblings in ascending order of their name bytes.
///
/// The root is the first node; its name is `None`. [`Encoder::leave`] closes the innermost folder. Memory
/// grows with the number of entries in the open folders.
#[derive(Debug)]
pub struct Encoder<W> {
    output: W,
    feature_flags: u64,
    position: u64,
    buffer: Vec<u8>,
    /// What of a file is being copied.
    block: Vec<u8>,
    open: Vec<OpenFolder>,
    started: bool,
}

#[derive(Debug)]
struct OpenFolder {
    name: Option<Vec<u8>>,
    name_at: u64,
    entry_at: u64,
    last_name: Option<Vec<u8>>,
    children: Vec<Child>,
}

/// An archive that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The output failed.
    #[error("write the archive: {0}")]
    Write(#[source] io::Error),
    /// A file's content cannot be read.
    #[error("read \"{name}\": {source}")]
    Read {
        /// The file.
        name: String,
        /// The input's error.
        source: io::Error,
    },
    /// A file's content is not as long as it was said to be.
    #[error("\"{name}\" changed while it was read: {expected} bytes were expected, {found} were there")]
    Changed {
        /// The file.
        name: String,
        /// The size given.
        expected: u64,
        /// The bytes read; one more than expected if there are more.
        found: u64,
    },
    /// A name that cannot stand in an archive, or not here.
    #[error("\"{name}\" cannot be archived: {reason}")]
    Name {
        /// The name.
        name: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// The calls do not make a tree.
    #[error("the archive is not a tree: {0}")]
    Structure(&'static str),
}

impl<W: Write> Encoder<W> {
    /// Starts an archive with desync's flags for `digest`.
    pub fn new(output: W, digest: DigestAlgorithm) -> Self {
        Self {
            output,
            feature_flags: flags::for_catar(digest),
            position: 0,
            buffer: Vec::new(),
            block: Vec::new(),
            open: Vec::new(),
            started: false,
        }
    }

    /// Opens a folder; what follows is in it, up to [`Encoder::leave`].
    ///
    /// # Errors
    /// A name out of place, or a failing output.
    pub fn folder(&mut self, name: Option<&[u8]>, metadata: &Metadata) -> Result<(), EncodeError> {
        let name_at = self.begin(name)?;
        let entry_at = self.position + self.buffer.len() as u64;
        self.push_metadata(metadata, record::MODE_FOLDER);
        self.flush()?;
        self.open.push(OpenFolder {
            name: name.map(<[u8]>::to_vec),
            name_at,
            entry_at,
            last_name: None,
            children: Vec::new(),
        });
        Ok(())
    }

    /// Adds a regular file of exactly `size` bytes.
    ///
    /// # Errors
    /// As [`Encoder::folder`]; also an input that fails, or has more or fewer bytes, after which the archive
    /// cannot be used.
    pub fn file(
        &mut self,
        name: Option<&[u8]>,
        metadata: &Metadata,
        size: u64,
        content: &mut dyn Read,
    ) -> Result<(), EncodeError> {
        let name_at = self.begin(name)?;
        self.push_metadata(metadata, record::MODE_FILE);
        record::push_payload_header(&mut self.buffer, size)
            .ok_or(EncodeError::Structure("a file is too large"))?;
        self.flush()?;
        self.copy(name, size, content)?;
        self.end(name, name_at);
        Ok(())
    }

    /// Adds a regular file without its content, and returns where the content lies: the archive goes on
    /// `size` bytes further, but nothing is written for them. For callers that know where to find it.
    ///
    /// # Errors
    /// As [`Encoder::folder`].
    pub fn file_elsewhere(
        &mut self,
        name: Option<&[u8]>,
        metadata: &Metadata,
        size: u64,
    ) -> Result<u64, EncodeError> {
        let name_at = self.begin(name)?;
        self.push_metadata(metadata, record::MODE_FILE);
        let too_large = EncodeError::Structure("a file is too large");
        record::push_payload_header(&mut self.buffer, size).ok_or(too_large)?;
        self.flush()?;
        let payload_at = self.position;
        let end = payload_at.checked_add(size);
        self.position = end.ok_or(EncodeError::Structure("a file is too large"))?;
        self.end(name, name_at);
        Ok(payload_at)
    }

    /// Adds a symbolic link.
    ///
    /// # Errors
    /// As [`Encoder::folder`].
    pub fn link(
        &mut self,
        name: Option<&[u8]>,
        metadata: &Metadata,
        target: &[u8],
    ) -> Result<(), EncodeError> {
        let name_at = self.begin(name)?;
        self.push_metadata(metadata, record::MODE_LINK);
        record::push_text(&mut self.buffer, record::SYMLINK, target);
        self.flush()?;
        self.end(name, name_at);
        Ok(())
    }

    /// Adds a device; the metadata's mode tells which kind.
    ///
    /// # Errors
    /// As [`Encoder::folder`].
    pub fn device(
        &mut self,
        name: Option<&[u8]>,
        metadata: &Metadata,
        major: u64,
        minor: u64,
    ) -> Result<(), EncodeError> {
        let name_at = self.begin(name)?;
        self.push_metadata(metadata, metadata.mode & MODE_KIND);
        record::push_device(&mut self.buffer, major, minor);
        self.flush()?;
        self.end(name, name_at);
        Ok(())
    }

    /// Adds a FIFO or socket, as casync does; desync cannot read an archive with one.
    ///
    /// # Errors
    /// As [`Encoder::folder`].
    pub fn special(&mut self, name: Option<&[u8]>, metadata: &Metadata) -> Result<(), EncodeError> {
        let name_at = self.begin(name)?;
        self.push_metadata(metadata, metadata.mode & MODE_KIND);
        self.flush()?;
        self.end(name, name_at);
        Ok(())
    }

    /// Closes the innermost folder.
    ///
    /// # Errors
    /// No folder is open, or the output fails.
    pub fn leave(&mut self) -> Result<(), EncodeError> {
        let mut folder = self
            .open
            .pop()
            .ok_or(EncodeError::Structure("no folder is open"))?;
        let at = self.position;
        record::push_goodbye(&mut self.buffer, &mut folder.children, folder.entry_at, at);
        self.flush()?;
        self.end(folder.name.as_deref(), folder.name_at);
        Ok(())
    }

    /// Ends the archive, flushes and returns the output.
    ///
    /// # Errors
    /// A folder is open, there is no node at all, or the output fails.
    pub fn finish(mut self) -> Result<W, EncodeError> {
        if !self.started || !self.open.is_empty() {
            return Err(EncodeError::Structure("it is not finished"));
        }
        self.output.flush().map_err(EncodeError::Write)?;
        Ok(self.output)
    }

    /// Returns the length of the archive so far, in bytes.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Writes the FILENAME record if the node needs one and returns where the node begins.
    fn begin(&mut self, name: Option<&[u8]>) -> Result<u64, EncodeError> {
        let at = self.position;
        match (name, self.open.last_mut()) {
            (None, _) if !self.started => {}
            (Some(name), Some(folder)) => {
                check_name(name)?;
                if folder.last_name.as_deref().is_some_and(|last| last >= name) {
                    let reason = "it is not in order";
                    let name = printable(name);
                    return Err(EncodeError::Name { name, reason });
                }
                folder.last_name = Some(name.to_vec());
                record::push_text(&mut self.buffer, record::FILENAME, name);
            }
            _ => {
                return Err(EncodeError::Structure(
                    "a node is neither the root nor in a folder",
                ));
            }
        }
        self.started = true;
        Ok(at)
    }

    fn push_metadata(&mut self, metadata: &Metadata, kind: u64) {
        let entry = record::Entry {
            feature_flags: self.feature_flags,
            mode: kind | (metadata.mode & !MODE_KIND),
            attributes: 0,
            uid: metadata.uid,
            gid: metadata.gid,
            mtime: metadata.mtime,
        };
        record::push_entry(&mut self.buffer, &entry);
        for (name, value) in &metadata.xattrs {
            record::push_xattr(&mut self.buffer, name, value);
        }
    }

    fn copy(&mut self, name: Option<&[u8]>, size: u64, content: &mut dyn Read) -> Result<(), EncodeError> {
        let shown = || printable(name.unwrap_or(b"."));
        self.block.resize(COPY_BLOCK, 0);
        let mut copied = 0u64;
        loop {
            let read = match content.read(&mut self.block) {
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => {
                    let name = shown();
                    return Err(EncodeError::Read { name, source });
                }
            };
            let found = copied.saturating_add(read as u64);
            if found > size || (read == 0 && found < size) {
                return Err(EncodeError::Changed {
                    name: shown(),
                    expected: size,
                    found: found.min(size.saturating_add(1)),
                });
            }
            if read == 0 {
                return Ok(());
            }
            let bytes = self.block.get(..read).unwrap_or_default();
            self.output.write_all(bytes).map_err(EncodeError::Write)?;
            self.position += read as u64;
            copied = found;
        }
    }

    fn end(&mut self, name: Option<&[u8]>, name_at: u64) {
        if let (Some(name), Some(folder)) = (name, self.open.last_mut()) {
            folder.children.push(Child {
                hash: name_hash(name),
                at: name_at,
                size: self.position - name_at,
            });
        }
    }

    fn flush(&mut self) -> Result<(), EncodeError> {
        self.output.write_all(&self.buffer).map_err(EncodeError::Write)?;
        self.position += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

fn check_name(name: &[u8]) -> Result<(), EncodeError> {
    super::check_name(name).map_err(|reason| {
        let name = printable(name);
        EncodeError::Name { name, reason }
    })
}

const COPY_BLOCK: usize = 128 << 10;
