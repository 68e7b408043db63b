// SPDX-License-Identifier: MIT
//! S3 buckets, as the command line and the configuration file say them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use vsekai_server::Limits;
use vsekai_store::config::S3Credentials;
use vsekai_store::location::{S3Location, S3Lookup};
use vsekai_store::s3::{S3Store, resolve};
use vsekai_store::{HttpOptions, Location, Secret, StoreFormat, bounded};

/// Where buckets are, and what they ask for.
#[derive(Debug, Args)]
pub(super) struct BucketArguments {
    /// The S3 server of s3://... [default: that of AWS in the region]
    #[arg(long, global = true, value_name = "URL", env = "AWS_ENDPOINT_URL")]
    pub s3_endpoint: Option<String>,
    /// The region of buckets [default: us-east-1]
    #[arg(long, global = true, value_name = "NAME", env = "AWS_REGION")]
    pub s3_region: Option<String>,
    /// The access key's id; without one and without --s3-credentials, requests are not signed
    #[arg(
        long,
        global = true,
        value_name = "ID",
        env = "AWS_ACCESS_KEY_ID",
        hide_env_values = true
    )]
    s3_access_key: Option<String>,
    // From the environment alone: arguments can be seen by everybody on the machine.
    /// The access key's secret; give it in the environment
    #[arg(
        long,
        global = true,
        value_name = "SECRET",
        env = "AWS_SECRET_ACCESS_KEY",
        hide_env_values = true,
        hide = true
    )]
    s3_secret_key: Option<Secret>,
    /// A session token; give it in the environment
    #[arg(
        long,
        global = true,
        value_name = "TOKEN",
        env = "AWS_SESSION_TOKEN",
        hide_env_values = true,
        hide = true
    )]
    s3_session_token: Option<Secret>,
    /// A file with the access key in the form of ~/.aws/credentials, its section [default]
    #[arg(long, global = true, value_name = "FILE", env = "AWS_SHARED_CREDENTIALS_FILE")]
    pub s3_credentials: Option<PathBuf>,
}

/// What is known about S3 servers. Secrets are not shown.
#[derive(Clone, Debug)]
pub(super) struct Buckets {
    endpoint: Option<String>,
    region: String,
    credentials: S3Credentials,
}

impl Buckets {
    /// Brings together what is said where; `arguments` win over what stands in `file`.
    pub(super) fn new(arguments: &BucketArguments, file: FileBuckets) -> Self {
        let region = arguments.s3_region.clone().or(file.s3_region);
        let region = region.unwrap_or_else(|| "us-east-1".to_owned());
        Self {
            endpoint: arguments.s3_endpoint.clone().or(file.s3_endpoint),
            credentials: S3Credentials {
                access_key: arguments.s3_access_key.clone(),
                secret_key: arguments.s3_secret_key.clone(),
                session_token: arguments.s3_session_token.clone(),
                aws_credentials_file: arguments.s3_credentials.clone().or(file.s3_credentials),
                aws_profile: None,
                aws_region: Some(region.clone()),
            },
            region,
        }
    }

    /// Reads a location, of which there is one kind more than stores have: s3://BUCKET/PREFIX.
    pub(super) fn location(&self, text: &str) -> anyhow::Result<Location> {
        let Some(rest) = text.strip_prefix("s3://") else {
            return Ok(Location::parse(text)?);
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            bail!("{text}: the bucket is missing; write s3://BUCKET/PREFIX");
        }
        let of_aws = || format!("https://s3.{}.amazonaws.com", self.region);
        Ok(Location::S3(S3Location {
            endpoint: self
                .endpoint
                .as_deref()
                .map_or_else(of_aws, |url| url.trim_end_matches('/').to_owned()),
            bucket: bucket.to_owned(),
            prefix: prefix.trim_matches('/').to_owned(),
            lookup: S3Lookup::Auto,
        }))
    }

    /// Opens a bucket; nothing is asked of it yet.
    pub(super) fn open(
        &self,
        location: &S3Location,
        options: &HttpOptions,
        limits: &Limits,
    ) -> anyhow::Result<S3Store> {
        let read =
            |path: &Path| bounded::read_text_file(path, MAX_CREDENTIALS).context("read the S3 credentials");
        let credentials = resolve(self.credentials.clone(), read)?;
        // Requests would go unsigned without a word, and be refused.
        if let (Some(file), None) = (&credentials.aws_credentials_file, &credentials.access_key) {
            bail!(
                "{} has no aws_access_key_id in its section [default]",
                file.display()
            );
        }
        if credentials.access_key.is_some() != credentials.secret_key.is_some() {
            bail!(
                "{location} takes both parts of an access key: the id (AWS_ACCESS_KEY_ID or aws_access_key_id) and \
                 the secret (AWS_SECRET_ACCESS_KEY or aws_secret_access_key)"
            );
        }
        let format = StoreFormat::default().with_max_chunk(limits.chunk_bytes);
        S3Store::new(location, &credentials, options, format)
            .with_context(|| format!("use the bucket {location}"))
    }
}

/// What the configuration file says about S3 servers.
#[derive(Debug, Default)]
pub(super) struct FileBuckets {
    pub s3_endpoint: Option<String>,
    pub s3_region: Option<String>,
    pub s3_credentials: Option<PathBuf>,
}

/// A few keys take a few hundred bytes.
const MAX_CREDENTIALS: usize = 64 << 10;
