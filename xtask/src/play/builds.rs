// SPDX-License-Identifier: MIT
//! What `cargo xtask play` publishes: two versions of a game, and the program that installs them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::fs::{self, Fingerprint};
use crate::godot::{self, Export};
use crate::tools::Godot;
use crate::{projects, workspace};

/// A version of the game, ready to be published.
#[derive(Clone, Debug)]
pub struct Version {
    /// The version.
    pub name: String,
    /// The build's folder.
    pub folder: PathBuf,
    /// The file with the release notes.
    pub notes: PathBuf,
    /// A fingerprint of the build.
    pub stamp: String,
}

/// The game and the launcher.
#[derive(Clone, Debug)]
pub struct Builds {
    /// The title on the server.
    pub title: &'static str,
    /// The versions in the order of their publication.
    pub versions: Vec<Version>,
    /// The exported launcher; without one, the command line does the same job.
    pub launcher: Option<PathBuf>,
    /// Arguments that keep the game without a window.
    pub game_arguments: Vec<&'static str>,
}

impl Builds {
    /// Exports the sample game and the launcher with Godot.
    pub fn with_godot(godot: &Godot) -> Result<Self> {
        let mut versions = Vec::new();
        for name in projects::GAME_VERSIONS {
            let Export { folder, stamp, .. } = godot::export(godot, &projects::game(name)?)?;
            versions.push(Version {
                name: name.to_owned(),
                folder,
                notes: projects::game_notes(name),
                stamp,
            });
        }
        let launcher = godot::export(godot, &projects::launcher())?.program;
        Ok(Self {
            title: "vsekai-sample",
            versions,
            launcher: Some(launcher),
            game_arguments: vec!["--headless", "--", "--quit-after-start"],
        })
    }

    /// Makes two builds of the workspace's own small program.
    pub fn without_godot() -> Result<Self> {
        let base = workspace::target_dir().join("play-builds");
        fs_err::create_dir_all(&base)?;
        let versions = projects::GAME_VERSIONS
            .iter()
            .map(|name| stand_in(&base, name))
            .collect::<Result<_>>()?;
        let game_arguments = vec!["--quit-after-start"];
        Ok(Self {
            title: "stand-in-game",
            versions,
            launcher: None,
            game_arguments,
        })
    }

    /// Returns a command that runs the updater's command line.
    #[must_use]
    pub fn updater(&self) -> Command {
        match &self.launcher {
            Some(launcher) => {
                let mut command = godot::command(launcher);
                command.args(["--headless", "--"]);
                command
            }
            None => workspace::own_command(workspace::built_program("vsekai")),
        }
    }
}

/// Returns a build in a folder named after its content, so that no other run changes what one publishes.
fn stand_in(base: &Path, version: &str) -> Result<Version> {
    let made = tempfile::tempdir_in(base).context("make a folder for a build")?;
    write_stand_in(made.path(), version)?;
    let mut fingerprint = Fingerprint::default();
    fingerprint.folder(made.path(), &[])?;
    let stamp = fingerprint.finish();
    let folder = base.join(&stamp);
    if !folder.is_dir() && fs_err::rename(made.path(), &folder).is_err() && !folder.is_dir() {
        bail!("cannot put a build into {}", folder.display());
    }
    let notes = base.join(format!("{stamp}.md"));
    fs_err::write(&notes, format!("Version {version} of a stand-in for a game.\n"))?;
    Ok(Version {
        name: version.to_owned(),
        folder,
        notes,
        stamp,
    })
}

/// The second version changes a file, adds one and removes one, so that the update is a real one.
fn write_stand_in(folder: &Path, version: &str) -> Result<()> {
    let program = workspace::built_program("sample-game");
    fs::replace_file(&program, &folder.join(program.file_name().unwrap_or_default()))?;
    fs_err::write(folder.join("game.txt"), format!("Stand-in Game\n{version}\n"))?;
    let extra = if version == projects::GAME_VERSIONS[0] {
        "first-steps.txt"
    } else {
        "controls.txt"
    };
    fs_err::write(
        folder.join(extra),
        format!("This file belongs to version {version}.\n"),
    )?;
    Ok(())
}
