// SPDX-License-Identifier: MIT
//! What a publisher signs with.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use vsekai_trust::online::{Change, Verified};
use vsekai_trust::publisher::{Editor, KeyError, KeyFile, KeyFolder, Passphrase, SigningKey, Validity};

use crate::PublishError;
use crate::task::blocking;

/// Says the passphrase of a key file.
pub type AskPassphrase = dyn Fn(&KeyFile) -> Result<Passphrase, KeyError> + Send + Sync;

/// The keys of a publisher, and how they are opened.
#[derive(Clone)]
pub struct Signing {
    /// The folder of keys of the title.
    pub keys: KeyFolder,
    /// How long what is signed holds.
    pub validity: Validity,
    /// Asked for every encrypted key file that is needed, and for no other.
    pub passphrase: Arc<AskPassphrase>,
}

impl Signing {
    /// Signs with the keys in `keys`, which are not encrypted.
    pub fn unencrypted(keys: KeyFolder) -> Self {
        Self {
            keys,
            validity: Validity::default(),
            passphrase: Arc::new(|file| {
                Err(KeyError::PassphraseNeeded {
                    path: file.path.clone(),
                })
            }),
        }
    }

    /// Begins a change of what is in force.
    pub(crate) fn editor(&self, verified: Verified) -> Editor {
        Editor::change(verified, self.validity, Timestamp::now())
    }

    /// Signs a change, beside the tasks that talk to the server: opening a key takes its time on purpose.
    pub(crate) async fn finish(&self, editor: Editor) -> Result<Change, PublishError> {
        let signing = self.clone();
        blocking(move || Ok(editor.finish(&signing.keys, &mut |file| signing.open(file))?)).await
    }

    /// Opens a key, asking for the passphrase if there is one.
    pub(crate) fn open(&self, file: &KeyFile) -> Result<SigningKey, KeyError> {
        match file.is_encrypted()? {
            true => file.open(Some(&(self.passphrase)(file)?)),
            false => file.open(None),
        }
    }
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing")
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
