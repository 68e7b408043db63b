// SPDX-License-Identifier: MIT
//! Private Python environments for programs that come from the Python package index.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::apt;
use super::cache::{Cache, Record};
use crate::{process, workspace};

/// Makes the environment `key` with `requirements` in it, whose `programs` can be found then. `version` asks the
/// first of them for its version.
pub fn install(
    cache: &Cache,
    key: &str,
    requirements: &[&str],
    programs: &[&str],
    version: &[&str],
) -> Result<()> {
    let python = python()?;
    cache.get(key, |folder| {
        let environment = folder.join("venv");
        process::read(workspace::command(&python).args(["-m", "venv"]).arg(&environment))
            .context("make a Python environment")?;
        let mut install = workspace::command(environment.join("bin/python"));
        install.args(["-m", "pip", "install", "--disable-pip-version-check", "--quiet"]);
        process::read(install.args(requirements)).with_context(|| format!("install {key} with pip"))?;
        let first = environment
            .join("bin")
            .join(programs.first().context("no program is named")?);
        let version = process::read(workspace::command(first).args(version))?;
        let paths: BTreeMap<_, _> = programs
            .iter()
            .map(|name| ((*name).to_owned(), Path::new("venv/bin").join(name)))
            .collect();
        Ok(Record {
            version: version.trim().to_owned(),
            paths,
        })
    })?;
    Ok(())
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
