// SPDX-License-Identifier: MIT
//! Ed25519 keys: the secret half that signs, the public half that metadata names.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::key::{Ed25519Key, Ed25519Scheme, Key};
use tough::schema::{Role, Signature, Signed};

use super::KeyError;

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; PUBLIC_BYTES]);

/// The digest that names a key in metadata.
pub type KeyId = Decoded<Hex>;

/// A key that can sign. Never shown, never logged.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl PublicKey {
    /// Returns the key as metadata holds it.
    pub fn to_key(self) -> Key {
        Key::Ed25519 {
            keyval: Ed25519Key {
                public: self.0.to_vec().into(),
                _extra: HashMap::new(),
            },
            scheme: Ed25519Scheme::Ed25519,
            _extra: HashMap::new(),
        }
    }

    /// Returns the digest that names the key in metadata.
    pub fn id(self) -> KeyId {
        // Writing a key of this form as JSON cannot fail; an empty id would match no key.
        self.to_key().key_id().unwrap_or_else(|_| Vec::new().into())
    }

    /// Reads the key from metadata, or `None` if it is of another kind.
    pub fn from_key(key: &Key) -> Option<Self> {
        match key {
            Key::Ed25519 { keyval, .. } => <[u8; PUBLIC_BYTES]>::try_from(&*keyval.public).ok().map(Self),
            _ => None,
        }
    }
}

impl FromStr for PublicKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = hex::decode(text.trim())
            .ok()
            .and_then(|bytes| <[u8; PUBLIC_BYTES]>::try_from(bytes).ok());
        bytes.map(Self).ok_or_else(|| KeyError::NotAPublicKey {
            text: text.chars().take(80).collect(),
        })
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

impl SigningKey {
    /// Makes a key from the system's randomness.
    ///
    /// # Errors
    /// The system has none to give.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| KeyError::Cryptography { action: "make a key" })?;
        Self::of(pair)
    }

    /// Reads a key from PKCS#8.
    pub(super) fn from_pkcs8(der: &[u8]) -> Option<Self> {
        Self::of(Ed25519KeyPair::from_pkcs8(der).ok()?).ok()
    }

    /// Writes the key as PKCS#8, in the form that OpenSSL writes too.
    pub(super) fn to_pkcs8(&self) -> Result<impl AsRef<[u8]>, KeyError> {
        self.pair.to_pkcs8v1().map_err(|_| KeyError::Cryptography {
            action: "write a key",
        })
    }

    /// Returns the public half.
    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// Returns the signature of `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> Signature {
        Signature {
            keyid: self.public.id(),
            sig: self.pair.sign(message).as_ref().to_vec().into(),
        }
    }

    fn of(pair: Ed25519KeyPair) -> Result<Self, KeyError> {
        let public = <[u8; PUBLIC_BYTES]>::try_from(pair.public_key().as_ref());
        let public = public.map_err(|_| KeyError::Cryptography {
            action: "read a public key",
        })?;
        Ok(Self {
            pair,
            public: PublicKey(public),
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, hidden)", self.public)
    }
}

/// Signs `role` with every one of `keys`, each once.
///
/// # Errors
/// The role cannot be written.
pub fn sign<'a, T: Role>(
    role: T,
    keys: impl IntoIterator<Item = &'a SigningKey>,
) -> Result<Signed<T>, KeyError> {
    let mut signed = Signed {
        signed: role,
        signatures: Vec::new(),
    };
    add_signatures(&mut signed, keys)?;
    Ok(signed)
}

/// Adds the signatures of those `keys` that have not signed yet.
///
/// # Errors
/// The role cannot be written.
pub fn add_signatures<'a, T: Role>(
    role: &mut Signed<T>,
    keys: impl IntoIterator<Item = &'a SigningKey>,
) -> Result<(), KeyError> {
    let message = role
        .signed
        .canonical_form()
        .map_err(|error| KeyError::Refused(format!("the metadata cannot be written: {error}")))?;
    for key in keys {
        let id = key.public().id();
        if role.signatures.iter().all(|signature| signature.keyid != id) {
            role.signatures.push(key.sign(&message));
        }
    }
    Ok(())
}

/// Writes metadata as it is served.
///
/// # Errors
/// It cannot be written as JSON.
pub fn to_text<T: Role>(role: &Signed<T>) -> Result<String, KeyError> {
    serde_json::to_string_pretty(role)
        .map_err(|error| KeyError::Refused(format!("the metadata cannot be written: {error}")))
}

const PUBLIC_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_key_keeps_its_text_form() {
        let key = SigningKey::generate().unwrap().public();
        assert_eq!(key.to_string().parse::<PublicKey>().unwrap(), key);
        assert_eq!(PublicKey::from_key(&key.to_key()), Some(key));
        assert_eq!(key.id().len(), 32);
        assert!("abc".parse::<PublicKey>().is_err());
    }

    #[test]
    fn a_secret_key_is_not_shown() {
        let key = SigningKey::generate().unwrap();
        let pkcs8 = hex::encode(key.to_pkcs8().unwrap());
        let secret = &pkcs8[pkcs8.len() - 64..];
        assert!(!format!("{key:?}").contains(secret));
    }
}
