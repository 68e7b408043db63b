// SPDX-License-Identifier: MIT
//! The publisher's half: key files, the ceremony that begins a title, and everything that is signed later.
//!
//! An [`Editor`] starts from a title's verified metadata, is told what to change, and gives a
//! [`Change`](crate::online::Change) with all signatures. It asks for the keys it needs and for no others, and
//! checks its own result as a server would, so nothing is sent that cannot be taken.

mod editor;
mod error;
mod key;
mod key_file;
mod roles;

pub use editor::{Editor, Validity};
pub use error::KeyError;
pub use key::{KeyId, PublicKey, SigningKey, add_signatures, sign, to_text};
pub use key_file::{KeyFile, KeyFolder, Passphrase, id_digits, id_start, read_key, to_pem};
pub use roles::{KeyRole, RoleSummary};
