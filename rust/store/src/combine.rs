// SPDX-License-Identifier: MIT
//! What several stores that all failed have to say together.

use crate::error::{Object, StoreError};

/// Returns the failure that leaves the most hope: one that may pass, then one a person can mend, then damage.
///
/// "Missing" is only said if every store said so, because one that did not answer may well have it.
pub(crate) fn worst(name: &str, object: Object, failures: Vec<StoreError>) -> StoreError {
    let rank = |error: &StoreError| match error {
        StoreError::Unavailable { .. } | StoreError::Unreachable { .. } => 0,
        StoreError::Refused { .. } => 1,
        StoreError::Io { .. } => 2,
        StoreError::Invalid { .. } => 3,
        StoreError::Missing { .. } => 4,
    };
    let worst = failures.into_iter().min_by_key(rank);
    match worst {
        Some(StoreError::Missing { .. }) | None => StoreError::missing(name, object),
        Some(other) => other,
    }
}
