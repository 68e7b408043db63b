// SPDX-License-Identifier: MIT
//! Why a change of a title's metadata is refused.

/// A change that cannot be taken. Nothing was changed.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChangeError {
    /// Metadata that cannot be read.
    #[error("the {role} metadata cannot be read: {reason}")]
    Unreadable {
        /// The role.
        role: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Too few signatures by the keys that may sign.
    #[error("the {role} metadata is not signed by the keys that may sign it: {reason}")]
    Signature {
        /// The role.
        role: String,
        /// What is wrong with the signatures.
        reason: String,
    },
    /// A version that does not follow the one in force.
    #[error("the {role} metadata has version {found}, but version {expected} is next")]
    Version {
        /// The role.
        role: String,
        /// The version that would follow.
        expected: u64,
        /// The version offered.
        found: u64,
    },
    /// Metadata that is not of the form that titles here have.
    #[error("the {role} metadata is refused: {reason}")]
    Rule {
        /// The role.
        role: String,
        /// What rule it breaks.
        reason: String,
    },
    /// A title without metadata.
    #[error("nothing has been signed for this title yet; it begins with a root and its targets metadata")]
    NotBegun,
    /// The keys of the server that the root names are not all here.
    #[error("the {role} metadata needs {needed} signatures of the server, which holds {found} of its keys")]
    NoOnlineKey {
        /// The role.
        role: String,
        /// Signatures needed.
        needed: u64,
        /// Keys found.
        found: u64,
    },
}

impl ChangeError {
    pub(super) fn rule(role: &str, reason: impl Into<String>) -> Self {
        Self::Rule {
            role: role.to_owned(),
            reason: reason.into(),
        }
    }

    pub(super) fn signature(role: &str, error: &tough::schema::Error) -> Self {
        Self::Signature {
            role: role.to_owned(),
            reason: error.to_string(),
        }
    }
}
