// SPDX-License-Identifier: MIT
//! Reads catars of desync and casync as a run of events, in constant memory per open folder.
//!
//! The kind of a node is taken from its mode, not guessed from the records that follow: a FIFO or socket of
//! casync has no content record and is no folder. Everything is bounded before it is read, and an archive
//! that ends before its root does is an error, even between two records.

use std::collections::BTreeMap;
use std::io::{self, Read};

use crate::catar::record::{self, HEADER_LEN};
use crate::catar::{Acl, Metadata, printable};
use crate::flags;
use crate::input::Input;

/// Reads a catar event by event.
#[derive(Debug)]
pub struct Decoder<R> {
    input: Input<R>,
    limits: DecodeLimits,
    /// A header that has been read ahead.
    peeked: Option<Header>,
    /// Bytes of the current file that have not been read.
    payload_left: u64,
    open: Vec<OpenFolder>,
    feature_flags: Option<u64>,
    ended: bool,
}

/// What an archive may ask for before it is refused.
#[derive(Clone, Copy, Debug)]
pub struct DecodeLimits {
    /// Most folders inside one another.
    pub max_depth: usize,
    /// Most bytes of extended attributes, names and lists of one node.
    pub max_metadata: u64,
    /// Longest file, in bytes.
    pub max_file: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self {
            max_depth: 512,
            max_metadata: 1 << 20,
            max_file: 1 << 44,
        }
    }
}

/// A node of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Where it begins in the archive: at its FILENAME record, or at the start for the root.
    pub at: u64,
    /// Its name inside its folder; `None` for the root.
    pub name: Option<Vec<u8>>,
    /// Mode, owner, time and extended attributes.
    pub metadata: Metadata,
    /// Its feature flags.
    pub feature_flags: u64,
    /// The owner's name.
    pub user: Option<Vec<u8>>,
    /// The owning group's name.
    pub group: Option<Vec<u8>>,
    /// Its SELinux label.
    pub selinux: Option<Vec<u8>>,
    /// Its capabilities, as the kernel keeps them.
    pub capabilities: Option<Vec<u8>>,
    /// Its access control lists.
    pub acl: Acl,
    /// Its quota project.
    pub quota_project: Option<u32>,
}

impl Node {
    /// Returns the extended attributes that Linux keeps what casync has records of its own for: access lists,
    /// capabilities, the SELinux label.
    pub fn system_xattrs(&self) -> Vec<(&'static str, Vec<u8>)> {
        // A label is kept with the NUL that ends it.
        let label = self
            .selinux
            .as_ref()
            .map(|label| [label.as_slice(), &[0]].concat());
        let all = [
            ("system.posix_acl_access", self.acl.access(self.metadata.mode)),
            ("system.posix_acl_default", self.acl.for_new()),
            ("security.selinux", label),
            ("security.capability", self.capabilities.clone()),
        ];
        let there = all.into_iter().filter_map(|(name, value)| Some((name, value?)));
        there.collect()
    }
}

/// What a [`Node`] is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeKind {
    /// A folder; what follows up to its [`Event::Leave`] is in it.
    Folder,
    /// A regular file, whose content [`Decoder::read_payload`] returns.
    File {
        /// Its length in bytes.
        size: u64,
        /// Where its content lies in the archive.
        payload_at: u64,
    },
    /// A symbolic link.
    Link {
        /// Its target, as it stands there.
        target: Vec<u8>,
    },
    /// A block or character device.
    Device {
        /// Whether it is a block device.
        block: bool,
        /// Major number.
        major: u64,
        /// Minor number.
        minor: u64,
    },
    /// A FIFO.
    Fifo,
    /// A socket.
    Socket,
}

/// One step through an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A node begins.
    Node(Box<Node>, NodeKind),
    /// A name without a node: desync writes one for every FIFO and socket it leaves out.
    Orphan(Vec<u8>),
    /// The innermost folder ends.
    Leave,
}

/// An archive that cannot be read; offsets are bytes from its start.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The input failed.
    #[error("read the archive at byte {offset}: {source}")]
    Read {
        /// Where.
        offset: u64,
        /// The input's error.
        source: io::Error,
    },
    /// The archive ends too early.
    #[error("the archive is cut off at byte {offset}")]
    Truncated {
        /// Where it ends.
        offset: u64,
    },
    /// A record that is not allowed here.
    #[error("the archive has a record of type {found:#018x} at byte {offset} where {expected} should be")]
    Unexpected {
        /// Where.
        offset: u64,
        /// Its type.
        found: u64,
        /// What may stand there.
        expected: &'static str,
    },
    /// A record whose size cannot be.
    #[error("the {record} record at byte {offset} of the archive has {size} bytes")]
    Size {
        /// Where.
        offset: u64,
        /// The kind of record.
        record: &'static str,
        /// Its size.
        size: u64,
    },
    /// A record whose content cannot be.
    #[error("the {record} record at byte {offset} of the archive is wrong: {reason}")]
    Content {
        /// Where.
        offset: u64,
        /// The kind of record.
        record: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// A name that leads elsewhere.
    #[error("the archive has the name \"{name}\" at byte {offset}: {reason}")]
    Name {
        /// Where.
        offset: u64,
        /// The name.
        name: String,
        /// The rule it breaks.
        reason: &'static str,
    },
    /// Deeper than [`DecodeLimits::max_depth`].
    #[error("the archive is nested more than {limit} folders deep at byte {offset}")]
    TooDeep {
        /// Where.
        offset: u64,
        /// The most allowed.
        limit: usize,
    },
    /// More than [`DecodeLimits::max_metadata`].
    #[error("the archive has more than {limit} bytes of metadata for the node at byte {offset}")]
    TooMuchMetadata {
        /// Where the node is.
        offset: u64,
        /// The most allowed.
        limit: u64,
    },
    /// Something follows the root.
    #[error("the archive has trailing bytes from byte {offset}")]
    TrailingBytes {
        /// Where they start.
        offset: u64,
    },
}

impl<R: Read> Decoder<R> {
    /// Starts reading; slow inputs deserve a buffer.
    pub fn new(input: R, limits: DecodeLimits) -> Self {
        Self {
            input: Input::new(input),
            limits,
            peeked: None,
            payload_left: 0,
            open: Vec::new(),
            feature_flags: None,
            ended: false,
        }
    }

    /// Returns the next event, or `None` once the root has ended and so has the input. What is left of the
    /// current file's content is read and dropped first.
    ///
    /// # Errors
    /// The first rule the archive breaks; reading cannot go on after that.
    pub fn next_event(&mut self) -> Result<Option<Event>, DecodeError> {
        self.skip_payload()?;
        if self.ended {
            return match self.peek_header()? {
                None => Ok(None),
                Some(header) => Err(DecodeError::TrailingBytes { offset: header.at }),
            };
        }
        if self.open.is_empty() {
            return self.node(None, self.input.offset).map(Some);
        }
        let header = self.header()?;
        match header.kind {
            record::FILENAME => self.child(&header).map(Some),
            record::GOODBYE => {
                self.goodbye(&header)?;
                Ok(Some(Event::Leave))
            }
            _ => Err(header.unexpected("FILENAME or GOODBYE")),
        }
    }

    /// Reads content of the file that the last event announced; 0 at its end.
    ///
    /// # Errors
    /// The archive ends inside the file, or the input fails.
    pub fn read_payload(&mut self, buffer: &mut [u8]) -> Result<usize, DecodeError> {
        let wanted = usize::try_from(self.payload_left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let buffer = buffer.get_mut(..wanted).unwrap_or_default();
        if buffer.is_empty() {
            return Ok(0);
        }
        let read = self.read_some(buffer)?;
        if read == 0 {
            let offset = self.input.offset;
            return Err(DecodeError::Truncated { offset });
        }
        self.payload_left -= read as u64;
        Ok(read)
    }

    /// Passes over what is left of the current file's content by having `skip` move the input forward that
    /// many bytes, for inputs that need not read them.
    ///
    /// # Errors
    /// What `skip` reports.
    pub fn skip_payload_by(
        &mut self,
        skip: impl FnOnce(&mut R, u64) -> io::Result<()>,
    ) -> Result<(), DecodeError> {
        let left = std::mem::take(&mut self.payload_left);
        let offset = self.input.offset;
        skip(&mut self.input.inner, left).map_err(|source| DecodeError::Read { offset, source })?;
        self.input.offset = offset.saturating_add(left);
        Ok(())
    }

    /// Returns how far the archive has been read, in bytes.
    pub fn offset(&self) -> u64 {
        self.input.offset
    }

    /// Returns how many folders are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// Returns the input, for callers that feed it.
    pub fn input_mut(&mut self) -> &mut R {
        &mut self.input.inner
    }

    fn child(&mut self, filename: &Header) -> Result<Event, DecodeError> {
        let name = self.name(filename)?;
        let next = self.peek_header()?;
        if let Some(folder) = self.open.last_mut() {
            folder.children += 1;
            folder.last_name = Some(name.clone());
        }
        match next.map(|next| next.kind) {
            Some(record::FILENAME | record::GOODBYE) => Ok(Event::Orphan(name)),
            _ => self.node(Some(name), filename.at),
        }
    }

    fn name(&mut self, filename: &Header) -> Result<Vec<u8>, DecodeError> {
        let name = self.text(filename, "FILENAME", super::MAX_NAME as u64)?;
        let last = self.open.last().and_then(|folder| folder.last_name.as_deref());
        let fault = match super::check_name(&name) {
            Ok(()) if last == Some(&name) => Some("it is there twice"),
            Ok(()) => None,
            Err(reason) => Some(reason),
        };
        match fault {
            None => Ok(name),
            Some(reason) => Err(DecodeError::Name {
                offset: filename.at,
                name: printable(&name),
                reason,
            }),
        }
    }

    fn node(&mut self, name: Option<Vec<u8>>, at: u64) -> Result<Event, DecodeError> {
        let header = self.header()?;
        if header.kind != record::ENTRY {
            return Err(header.unexpected("ENTRY"));
        }
        let mut node = self.entry(&header)?;
        node.name = name;
        node.at = at;
        self.metadata(&header, &mut node)?;
        let kind = self.content(&header, &node)?;
        if self.open.is_empty() && kind != NodeKind::Folder {
            self.ended = true;
        }
        if kind == NodeKind::Folder {
            self.enter(header.at)?;
        }
        Ok(Event::Node(Box::new(node), kind))
    }

    fn enter(&mut self, entry_at: u64) -> Result<(), DecodeError> {
        let limit = self.limits.max_depth;
        if self.open.len() >= limit {
            let offset = entry_at;
            return Err(DecodeError::TooDeep { offset, limit });
        }
        self.open.push(OpenFolder {
            entry_at,
            children: 0,
            last_name: None,
        });
        Ok(())
    }

    fn entry(&mut self, header: &Header) -> Result<Node, DecodeError> {
        let [feature_flags, mode, _attributes, uid, gid, mtime] = self.u64s(header, "ENTRY")?;
        let first = *self.feature_flags.get_or_insert(feature_flags);
        if first != feature_flags {
            return Err(header.content("ENTRY", "its feature flags differ from the root's"));
        }
        if let Some(reason) = flags::fault(feature_flags) {
            return Err(header.content("ENTRY", reason));
        }
        if mode > u64::from(u16::MAX) {
            return Err(header.content("ENTRY", "its mode has more than 16 bits"));
        }
        Ok(Node {
            feature_flags,
            metadata: Metadata {
                mode,
                uid,
                gid,
                mtime: mtime.cast_signed(),
                xattrs: BTreeMap::new(),
            },
            ..Node::default()
        })
    }

    /// Reads the records between ENTRY and content, which come in a fixed order.
    fn metadata(&mut self, entry: &Header, node: &mut Node) -> Result<(), DecodeError> {
        let mut last_rank = 0;
        let mut total = 0u64;
        while let Some((header, rank)) = self.peek_header()?.and_then(|h| Some((h, rank(h.kind)?))) {
            let repeats = REPEATABLE_RANKS.contains(&rank);
            if rank < last_rank || (rank == last_rank && !repeats) {
                return Err(header.unexpected("content or metadata in its order"));
            }
            last_rank = rank;
            total = total.saturating_add(header.size);
            let limit = self.limits.max_metadata;
            if total > limit {
                let offset = entry.at;
                return Err(DecodeError::TooMuchMetadata { offset, limit });
            }
            self.peeked = None;
            self.metadata_record(&header, node)?;
        }
        Ok(())
    }

    fn metadata_record(&mut self, header: &Header, node: &mut Node) -> Result<(), DecodeError> {
        match header.kind {
            record::USER => node.user = Some(self.text(header, "USER", 255)?),
            record::GROUP => node.group = Some(self.text(header, "GROUP", 255)?),
            record::SELINUX => node.selinux = Some(self.text(header, "SELINUX", 4095)?),
            record::FCAPS => node.capabilities = Some(self.body(header, "FCAPS", 0..=(64 << 10))?),
            record::XATTR => self.xattr(header, node)?,
            record::QUOTA_PROJID => {
                let [project] = self.u64s(header, "QUOTA_PROJID")?;
                let project = u32::try_from(project).ok().filter(|project| *project > 0);
                let fault = header.content("QUOTA_PROJID", "it is no project id");
                node.quota_project = Some(project.ok_or(fault)?);
            }
            record::ACL_GROUP_OBJ => self.acl(header, 8..=8, node)?,
            record::ACL_DEFAULT => self.acl(header, 32..=32, node)?,
            _ => self.acl(header, 16..=16 + 256, node)?,
        }
        Ok(())
    }

    fn acl(
        &mut self,
        header: &Header,
        len: std::ops::RangeInclusive<u64>,
        node: &mut Node,
    ) -> Result<(), DecodeError> {
        let body = self.body(header, "ACL", len)?;
        let taken = node.acl.push(header.kind, &body);
        taken.map_err(|reason| header.content("ACL", reason))
    }

    fn xattr(&mut self, header: &Header, node: &mut Node) -> Result<(), DecodeError> {
        let mut body = self.body(header, "XATTR", 2..=MAX_XATTR)?;
        let Some(end) = body.iter().position(|byte| *byte == 0) else {
            return Err(header.content("XATTR", "its name has no end"));
        };
        let mut value = body.split_off(end + 1);
        body.truncate(end);
        if body.is_empty() || body.len() > 255 {
            return Err(header.content("XATTR", "its name is empty or too long"));
        }
        // desync ends the value with a NUL of its own, casync does not, and only the flags tell who wrote.
        if written_by_desync(node.feature_flags) {
            value.pop_if(|last| *last == 0);
        }
        match node.metadata.xattrs.insert(body, value) {
            None => Ok(()),
            Some(_) => Err(header.content("XATTR", "its name is there twice")),
        }
    }

    /// Reads the content record that the mode asks for, up to a file's first byte.
    fn content(&mut self, entry: &Header, node: &Node) -> Result<NodeKind, DecodeError> {
        let next = self.peek_header()?.map(|header| header.kind);
        let kind = match node.metadata.mode & record::MODE_KIND {
            // desync on Windows may leave the kind out; then the content tells.
            0 => match next {
                Some(record::PAYLOAD) => record::MODE_FILE,
                Some(record::SYMLINK) => record::MODE_LINK,
                _ => record::MODE_FOLDER,
            },
            kind => kind,
        };
        match kind {
            record::MODE_FOLDER => Ok(NodeKind::Folder),
            record::MODE_FILE => self.payload(),
            record::MODE_LINK => {
                let header = self.header_of(record::SYMLINK, "SYMLINK")?;
                let target = self.text(&header, "SYMLINK", 4095)?;
                match target.is_empty() || target.contains(&0) {
                    true => Err(header.content("SYMLINK", "its target is empty or has a NUL")),
                    false => Ok(NodeKind::Link { target }),
                }
            }
            record::MODE_BLOCK | record::MODE_CHARACTER => {
                let header = self.header_of(record::DEVICE, "DEVICE")?;
                let [major, minor] = self.u64s(&header, "DEVICE")?;
                let block = kind == record::MODE_BLOCK;
                if major >= 1 << 12 || minor >= 1 << 20 {
                    return Err(header.content("DEVICE", "its numbers are too large"));
                }
                Ok(NodeKind::Device { block, major, minor })
            }
            record::MODE_FIFO => Ok(NodeKind::Fifo),
            record::MODE_SOCKET => Ok(NodeKind::Socket),
            _ => Err(entry.content("ENTRY", "its mode has no known kind")),
        }
    }

    fn payload(&mut self) -> Result<NodeKind, DecodeError> {
        let header = self.header_of(record::PAYLOAD, "PAYLOAD")?;
        let size = header.body_len().filter(|size| *size <= self.limits.max_file);
        let size = size.ok_or(header.size_error("PAYLOAD"))?;
        self.payload_left = size;
        let payload_at = self.input.offset;
        Ok(NodeKind::File { size, payload_at })
    }

    fn goodbye(&mut self, header: &Header) -> Result<(), DecodeError> {
        let Some(folder) = self.open.pop() else {
            return Err(header.unexpected("ENTRY"));
        };
        let items = folder
            .children
            .checked_add(1)
            .and_then(|items| items.checked_mul(24));
        if header.body_len() != items {
            return Err(header.size_error("GOODBYE"));
        }
        let mut block = [0u8; 24];
        for _ in 0..folder.children {
            self.fill(&mut block)?;
        }
        let [distance, size, marker] = self.tail()?;
        if marker != record::GOODBYE_TAIL_MARKER || size != header.size {
            return Err(header.content("GOODBYE", "its tail is not one"));
        }
        if distance != header.at - folder.entry_at {
            return Err(header.content("GOODBYE", "it belongs to another folder"));
        }
        self.ended = self.open.is_empty();
        Ok(())
    }

    fn tail(&mut self) -> Result<[u64; 3], DecodeError> {
        let mut values = [0; 3];
        for value in &mut values {
            *value = self.u64()?;
        }
        Ok(values)
    }

    fn skip_payload(&mut self) -> Result<(), DecodeError> {
        if self.payload_left == 0 {
            return Ok(());
        }
        let mut block = [0u8; 8192];
        while self.read_payload(&mut block)? > 0 {}
        Ok(())
    }

    fn header_of(&mut self, kind: u64, name: &'static str) -> Result<Header, DecodeError> {
        let header = self.header()?;
        match header.kind == kind {
            true => Ok(header),
            false => Err(header.unexpected(name)),
        }
    }

    fn header(&mut self) -> Result<Header, DecodeError> {
        let offset = self.input.offset;
        self.peek_header()?;
        self.peeked.take().ok_or(DecodeError::Truncated { offset })
    }

    /// Returns the next record's header without taking it, or `None` at the end of the input.
    fn peek_header(&mut self) -> Result<Option<Header>, DecodeError> {
        if self.peeked.is_none() {
            let at = self.input.offset;
            let mut first = [0u8; 1];
            if self.read_some(&mut first)? == 0 {
                return Ok(None);
            }
            let mut rest = [0u8; 15];
            self.fill(&mut rest)?;
            let mut size = [first[0]; 8];
            let (size_rest, kind) = rest.split_at(7);
            size[1..].copy_from_slice(size_rest);
            let kind = kind.first_chunk::<8>().copied().unwrap_or_default();
            self.peeked = Some(Header {
                at,
                size: u64::from_le_bytes(size),
                kind: u64::from_le_bytes(kind),
            });
        }
        Ok(self.peeked)
    }

    fn text(&mut self, header: &Header, record: &'static str, max: u64) -> Result<Vec<u8>, DecodeError> {
        let mut text = self.body(header, record, 1..=max + 1)?;
        match text.pop() {
            Some(0) => Ok(text),
            _ => Err(header.content(record, "it does not end with a NUL")),
        }
    }

    /// Reads a body whose length lies in `allowed`, which must be small.
    fn body(
        &mut self,
        header: &Header,
        record: &'static str,
        allowed: std::ops::RangeInclusive<u64>,
    ) -> Result<Vec<u8>, DecodeError> {
        let len = header.body_len().filter(|len| allowed.contains(len));
        let len = len.and_then(|len| usize::try_from(len).ok());
        let mut body = vec![0; len.ok_or(header.size_error(record))?];
        self.fill(&mut body)?;
        Ok(body)
    }

    fn u64s<const N: usize>(
        &mut self,
        header: &Header,
        record: &'static str,
    ) -> Result<[u64; N], DecodeError> {
        if header.body_len() != Some(8 * N as u64) {
            return Err(header.size_error(record));
        }
        let mut values = [0; N];
        for value in &mut values {
            *value = self.u64()?;
        }
        Ok(values)
    }

    fn u64(&mut self) -> Result<u64, DecodeError> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), DecodeError> {
        let outcome = self.input.fill(buffer);
        let offset = self.input.offset;
        match outcome {
            Ok(true) => Ok(()),
            Ok(false) => Err(DecodeError::Truncated { offset }),
            Err(source) => Err(DecodeError::Read { offset, source }),
        }
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, DecodeError> {
        let read = self.input.read_some(buffer);
        let offset = self.input.offset;
        read.map_err(|source| DecodeError::Read { offset, source })
    }
}

#[derive(Debug)]
struct OpenFolder {
    entry_at: u64,
    children: u64,
    last_name: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug)]
struct Header {
    at: u64,
    size: u64,
    kind: u64,
}

impl Header {
    fn body_len(&self) -> Option<u64> {
        self.size.checked_sub(HEADER_LEN)
    }

    fn unexpected(&self, expected: &'static str) -> DecodeError {
        DecodeError::Unexpected {
            offset: self.at,
            found: self.kind,
            expected,
        }
    }

    fn size_error(&self, record: &'static str) -> DecodeError {
        DecodeError::Size {
            offset: self.at,
            record,
            size: self.size,
        }
    }

    fn content(&self, record: &'static str, reason: &'static str) -> DecodeError {
        DecodeError::Content {
            offset: self.at,
            record,
            reason,
        }
    }
}

/// Returns a metadata record's place in their fixed order, or `None` for other records.
fn rank(kind: u64) -> Option<u8> {
    Some(match kind {
        record::USER => 1,
        record::GROUP => 2,
        record::XATTR => 3,
        record::ACL_USER => 4,
        record::ACL_GROUP => 5,
        record::ACL_GROUP_OBJ => 6,
        record::ACL_DEFAULT => 7,
        record::ACL_DEFAULT_USER => 8,
        record::ACL_DEFAULT_GROUP => 9,
        record::SELINUX => 10,
        record::FCAPS => 11,
        record::QUOTA_PROJID => 12,
        _ => return None,
    })
}

/// Tells desync's archives from casync's: desync always sets the same flags, casync never just these.
fn written_by_desync(feature_flags: u64) -> bool {
    let variable = flags::SHA512_256 | flags::EXCLUDE_FILE;
    feature_flags & !variable == flags::for_catar(crate::id::DigestAlgorithm::Sha256) & !variable
}

const REPEATABLE_RANKS: [u8; 5] = [3, 4, 5, 8, 9];
const MAX_XATTR: u64 = 255 + 1 + (64 << 10) + 1;
