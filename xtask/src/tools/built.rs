// SPDX-License-Identifier: MIT
//! Programs that Cargo builds from their source: S3 servers for the tests of buckets.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::cache::{Cache, Record};
use crate::{process, ui, workspace};

/// A program and how it is built.
#[derive(Debug)]
pub struct Built {
    /// Name of the program and of its package.
    pub name: &'static str,
    version: &'static str,
    features: &'static [&'static str],
}

/// A small S3 server on a folder.
pub const S3S: Built = Built {
    name: "s3s-fs",
    version: "0.14.1",
    features: &["--features", "binary"],
};

/// A server of S3 clusters.
pub const GARAGE: Built = Built {
    name: "garage",
    version: "2.5.0",
    features: &["--no-default-features", "--features", "sqlite,bundled-libs"],
};

impl Built {
    /// Returns the program if it is here.
    pub fn find(&self, cache: &Cache) -> Option<PathBuf> {
        process::which(self.name).or_else(|| cache.path(&self.key(), self.name))
    }

    /// Builds the program.
    pub fn get(&self, cache: &Cache) -> Result<()> {
        ui::step(format!(
            "Building {} for the tests (once, some minutes)",
            self.name
        ));
        cache.get(&self.key(), |folder| {
            let build = folder.join("build");
            let mut install = workspace::command("cargo");
            install.args(["install", self.name, "--version", self.version]);
            install
                .args(["--locked", "--quiet", "--debug"])
                .args(self.features);
            install.arg("--root").arg(folder);
            // Outside the workspace, whose settings are for its own programs; nobody looks into this one.
            install.env("CARGO_TARGET_DIR", &build).current_dir(folder);
            install.env("CARGO_PROFILE_DEV_DEBUG", "false");
            process::read(&mut install).with_context(|| format!("build {} with cargo install", self.name))?;
            fs_err::remove_dir_all(&build)?;
            Ok(Record {
                version: self.version.to_owned(),
                paths: BTreeMap::from([(self.name.to_owned(), PathBuf::from("bin").join(self.name))]),
            })
        })?;
        Ok(())
    }

    fn key(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}
