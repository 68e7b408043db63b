// SPDX-License-Identifier: MIT
//! What commands share: the configuration, opened stores, and indexes read and written.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::spawn_blocking;
use vsekai_formats::chunker::{Buzhash, BuzhashRules, FastCdc};
use vsekai_formats::flags;
use vsekai_formats::index::other_digest;
use vsekai_formats::{ChunkSizes, Chunker, DigestAlgorithm, Index, IndexLimits};
use vsekai_store::config::{Config, S3Credentials};
use vsekai_store::{
    ChunkStore, HttpOptions, IndexLocation, RetryPolicy, Secret, StoreError, StoreFormat, StoreOpener,
    bounded,
};

use crate::args::{ChunkerName, CutArgs, StoreArgs};
use crate::env::Env;
use crate::error::DesyncError;
use crate::files::NewFile;
use crate::transfer::largest_chunk;

/// The settings of one command: its configuration, hash function and credentials.
#[derive(Debug)]
pub struct Session {
    pub(crate) config: Config,
    pub(crate) digest: DigestAlgorithm,
    working_folder: Option<PathBuf>,
    s3: Option<S3Credentials>,
}

impl Session {
    /// Reads the configuration; a file the user names must be there.
    ///
    /// # Errors
    /// The configuration cannot be read.
    pub fn new(
        config_file: Option<PathBuf>,
        digest: DigestAlgorithm,
        env: &Env,
    ) -> Result<Self, DesyncError> {
        let (path, must_exist) = match config_file {
            Some(path) => (Some(path), true),
            None => (default_config_file(env), false),
        };
        let config = match path {
            Some(path) if must_exist || path.exists() => Config::parse(&read_small(&path)?)?,
            _ => Config::default(),
        };
        Ok(Self {
            config,
            digest,
            working_folder: env.working_folder.clone(),
            s3: s3_credentials(env),
        })
    }

    /// Returns what opens stores of the process-wide digest.
    pub fn opener(&self, options: &StoreArgs) -> StoreOpener {
        StoreOpener {
            http: http_options(options),
            given: options.given(),
            s3: self.s3.clone(),
            ..self.local_opener()
        }
    }

    /// As [`Session::opener`], for commands that take folders only.
    pub(crate) fn local_opener(&self) -> StoreOpener {
        StoreOpener {
            format: StoreFormat {
                digest: self.digest,
                ..StoreFormat::default()
            },
            config: self.config.clone(),
            working_folder: self.working_folder.clone(),
            ..StoreOpener::default()
        }
    }

    /// Returns what opens stores with chunks of `index`, which bounds and names them.
    pub(crate) fn opener_for(&self, index: &Index, options: &StoreArgs) -> StoreOpener {
        let mut opener = self.opener(options);
        opener.format = StoreFormat {
            digest: index.digest,
            ..opener.format
        };
        // Nothing longer is one of them, and as many are read at a time as `Pace` says by the same measure.
        opener.format = opener.format.with_max_chunk(largest_chunk(index));
        opener
    }

    /// Opens the stores an index's chunks come from.
    ///
    /// desync up to 1.0.4 names the wrong digest in indexes of archives made with SHA-256. So where the first
    /// chunk of such an index does not verify, the other digest is tried, and the index corrected if it fits.
    pub(crate) async fn open_source(
        &self,
        index: &mut Index,
        stores: &[String],
        cache: Option<&str>,
        options: &StoreArgs,
    ) -> Result<Arc<dyn ChunkStore>, DesyncError> {
        let source = self.opener_for(index, options).open_all(stores, cache)?;
        let of_catar = index.feature_flags & flags::PERMISSIONS != 0;
        let (true, Some(first)) = (of_catar, index.chunks.first()) else {
            return Ok(source);
        };
        if !matches!(source.get(first.id).await, Err(StoreError::Invalid { .. })) {
            return Ok(source);
        }
        let mut corrected = index.clone();
        corrected.digest = other_digest(index.digest);
        let other = self.opener_for(&corrected, options).open_all(stores, cache)?;
        match other.get(first.id).await {
            Ok(_) => {
                index.digest = corrected.digest;
                Ok(other)
            }
            Err(_) => Ok(source),
        }
    }

    /// Reads an index from its location, `-` for the standard input.
    pub(crate) async fn read_index(
        &self,
        location: &str,
        options: &StoreArgs,
        env: &mut Env,
    ) -> Result<Index, DesyncError> {
        let limits = IndexLimits::default();
        let bytes = match location {
            "-" => {
                let input = env.take_input();
                let read = spawn_blocking(move || bounded::read(input, "the index", limits.max_bytes()));
                read.await?.map_err(DesyncError::file("read the index"))?.into()
            }
            path if !is_address(path) => {
                // By any name a file can have, and from pipes too.
                let path = PathBuf::from(path);
                let read = spawn_blocking(move || bounded::read_file(path, limits.max_bytes()));
                read.await?.map_err(DesyncError::file("read the index"))?.into()
            }
            _ => {
                let parsed = IndexLocation::parse(location)?;
                let store = self.opener(options).open_index(&parsed)?;
                store.get_index(&parsed.name, limits.max_bytes()).await?
            }
        };
        Index::from_bytes(&bytes, &limits).map_err(|source| DesyncError::Index {
            name: location.to_owned(),
            source,
        })
    }

    /// Writes an index to its location, `-` for the standard output.
    pub(crate) async fn write_index(
        &self,
        location: &str,
        index: &Index,
        options: &StoreArgs,
        env: &mut Env,
    ) -> Result<(), DesyncError> {
        env.cancel.check()?;
        let bytes = index.to_bytes();
        if location == "-" {
            let written = env.out.write_all(&bytes).and_then(|()| env.out.flush());
            return written.map_err(DesyncError::file("write the index"));
        }
        if !is_address(location) {
            let new = NewFile::at(Path::new(location)).await?;
            let written = new.open()?.write_all(&bytes);
            written.map_err(DesyncError::file("write the index"))?;
            env.cancel.check()?;
            return new.publish();
        }
        let parsed = IndexLocation::parse(location)?;
        let store = self.opener(options).open_index(&parsed)?;
        Ok(store.put_index(&parsed.name, Bytes::from(bytes)).await?)
    }
}

/// Tells whether an index is on a server, and not a file.
fn is_address(location: &str) -> bool {
    location.contains("://")
}

/// Returns the file desync keeps its configuration in.
pub(crate) fn default_config_file(env: &Env) -> Option<PathBuf> {
    let home = env.variable("HOME").or_else(|| env.variable("USERPROFILE"))?;
    Some(PathBuf::from(home).join(".config/desync/config.json"))
}

/// Returns the chunker a command line asks for.
pub(crate) fn chunker(cut: &CutArgs) -> Result<Arc<dyn Chunker>, DesyncError> {
    let buzhash = |rules| -> Arc<dyn Chunker> { Arc::new(Buzhash::new(cut.sizes, rules)) };
    Ok(match cut.chunker {
        ChunkerName::Modern => buzhash(BuzhashRules::Modern),
        ChunkerName::Casync => buzhash(BuzhashRules::Casync),
        ChunkerName::Legacy => buzhash(BuzhashRules::DesyncLegacy),
        ChunkerName::Fastcdc => Arc::new(FastCdc::new(cut.sizes)?),
    })
}

/// Returns an index without chunks for what a command line asks for.
///
/// `entry_flags` are those of the catar entry the data begins with, if it does.
pub(crate) fn new_index(cut: &CutArgs, digest: DigestAlgorithm, entry_flags: u64) -> Index {
    let sizes: ChunkSizes = cut.sizes;
    let blob_flags = match cut.chunker {
        ChunkerName::Legacy => flags::for_blob_legacy(digest),
        _ => flags::for_blob(digest),
    };
    Index::new(blob_flags | entry_flags, digest, sizes.for_index())
}

/// Reads a file of settings or ids, which has a few MiB at most.
///
/// # Errors
/// The file cannot be read, or is longer than 64 MiB.
pub fn read_small(path: &Path) -> Result<Vec<u8>, DesyncError> {
    bounded::read_file(path, MAX_SMALL_FILE).map_err(DesyncError::file("read the file"))
}

fn http_options(options: &StoreArgs) -> HttpOptions {
    let base = HttpOptions::default();
    HttpOptions {
        retry: RetryPolicy {
            attempts: ATTEMPTS,
            base: FIRST_WAIT,
            ..base.retry
        },
        max_connections: usize::from(options.concurrency),
        // Stores in local networks seldom have certificates, and every chunk is checked against its id.
        allow_http: true,
        ..base
    }
}

fn s3_credentials(env: &Env) -> Option<S3Credentials> {
    let both = |prefix: &str, region: Option<String>| {
        let name = |part: &str| format!("{prefix}{part}");
        let access_key = env.variable(&name(if prefix == "S3_" {
            "ACCESS_KEY"
        } else {
            "ACCESS_KEY_ID"
        }))?;
        let secret = if prefix == "S3_" {
            "SECRET_KEY"
        } else {
            "SECRET_ACCESS_KEY"
        };
        Some(S3Credentials {
            access_key: Some(access_key),
            secret_key: Some(Secret::new(env.variable(&name(secret))?)),
            session_token: env.variable(&name("SESSION_TOKEN")).map(Secret::new),
            aws_region: region,
            ..S3Credentials::default()
        })
    };
    let region = env.variable("S3_REGION");
    both("S3_", region).or_else(|| both("AWS_", env.variable("AWS_REGION")))
}

const MAX_SMALL_FILE: usize = 64 << 20;
/// Attempts for each request where nobody says otherwise, as in desync.
const ATTEMPTS: u32 = 3;
/// Wait before the second attempt where nobody says otherwise, as in desync.
const FIRST_WAIT: Duration = Duration::from_millis(500);
