// SPDX-License-Identifier: MIT
//! Key files: PKCS#8 in PEM, encrypted with scrypt and AES-256, as OpenSSL reads and writes them.
//!
//! ```text
//! KEYS/
//!   root.json                     the newest root that was signed or verified here
//!   root-3f0c9b1f27d4a6e8.pem     a key: what it signs, and the first digits of its key id
//!   targets-<16 digits>.pem
//!   <channel>-<16 digits>.pem
//! ```
//!
//! A key file is written once, durably, readable by its owner alone, and never replaced.

use std::fmt;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use fs_err as fs;
use pkcs8::der::SecretDocument;
use pkcs8::der::pem::PemLabel as _;
use pkcs8::pkcs5::{pbes2, scrypt};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef};
use rand::TryRng as _;
use rand::rngs::SysRng;
use vsekai_store::{bounded, durable};

use super::{KeyError, KeyId, SigningKey};

/// What opens encrypted key files. Never shown, never logged.
#[derive(Clone, PartialEq, Eq)]
pub struct Passphrase(String);

impl Passphrase {
    /// Takes a passphrase; the end of a line at its end is not part of it.
    pub fn new(text: impl Into<String>) -> Self {
        let text: String = text.into();
        Self(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Tells whether it protects nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(hidden)")
    }
}

/// A folder of key files of one title.
#[derive(Clone, Debug)]
pub struct KeyFolder {
    root: PathBuf,
}

/// A key file that is there, not opened yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// What the key signs: `root`, `targets`, or a channel.
    pub role: String,
    /// The first hexadecimal digits of the key's id.
    pub id_start: String,
    /// The file.
    pub path: PathBuf,
}

impl KeyFolder {
    /// Names the folder `root` without touching it.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Returns the file of the newest root known here.
    pub fn root_file(&self) -> PathBuf {
        self.root.join("root.json")
    }

    /// Returns the folder of what this publisher has verified.
    pub fn trusted_folder(&self) -> PathBuf {
        self.root.join("trusted")
    }

    /// Writes `key` to a file of its own, encrypted if there is a `passphrase`.
    ///
    /// # Errors
    /// There is such a file already, or it cannot be written; then nothing is there.
    pub fn add(
        &self,
        role: &str,
        key: &SigningKey,
        passphrase: Option<&Passphrase>,
    ) -> Result<KeyFile, KeyError> {
        self.create()?;
        let id_start = id_start(&key.public().id());
        let path = self.root.join(format!("{role}-{id_start}.pem"));
        let pem = to_pem(key, passphrase)?;
        write_new(&path, pem.as_bytes()).map_err(KeyError::io("write the key file", &path))?;
        Ok(KeyFile {
            role: role.to_owned(),
            id_start,
            path,
        })
    }

    /// Lists the key files by role and id.
    ///
    /// # Errors
    /// The folder cannot be read; one that is not there holds no keys.
    pub fn list(&self) -> Result<Vec<KeyFile>, KeyError> {
        let failed = |error| KeyError::io("list the keys in", &self.root)(error);
        let entries = match fs::read_dir(&self.root) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed)?.path();
            files.extend(key_file(path));
        }
        files.sort_by(|a, b| (&a.role, &a.id_start).cmp(&(&b.role, &b.id_start)));
        Ok(files)
    }

    /// Returns those files whose keys are named by `ids`.
    ///
    /// # Errors
    /// As [`KeyFolder::list`].
    pub fn find(&self, ids: &[KeyId]) -> Result<Vec<KeyFile>, KeyError> {
        let starts: Vec<String> = ids.iter().map(id_start).collect();
        let mut files = self.list()?;
        files.retain(|file| starts.contains(&file.id_start));
        Ok(files)
    }

    /// Keeps `text` as the newest root known here, durably.
    ///
    /// # Errors
    /// The root known before is still there.
    pub fn keep_root(&self, text: &str) -> Result<(), KeyError> {
        self.create()?;
        let path = self.root_file();
        durable::replace_secret(&path, TEMPORARY_PREFIX, text.as_bytes())
            .map_err(KeyError::io("write", &path))
    }

    fn create(&self) -> Result<(), KeyError> {
        create_private_folder(&self.root).map_err(KeyError::io("make the folder", &self.root))
    }
}

impl KeyFile {
    /// Reads the key.
    ///
    /// # Errors
    /// [`KeyError::PassphraseNeeded`], [`KeyError::WrongPassphrase`], or it is no key, or not the one that its
    /// name says.
    pub fn open(&self, passphrase: Option<&Passphrase>) -> Result<SigningKey, KeyError> {
        let key = read_key(&self.path, passphrase)?;
        match id_start(&key.public().id()) == self.id_start {
            true => Ok(key),
            false => Err(self.refuse("it holds another key than its name says")),
        }
    }

    /// Tells whether a passphrase is needed to open it.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_encrypted(&self) -> Result<bool, KeyError> {
        let text = read_text(&self.path)?;
        Ok(text.contains(EncryptedPrivateKeyInfoRef::PEM_LABEL))
    }

    fn refuse(&self, reason: &str) -> KeyError {
        not_a_key(&self.path, reason)
    }
}

/// Reads the key in the file `path`, whatever its name.
///
/// # Errors
/// As [`KeyFile::open`].
pub fn read_key(path: &Path, passphrase: Option<&Passphrase>) -> Result<SigningKey, KeyError> {
    let text = read_text(path)?;
    let (label, document) =
        SecretDocument::from_pem(&text).map_err(|error| not_a_key(path, &error.to_string()))?;
    let plain = match label {
        PLAIN_LABEL => document,
        label if label == EncryptedPrivateKeyInfoRef::PEM_LABEL => {
            let passphrase = passphrase.ok_or_else(|| KeyError::PassphraseNeeded {
                path: path.to_owned(),
            })?;
            decrypt(path, &document, passphrase)?
        }
        label => return Err(not_a_key(path, &format!("it holds {label:?}"))),
    };
    SigningKey::from_pkcs8(plain.as_bytes()).ok_or_else(|| not_a_key(path, "it does not hold an Ed25519 key"))
}

/// Writes `key` as PEM.
///
/// # Errors
/// The system gave no randomness.
pub fn to_pem(key: &SigningKey, passphrase: Option<&Passphrase>) -> Result<String, KeyError> {
    let failed = |_| KeyError::Cryptography {
        action: "encrypt a key",
    };
    let der = key.to_pkcs8()?;
    let info = PrivateKeyInfoRef::try_from(der.as_ref()).map_err(failed)?;
    let pem = match passphrase {
        None => SecretDocument::try_from(info)
            .and_then(|document| Ok(document.to_pem(PLAIN_LABEL, LineEnding::LF)?)),
        Some(passphrase) => info
            .encrypt_with_params(encryption()?, passphrase.0.as_bytes())
            .and_then(|document| Ok(document.to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF)?)),
    };
    pem.map(|pem| pem.as_str().to_owned()).map_err(failed)
}

/// The cost of guessing a passphrase: 16 MiB and five rounds, which is the most that OpenSSL opens without
/// being asked to, and one of the choices OWASP recommends.
fn encryption() -> Result<pbes2::Parameters, KeyError> {
    let failed = || KeyError::Cryptography {
        action: "encrypt a key",
    };
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    SysRng.try_fill_bytes(&mut salt).map_err(|_| failed())?;
    SysRng.try_fill_bytes(&mut iv).map_err(|_| failed())?;
    let cost = scrypt::Params::new(14, 8, 5).map_err(|_| failed())?;
    pbes2::Parameters::generate_scrypt_aes256cbc(cost, &salt, iv).map_err(|_| failed())
}

fn decrypt(
    path: &Path,
    document: &SecretDocument,
    passphrase: &Passphrase,
) -> Result<SecretDocument, KeyError> {
    let info = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes())
        .map_err(|error| not_a_key(path, &error.to_string()))?;
    info.decrypt(passphrase.0.as_bytes())
        .map_err(|_| KeyError::WrongPassphrase {
            path: path.to_owned(),
        })
}

fn key_file(path: PathBuf) -> Option<KeyFile> {
    let name = path.file_name()?.to_str()?.strip_suffix(".pem")?;
    let (role, id_start) = name.rsplit_once('-')?;
    let is_id =
        id_start.len() == ID_DIGITS && id_start.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    is_id.then(|| KeyFile {
        role: role.to_owned(),
        id_start: id_start.to_owned(),
        path: path.clone(),
    })
}

/// Returns all hexadecimal digits of a key id.
pub fn id_digits(id: &KeyId) -> String {
    hex::encode(&**id)
}

/// Returns the first digits of a key id, as they stand in file names.
pub fn id_start(id: &KeyId) -> String {
    id_digits(id).chars().take(ID_DIGITS).collect()
}

fn read_text(path: &Path) -> Result<String, KeyError> {
    bounded::read_text_file(path, MAX_KEY_FILE).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => not_a_key(path, "it is too long"),
        _ => KeyError::io("read the key file", path)(error),
    })
}

fn not_a_key(path: &Path, reason: &str) -> KeyError {
    KeyError::NotAKey {
        path: path.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Writes a file that is not there yet, durably and readable by its owner alone.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // The system gives these files to their owner alone.
    let mut file = tempfile::Builder::new()
        .prefix(TEMPORARY_PREFIX)
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|refused| refused.error)?;
    durable::sync_folder(folder)
}

fn create_private_folder(folder: &Path) -> io::Result<()> {
    if fs::metadata(folder).is_ok_and(|found| found.is_dir()) {
        return Ok(());
    }
    durable::create_folders(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

const PLAIN_LABEL: &str = "PRIVATE KEY";
const ID_DIGITS: usize = 16;
const TEMPORARY_PREFIX: &str = ".tmp-";
/// Longest key file read; one takes some hundred bytes.
const MAX_KEY_FILE: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, KeyFolder) {
        let folder = tempfile::tempdir().unwrap();
        let keys = KeyFolder::new(folder.path().join("keys"));
        (folder, keys)
    }

    #[test]
    fn a_key_comes_back_with_its_passphrase_only() {
        let (_folder, keys) = folder();
        let key = SigningKey::generate().unwrap();
        let passphrase = Passphrase::new("correct horse\n");
        let file = keys.add("nightly-2", &key, Some(&passphrase)).unwrap();
        assert_eq!(keys.list().unwrap(), std::slice::from_ref(&file));
        assert!(file.is_encrypted().unwrap());
        assert_eq!(
            file.open(Some(&Passphrase::new("correct horse")))
                .unwrap()
                .public(),
            key.public()
        );
        let wrong = file.open(Some(&Passphrase::new("correct horse "))).unwrap_err();
        assert!(matches!(wrong, KeyError::WrongPassphrase { .. }), "{wrong}");
        let none = file.open(None).unwrap_err();
        assert!(matches!(none, KeyError::PassphraseNeeded { .. }), "{none}");
    }

    #[test]
    fn a_key_file_is_never_replaced_and_belongs_to_its_owner() {
        let (_folder, keys) = folder();
        let key = SigningKey::generate().unwrap();
        let file = keys.add("root", &key, None).unwrap();
        let before = fs::read(&file.path).unwrap();
        assert!(keys.add("root", &key, None).is_err());
        assert_eq!(fs::read(&file.path).unwrap(), before);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&file.path), 0o600);
            assert_eq!(mode(keys.path()), 0o700);
        }
    }

    #[test]
    fn a_key_under_the_name_of_another_is_refused() {
        let (_folder, keys) = folder();
        let first = keys.add("root", &SigningKey::generate().unwrap(), None).unwrap();
        let second = keys.add("root", &SigningKey::generate().unwrap(), None).unwrap();
        fs::copy(&first.path, &second.path).unwrap();
        assert!(matches!(second.open(None), Err(KeyError::NotAKey { .. })));
    }

    #[test]
    fn other_files_are_not_keys() {
        let (_folder, keys) = folder();
        let file = keys.add("root", &SigningKey::generate().unwrap(), None).unwrap();
        for text in [
            "",
            "not a key",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            fs::write(&file.path, text).unwrap();
            let error = file.open(None).unwrap_err();
            assert!(matches!(error, KeyError::NotAKey { .. }), "{text:?}: {error}");
        }
        fs::write(keys.path().join("notes.pem"), "").unwrap();
        assert_eq!(keys.list().unwrap().len(), 1);
    }
}
