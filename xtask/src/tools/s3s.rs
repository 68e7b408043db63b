// SPDX-License-Identifier: MIT
//! A small S3 server for the tests of stores in buckets, built from its source by Cargo.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::cache::{Cache, Record};
use crate::{process, ui, workspace};

/// Name of the program.
pub const NAME: &str = "s3s-fs";

/// Returns the program if it is here.
pub fn find(cache: &Cache) -> Option<PathBuf> {
    process::which(NAME).or_else(|| cache.path(KEY, NAME))
}

/// Builds the program.
pub fn get(cache: &Cache) -> Result<()> {
    ui::step("Building a small S3 server for the tests (once, some minutes)");
    cache.get(KEY, |folder| {
        let build = folder.join("build");
        let mut install = workspace::command("cargo");
        install.args([
            "install",
            NAME,
            "--version",
            VERSION,
            "--locked",
            "--quiet",
            "--debug",
        ]);
        install.args(["--features", "binary", "--root"]).arg(folder);
        // Outside the workspace, whose settings are for its own programs.
        install.env("CARGO_TARGET_DIR", &build).current_dir(folder);
        process::read(&mut install).context("build the S3 server with cargo install")?;
        fs_err::remove_dir_all(&build)?;
        let paths = BTreeMap::from([(NAME.to_owned(), PathBuf::from("bin").join(NAME))]);
        Ok(Record {
            version: VERSION.to_owned(),
            paths,
        })
    })?;
    Ok(())
}

const KEY: &str = "s3s-fs-1";
const VERSION: &str = "0.14.1";
