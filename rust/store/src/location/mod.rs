// SPDX-License-Identifier: MIT
//! Where a store is, as desync's commands take it: a folder, an address, or several of them.
//!
//! `a|b|c` is a group whose members hold the same chunks. Kinds of stores this program does not have are
//! refused with a word on what to use instead.

mod open;

use std::fmt;
use std::path::PathBuf;

use url::Url;

pub use open::{OpenError, StoreOpener};

use crate::index::{IndexName, IndexNameError};

/// One store, or a group of stores with the same chunks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLocation(Vec<Location>);

/// The place of one store.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A folder.
    Folder(PathBuf),
    /// Below an `http` or `https` address.
    Http(String),
    /// In an S3 bucket.
    S3(S3Location),
}

/// A place in an S3 bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S3Location {
    /// The server: `http(s)://host[:port]`.
    pub endpoint: String,
    /// The bucket's name.
    pub bucket: String,
    /// What all keys begin with, without slash at either end; may be empty.
    pub prefix: String,
    /// How the bucket is named in requests.
    pub lookup: S3Lookup,
}

/// How the bucket is named in requests to an S3 server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum S3Lookup {
    /// In the host name at Amazon, in the path elsewhere.
    #[default]
    Auto,
    /// In the host name.
    Dns,
    /// In the path.
    Path,
}

/// The place of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexLocation {
    /// The store the index is in.
    pub store: Location,
    /// Its name there.
    pub name: IndexName,
}

/// Text that is no location of a store.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LocationError {
    /// Nothing, or nothing between two `|`.
    #[error("a store's location is empty")]
    Empty,
    /// A kind of store that exists elsewhere.
    #[error("{scheme} stores are not supported; {instead}")]
    NotSupported {
        /// The kind.
        scheme: String,
        /// What to use.
        instead: &'static str,
    },
    /// Another scheme.
    #[error("{0}:// is no kind of store; use a folder, http://, https://, s3+http:// or s3+https://")]
    UnknownScheme(String),
    /// An address without its parts.
    #[error("{address} is not an address of a store: {reason}")]
    Address {
        /// The address without credentials and query.
        address: String,
        /// What is missing.
        reason: &'static str,
    },
    /// The last part of an index's location.
    #[error(transparent)]
    IndexName(#[from] IndexNameError),
}

impl StoreLocation {
    /// Reads a location as desync's `-s` and `-c` take it.
    ///
    /// # Errors
    /// [`LocationError`].
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        text.split('|')
            .map(Location::parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Returns the members, of which there is at least one.
    pub fn members(&self) -> &[Location] {
        &self.0
    }
}

impl Location {
    /// Reads the location of one store.
    ///
    /// # Errors
    /// [`LocationError`].
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        if text.is_empty() {
            return Err(LocationError::Empty);
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return Ok(Self::Folder(PathBuf::from(text)));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => {
                let url = parse_url(text, text)?;
                Ok(Self::Http(url.to_string()))
            }
            "s3+http" | "s3+https" => parse_s3(text).map(Self::S3),
            "ssh" | "sftp" => Err(not_supported(
                scheme,
                "serve the folder over http (for example with chunk-server) or mount it",
            )),
            "gs" => Err(not_supported(
                scheme,
                "use s3+https://storage.googleapis.com/<bucket>/<prefix> with an interoperability key",
            )),
            "oci+http" | "oci+https" => Err(not_supported(
                scheme,
                "put the chunks on a web server, or into S3 with s3+https://",
            )),
            _ => Err(LocationError::UnknownScheme(scheme.chars().take(40).collect())),
        }
    }

    /// Returns the text by which a configuration file knows the location.
    ///
    /// It may hold credentials and is not for messages. A folder's must be absolute to be found.
    pub fn key(&self) -> String {
        match self {
            Self::Folder(path) => path.display().to_string(),
            Self::Http(url) => url.clone(),
            Self::S3(s3) => s3.to_string(),
        }
    }
}

impl IndexLocation {
    /// Splits the location of an index into that of its store and its name.
    ///
    /// A query in an address stays with the store.
    ///
    /// # Errors
    /// [`LocationError`].
    pub fn parse(text: &str) -> Result<Self, LocationError> {
        let (address, query) = match text.split_once('?') {
            Some((address, query)) if text.contains("://") => (address, Some(query)),
            _ => (text, None),
        };
        let is_separator = |c: char| c == '/' || (cfg!(windows) && !text.contains("://") && c == '\\');
        let cut = address.rfind(is_separator).map_or(0, |at| at + 1);
        let (folder, name) = address.split_at(cut);
        let mut store = match folder {
            "" => ".".to_owned(),
            folder => folder.to_owned(),
        };
        if let Some(query) = query {
            store = format!("{store}?{query}");
        }
        Ok(Self {
            store: Location::parse(&store)?,
            name: IndexName::parse(name)?,
        })
    }
}

impl fmt::Display for StoreLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members: Vec<String> = self.0.iter().map(Location::to_string).collect();
        f.write_str(&members.join(" | "))
    }
}

impl fmt::Display for Location {
    /// Shows the place without credentials and query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => path.display().fmt(f),
            Self::Http(url) => f.write_str(&public(url)),
            Self::S3(s3) => s3.fmt(f),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

impl fmt::Display for S3Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3+{}/{}", self.endpoint, self.bucket)?;
        match self.prefix.as_str() {
            "" => Ok(()),
            prefix => write!(f, "/{prefix}"),
        }
    }
}

fn parse_s3(text: &str) -> Result<S3Location, LocationError> {
    let url = parse_url(text.get("s3+".len()..).unwrap_or_default(), text)?;
    let refuse = |reason| LocationError::Address {
        address: public(text),
        reason,
    };
    let mut parts = url.path().trim_matches('/').splitn(2, '/');
    let bucket = parts.next().unwrap_or_default().to_owned();
    if bucket.is_empty() {
        return Err(refuse("the bucket is missing"));
    }
    let lookup = url.query_pairs().find(|(key, _)| key == "lookup");
    let lookup = match lookup.as_ref().map(|(_, value)| value.as_ref()) {
        None | Some("auto" | "") => S3Lookup::Auto,
        Some("dns") => S3Lookup::Dns,
        Some("path") => S3Lookup::Path,
        Some(_) => return Err(refuse("lookup must be auto, dns or path")),
    };
    Ok(S3Location {
        endpoint: url.origin().ascii_serialization(),
        bucket,
        prefix: parts.next().unwrap_or_default().to_owned(),
        lookup,
    })
}

fn parse_url(text: &str, shown: &str) -> Result<Url, LocationError> {
    let url = Url::parse(text).ok().filter(Url::has_host);
    url.ok_or_else(|| LocationError::Address {
        address: public(shown),
        reason: "the host is missing or not valid",
    })
}

fn not_supported(scheme: &str, instead: &'static str) -> LocationError {
    LocationError::NotSupported {
        scheme: scheme.to_ascii_lowercase(),
        instead,
    }
}

/// Returns an address without credentials, query and fragment.
fn public(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = address.split_once("://") else {
        return address.to_owned();
    };
    let (authority, path) = match rest.find('/') {
        Some(slash) => rest.split_at(slash),
        None => (rest, ""),
    };
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Location {
        Location::parse(text).unwrap()
    }

    #[test]
    fn folders_and_addresses_are_told_apart() {
        for path in [
            "store.castr",
            "/srv/store",
            "./a b",
            "C:\\store",
            "C:/store",
            "http:/x",
        ] {
            assert_eq!(one(path), Location::Folder(PathBuf::from(path)));
        }
        assert_eq!(one("HTTP://Host/a"), Location::Http("http://host/a".to_owned()));
        assert_eq!(
            one("https://h/a/?s=1"),
            Location::Http("https://h/a/?s=1".to_owned())
        );
    }

    #[test]
    fn s3_addresses_have_a_server_a_bucket_and_a_prefix() {
        let Location::S3(s3) = one("s3+http://127.0.0.1:9000/bucket/a/b/?lookup=path") else {
            panic!("not S3");
        };
        assert_eq!(s3.endpoint, "http://127.0.0.1:9000");
        assert_eq!((s3.bucket.as_str(), s3.prefix.as_str()), ("bucket", "a/b"));
        assert_eq!(s3.lookup, S3Lookup::Path);
        let Location::S3(s3) = one("s3+https://s3.amazonaws.com/bucket") else {
            panic!("not S3");
        };
        assert_eq!(s3.endpoint, "https://s3.amazonaws.com");
        assert_eq!((s3.prefix.as_str(), s3.lookup), ("", S3Lookup::Auto));
        for bad in [
            "s3+https://host",
            "s3+https://host/",
            "s3+https:///b",
            "s3+http://h/b?lookup=x",
        ] {
            assert!(
                matches!(Location::parse(bad), Err(LocationError::Address { .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn groups_have_members_and_no_gaps() {
        let group = StoreLocation::parse("http://a/s|http://b/s|/srv/store").unwrap();
        assert_eq!(group.members().len(), 3);
        assert_eq!(group.to_string(), "http://a/s | http://b/s | /srv/store");
        for gap in ["", "|", "a|", "|a", "a||b"] {
            assert_eq!(StoreLocation::parse(gap), Err(LocationError::Empty), "{gap}");
        }
    }

    #[test]
    fn other_kinds_are_refused_with_what_to_use_instead() {
        for (text, word) in [
            ("ssh://user@host/path", "chunk-server"),
            ("sftp://host/path", "chunk-server"),
            ("gs://bucket/x", "storage.googleapis.com"),
            ("oci+https://registry/repo", "s3+https"),
            ("ftp://host/x", "s3+https"),
        ] {
            let error = Location::parse(text).unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
    }

    #[test]
    fn nothing_secret_is_shown() {
        let location = one("https://user:secret@host/a?sig=secret#secret");
        assert_eq!(location.to_string(), "https://host/a");
        assert!(!format!("{location:?}").contains("secret"));
        let error = Location::parse("s3+https://user:secret@host/?sig=secret").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        let error = Location::parse("https://user:secret@/x").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn an_index_is_the_last_part_of_its_location() {
        let cases = [
            ("a.caibx", ".", "a.caibx"),
            ("/srv/index/a.caibx", "/srv/index/", "a.caibx"),
            ("/a.caibx", "/", "a.caibx"),
            ("http://h/index/a.caibx?s=1", "http://h/index/?s=1", "a.caibx"),
            ("s3+http://h:1/b/p/a.caibx", "s3+http://h:1/b/p", "a.caibx"),
            ("what?.caibx", ".", "what?.caibx"),
        ];
        for (text, store, name) in cases {
            let found = IndexLocation::parse(text).unwrap();
            assert_eq!(found.store, one(store), "{text}");
            assert_eq!(found.name.as_str(), name);
        }
        for bad in ["", "dir/", "http://h/", "a/..", "ssh://h/a.caibx"] {
            assert!(IndexLocation::parse(bad).is_err(), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in r"(s3\+)?(https?://)?[a-z@:/?#|\\.\[\]%é-]{0,30}") {
            let _ = StoreLocation::parse(&text).map(|location| location.to_string());
            let _ = IndexLocation::parse(&text);
        }

        #[test]
        fn credentials_are_never_shown(path in "[a-z/]{0,10}", scheme in "https?|s3\\+https?|ftp|ssh") {
            let text = format!("{scheme}://user:hidden@host/{path}?sig=hidden");
            let shown = match StoreLocation::parse(&text) {
                Ok(location) => format!("{location} {location:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            proptest::prop_assert!(!shown.contains("hidden"), "{}", shown);
        }
    }
}
