// SPDX-License-Identifier: MIT
//! `--cert`, `--key`, `--client-ca`: serving over TLS.

use std::path::Path;
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use vsekai_desync::{DesyncError, read_small};
use vsekai_server::http::desync::{Handshake, Stream};

/// Returns the handshake of a server with this certificate; with `client_ca`, clients need one of theirs.
pub(super) fn handshake(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Handshake, DesyncError> {
    let config = config(cert, key, client_ca)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    Ok(Arc::new(move |stream| {
        let accepting = acceptor.accept(stream);
        Box::pin(async move { Ok(Box::new(accepting.await?) as Box<dyn Stream>) })
    }))
}

fn config(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<ServerConfig, DesyncError> {
    let refuse = |path: &Path, reason: String| {
        DesyncError::Usage(format!("{} cannot be used: {reason}", path.display()))
    };
    let certificates = certificates(cert)?;
    let private = PrivateKeyDer::from_pem_slice(&read_small(key)?)
        .map_err(|error| refuse(key, pem_reason(error, "a private key")))?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| DesyncError::Internal(error.to_string()))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let mut roots = RootCertStore::empty();
            for authority in self::certificates(path)? {
                roots
                    .add(authority)
                    .map_err(|error| refuse(path, error.to_string()))?;
            }
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            let verifier = verifier
                .build()
                .map_err(|error| refuse(path, error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let mut config = builder
        .with_single_cert(certificates, private)
        .map_err(|error| refuse(cert, error.to_string()))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, DesyncError> {
    let bytes = read_small(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let reason = match found {
        Ok(found) if !found.is_empty() => return Ok(found),
        Ok(_) => "it holds no certificate in PEM".to_owned(),
        Err(error) => pem_reason(error, "a certificate"),
    };
    Err(DesyncError::Usage(format!(
        "{} cannot be used: {reason}",
        path.display()
    )))
}

fn pem_reason(error: pem::Error, wanted: &str) -> String {
    match error {
        pem::Error::NoItemsFound => format!("it holds no {} in PEM", wanted.trim_start_matches("a ")),
        other => other.to_string(),
    }
}
