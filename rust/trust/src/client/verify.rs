// SPDX-License-Identifier: MIT
//! Signatures of metadata, and which role may sign which target.

use std::collections::HashSet;

use sha2::{Digest as _, Sha256};
use tough::schema::key::Key;
use tough::schema::{
    DelegatedRole, Delegations, Error, PathSet, Role, Root, Signed, Snapshot, Targets, Timestamp,
};

use crate::error::TrustError;

/// Metadata that says which TUF specification it follows.
pub(super) trait Specified {
    fn spec_version(&self) -> &str;
}

macro_rules! specified {
    ($($role:ty),*) => {
        $(impl Specified for $role {
            fn spec_version(&self) -> &str {
                &self.spec_version
            }
        })*
    };
}
specified!(Root, Timestamp, Snapshot, Targets);

/// Checks that a top-level role is signed by a threshold of the keys that `root` names for it.
pub(super) fn root_role<T: Role>(root: &Root, signed: &Signed<T>, role: &str) -> Result<(), TrustError> {
    let keys: Vec<&Key> = root.keys(T::TYPE).collect();
    check_distinct(&keys, role)?;
    root.verify_role(signed).map_err(|error| refused(role, &error))
}

/// Checks that a delegated role is signed by a threshold of the keys that its delegator names for it.
pub(super) fn delegated_role(
    delegations: Option<&Delegations>,
    signed: &Signed<Targets>,
    role: &str,
) -> Result<(), TrustError> {
    let found = delegations.and_then(|all| Some((all, all.roles.iter().find(|one| one.name == role)?)));
    let Some((delegations, delegated)) = found else {
        return Err(TrustError::NotListed {
            what: format!("the role {role:?}"),
        });
    };
    let ids = delegated.keyids.iter();
    let keys: Vec<&Key> = ids.filter_map(|id| delegations.keys.get(id)).collect();
    check_distinct(&keys, role)?;
    delegations
        .verify_role(signed, role)
        .map_err(|error| refused(role, &error))
}

/// A key's id covers everything that stands beside it, so one key could have several ids and then count
/// several times towards a threshold.
fn check_distinct(keys: &[&Key], role: &str) -> Result<(), TrustError> {
    let mut seen = HashSet::new();
    let mut ids = HashSet::new();
    for key in keys {
        let known = key.key_id().is_ok_and(|id| !ids.insert(id));
        if !known && !seen.insert(public_bytes(key)) {
            return Err(TrustError::Signature {
                role: role.to_owned(),
                reason: "one of its keys is listed under several ids".to_owned(),
            });
        }
    }
    Ok(())
}

fn public_bytes(key: &Key) -> Vec<u8> {
    match key {
        Key::Rsa { keyval, .. } => keyval.public.to_vec(),
        Key::Ed25519 { keyval, .. } => keyval.public.to_vec(),
        Key::Ecdsa { keyval, .. } | Key::EcdsaOld { keyval, .. } => keyval.public.to_vec(),
    }
}

fn refused(role: &str, error: &Error) -> TrustError {
    let reason = match error {
        Error::SignatureThreshold { threshold, valid, .. } => {
            format!("{valid} of {threshold} needed signatures are valid")
        }
        Error::DuplicateKeyId { .. } => "two signatures bear the same key id".to_owned(),
        other => other.to_string(),
    };
    TrustError::Signature {
        role: role.to_owned(),
        reason,
    }
}

/// Tells whether `role` may sign the target `name`.
pub(super) fn may_sign(role: &DelegatedRole, name: &str) -> bool {
    match &role.paths {
        PathSet::Paths(patterns) => patterns.iter().any(|pattern| fits(pattern.value(), name)),
        PathSet::PathHashPrefixes(prefixes) => {
            let digest = hex::encode(sha256(name.as_bytes()));
            prefixes.iter().any(|prefix| digest.starts_with(prefix.value()))
        }
    }
}

/// Matches component by component, so that `*` never reaches into a folder.
fn fits(pattern: &str, name: &str) -> bool {
    let (patterns, names) = (pattern.split('/'), name.split('/'));
    patterns.clone().count() == names.clone().count()
        && patterns
            .zip(names)
            .all(|(pattern, name)| fits_component(pattern, name))
}

/// `*` stands for any characters, `?` for one. Goes back to the last star only, so it takes no more than
/// the product of both lengths.
fn fits_component(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut star, mut here) = (0, None, 0);
    while here < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, here));
                at += 1;
            }
            Some(c) if *c == '?' || *c == name[here] => {
                at += 1;
                here += 1;
            }
            _ => match star {
                Some((starred, from)) => {
                    star = Some((starred, from + 1));
                    at = starred + 1;
                    here = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

pub(super) fn sha256(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_component_by_component() {
        for (pattern, name, expected) in [
            ("stable@*", "stable@linux-x86_64.json", true),
            ("stable@*", "stable-2@linux-x86_64.json", false),
            ("stable@*", "stable@a/b", false),
            ("*", "a", true),
            ("*", "a/b", false),
            ("a/*.tgz", "a/b.tgz", true),
            ("a/*.tgz", "a/b.zip", false),
            ("foo-version-?.tgz", "foo-version-2.tgz", true),
            ("foo-version-?.tgz", "foo-version-10.tgz", false),
            ("*a*b", "xaxbxab", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_takes_no_time() {
        assert!(!fits_component(&"*a".repeat(2000), &"a".repeat(1999)));
    }
}
