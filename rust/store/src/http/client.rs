// SPDX-License-Identifier: MIT
//! The connections below an origin.

use std::error::Error as _;
#[cfg(target_os = "linux")]
use std::sync::LazyLock;

use reqwest::header::{ACCEPT_ENCODING, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Identity};

use super::address::OriginError;
use super::options::{HttpOptions, ProxyChoice, ServerTrust};

/// Builds a client. Redirects are followed by the origin, which knows what may go where.
pub(super) fn build(options: &HttpOptions, with_identity: bool) -> Result<Client, OriginError> {
    // Proxies and caches are asked not to compress, because the bytes' length and hash are known.
    let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static("identity"))]);
    let mut builder = Client::builder()
        .redirect(Policy::none())
        .referer(false)
        .default_headers(headers)
        .user_agent(&options.user_agent)
        .connect_timeout(options.connect_timeout)
        .pool_max_idle_per_host(options.permits())
        .pool_idle_timeout(std::time::Duration::from_secs(60));
    if let ProxyChoice::Direct = options.proxy {
        builder = builder.no_proxy();
    }
    builder = match &options.trust {
        ServerTrust::System => trust_the_system(builder),
        ServerTrust::Only(pem) => builder.tls_certs_only(authorities(pem)?),
        ServerTrust::UnsafeAnyone => builder.tls_danger_accept_invalid_certs(true),
    };
    if let Some(pem) = options.identity.as_ref().filter(|_| with_identity) {
        let identity = Identity::from_pem(pem.expose().as_bytes());
        builder = builder.identity(identity.map_err(|error| OriginError::Identity(describe(&error)))?);
    }
    builder
        .build()
        .map_err(|error| OriginError::Client(describe(&error)))
}

/// Takes the certificates that the system trusts, read once for all clients of this process.
///
/// Reading and decoding some hundred files for each client costs more than a check for updates does.
#[cfg(target_os = "linux")]
fn trust_the_system(builder: ClientBuilder) -> ClientBuilder {
    static TRUSTED: LazyLock<Vec<Certificate>> = LazyLock::new(|| {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "a certificate of the system cannot be read");
        }
        let certificates = found.certs.iter();
        certificates
            .filter_map(|certificate| Certificate::from_der(certificate).ok())
            .collect()
    });
    match TRUSTED.is_empty() {
        // Then the client says what is wrong, should encryption be needed.
        true => builder,
        false => builder.tls_certs_only(TRUSTED.iter().cloned()),
    }
}

/// Other systems are asked about each certificate as it comes.
#[cfg(not(target_os = "linux"))]
fn trust_the_system(builder: ClientBuilder) -> ClientBuilder {
    builder
}

/// Returns what went wrong in a few words, without the address, which may hold a signature.
pub(super) fn describe(error: &reqwest::Error) -> String {
    let mut innermost = None;
    let mut source = error.source();
    while let Some(inner) = source {
        innermost = Some(inner.to_string());
        source = inner.source();
    }
    let what = match error {
        _ if error.is_dns() => "the server's name was not found",
        _ if error.is_connect() => "no connection",
        _ if error.is_timeout() => "time-out",
        _ if error.is_body() || error.is_decode() => "connection lost",
        _ if error.is_builder() => "not usable",
        _ => "request failed",
    };
    match innermost {
        Some(inner) => format!("{what} ({})", inner.trim_end_matches('.')),
        None => what.to_owned(),
    }
}

fn authorities(pem: &[u8]) -> Result<Vec<Certificate>, OriginError> {
    let found = Certificate::from_pem_bundle(pem);
    let found = found.map_err(|error| OriginError::Authorities(describe(&error)))?;
    match found.is_empty() {
        true => Err(OriginError::Authorities(
            "there is no certificate in it".to_owned(),
        )),
        false => Ok(found),
    }
}
