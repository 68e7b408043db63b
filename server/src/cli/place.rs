// SPDX-License-Identifier: MIT
//! Where a site is, as the command line says it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::Args;
use vsekai_server::site::Place;
use vsekai_store::{HttpOptions, Location};

use super::settings::Settings;

/// Where to write.
#[derive(Debug, Args)]
pub(super) struct PlaceArguments {
    /// A folder, s3://BUCKET/PREFIX, or s3+https://HOST/BUCKET/PREFIX
    #[arg(long, value_name = "PLACE")]
    to: String,
}

impl PlaceArguments {
    /// Opens the place to write to.
    pub(super) fn open(&self, settings: &Settings) -> anyhow::Result<Place> {
        let limits = &settings.limits;
        match self.location(settings)? {
            Location::Folder(path) => Ok(Place::folder(&path, limits.chunk_bytes)?),
            Location::S3(location) => {
                let bucket = settings
                    .buckets
                    .open(&location, &HttpOptions::default(), limits)?;
                Ok(Place::bucket(bucket))
            }
            other => bail!("{other} cannot be written to; use a folder, s3:// or s3+https://"),
        }
    }

    /// Returns the folder, if it is one.
    pub(super) fn folder(&self, settings: &Settings) -> anyhow::Result<Option<PathBuf>> {
        Ok(match self.location(settings)? {
            Location::Folder(path) => Some(path),
            _ => None,
        })
    }

    fn location(&self, settings: &Settings) -> anyhow::Result<Location> {
        settings.buckets.location(&self.to).context("read --to")
    }
}

/// Returns the folder in which a mirror into the folder `site` remembers what it trusts.
pub(super) fn state_beside(site: &Path) -> PathBuf {
    site.join(".vsekai-mirror")
}
