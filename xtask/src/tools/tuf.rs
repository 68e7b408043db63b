// SPDX-License-Identifier: MIT
//! python-tuf, the reference implementation of TUF, in a private Python environment: the Python that has it.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::cache::Cache;
use super::python;
use crate::ui;

/// The program in the environment.
pub const NAME: &str = "python";

/// Returns the Python that has python-tuf, if it is here.
pub fn find(cache: &Cache) -> Option<PathBuf> {
    cache.record(KEY)?.path(&cache.folder(KEY), NAME)
}

/// Returns the Python that has python-tuf, after installing it if need be.
pub fn get(cache: &Cache) -> Result<PathBuf> {
    if let Some(found) = find(cache) {
        return Ok(found);
    }
    ui::step("Getting python-tuf (once)");
    let version = ["-c", "import tuf; print('python-tuf', tuf.__version__)"];
    python::install(cache, KEY, &REQUIREMENTS, &[NAME], &version)?;
    find(cache).context("python-tuf was installed but is not found")
}

const KEY: &str = "python-tuf-1";
// Ed25519 signatures are in the extra.
const REQUIREMENTS: [&str; 2] = ["tuf==7.*", "securesystemslib[crypto]"];
