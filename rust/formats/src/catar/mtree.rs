// SPDX-License-Identifier: MIT
//! Lines of an mtree listing, as desync prints them.

use std::fmt::Write as _;

use crate::catar::{Metadata, NodeKind};
use crate::id::{ChunkId, DigestAlgorithm};

/// First line of every listing.
pub const HEADER: &str = "#mtree v1.0";

/// Returns the line of a node, or `None` for FIFOs and sockets, which desync does not list.
///
/// `path` is relative to the root, `.` for the root itself. `digest` is given for files. Unlike desync's, a
/// character device is listed as one and every time has nine digits.
pub fn line(
    path: &[u8],
    metadata: &Metadata,
    kind: &NodeKind,
    digest: Option<(DigestAlgorithm, ChunkId)>,
) -> Option<String> {
    let (name, size, target) = match kind {
        NodeKind::Folder => ("dir", None, None),
        NodeKind::File { size, .. } => ("file", Some(*size), None),
        NodeKind::Link { target } => ("link", None, Some(target)),
        NodeKind::Device { block: true, .. } => ("block", None, None),
        NodeKind::Device { block: false, .. } => ("char", None, None),
        NodeKind::Fifo | NodeKind::Socket => return None,
    };
    let mut line = escaped(path);
    // Writing to a string cannot fail.
    let _ = write!(line, " type={name} mode={:04o}", metadata.mode & 0o777);
    if let Some(target) = target {
        let _ = write!(line, " target={}", escaped(target));
    }
    let _ = write!(line, " uid={} gid={}", metadata.uid, metadata.gid);
    if let Some(size) = size {
        let _ = write!(line, " size={size}");
    }
    let seconds = metadata.mtime.div_euclid(1_000_000_000);
    let nanoseconds = metadata.mtime.rem_euclid(1_000_000_000);
    let _ = write!(line, " time={seconds}.{nanoseconds:09}");
    if let Some((algorithm, digest)) = digest {
        let name = match algorithm {
            DigestAlgorithm::Sha512_256 => "sha512256digest",
            DigestAlgorithm::Sha256 => "sha256digest",
        };
        let _ = write!(line, " {name}={digest}");
    }
    Some(line)
}

fn escaped(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name {
        match byte {
            b' ' | b'\\' | b'#' | 0..=31 | 127.. => {
                let _ = write!(text, "\\{byte:03o}");
            }
            _ => text.push(char::from(*byte)),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata(mode: u64, mtime: i64) -> Metadata {
        Metadata {
            mode,
            mtime,
            uid: 1,
            gid: 2,
            ..Metadata::default()
        }
    }

    #[test]
    fn lines_have_desyncs_form() {
        let digest = ChunkId::of(DigestAlgorithm::Sha256, b"hi\n");
        let kind = NodeKind::File {
            size: 3,
            payload_at: 0,
        };
        let file = line(
            "a b/\u{e9}#".as_bytes(),
            &metadata(0o100_644, 1_500_000_007),
            &kind,
            Some((DigestAlgorithm::Sha256, digest)),
        );
        let expected = format!(
            "a\\040b/\\303\\251\\043 type=file mode=0644 uid=1 gid=2 size=3 time=1.500000007 sha256digest={digest}"
        );
        assert_eq!(file, Some(expected));
        let target = b"../x".to_vec();
        let link = line(b"l", &metadata(0o120_777, -1), &NodeKind::Link { target }, None);
        let expected = "l type=link mode=0777 target=../x uid=1 gid=2 time=-1.999999999";
        assert_eq!(link.as_deref(), Some(expected));
        assert_eq!(line(b"p", &metadata(0o10_644, 0), &NodeKind::Fifo, None), None);
    }
}
