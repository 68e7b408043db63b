// SPDX-License-Identifier: MIT
//! What can go wrong with keys and with what they sign.

use std::io;
use std::path::PathBuf;

use crate::TrustError;
use crate::online::ChangeError;

/// A failed operation with keys. No key file was changed and nothing was signed that is not complete.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was being done, as in "cannot ... PATH".
        action: &'static str,
        /// To which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A key file that is none.
    #[error("{} is not a key file: {reason}", path.display())]
    NotAKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key file that is encrypted, and no passphrase was given.
    #[error("{} is encrypted and no passphrase was given", path.display())]
    PassphraseNeeded {
        /// The file.
        path: PathBuf,
    },
    /// A key file that the passphrase does not open.
    #[error("the passphrase does not open {}", path.display())]
    WrongPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// A public key that is none.
    #[error("{text:?} is not a public key: 64 hexadecimal digits of an Ed25519 key are needed")]
    NotAPublicKey {
        /// The text, shortened.
        text: String,
    },
    /// The folder lacks keys that have to sign.
    #[error(
        "the {role} metadata needs {needed} signatures, and {} holds {found} of its keys",
        folder.display()
    )]
    TooFewKeys {
        /// The role.
        role: String,
        /// Signatures needed.
        needed: u64,
        /// Keys found.
        found: u64,
        /// The folder of keys.
        folder: PathBuf,
    },
    /// A change that makes no sense.
    #[error("{0}")]
    Refused(String),
    /// The metadata to start from, or what became of it, is not sound.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The title's verified state.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The system gave no randomness, or a signature could not be made.
    #[error("cannot {action}: the cryptographic library failed")]
    Cryptography {
        /// What was being done.
        action: &'static str,
    },
}

impl KeyError {
    /// Returns a function that says what was being done to which file.
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { action, path, source }
    }
}
