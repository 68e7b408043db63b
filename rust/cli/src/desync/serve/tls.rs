// SPDX-License-Identifier: MIT
//! `--cert`, `--key`, `--client-ca`: serving over TLS.

use std::path::Path;
use std::sync::Arc;

use vsekai_desync::DesyncError;
use vsekai_server::TlsFiles;
use vsekai_server::http::desync::Handshake;
use vsekai_server::tls::{Certificate, TlsError};

/// Returns the handshake of a server with this certificate; with `client_ca`, clients need one of theirs.
pub(super) fn handshake(cert: &Path, key: &Path, client_ca: Option<&Path>) -> Result<Handshake, DesyncError> {
    let files = TlsFiles {
        certificate: cert.to_owned(),
        key: key.to_owned(),
        client_authorities: client_ca.map(Path::to_owned),
    };
    let certificate = Certificate::load(files).map_err(|error| match error {
        TlsError::Io(source) => DesyncError::File {
            action: "read the file",
            source,
        },
        TlsError::Unusable { .. } => DesyncError::Usage(error.to_string()),
        TlsError::Internal(reason) => DesyncError::Internal(reason),
    })?;
    Ok(Arc::new(certificate).handshake())
}
