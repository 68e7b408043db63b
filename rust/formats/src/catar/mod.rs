// SPDX-License-Identifier: MIT
//! catar archives: one file tree as a flat run of records.
//!
//! Every record is its size in bytes, header included (u64), its type (u64) and a body. A folder's entries
//! follow it in ascending order of their name bytes, each behind a FILENAME record, and a GOODBYE record
//! with a look-up table closes it:
//!
//! ```text
//! archive = node
//! node    = ENTRY metadata* content
//! content = PAYLOAD | SYMLINK | DEVICE | (nothing: FIFO, socket) | (FILENAME node)* GOODBYE
//! ```

pub mod acl;
pub mod decoder;
pub mod encoder;
pub mod goodbye;
pub mod mtree;
pub mod record;

pub use acl::Acl;
pub use decoder::{DecodeError, DecodeLimits, Decoder, Event, Node, NodeKind};
pub use encoder::{EncodeError, Encoder};

use std::collections::BTreeMap;

/// What an archive keeps of a node besides its name and content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// `st_mode`: permissions and, where a call does not say it, the kind of the node.
    pub mode: u64,
    /// Number of the owner.
    pub uid: u64,
    /// Number of the owning group.
    pub gid: u64,
    /// Modification time in nanoseconds since 1970; 0 means "not kept".
    pub mtime: i64,
    /// Extended attributes by name.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Tells why `name` cannot name a node, if it cannot.
fn check_name(name: &[u8]) -> Result<(), &'static str> {
    match name {
        b"" => Err("it is empty"),
        b"." | b".." => Err("it would leave its folder"),
        _ if name.len() > MAX_NAME => Err("it is longer than 255 bytes"),
        _ if name.contains(&b'/') => Err("it has a slash"),
        _ if name.contains(&0) => Err("it has a NUL"),
        _ => Ok(()),
    }
}

/// Returns `name` for a message: unprintable characters escaped, cut to a sensible length.
fn printable(name: &[u8]) -> String {
    let text = String::from_utf8_lossy(name);
    let escaped = text.chars().take(256).flat_map(|c| match c.is_control() {
        true => c.escape_default().collect::<Vec<_>>(),
        false => vec![c],
    });
    escaped.collect()
}

/// Longest name of a node, in bytes.
pub const MAX_NAME: usize = 255;
