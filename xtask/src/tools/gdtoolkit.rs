// SPDX-License-Identifier: MIT
//! The GDScript linter and formatter, found on `PATH` or installed into a private Python environment.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use super::apt;
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
    let python = python()?;
    cache.get(KEY, |folder| {
        let environment = folder.join("venv");
        process::read(workspace::command(&python).args(["-m", "venv"]).arg(&environment))
            .context("make a Python environment")?;
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

/// Returns a Python that can make environments, which Debian keeps in a package of its own.
fn python() -> Result<PathBuf> {
    let find = || process::which("python3");
    let can_make_environments = |python: &PathBuf| {
        process::read(workspace::command(python).args(["-c", "import ensurepip, venv"])).is_ok()
    };
    if let Some(python) = find().filter(can_make_environments) {
        return Ok(python);
    }
    apt::install(&["python3", "python3-venv"])?;
    find().context("python3 was installed but is not found")
}

const KEY: &str = "gdtoolkit-4-1";
const REQUIREMENT: &str = "gdtoolkit==4.*";
// The toolkit still imports pkg_resources, which newer environments lack and setuptools 81 dropped.
const SETUPTOOLS: &str = "setuptools<81";
