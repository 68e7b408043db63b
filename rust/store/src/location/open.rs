// SPDX-License-Identifier: MIT
//! From locations to stores.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{IndexLocation, Location, LocationError, S3Location, StoreLocation};
use crate::bounded;
use crate::config::{Config, ConfigError, S3Credentials, StoreOptions};
use crate::error::StoreError;
use crate::format::StoreFormat;
use crate::http::{HttpOptions, HttpOrigin, HttpStore, OriginError, Secret, ServerTrust};
use crate::index::{HttpIndexStore, IndexStore, LocalIndexStore};
use crate::local::{LocalStore, Naming};
use crate::{Cache, ChunkStore, Failover, PruneStore, Router, WriteStore};

/// Opens stores by their locations, all with the same settings.
#[derive(Clone, Debug, Default)]
pub struct StoreOpener {
    /// The format of stores the configuration says nothing about.
    pub format: StoreFormat,
    /// The settings of HTTP and S3 stores the configuration says nothing about.
    pub http: HttpOptions,
    /// Options by location.
    pub config: Config,
    /// Options of every store that go before those of the configuration, as a command line's do.
    pub given: StoreOptions,
    /// S3 credentials that go before those of the configuration, as the environment's do.
    pub s3: Option<S3Credentials>,
    /// The folder that relative paths start from when they are looked up in the configuration.
    pub working_folder: Option<PathBuf>,
}

/// A store that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The location.
    #[error(transparent)]
    Location(#[from] LocationError),
    /// Its options.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its address or credentials.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// Its folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A certificate, key or credentials file.
    #[error("read {what}: {source}")]
    File {
        /// What it should hold.
        what: &'static str,
        /// The file error, with its path.
        source: io::Error,
    },
    /// Two options that need each other, or one that is not supported.
    #[error("the options of {location} cannot be used: {reason}")]
    Options {
        /// The store.
        location: String,
        /// What is wrong.
        reason: String,
    },
    /// A group where only one store will do.
    #[error("{0} is a group of stores; only a single one can be {1}")]
    Group(String, &'static str),
    /// A kind of store that cannot do what is wanted.
    #[error("{0} cannot be {1}")]
    Kind(String, &'static str),
}

impl StoreOpener {
    /// Opens a store or group to read from.
    ///
    /// # Errors
    /// [`OpenError`]; no connection is made yet, so a server's absence is not noticed here.
    pub fn open(&self, location: &str) -> Result<Arc<dyn ChunkStore>, OpenError> {
        let location = StoreLocation::parse(location)?;
        let mut members = Vec::new();
        for member in location.members() {
            members.push(self.open_one(member)?);
        }
        match members.len() {
            1 => Ok(members.remove(0)),
            _ => Ok(Arc::new(Failover::new(members))),
        }
    }

    /// Opens several stores as one that asks them in order, with a cache in front if one is given.
    ///
    /// # Errors
    /// As [`StoreOpener::open`] and [`StoreOpener::open_writable`].
    pub fn open_all(&self, stores: &[String], cache: Option<&str>) -> Result<Arc<dyn ChunkStore>, OpenError> {
        let mut opened = Vec::new();
        for store in stores {
            opened.push(self.open(store)?);
        }
        let source: Arc<dyn ChunkStore> = match opened.len() {
            1 => opened.remove(0),
            _ => Arc::new(Router::new(opened)),
        };
        match cache {
            Some(cache) => Ok(Arc::new(Cache::new(self.open_cache(cache)?, source))),
            None => Ok(source),
        }
    }

    /// Opens a store to write to, which must not be a group. Chunks get their names in it when they survive a
    /// power cut.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_writable(&self, location: &str) -> Result<Arc<dyn WriteStore>, OpenError> {
        self.open_writer(location, Naming::OnceDurable)
    }

    /// Opens a store to keep chunks in that can be got again.
    fn open_cache(&self, location: &str) -> Result<Arc<dyn WriteStore>, OpenError> {
        self.open_writer(location, Naming::AtOnce)
    }

    fn open_writer(&self, location: &str, naming: Naming) -> Result<Arc<dyn WriteStore>, OpenError> {
        match single(location, "written to")? {
            Location::Folder(path) => Ok(Arc::new(self.open_folder_naming(&path, naming)?)),
            Location::Http(url) => Ok(Arc::new(self.open_http(&url)?)),
            Location::S3(s3) => self.open_s3(&s3),
        }
    }

    /// Opens a store to list and remove chunks in: a folder or a bucket.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_prunable(&self, location: &str) -> Result<Arc<dyn PruneStore>, OpenError> {
        match single(location, "pruned")? {
            Location::Folder(path) => Ok(Arc::new(self.open_folder(&path)?)),
            Location::S3(s3) => self.open_prunable_s3(&s3),
            other => Err(OpenError::Kind(other.to_string(), "pruned")),
        }
    }

    /// Opens a folder store as such.
    ///
    /// # Errors
    /// [`OpenError::Kind`] for anything else.
    pub fn open_local(&self, location: &str) -> Result<LocalStore, OpenError> {
        match single(location, "used as a folder")? {
            Location::Folder(path) => self.open_folder(&path),
            other => Err(OpenError::Kind(other.to_string(), "used as a folder")),
        }
    }

    /// Opens the store of an index.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_index(&self, location: &IndexLocation) -> Result<Arc<dyn IndexStore>, OpenError> {
        match &location.store {
            Location::Folder(path) => Ok(Arc::new(LocalIndexStore::new(path))),
            Location::Http(url) => Ok(Arc::new(HttpIndexStore::new(self.origin(url)?))),
            Location::S3(s3) => self.open_index_s3(s3),
        }
    }

    fn open_one(&self, location: &Location) -> Result<Arc<dyn ChunkStore>, OpenError> {
        match location {
            Location::Folder(path) => Ok(Arc::new(self.open_folder(path)?)),
            Location::Http(url) => Ok(Arc::new(self.open_http(url)?)),
            Location::S3(s3) => self.open_readable_s3(s3),
        }
    }

    fn open_folder(&self, path: &Path) -> Result<LocalStore, OpenError> {
        self.open_folder_naming(path, Naming::AtOnce)
    }

    fn open_folder_naming(&self, path: &Path, naming: Naming) -> Result<LocalStore, OpenError> {
        let absolute = match &self.working_folder {
            Some(folder) => folder.join(path),
            None => path.to_owned(),
        };
        let options = self.options(&Location::Folder(absolute))?;
        Ok(LocalStore::open_naming(
            path,
            options.format(self.format),
            naming,
        )?)
    }

    fn open_http(&self, url: &str) -> Result<HttpStore, OpenError> {
        let options = self.options(&Location::Http(url.to_owned()))?;
        Ok(HttpStore::new(self.origin(url)?, options.format(self.format)))
    }

    fn origin(&self, url: &str) -> Result<HttpOrigin, OpenError> {
        let location = Location::Http(url.to_owned());
        let options = self.options(&location)?;
        let http = self.http_options(&location, &options)?;
        Ok(HttpOrigin::new(url, http)?)
    }

    fn options(&self, location: &Location) -> Result<StoreOptions, OpenError> {
        let options = self.given.clone().or(self.config.options_for(&location.key())?);
        let names_cipher = options.encryption_algorithm.is_some() || options.encryption_key.is_some();
        if options.encryption == Some(true) || names_cipher {
            return Err(OpenError::Options {
                location: location.to_string(),
                reason: "encrypted chunks are not supported; use a store without encryption".to_owned(),
            });
        }
        Ok(options)
    }

    fn http_options(&self, location: &Location, options: &StoreOptions) -> Result<HttpOptions, OpenError> {
        let mut http = options.apply(self.http.clone());
        match (&options.client_cert, &options.client_key) {
            (None, None) => {}
            (Some(certificate), Some(key)) => {
                let certificate = read_text("the client certificate", certificate)?;
                let key = read_text("the client certificate's key", key)?;
                http.identity = Some(Secret::new(format!("{certificate}\n{key}")));
            }
            _ => {
                return Err(OpenError::Options {
                    location: location.to_string(),
                    reason: "client-cert and client-key must be given together".to_owned(),
                });
            }
        }
        if let Some(path) = options
            .ca_cert
            .as_ref()
            .filter(|_| options.trust_insecure != Some(true))
        {
            let authorities = read_text("the certificate authorities", path)?;
            http.trust = ServerTrust::Only(authorities.into_bytes());
        }
        Ok(http)
    }
}

#[cfg(feature = "s3")]
impl StoreOpener {
    fn s3(&self, location: &S3Location) -> Result<crate::s3::S3Store, OpenError> {
        let key = Location::S3(location.clone());
        let options = self.options(&key)?;
        let http = self.http_options(&key, &options)?;
        let credentials = match &self.s3 {
            Some(credentials) => credentials.clone(),
            None => self
                .config
                .s3_credentials
                .get(&location.endpoint)
                .cloned()
                .unwrap_or_default(),
        };
        let credentials = crate::s3::resolve(credentials, |path| read_text("the S3 credentials", path))?;
        Ok(crate::s3::S3Store::new(
            location,
            &credentials,
            &http,
            options.format(self.format),
        )?)
    }

    fn open_readable_s3(&self, location: &S3Location) -> Result<Arc<dyn ChunkStore>, OpenError> {
        Ok(Arc::new(self.s3(location)?))
    }

    fn open_s3(&self, location: &S3Location) -> Result<Arc<dyn WriteStore>, OpenError> {
        Ok(Arc::new(self.s3(location)?))
    }

    fn open_prunable_s3(&self, location: &S3Location) -> Result<Arc<dyn PruneStore>, OpenError> {
        Ok(Arc::new(self.s3(location)?))
    }

    fn open_index_s3(&self, location: &S3Location) -> Result<Arc<dyn IndexStore>, OpenError> {
        Ok(Arc::new(self.s3(location)?))
    }
}

#[cfg(not(feature = "s3"))]
impl StoreOpener {
    fn open_readable_s3(&self, location: &S3Location) -> Result<Arc<dyn ChunkStore>, OpenError> {
        Err(without_s3(location))
    }

    fn open_s3(&self, location: &S3Location) -> Result<Arc<dyn WriteStore>, OpenError> {
        Err(without_s3(location))
    }

    fn open_prunable_s3(&self, location: &S3Location) -> Result<Arc<dyn PruneStore>, OpenError> {
        Err(without_s3(location))
    }

    fn open_index_s3(&self, location: &S3Location) -> Result<Arc<dyn IndexStore>, OpenError> {
        Err(without_s3(location))
    }
}

#[cfg(not(feature = "s3"))]
fn without_s3(location: &S3Location) -> OpenError {
    OpenError::Kind(location.to_string(), "opened: this program was built without S3")
}

fn single(location: &str, purpose: &'static str) -> Result<Location, OpenError> {
    let parsed = StoreLocation::parse(location)?;
    match parsed.members() {
        [one] => Ok(one.clone()),
        _ => Err(OpenError::Group(parsed.to_string(), purpose)),
    }
}

fn read_text(what: &'static str, path: &Path) -> Result<String, OpenError> {
    bounded::read_text_file(path, MAX_FILE).map_err(|source| OpenError::File { what, source })
}

/// Certificates and credentials are a few KiB.
const MAX_FILE: usize = 1 << 20;
