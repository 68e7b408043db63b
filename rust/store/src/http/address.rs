// SPDX-License-Identifier: MIT
//! A base address and its credentials, and what of them may be shown.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap, HeaderName, HeaderValue};
use url::{Host, Url};

use super::options::{Auth, HttpOptions, Secret};

/// An [`HttpOrigin`](super::HttpOrigin) that cannot be set up.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum OriginError {
    /// Not an `http` or `https` address with a host.
    #[error("{0:?} is not an http or https address")]
    Address(String),
    /// Plain HTTP to another machine without [`HttpOptions::allow_http`].
    #[error("{0} is not encrypted; use https, or allow http for this address")]
    NotEncrypted(String),
    /// A token, password or cookie with characters that no header can carry.
    #[error("the {0} has characters that cannot be sent in a header")]
    Header(&'static str),
    /// The client certificate or its key.
    #[error("the client certificate cannot be used: {0}")]
    Identity(String),
    /// The certificates of the authorities to trust.
    #[error("the certificate authorities cannot be used: {0}")]
    Authorities(String),
    /// TLS or the proxy settings.
    #[error("set up the HTTP client: {0}")]
    Client(String),
}

/// Splits the address into what is requested and the credentials.
pub(super) fn parse_base(text: &str, options: &HttpOptions) -> Result<(Url, Auth), OriginError> {
    let refuse = || OriginError::Address(redacted(text));
    let mut base = Url::parse(text).map_err(|_| refuse())?;
    if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
        return Err(refuse());
    }
    let mut auth = options.auth.clone();
    if !base.username().is_empty() || base.password().is_some() {
        if !auth.is_some() {
            auth = Auth::Basic {
                user: percent_decoded(base.username()),
                password: Secret::new(percent_decoded(base.password().unwrap_or_default())),
            };
        }
        // These fail only for addresses without a host.
        let _ = base.set_username("");
        let _ = base.set_password(None);
    }
    base.set_fragment(None);
    Ok((base, auth))
}

/// Returns the headers that carry credentials, marked as secret.
pub(super) fn credentials(auth: &Auth, cookie: Option<&Secret>) -> Result<HeaderMap, OriginError> {
    let mut headers = HeaderMap::new();
    let mut insert = |name: HeaderName, what, text: String| {
        let mut value = HeaderValue::from_str(&text).map_err(|_| OriginError::Header(what))?;
        value.set_sensitive(true);
        headers.insert(name, value);
        Ok(())
    };
    match auth {
        Auth::None => {}
        Auth::Bearer(token) => insert(AUTHORIZATION, "token", format!("Bearer {}", token.expose()))?,
        Auth::Header(value) => insert(AUTHORIZATION, "authorization header", value.expose().to_owned())?,
        Auth::Basic { user, password } => {
            let pair = BASE64_STANDARD.encode(format!("{user}:{}", password.expose()));
            insert(AUTHORIZATION, "password", format!("Basic {pair}"))?;
        }
    }
    if let Some(cookie) = cookie {
        insert(COOKIE, "cookie", cookie.expose().to_owned())?;
    }
    Ok(headers)
}

/// Returns `url` without credentials, query and fragment.
pub(super) fn public_name(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    // These fail only for addresses without a host, which have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

/// Returns what may be shown of text that is no address: nothing before an `@`, nothing behind a `?`.
fn redacted(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let text = text.rsplit('@').next().unwrap_or_default();
    text.chars().take(MAX_SHOWN).collect()
}

fn percent_decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}

/// Tells whether nothing can listen between here and `host`.
pub(super) fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name.eq_ignore_ascii_case("localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

const MAX_SHOWN: usize = 200;
