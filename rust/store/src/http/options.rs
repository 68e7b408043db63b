// SPDX-License-Identifier: MIT
//! Settings of an HTTP client.

use std::path::Path;
use std::time::Duration;
use std::{fmt, io};

use tokio::sync::Semaphore;

use crate::bounded;
use crate::retry::RetryPolicy;
use crate::throttle::Throttle;

/// Settings of an HTTP client; the default suits downloads by players.
#[derive(Clone, Debug)]
pub struct HttpOptions {
    /// Longest wait for a connection, TLS included.
    pub connect_timeout: Duration,
    /// Longest wait for the answer's head, and then for each next piece of its body. While a long body is sent, up to
    /// twice as long without a piece of it going out.
    pub stall_timeout: Duration,
    /// Longest time for one request with its whole body; time spent on the limit or a pause is not counted.
    ///
    /// `None` leaves slow but steady downloads alone.
    pub total_timeout: Option<Duration>,
    /// When failed requests are sent again.
    pub retry: RetryPolicy,
    /// Credentials, sent to the base address's origin only.
    pub auth: Auth,
    /// A literal `Cookie` header, sent to the base address's origin only.
    pub cookie: Option<Secret>,
    /// A client certificate with its key, both in PEM; offered to the base address's origin only.
    pub identity: Option<Secret>,
    /// Which servers are believed.
    pub trust: ServerTrust,
    /// Whether to go through a proxy.
    pub proxy: ProxyChoice,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Most requests under way at the same time; 0 counts as 1.
    pub max_connections: usize,
    /// Allows addresses without encryption. This machine's own (`localhost`, `127.0.0.1`) are always allowed.
    pub allow_http: bool,
    /// Limit and count of received bytes; clones share it.
    pub throttle: Throttle,
}

impl HttpOptions {
    /// Returns how many requests may be under way, as a semaphore counts them.
    pub(crate) fn permits(&self) -> usize {
        self.max_connections.clamp(1, Semaphore::MAX_PERMITS)
    }
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(15),
            total_timeout: None,
            retry: RetryPolicy::default(),
            auth: Auth::None,
            cookie: None,
            identity: None,
            trust: ServerTrust::System,
            proxy: ProxyChoice::System,
            user_agent: concat!("vsekai/", env!("CARGO_PKG_VERSION")).to_owned(),
            max_connections: 16,
            allow_http: false,
            throttle: Throttle::unlimited(),
        }
    }
}

/// Credentials for the `Authorization` header.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Nothing is sent.
    #[default]
    None,
    /// `Bearer <token>`.
    Bearer(Secret),
    /// `Basic <name and password in base64>`.
    Basic {
        /// The user's name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// The header's whole value, as desync's `http-auth` has it.
    Header(Secret),
}

impl Auth {
    /// Tells whether there are credentials.
    pub fn is_some(&self) -> bool {
        !matches!(self, Self::None)
    }
}

/// Which servers are believed to be who they say.
#[derive(Clone, Debug, Default)]
pub enum ServerTrust {
    /// Those with a certificate the operating system trusts.
    #[default]
    System,
    /// Those with a certificate of these authorities (PEM, one or more) and no others.
    Only(Vec<u8>),
    /// Anyone. Chunks are still checked against their ids, but credentials and requests can be read and
    /// changed on the way.
    UnsafeAnyone,
}

/// Whether requests go through a proxy.
#[derive(Clone, Debug, Default)]
pub enum ProxyChoice {
    /// As the system and its `HTTP_PROXY`, `HTTPS_PROXY` and `NO_PROXY` say.
    #[default]
    System,
    /// Never.
    Direct,
}

/// Text that is never printed: a token, a password, a key. It can be read from and written to a settings file.
#[derive(Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Longest token, in bytes.
    pub const MAX_TOKEN_BYTES: usize = 4096;

    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Returns the token that a text file holds, without the space around it.
    ///
    /// # Errors
    /// The file cannot be read, is no text, has more than [`Secret::MAX_TOKEN_BYTES`] in it, or nothing.
    pub fn token_in(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        match bounded::read_text_file(path, Self::MAX_TOKEN_BYTES)?.trim() {
            "" => {
                let reason = format!("{} has no token in it", path.display());
                Err(io::Error::new(io::ErrorKind::InvalidData, reason))
            }
            text => Ok(Self::new(text)),
        }
    }

    /// Returns the secret, to be sent and not to be printed.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}
