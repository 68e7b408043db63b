// SPDX-License-Identifier: MIT
//! desync's configuration file: options for stores, by location.
//!
//! Pure: the caller reads the file and makes local paths absolute.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::format::StoreFormat;
use crate::http::{Auth, HttpOptions, Secret, ServerTrust};

/// The whole configuration file. Keys it does not know are ignored, as desync does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Config {
    /// S3 credentials by `http(s)://host[:port]`.
    pub s3_credentials: BTreeMap<String, S3Credentials>,
    /// Store options by location, which may be a glob.
    pub store_options: BTreeMap<String, StoreOptions>,
}

/// Credentials of one S3 server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct S3Credentials {
    /// The access key's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_key: Option<String>,
    /// The access key's secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key: Option<Secret>,
    /// A session token; not part of desync's file.
    #[serde(skip)]
    pub session_token: Option<Secret>,
    /// A file in the format of `~/.aws/credentials`, used where the two keys are not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_credentials_file: Option<PathBuf>,
    /// The section of that file; `default` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_profile: Option<String>,
    /// The region; `us-east-1` if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws_region: Option<String>,
}

/// Options of one store, each as desync knows it. What is not given keeps the program's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct StoreOptions {
    /// Read and kept, without effect: the command line says how many chunks are worked on at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<i64>,
    /// Nanoseconds for one request with its body; 0 is the default, less than 0 no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<i64>,
    /// Attempts in all; 1 and less mean one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_retry: Option<i64>,
    /// Nanoseconds of the first wait between attempts; 0 and less mean none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_retry_base_interval: Option<i64>,
    /// A file with the client's certificate, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_cert: Option<PathBuf>,
    /// A file with the certificate's key, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key: Option<PathBuf>,
    /// A file with the only authorities to trust, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_cert: Option<PathBuf>,
    /// Accepts any server certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_insecure: Option<bool>,
    /// Read and kept, without effect: a store never hands out bytes it has not checked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skip_verify: Option<bool>,
    /// Chunks are stored as they are, without `.cacnk`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncompressed: Option<bool>,
    /// The `Authorization` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_auth: Option<Secret>,
    /// The `Cookie` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http_cookie: Option<Secret>,
    /// Chunks are encrypted, which is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<bool>,
    /// How they are encrypted; kept, as the program that wrote the file needs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption_algorithm: Option<String>,
    /// The key; kept for the same reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption_key: Option<Secret>,
}

/// A configuration that cannot be used.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// Not the JSON it should be.
    #[error("the configuration cannot be read: {0}")]
    Syntax(String),
    /// Two keys of `store-options` match one location.
    #[error("the configuration has options for {location} under both {first:?} and {second:?}")]
    Ambiguous {
        /// The location.
        location: String,
        /// The first key.
        first: String,
        /// The second key.
        second: String,
    },
}

impl Config {
    /// Reads a configuration file's content.
    ///
    /// # Errors
    /// [`ConfigError::Syntax`] says where.
    pub fn parse(json: &[u8]) -> Result<Self, ConfigError> {
        serde_json::from_slice(json).map_err(|error| ConfigError::Syntax(error.to_string()))
    }

    /// Returns the options for `location`, the defaults if there are none.
    ///
    /// A key matches if it is equal or a glob (`*` and `?` within one path component, `[a-z]`, `\`); one `/` at
    /// the end of an address does not count. Local paths must be absolute already.
    ///
    /// # Errors
    /// [`ConfigError::Ambiguous`] if several keys match.
    pub fn options_for(&self, location: &str) -> Result<StoreOptions, ConfigError> {
        let wanted = without_slash(location);
        let mut found: Option<(&String, &StoreOptions)> = None;
        for (key, options) in &self.store_options {
            let pattern = without_slash(key);
            if pattern != wanted && !glob(pattern, wanted) {
                continue;
            }
            if let Some((first, _)) = found {
                return Err(ConfigError::Ambiguous {
                    location: public(location),
                    first: public(first),
                    second: public(key),
                });
            }
            found = Some((key, options));
        }
        Ok(found.map(|(_, options)| options.clone()).unwrap_or_default())
    }
}

impl StoreOptions {
    /// Returns these options, and `other`'s where these say nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            n: self.n.or(other.n),
            timeout: self.timeout.or(other.timeout),
            error_retry: self.error_retry.or(other.error_retry),
            error_retry_base_interval: self.error_retry_base_interval.or(other.error_retry_base_interval),
            client_cert: self.client_cert.or(other.client_cert),
            client_key: self.client_key.or(other.client_key),
            ca_cert: self.ca_cert.or(other.ca_cert),
            trust_insecure: self.trust_insecure.or(other.trust_insecure),
            skip_verify: self.skip_verify.or(other.skip_verify),
            uncompressed: self.uncompressed.or(other.uncompressed),
            http_auth: self.http_auth.or(other.http_auth),
            http_cookie: self.http_cookie.or(other.http_cookie),
            encryption: self.encryption.or(other.encryption),
            encryption_algorithm: self.encryption_algorithm.or(other.encryption_algorithm),
            encryption_key: self.encryption_key.or(other.encryption_key),
        }
    }

    /// Returns `http` with these options in place of its own where they are given.
    ///
    /// Certificates are files; whoever opens the store reads them.
    pub fn apply(&self, mut http: HttpOptions) -> HttpOptions {
        match self.timeout {
            None | Some(0) => {}
            Some(timeout) => http.total_timeout = u64::try_from(timeout).ok().map(Duration::from_nanos),
        }
        if let Some(attempts) = self.error_retry {
            http.retry.attempts = u32::try_from(attempts.max(1)).unwrap_or(u32::MAX);
        }
        if let Some(base) = self.error_retry_base_interval {
            http.retry.base = Duration::from_nanos(u64::try_from(base).unwrap_or_default());
            http.retry.max_delay = http.retry.max_delay.max(http.retry.base);
        }
        if self.trust_insecure == Some(true) {
            http.trust = ServerTrust::UnsafeAnyone;
        }
        if let Some(auth) = self.http_auth.clone() {
            http.auth = Auth::Header(auth);
        }
        if let Some(cookie) = self.http_cookie.clone() {
            http.cookie = Some(cookie);
        }
        http
    }

    /// Returns `format` with the compression these options ask for.
    pub fn format(&self, format: StoreFormat) -> StoreFormat {
        StoreFormat {
            compressed: self
                .uncompressed
                .map_or(format.compressed, |uncompressed| !uncompressed),
            ..format
        }
    }
}

/// Matches as Go's `path.Match` does; a pattern that is not well formed matches nothing.
fn glob(pattern: &str, text: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    let (mut p, mut t) = (0, 0);
    // Where to go on when the text after the last `*` does not fit: one character further.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(p) == Some(&'*') {
            star = Some((p + 1, t));
            p += 1;
            continue;
        }
        if let Some(matched) = pattern.get(p..).and_then(|rest| step(rest, text.get(t))) {
            p += matched;
            t += 1;
            continue;
        }
        if p == pattern.len() && t == text.len() {
            return true;
        }
        match star {
            Some((after, start)) if text.get(start).is_some_and(|c| *c != '/') => {
                star = Some((after, start + 1));
                (p, t) = (after, start + 1);
            }
            _ => return false,
        }
    }
}

/// Matches one character and returns the length of the pattern's part that did.
fn step(pattern: &[char], c: Option<&char>) -> Option<usize> {
    let c = *c?;
    match *pattern.first()? {
        '?' if c != '/' => Some(1),
        '?' => None,
        '[' => class(pattern, c),
        '\\' => (pattern.get(1) == Some(&c)).then_some(2),
        literal => (literal == c).then_some(1),
    }
}

/// Matches `[abc]`, `[a-z]` and `[^a-z]`.
fn class(pattern: &[char], c: char) -> Option<usize> {
    let negated = pattern.get(1) == Some(&'^');
    let mut at = if negated { 2 } else { 1 };
    let mut found = false;
    let first = at;
    loop {
        if *pattern.get(at)? == ']' && at > first {
            return (found != negated && c != '/').then_some(at + 1);
        }
        let low = literal(pattern, &mut at)?;
        let mut high = low;
        if pattern.get(at) == Some(&'-') {
            at += 1;
            high = literal(pattern, &mut at)?;
        }
        found |= (low..=high).contains(&c);
    }
}

fn literal(pattern: &[char], at: &mut usize) -> Option<char> {
    match pattern.get(*at)? {
        '\\' => *at += 1,
        // Go wants these escaped inside of brackets.
        '-' | ']' => return None,
        _ => {}
    }
    let c = *pattern.get(*at)?;
    *at += 1;
    Some(c)
}

fn without_slash(location: &str) -> &str {
    match location.contains("://") {
        true => location.strip_suffix('/').unwrap_or(location),
        false => location,
    }
}

/// Returns a location as it may be shown: without query and credentials.
fn public(location: &str) -> String {
    let location = location.split('?').next().unwrap_or_default();
    match (location.split_once("://"), location.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, rest))) => format!("{scheme}://{rest}"),
        _ => location.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str = r#"{
        "s3-credentials": {"https://s3.example": {"access-key": "k", "secret-key": "s", "aws-region": "r"}},
        "oci-credentials": {},
        "store-options": {
            "https://a.example/store/": {
                "timeout": 5000000000, "error-retry": 7, "error-retry-base-interval": 250000000,
                "client-cert": "/c.pem", "client-key": "/k.pem", "ca-cert": "/ca.pem",
                "http-auth": "Bearer x", "http-cookie": "c=1", "uncompressed": true, "n": 4
            },
            "https://*.example/open": {"trust-insecure": true, "timeout": -1},
            "/srv/*": {"uncompressed": true}
        }
    }"#;

    fn options(location: &str) -> StoreOptions {
        Config::parse(EXAMPLE.as_bytes())
            .unwrap()
            .options_for(location)
            .unwrap()
    }

    #[test]
    fn options_of_desyncs_file_reach_the_client() {
        for location in ["https://a.example/store", "https://a.example/store/"] {
            let options = options(location);
            let http = options.apply(HttpOptions::default());
            assert_eq!(http.total_timeout, Some(Duration::from_secs(5)));
            assert_eq!(
                (http.retry.attempts, http.retry.base),
                (7, Duration::from_millis(250))
            );
            assert!(matches!(http.auth, Auth::Header(auth) if auth.expose() == "Bearer x"));
            assert_eq!(http.cookie, Some(Secret::from("c=1")));
            assert!(matches!(http.trust, ServerTrust::System));
            assert!(!options.format(StoreFormat::default()).compressed);
            assert_eq!(options.ca_cert, Some(PathBuf::from("/ca.pem")));
        }
        let open = options("https://b.example/open").apply(HttpOptions {
            total_timeout: Some(Duration::from_secs(1)),
            ..HttpOptions::default()
        });
        assert_eq!(open.total_timeout, None);
        assert!(matches!(open.trust, ServerTrust::UnsafeAnyone));
    }

    #[test]
    fn numbers_below_zero_mean_what_they_mean_to_desync() {
        let json =
            br#"{"store-options": {"http://h/": {"error-retry": -1, "error-retry-base-interval": -5}}}"#;
        let config = Config::parse(json).unwrap();
        let http = config
            .options_for("http://h")
            .unwrap()
            .apply(HttpOptions::default());
        assert_eq!((http.retry.attempts, http.retry.base), (1, Duration::ZERO));
    }

    #[test]
    fn locations_without_options_get_the_defaults() {
        for location in [
            "https://c.example/x",
            "/srv/a/b",
            "/other",
            "https://a.example/store//",
        ] {
            assert_eq!(options(location), StoreOptions::default(), "{location}");
        }
        assert_eq!(options("/srv/a").uncompressed, Some(true));
    }

    #[test]
    fn two_keys_for_one_location_are_refused_without_showing_secrets() {
        let json = br#"{"store-options": {"http://u:p@h/*": {}, "http://u:p@h/a": {}}}"#;
        let error = Config::parse(json)
            .unwrap()
            .options_for("http://u:p@h/a")
            .unwrap_err();
        assert!(!error.to_string().contains("u:p"), "{error}");
    }

    #[test]
    fn secrets_are_written_to_the_file_and_never_to_messages() {
        let config = Config::parse(EXAMPLE.as_bytes()).unwrap();
        assert!(!format!("{config:?}").contains("Bearer x"));
        let written = serde_json::to_vec(&config).unwrap();
        assert_eq!(Config::parse(&written).unwrap(), config);
    }

    #[test]
    fn bad_json_is_refused_with_its_place() {
        let error = Config::parse(b"{\"store-options\": 1}").unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
        assert_eq!(Config::parse(b"{}").unwrap(), Config::default());
    }

    #[test]
    fn globs_match_as_gos_do() {
        let cases = [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/fff", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a/b", false),
            ("a[^x]b", "a/b", false),
            ("[\\]a]", "]", true),
            ("[-]", "-", false),
            ("[", "a", false),
            ("a[", "a", false),
            ("*x", "xxx", true),
            ("", "", true),
            ("", "a", false),
            ("a", "", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(glob(pattern, text), expected, "{pattern} on {text}");
        }
    }

    /// The same by trying everything, for patterns of literals, `*` and `?`.
    fn slow_glob(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) if slow_glob(rest, text) => true,
            (['*', ..], [c, text @ ..]) => *c != '/' && slow_glob(pattern, text),
            (['?', rest @ ..], [c, text @ ..]) => *c != '/' && slow_glob(rest, text),
            ([p, rest @ ..], [c, text @ ..]) => p == c && slow_glob(rest, text),
            _ => false,
        }
    }

    proptest::proptest! {
        #[test]
        fn globs_match_as_trying_everything_does(pattern in "[ab/*?]{0,8}", text in "[ab/]{0,8}") {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            proptest::prop_assert_eq!(glob(&pattern, &text), slow_glob(&chars(&pattern), &chars(&text)));
        }

        #[test]
        fn any_pattern_ends(pattern in r"[ab\\\[\]^*?-]{0,12}", text in "[ab/]{0,8}") {
            glob(&pattern, &text);
        }
    }
}
