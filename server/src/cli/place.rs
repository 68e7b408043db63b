// SPDX-License-Identifier: MIT
//! Where a site is, as the command line says it.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use vsekai_server::Limits;
use vsekai_server::site::Place;
use vsekai_store::config::S3Credentials;
use vsekai_store::location::{S3Location, S3Lookup};
use vsekai_store::s3::S3Store;
use vsekai_store::{HttpOptions, Location, Secret, StoreFormat};

/// Where to write, and what a bucket asks for.
#[derive(Debug, Args)]
pub(super) struct PlaceArguments {
    /// A folder, s3://BUCKET/PREFIX, or s3+https://HOST/BUCKET/PREFIX
    #[arg(long, value_name = "PLACE")]
    to: String,
    /// The S3 server of s3://... [default: that of AWS in the region]
    #[arg(long, value_name = "URL", env = "AWS_ENDPOINT_URL")]
    s3_endpoint: Option<String>,
    /// The region of the bucket
    #[arg(long, value_name = "NAME", env = "AWS_REGION", default_value = "us-east-1")]
    s3_region: String,
    /// The access key's id; without one, requests are not signed
    #[arg(long, value_name = "ID", env = "AWS_ACCESS_KEY_ID", hide_env_values = true)]
    s3_access_key: Option<String>,
    // From the environment alone: arguments can be seen by everybody on the machine.
    /// The access key's secret; give it in the environment
    #[arg(
        long,
        value_name = "SECRET",
        env = "AWS_SECRET_ACCESS_KEY",
        hide_env_values = true,
        hide = true,
        value_parser = secret
    )]
    s3_secret_key: Option<Secret>,
    /// A session token; give it in the environment
    #[arg(
        long,
        value_name = "TOKEN",
        env = "AWS_SESSION_TOKEN",
        hide_env_values = true,
        hide = true,
        value_parser = secret
    )]
    s3_session_token: Option<Secret>,
}

impl PlaceArguments {
    /// Opens the place to write to.
    pub(super) fn open(&self, limits: &Limits) -> anyhow::Result<Place> {
        match self.location()? {
            Location::Folder(path) => Ok(Place::folder(&path, limits.chunk_bytes)?),
            Location::S3(location) => Ok(Place::bucket(self.bucket(&location, limits)?)),
            other => bail!("{other} cannot be written to; use a folder, s3:// or s3+https://"),
        }
    }

    /// Returns the folder, if it is one.
    pub(super) fn folder(&self) -> anyhow::Result<Option<PathBuf>> {
        Ok(match self.location()? {
            Location::Folder(path) => Some(path),
            _ => None,
        })
    }

    fn location(&self) -> anyhow::Result<Location> {
        let Some(rest) = self.to.strip_prefix("s3://") else {
            return Location::parse(&self.to).context("read --to");
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            bail!("--to {}: the bucket is missing", self.to);
        }
        let of_aws = || format!("https://s3.{}.amazonaws.com", self.s3_region);
        Ok(Location::S3(S3Location {
            endpoint: self
                .s3_endpoint
                .as_deref()
                .map_or_else(of_aws, |url| url.trim_end_matches('/').to_owned()),
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
            lookup: S3Lookup::Auto,
        }))
    }

    fn bucket(&self, location: &S3Location, limits: &Limits) -> anyhow::Result<S3Store> {
        let credentials = S3Credentials {
            access_key: self.s3_access_key.clone(),
            secret_key: self.s3_secret_key.clone(),
            session_token: self.s3_session_token.clone(),
            aws_region: Some(self.s3_region.clone()),
            ..S3Credentials::default()
        };
        let format = StoreFormat::default().with_max_chunk(limits.chunk_bytes);
        S3Store::new(location, &credentials, &HttpOptions::default(), format)
            .with_context(|| format!("use the bucket {location}"))
    }
}

/// Reads a secret, which is never printed.
pub(super) fn secret(text: &str) -> Result<Secret, Infallible> {
    Ok(Secret::new(text))
}

/// Returns the folder in which a mirror into the folder `site` remembers what it trusts.
pub(super) fn state_beside(site: &Path) -> PathBuf {
    site.join(".vsekai-mirror")
}
