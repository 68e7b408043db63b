// SPDX-License-Identifier: MIT
//! Where trust begins.

use bytes::Bytes;
use jiff::Timestamp as Time;
use vsekai_formats::release::Pinned;

use super::set::{ROOT, TrustedSet};
use super::state::Remembered;
use super::verify;
use crate::error::TrustError;

/// Where trust in a title begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// This root, which came with the launcher or was given by the player.
    Pinned(Bytes),
    /// The first root that the server shows, for an install that knows none; it is kept from then on.
    FirstUse,
}

impl Anchor {
    /// Returns the set to begin an update with: the root remembered, or the pinned one where that is newer or
    /// nothing is remembered; `None` if a root must be asked for.
    ///
    /// # Errors
    /// The pinned root is none, or does not lead to the root remembered.
    pub(super) fn start(
        &self,
        remembered: Option<&Remembered>,
        now: Time,
    ) -> Result<Option<Started>, TrustError> {
        let stored = match remembered {
            None => None,
            Some(remembered) => {
                let root = remembered.metadata(ROOT).ok_or(TrustError::NoRoot)?;
                Some((remembered, TrustedSet::start(root, now)?))
            }
        };
        let pinned = match self {
            Self::FirstUse => None,
            Self::Pinned(bytes) => Some((Pinned::of(bytes), TrustedSet::start(bytes.clone(), now)?)),
        };
        Ok(match (stored, pinned) {
            (None, None) => None,
            (None, Some((pin, set))) => Some(Started::new(pin, set)),
            (Some((remembered, set)), None) => Some(Started::again(remembered, set)),
            (Some((remembered, stored)), Some((pin, pinned))) => {
                if version(&pinned) > version(&stored) {
                    return Ok(Some(Started::new(pin, pinned)));
                }
                match leads_to(&pin, &pinned, remembered, &stored) {
                    true => Some(Started::again(remembered, stored)),
                    false => {
                        return Err(TrustError::OtherRoot {
                            pinned: pin.sha256.to_string(),
                            known: remembered.anchor.sha256.to_string(),
                        });
                    }
                }
            }
        })
    }
}

/// The set to begin an update with.
#[derive(Clone, Debug)]
pub(super) struct Started {
    pub(super) set: TrustedSet,
    pub(super) anchor: Pinned,
    /// Roots known from the anchor on.
    pub(super) roots: Vec<Pinned>,
}

impl Started {
    pub(super) fn new(anchor: Pinned, set: TrustedSet) -> Self {
        Self {
            set,
            roots: vec![anchor.clone()],
            anchor,
        }
    }

    fn again(remembered: &Remembered, set: TrustedSet) -> Self {
        Self {
            set,
            anchor: remembered.anchor.clone(),
            roots: remembered.roots.clone(),
        }
    }
}

/// Tells whether the pinned root is one of those that led to the stored one, or signed it itself. An older
/// launcher beside a newer one may pin a root from before the first that is remembered.
fn leads_to(pin: &Pinned, pinned: &TrustedSet, remembered: &Remembered, stored: &TrustedSet) -> bool {
    remembered.roots.contains(pin)
        || verify::root_role(&pinned.root().signed.signed, &stored.root().signed, ROOT).is_ok()
}

fn version(set: &TrustedSet) -> u64 {
    set.root().signed.signed.version.get()
}
