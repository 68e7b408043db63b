// SPDX-License-Identifier: MIT
//! nginx, unpacked and not installed: a package that is installed starts a server of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use super::apt;
use super::cache::{Cache, Record};
use crate::{process, ui, workspace};

/// Returns the program if it is here.
pub fn find(cache: &Cache) -> Option<PathBuf> {
    process::which_of_system(NAME).or_else(|| cache.path(KEY, NAME))
}

/// Gets the program from the system's packages.
pub fn get(cache: &Cache) -> Result<()> {
    if !apt::is_available() {
        bail!("nginx not found; hint: install it with your system's package manager");
    }
    ui::step("Getting nginx from the system's packages (once)");
    cache.get(KEY, |folder| {
        let package = apt::download_own(NAME, folder)?;
        apt::unpack(&[package], folder)?;
        let program = PathBuf::from("usr/sbin/nginx");
        // Also tells whether the libraries it needs are here.
        let output = process::capture(workspace::command(folder.join(&program)).arg("-v"), None)?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let (_, version) = text.trim().rsplit_once('/').context("start nginx")?;
        Ok(Record {
            version: version.to_owned(),
            paths: BTreeMap::from([(NAME.to_owned(), program)]),
        })
    })?;
    Ok(())
}

const NAME: &str = "nginx";
const KEY: &str = "nginx-1";
