// SPDX-License-Identifier: MIT
//! A large tree of real files in two real versions: the data of the game Wesnoth, from Debian's packages.
//!
//! Tests publish, install and update it. The packages are only unpacked, nothing of them is run.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use super::apt::{self, Apt, Suite};
use super::cache::{Cache, Record};
use crate::{fs, ui};

/// Two versions of the tree.
#[derive(Clone, Debug)]
pub struct Trees {
    /// The folder of the older version.
    pub old: PathBuf,
    /// The folder of the newer version.
    pub new: PathBuf,
}

impl Trees {
    /// Returns the trees if they are here.
    #[must_use]
    pub fn find(cache: &Cache) -> Option<Self> {
        let tree = |key: &str| cache.path(key, "tree");
        Some(Self {
            old: tree(OLD)?,
            new: tree(NEW)?,
        })
    }

    /// Returns the trees, after getting them if need be.
    pub fn get(cache: &Cache) -> Result<Self> {
        if let Some(found) = Self::find(cache) {
            return Ok(found);
        }
        if !apt::is_available() {
            bail!("the large trees come from Debian's packages, and this system has no apt");
        }
        ui::step("Getting a large tree in two versions for the tests (once; about 350 MB to load)");
        for (key, suites) in [(OLD, &apt::OLDER[..]), (NEW, &apt::NEWEST[..])] {
            let record = cache.get(key, |folder| make(folder, suites))?;
            ui::note(format!("wesnoth-data {}", record.version));
        }
        Self::find(cache).context("the cached trees cannot be read")
    }
}

fn make(folder: &Path, suites: &[Suite]) -> Result<Record> {
    let state = folder.join("apt");
    let apt = Apt::open(&state, suites, |apt| Ok(!apt.search(PACKAGE)?.is_empty()))?;
    let package = apt
        .search(PACKAGE)?
        .into_iter()
        .max()
        .context("no package has the data")?;
    let version = apt.version(&package)?.context("the package has no version")?;
    let file = apt.download(&package)?;
    let root = folder.join("root");
    apt::unpack(&[file], &root)?;
    fs::remove_folder(&state)?;
    let tree = data_folder(&root)?;
    // Some of the fonts are links to files of other packages, which are not here.
    fs::remove_links(&tree)?;
    let relative = tree
        .strip_prefix(folder)
        .context("find the unpacked data")?
        .to_path_buf();
    Ok(Record {
        version,
        paths: [("tree".to_owned(), relative)].into(),
    })
}

/// The packages carry their series in the folder's name; the tree below is the same.
fn data_folder(root: &Path) -> Result<PathBuf> {
    let games = root.join("usr/share/games/wesnoth");
    for entry in fs_err::read_dir(&games)? {
        let path = entry?.path();
        if path.is_dir() {
            return Ok(path);
        }
    }
    bail!("{} holds no data", games.display())
}

const PACKAGE: &str = "^wesnoth-[0-9.]+-data$";
const OLD: &str = "wesnoth-old-2";
const NEW: &str = "wesnoth-new-2";
