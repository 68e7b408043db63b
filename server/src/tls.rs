// SPDX-License-Identifier: MIT
//! Serving over TLS with a certificate that is read again when it changes, without a connection being dropped.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use vsekai_store::bounded;

use crate::http::accept::{Handshake, Stream};

/// Where a server's certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate and those between it and its authority, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// Authorities whose certificates clients must have, in PEM; clients need none if absent.
    pub client_authorities: Option<PathBuf>,
}

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("read the certificate: {0}")]
    Io(#[from] io::Error),
    /// A file is not what it should be.
    #[error("{path} cannot be used: {reason}", path = path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The library for TLS refuses its own settings.
    #[error("set up TLS: {0}")]
    Internal(String),
}

/// A certificate in use, and the files it came from.
#[derive(Debug)]
pub struct Certificate {
    files: TlsFiles,
    in_use: Mutex<InUse>,
}

#[derive(Debug)]
struct InUse {
    config: Arc<ServerConfig>,
    /// SHA-256 of the files, so that reading them again is seen to change nothing.
    digest: [u8; 32],
}

impl Certificate {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// They cannot be read, or do not belong together.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let in_use = read(&files)?;
        Ok(Self {
            files,
            in_use: Mutex::new(in_use),
        })
    }

    /// Reads the files again and uses them for connections from now on; tells whether they have changed. This blocks
    /// on the disk.
    ///
    /// # Errors
    /// They cannot be used; the certificate before stays in use.
    pub fn reload(&self) -> Result<bool, TlsError> {
        if digest(&self.files)? == self.in_use().digest {
            return Ok(false);
        }
        let new = read(&self.files)?;
        *self.in_use() = new;
        Ok(true)
    }

    /// Returns the handshake for connections that were accepted. Each uses the certificate of its beginning.
    pub fn handshake(self: &Arc<Self>) -> Handshake {
        let certificate = self.clone();
        Arc::new(move |stream| {
            let acceptor = TlsAcceptor::from(certificate.in_use().config.clone());
            Box::pin(async move { Ok(Box::new(acceptor.accept(stream).await?) as Box<dyn Stream>) })
        })
    }

    fn in_use(&self) -> MutexGuard<'_, InUse> {
        self.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(files: &TlsFiles) -> Result<InUse, TlsError> {
    // Before the files are used: a change in between is seen the next time.
    let digest = digest(files)?;
    Ok(InUse {
        config: Arc::new(config(files)?),
        digest,
    })
}

fn digest(files: &TlsFiles) -> Result<[u8; 32], TlsError> {
    let mut hasher = Sha256::new();
    for path in [
        Some(&files.certificate),
        Some(&files.key),
        files.client_authorities.as_ref(),
    ]
    .into_iter()
    .flatten()
    {
        let bytes = bounded::read_file(path, MAX_BYTES)?;
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
    Ok(hasher.finalize().into())
}

fn config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let certificates = certificates(&files.certificate)?;
    let private = PrivateKeyDer::from_pem_slice(&bounded::read_file(&files.key, MAX_BYTES)?)
        .map_err(|error| unusable(&files.key, pem_reason(error, "a private key")))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Internal(error.to_string()))?;
    let builder = match &files.client_authorities {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in self::certificates(path)? {
                roots
                    .add(authority)
                    .map_err(|error| unusable(path, error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = verifier
                .build()
                .map_err(|error| unusable(path, error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(certificates, private)
        .map_err(|error| unusable(&files.certificate, error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = bounded::read_file(path, MAX_BYTES)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(unusable(path, "it holds no certificate in PEM".to_owned())),
        Err(error) => Err(unusable(path, pem_reason(error, "a certificate"))),
    }
}

fn unusable(path: &Path, reason: String) -> TlsError {
    TlsError::Unusable {
        path: path.to_owned(),
        reason,
    }
}

fn pem_reason(error: pem::Error, wanted: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("it holds no {} in PEM", wanted.trim_start_matches("a ")),
        other => other.to_string(),
    }
}

/// Longest file of certificates or keys.
const MAX_BYTES: usize = 1 << 20;
