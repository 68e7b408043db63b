// SPDX-License-Identifier: MIT
//! The GDScript linter and formatter, found on `PATH` or installed into a private Python environment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::cache::{Cache, Record};
use crate::{process, ui, workspace};

/// Returns the program `name` if it is here.
pub fn find(cache: &Cache, name: &str) -> Option<PathBuf> {
    process::which(name).or_else(|| cache.record(KEY)?.path(&cache.folder(KEY), name))
}

/// Returns the program `name`, after installing the toolkit if need be.
pub fn get(cache: &Cache, name: &str) -> Result<PathBuf> {
    if let Some(found) = find(cache, name) {
        return Ok(found);
    }
    ui::step("Getting the GDScript linter and formatter (once)");
    let python =
        process::which("python3").context("python3 not found; hint: sudo apt-get install python3-venv")?;
    cache.get(KEY, |folder| {
        let environment = folder.join("venv");
        process::read(workspace::command(&python).args(["-m", "venv"]).arg(&environment))
            .context("make a Python environment; hint: sudo apt-get install python3-venv")?;
        let mut install = workspace::command(environment.join("bin/python"));
        install.args([
            "-m",
            "pip",
            "install",
            "--disable-pip-version-check",
            "--quiet",
            REQUIREMENT,
            SETUPTOOLS,
        ]);
        process::read(&mut install).context("install the toolkit with pip")?;
        let programs = ["gdlint", "gdformat"];
        let version = process::read(workspace::command(environment.join("bin/gdlint")).arg("--version"))?;
        let paths: BTreeMap<_, _> = programs
            .iter()
            .map(|name| ((*name).to_owned(), PathBuf::from("venv/bin").join(name)))
            .collect();
        Ok(Record {
            version: version.trim().to_owned(),
            paths,
        })
    })?;
    find(cache, name).with_context(|| format!("{name} was installed but is not found"))
}

const KEY: &str = "gdtoolkit-4-1";
const REQUIREMENT: &str = "gdtoolkit==4.*";
// The toolkit still imports pkg_resources, which newer environments lack and setuptools 81 dropped.
const SETUPTOOLS: &str = "setuptools<81";
