// SPDX-License-Identifier: MIT
//! The GDScript linter and formatter, found on `PATH` or installed into a private Python environment.

use std::path::PathBuf;

use anyhow::Result;

use super::cache::Cache;
use super::python;
use crate::{process, ui};

/// Returns the program `name` if it is here.
pub fn find(cache: &Cache, name: &str) -> Option<PathBuf> {
    process::which(name).or_else(|| cache.path(KEY, name))
}

/// Installs the toolkit.
pub fn get(cache: &Cache) -> Result<()> {
    ui::step("Getting the GDScript linter and formatter (once)");
    let programs = ["gdlint", "gdformat"];
    python::install(cache, KEY, &[REQUIREMENT, SETUPTOOLS], &programs, &["--version"])
}

const KEY: &str = "gdtoolkit-4-1";
const REQUIREMENT: &str = "gdtoolkit==4.*";
// The toolkit still imports pkg_resources, which newer environments lack and setuptools 81 dropped.
const SETUPTOOLS: &str = "setuptools<81";
