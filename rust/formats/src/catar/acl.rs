// SPDX-License-Identifier: MIT
//! Access control lists as casync writes them, and as Linux keeps them in extended attributes.

use crate::catar::record;

/// The access control lists of a node; what they say of its owner and of others stands in its mode.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Acl {
    users: Vec<Entry>,
    groups: Vec<Entry>,
    /// What the owning group may do; the mode's bits for it are then the mask of all but owner and others.
    group: Option<u16>,
    default: Option<Base>,
    default_users: Vec<Entry>,
    default_groups: Vec<Entry>,
}

/// Who may do what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    id: u32,
    permissions: u16,
}

/// What owner, owning group and others may do in what is made in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Base {
    owner: u16,
    group: u16,
    others: u16,
    mask: Option<u16>,
}

impl Acl {
    /// Tells whether the mode says everything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes one record, whose length was checked.
    pub(super) fn push(&mut self, kind: u64, body: &[u8]) -> Result<(), &'static str> {
        match kind {
            record::ACL_USER => self.users.push(entry(body)?),
            record::ACL_GROUP => self.groups.push(entry(body)?),
            record::ACL_GROUP_OBJ => self.group = Some(permissions(body, 0)?),
            record::ACL_DEFAULT => self.default = Some(base(body)?),
            record::ACL_DEFAULT_USER => self.default_users.push(entry(body)?),
            record::ACL_DEFAULT_GROUP => self.default_groups.push(entry(body)?),
            _ => return Err("it is no access control entry"),
        }
        Ok(())
    }

    /// Returns the value of `system.posix_acl_access` for a node with this mode, if it has such a list.
    pub fn access(&self, mode: u64) -> Option<Vec<u8>> {
        if self.users.is_empty() && self.groups.is_empty() && self.group.is_none() {
            return None;
        }
        let bits = |shift: u32| (mode >> shift) as u16 & 0o7;
        let base = Base {
            owner: bits(6),
            group: self.group.unwrap_or(bits(3)),
            others: bits(0),
            mask: Some(bits(3)),
        };
        Some(list(base, &self.users, &self.groups))
    }

    /// Returns the value of `system.posix_acl_default`, if the node has such a list.
    pub fn for_new(&self) -> Option<Vec<u8>> {
        Some(list(self.default?, &self.default_users, &self.default_groups))
    }
}

fn list(base: Base, users: &[Entry], groups: &[Entry]) -> Vec<u8> {
    let mut value = VERSION.to_le_bytes().to_vec();
    let mut put = |tag: u16, permissions: u16, id: u32| {
        value.extend(tag.to_le_bytes());
        value.extend(permissions.to_le_bytes());
        value.extend(id.to_le_bytes());
    };
    // The kernel wants them in this order.
    put(OWNER, base.owner, NOBODY);
    sorted(users).for_each(|entry| put(USER, entry.permissions, entry.id));
    put(OWNING_GROUP, base.group, NOBODY);
    sorted(groups).for_each(|entry| put(GROUP, entry.permissions, entry.id));
    if let Some(mask) = base.mask {
        put(MASK, mask, NOBODY);
    }
    put(OTHERS, base.others, NOBODY);
    value
}

fn sorted(entries: &[Entry]) -> impl Iterator<Item = Entry> {
    let mut entries = entries.to_vec();
    entries.sort_unstable();
    entries.into_iter()
}

fn entry(body: &[u8]) -> Result<Entry, &'static str> {
    let id = u32::try_from(number(body, 0)?).ok().filter(|id| *id != NOBODY);
    Ok(Entry {
        id: id.ok_or("it names no user or group")?,
        permissions: permissions(body, 8)?,
    })
}

fn base(body: &[u8]) -> Result<Base, &'static str> {
    Ok(Base {
        owner: permissions(body, 0)?,
        group: permissions(body, 8)?,
        others: permissions(body, 16)?,
        mask: match number(body, 24)? {
            u64::MAX => None,
            _ => Some(permissions(body, 24)?),
        },
    })
}

fn permissions(body: &[u8], at: usize) -> Result<u16, &'static str> {
    match number(body, at)? {
        bits @ 0..=0o7 => Ok(bits as u16),
        _ => Err("its permissions have more than three bits"),
    }
}

fn number(body: &[u8], at: usize) -> Result<u64, &'static str> {
    let bytes = body.get(at..).and_then(|rest| rest.first_chunk());
    bytes
        .map(|bytes| u64::from_le_bytes(*bytes))
        .ok_or("it is too short")
}

const VERSION: u32 = 2;
const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHERS: u16 = 0x20;
/// The id of entries that name nobody.
const NOBODY: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    fn body(numbers: &[u64]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }

    #[test]
    fn lists_come_out_in_the_kernels_order_and_form() {
        let mut acl = Acl::default();
        acl.push(record::ACL_USER, &body(&[2000, 6])).unwrap();
        acl.push(record::ACL_USER, &body(&[1000, 7])).unwrap();
        acl.push(record::ACL_GROUP_OBJ, &body(&[5])).unwrap();
        let expected = "02000000\
            01000700ffffffff\
            02000700e8030000\
            02000600d0070000\
            04000500ffffffff\
            10000600ffffffff\
            20000400ffffffff";
        assert_eq!(hex::encode(acl.access(0o100_764).unwrap()), expected);
        assert_eq!(acl.for_new(), None);
    }

    #[test]
    fn a_default_list_may_have_no_mask() {
        let mut acl = Acl::default();
        acl.push(record::ACL_DEFAULT, &body(&[7, 5, 1, u64::MAX]))
            .unwrap();
        let expected = "0200000001000700ffffffff04000500ffffffff20000100ffffffff";
        assert_eq!(hex::encode(acl.for_new().unwrap()), expected);
        assert_eq!(acl.access(0o40_755), None);
    }

    #[test]
    fn entries_that_name_nobody_or_too_much_are_refused() {
        let mut acl = Acl::default();
        assert!(
            acl.push(record::ACL_USER, &body(&[u64::from(NOBODY), 7]))
                .is_err()
        );
        assert!(acl.push(record::ACL_GROUP, &body(&[1 << 32, 7])).is_err());
        assert!(acl.push(record::ACL_GROUP_OBJ, &body(&[8])).is_err());
        assert!(acl.push(record::ACL_DEFAULT, &body(&[7, 7, 7])).is_err());
        assert!(acl.is_empty());
    }
}
