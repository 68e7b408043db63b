// SPDX-License-Identifier: MIT
//! python-tuf, the reference implementation of TUF, in a private Python environment: the Python that has it.

use std::path::PathBuf;

use anyhow::Result;

use super::cache::Cache;
use super::python;
use crate::ui;

/// The program in the environment.
pub const NAME: &str = "python";

/// Returns the Python that has python-tuf, if it is here.
pub fn find(cache: &Cache) -> Option<PathBuf> {
    cache.path(KEY, NAME)
}

/// Installs it.
pub fn get(cache: &Cache) -> Result<()> {
    ui::step("Getting python-tuf (once)");
    let version = ["-c", "import tuf; print('python-tuf', tuf.__version__)"];
    python::install(cache, KEY, &REQUIREMENTS, &[NAME], &version)
}

const KEY: &str = "python-tuf-1";
// Ed25519 signatures are in the extra.
const REQUIREMENTS: [&str; 2] = ["tuf==7.*", "securesystemslib[crypto]"];
