// SPDX-License-Identifier: MIT
//! The records of a catar, as bytes.

use crate::catar::goodbye;

/// Type of the record that starts a node.
pub const ENTRY: u64 = 0x1396_fabc_ea5b_bb51;
/// Type of a user name.
pub const USER: u64 = 0xf453_131a_aeea_ccb3;
/// Type of a group name.
pub const GROUP: u64 = 0x25eb_6ac9_6939_6a52;
/// Type of an extended attribute.
pub const XATTR: u64 = 0xb815_7091_f80b_c486;
/// Type of an access control entry for a user.
pub const ACL_USER: u64 = 0x297d_c88b_2ef1_2faf;
/// Type of an access control entry for a group.
pub const ACL_GROUP: u64 = 0x36f2_acb5_6cb3_dd0b;
/// Type of the access control entry for the owning group.
pub const ACL_GROUP_OBJ: u64 = 0x2304_7110_441f_38f3;
/// Type of a folder's default access control entries.
pub const ACL_DEFAULT: u64 = 0xfe3e_eda6_823c_8cd0;
/// Type of a default access control entry for a user.
pub const ACL_DEFAULT_USER: u64 = 0xbdf0_3df9_bd01_0a91;
/// Type of a default access control entry for a group.
pub const ACL_DEFAULT_GROUP: u64 = 0xa0cb_1168_782d_1f51;
/// Type of file capabilities.
pub const FCAPS: u64 = 0xf726_7db0_afed_0629;
/// Type of a quota project id.
pub const QUOTA_PROJID: u64 = 0x161b_af2d_8772_a72b;
/// Type of an SELinux label.
pub const SELINUX: u64 = 0x46fa_f060_2fd2_6c59;
/// Type of a symbolic link's target.
pub const SYMLINK: u64 = 0x664a_6fb6_830e_0d6c;
/// Type of a device's numbers.
pub const DEVICE: u64 = 0xac3d_ace3_69df_e643;
/// Type of a file's content.
pub const PAYLOAD: u64 = 0x8b9e_1d93_d6dc_ffc9;
/// Type of the name of the node that follows.
pub const FILENAME: u64 = 0x6dbb_6ebc_b316_1f0b;
/// Type of the record that closes a folder.
pub const GOODBYE: u64 = 0xdfd3_5c5e_8327_c403;
/// Last eight bytes of every GOODBYE record.
pub const GOODBYE_TAIL_MARKER: u64 = 0x5744_6fa5_3370_2943;

/// Length of a record's header, in bytes.
pub const HEADER_LEN: u64 = 16;
/// Length of an ENTRY record, in bytes.
pub const ENTRY_LEN: u64 = 64;

/// The bits of a mode that tell the kind of a node.
pub const MODE_KIND: u64 = 0o170_000;
/// Kind of a socket.
pub const MODE_SOCKET: u64 = 0o140_000;
/// Kind of a symbolic link.
pub const MODE_LINK: u64 = 0o120_000;
/// Kind of a regular file.
pub const MODE_FILE: u64 = 0o100_000;
/// Kind of a block device.
pub const MODE_BLOCK: u64 = 0o060_000;
/// Kind of a folder.
pub const MODE_FOLDER: u64 = 0o040_000;
/// Kind of a character device.
pub const MODE_CHARACTER: u64 = 0o020_000;
/// Kind of a FIFO.
pub const MODE_FIFO: u64 = 0o010_000;

/// The fields of an ENTRY record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    /// Feature flags, see [`crate::flags`].
    pub feature_flags: u64,
    /// `st_mode`: kind and permissions.
    pub mode: u64,
    /// File attributes (`chattr`); desync writes 0.
    pub attributes: u64,
    /// Number of the owner.
    pub uid: u64,
    /// Number of the owning group.
    pub gid: u64,
    /// Modification time in nanoseconds since 1970; 0 means "not kept".
    pub mtime: i64,
}

/// Appends an ENTRY record.
pub fn push_entry(out: &mut Vec<u8>, entry: &Entry) {
    let mtime = entry.mtime.cast_unsigned();
    let fields = [
        ENTRY_LEN,
        ENTRY,
        entry.feature_flags,
        entry.mode,
        entry.attributes,
        entry.uid,
        entry.gid,
        mtime,
    ];
    push_u64s(out, &fields);
}

/// Appends a record whose body is `text` and a NUL: FILENAME, SYMLINK, USER, GROUP, SELINUX.
pub fn push_text(out: &mut Vec<u8>, kind: u64, text: &[u8]) {
    push_u64s(out, &[HEADER_LEN + text.len() as u64 + 1, kind]);
    out.extend_from_slice(text);
    out.push(0);
}

/// Appends an extended attribute as desync writes it: name, NUL, value and another NUL.
pub fn push_xattr(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    let len = HEADER_LEN + name.len() as u64 + 1 + value.len() as u64 + 1;
    push_u64s(out, &[len, XATTR]);
    out.extend_from_slice(name);
    out.push(0);
    out.extend_from_slice(value);
    out.push(0);
}

/// Appends a DEVICE record.
pub fn push_device(out: &mut Vec<u8>, major: u64, minor: u64) {
    push_u64s(out, &[HEADER_LEN + 16, DEVICE, major, minor]);
}

/// Appends the header of a PAYLOAD record whose `size` bytes the caller appends, or refuses a size that no
/// record can have.
pub fn push_payload_header(out: &mut Vec<u8>, size: u64) -> Option<()> {
    push_u64s(out, &[HEADER_LEN.checked_add(size)?, PAYLOAD]);
    Some(())
}

/// Appends the GOODBYE record of a folder whose ENTRY lies at `entry_at`; the record itself lies at `at`.
///
/// The children are left in the order of the table.
pub fn push_goodbye(out: &mut Vec<u8>, children: &mut [goodbye::Child], entry_at: u64, at: u64) {
    let len = HEADER_LEN + 24 * (children.len() as u64 + 1);
    push_u64s(out, &[len, GOODBYE]);
    for child in goodbye::table_order(children) {
        push_u64s(out, &[at.saturating_sub(child.at), child.size, child.hash]);
    }
    push_u64s(out, &[at.saturating_sub(entry_at), len, GOODBYE_TAIL_MARKER]);
}

fn push_u64s(out: &mut Vec<u8>, values: &[u64]) {
    for value in values {
        out.extend_from_slice(&value.to_le_bytes());
    }
}
