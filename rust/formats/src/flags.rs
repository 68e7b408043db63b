// SPDX-License-Identifier: MIT
//! Feature flags of indexes and catar entries: what kinds of metadata an archive may hold.

use crate::id::DigestAlgorithm;

/// 16-bit user and group ids.
pub const UID_16: u64 = 0x1;
/// 32-bit user and group ids.
pub const UID_32: u64 = 0x2;
/// User and group names.
pub const USER_NAMES: u64 = 0x4;
/// Modification times in seconds.
pub const TIME_SECONDS: u64 = 0x8;
/// Modification times in microseconds.
pub const TIME_MICROSECONDS: u64 = 0x10;
/// Modification times in nanoseconds.
pub const TIME_NANOSECONDS: u64 = 0x20;
/// Modification times in steps of two seconds, as FAT keeps them.
pub const TIME_FAT: u64 = 0x40;
/// Only "read only" of the permissions.
pub const READ_ONLY: u64 = 0x80;
/// Permissions.
pub const PERMISSIONS: u64 = 0x100;
/// Symbolic links.
pub const SYMLINKS: u64 = 0x200;
/// Device nodes.
pub const DEVICES: u64 = 0x400;
/// FIFOs.
pub const FIFOS: u64 = 0x800;
/// Sockets.
pub const SOCKETS: u64 = 0x1000;
/// The `nodump` attribute of files.
pub const ATTR_NODUMP: u64 = 0x10_0000;
/// Btrfs subvolumes.
pub const SUBVOLUME: u64 = 0x400_0000;
/// Read-only btrfs subvolumes.
pub const SUBVOLUME_READ_ONLY: u64 = 0x800_0000;
/// Extended attributes.
pub const XATTRS: u64 = 0x1000_0000;
/// POSIX access control lists.
pub const ACL: u64 = 0x2000_0000;
/// SELinux labels.
pub const SELINUX: u64 = 0x4000_0000;
/// File capabilities.
pub const FILE_CAPABILITIES: u64 = 0x8000_0000;
/// Quota project ids.
pub const QUOTA_PROJECT: u64 = 0x1_0000_0000;
/// `.caexclude` files were honoured.
pub const EXCLUDE_FILE: u64 = 0x1000_0000_0000_0000;
/// Chunks are named by SHA-512/256; clear means SHA-256.
pub const SHA512_256: u64 = 0x2000_0000_0000_0000;
/// Mount points were left out.
pub const EXCLUDE_SUBMOUNTS: u64 = 0x4000_0000_0000_0000;
/// Files marked `nodump` were left out.
pub const EXCLUDE_NODUMP: u64 = 0x8000_0000_0000_0000;

/// Every bit that casync 2 knows.
pub const ALL_KNOWN: u64 = 0xf000_0001_ffff_ffff;

/// Returns the flags of a blob's index, as casync and desync after 1.0.4 write them.
pub const fn for_blob(digest: DigestAlgorithm) -> u64 {
    with_digest(EXCLUDE_NODUMP | EXCLUDE_FILE, digest)
}

/// Returns the flags of a blob's index as desync up to 1.0.4 writes them.
pub const fn for_blob_legacy(digest: DigestAlgorithm) -> u64 {
    with_digest(EXCLUDE_NODUMP, digest)
}

/// Returns the flags desync writes into catar entries and into the index of a catar.
pub const fn for_catar(digest: DigestAlgorithm) -> u64 {
    let kinds = PERMISSIONS | SYMLINKS | DEVICES | FIFOS | SOCKETS | XATTRS;
    with_digest(
        EXCLUDE_NODUMP | EXCLUDE_FILE | UID_32 | TIME_NANOSECONDS | kinds,
        digest,
    )
}

/// Returns the digest that `flags` name.
pub const fn digest(flags: u64) -> DigestAlgorithm {
    match flags & SHA512_256 {
        0 => DigestAlgorithm::Sha256,
        _ => DigestAlgorithm::Sha512_256,
    }
}

/// Returns `flags` with the digest bit set or cleared for `digest`.
pub const fn with_digest(flags: u64, digest: DigestAlgorithm) -> u64 {
    match digest {
        DigestAlgorithm::Sha256 => flags & !SHA512_256,
        DigestAlgorithm::Sha512_256 => flags | SHA512_256,
    }
}

/// Tells what makes `flags` ones that casync refuses, or nothing.
pub const fn fault(flags: u64) -> Option<&'static str> {
    if flags & !ALL_KNOWN != 0 {
        return Some("unknown bits");
    }
    if flags & UID_16 != 0 && flags & UID_32 != 0 {
        return Some("both widths of user ids");
    }
    if (flags & (TIME_SECONDS | TIME_MICROSECONDS | TIME_NANOSECONDS | TIME_FAT)).count_ones() > 1 {
        return Some("more than one precision of times");
    }
    if flags & PERMISSIONS != 0 && flags & READ_ONLY != 0 {
        return Some("permissions together with read-only");
    }
    if flags & ACL != 0 && flags & (PERMISSIONS | READ_ONLY) != 0 {
        return Some("access control lists together with permissions");
    }
    if flags & ACL != 0 && flags & (UID_16 | UID_32 | USER_NAMES) == 0 {
        return Some("access control lists without users");
    }
    if flags & EXCLUDE_NODUMP != 0 && flags & ATTR_NODUMP != 0 {
        return Some("nodump files both left out and marked");
    }
    if flags & SUBVOLUME_READ_ONLY != 0 && flags & SUBVOLUME == 0 {
        return Some("read-only subvolumes without subvolumes");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_of_the_known_writers_have_their_published_values() {
        use DigestAlgorithm::{Sha256, Sha512_256};
        assert_eq!(for_blob(Sha512_256), 0xb000_0000_0000_0000);
        assert_eq!(for_blob(Sha256), 0x9000_0000_0000_0000);
        assert_eq!(for_blob_legacy(Sha512_256), 0xa000_0000_0000_0000);
        assert_eq!(for_blob_legacy(Sha256), 0x8000_0000_0000_0000);
        assert_eq!(for_catar(Sha512_256), 0xb000_0000_1000_1f22);
        assert_eq!(for_catar(Sha256), 0x9000_0000_1000_1f22);
    }

    #[test]
    fn flags_of_the_known_writers_are_without_fault() {
        for flags in [
            0xb000_0000_0000_0000,
            0xa000_0000_0000_0000,
            0x8000_0000_0000_0000,
            0xb000_0000_1000_1f22,
            0xb000_0001_ffef_fe26,
            0x9000_0001_ffef_fe26,
        ] {
            assert_eq!(fault(flags), None, "{flags:#x}");
        }
    }

    #[test]
    fn flags_that_contradict_themselves_are_faulty() {
        for flags in [
            0x2_0000_0000,
            UID_16 | UID_32,
            TIME_SECONDS | TIME_NANOSECONDS,
            PERMISSIONS | READ_ONLY,
            ACL | PERMISSIONS | UID_32,
            ACL,
            EXCLUDE_NODUMP | ATTR_NODUMP,
            SUBVOLUME_READ_ONLY,
        ] {
            assert!(fault(flags).is_some(), "{flags:#x}");
        }
    }
}
