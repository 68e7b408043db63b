// SPDX-License-Identifier: MIT
//! What a caller decides before an install folder is opened.

use std::path::PathBuf;

use vsekai_formats::release::{Platform, Slug};
use vsekai_store::Secret;

/// Which folder, from where, and how.
///
/// `server`, `title` and `channel` may be `None` for a folder that has been used before: they are kept there.
#[derive(Clone, Debug)]
pub struct InstallConfig {
    /// The install folder; created when something is installed.
    pub root: PathBuf,
    /// Base address of the update server.
    pub server: Option<String>,
    /// The title.
    pub title: Option<Slug>,
    /// The channel to follow.
    pub channel: Option<Slug>,
    /// The title's root, as its publisher gave it out: where trust begins.
    ///
    /// Without one, an install that knows none yet believes the first root the server shows, and keeps it.
    pub trusted_root: Option<Vec<u8>>,
    /// A token for the server's private channels; kept with the install once the server took it, and sent to that
    /// server alone. Without one, the one that is kept counts.
    pub read_token: Option<Secret>,
    /// The platform to install for.
    pub platform: Platform,
    /// Most requests at the same time; how many there are depends on what makes the download faster.
    pub connections: usize,
    /// `User-Agent` of requests.
    pub user_agent: String,
    /// Most bytes read from the network per second, all connections together; `None` for no limit.
    pub rate_limit: Option<u64>,
    /// Whether a release older than the installed one is taken when the channel offers it.
    pub allow_downgrade: bool,
    /// Allows servers without encryption on other machines; this machine's own are always allowed.
    pub allow_http: bool,
    /// Version of the launcher, compared with a release's minimum.
    pub launcher_version: String,
}

impl InstallConfig {
    /// Returns the settings for `root` with everything else at its default.
    pub fn new(root: impl Into<PathBuf>, platform: Platform) -> Self {
        Self {
            root: root.into(),
            server: None,
            title: None,
            channel: None,
            trusted_root: None,
            read_token: None,
            platform,
            connections: DEFAULT_CONNECTIONS,
            user_agent: concat!("vsekai-launcher/", env!("CARGO_PKG_VERSION")).to_owned(),
            rate_limit: None,
            allow_downgrade: false,
            allow_http: false,
            launcher_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// Most requests at the same time unless the caller says otherwise.
///
/// Hosts of static files far away need them all: 48 chunks of 64 KiB in a round trip of 100 ms are 30 MB/s. Our
/// server takes 64 connections from one address.
pub const DEFAULT_CONNECTIONS: usize = 48;
