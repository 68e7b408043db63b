// SPDX-License-Identifier: MIT
//! The Godot projects of this workspace and how each is exported.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::fs;
use crate::godot::{PRESET, Project};
use crate::licences;
use crate::workspace;

/// The two versions of the sample game, in the order of their publication.
pub const GAME_VERSIONS: [&str; 2] = ["0.1.0", "0.2.0"];

/// The name of the sample game's program.
pub const GAME_PROGRAM: &str = "vsekai-sample";

/// The name of the launcher's program.
pub const LAUNCHER_PROGRAM: &str = "vsekai-launcher";

/// Returns the folder of the launcher's Godot project.
#[must_use]
pub fn launcher_folder() -> PathBuf {
    workspace::root().join("godot-project/launcher")
}

/// Returns the launcher with the library built for development.
#[must_use]
pub fn launcher() -> Project {
    launcher_with(built_extension(false), extension_in_project())
}

/// Returns the launcher with the library built for players on this machine.
#[must_use]
pub fn launcher_for_players() -> Project {
    Project {
        name: "launcher-for-players".to_owned(),
        ..launcher_with(built_extension(true), extension_in_project())
    }
}

/// Returns the launcher with the built library `library`, which belongs at `place` in the project.
#[must_use]
pub fn launcher_with(library: PathBuf, place: PathBuf) -> Project {
    let mut files = vec![
        (library, place),
        (
            workspace::root().join("export_presets.cfg"),
            "export_presets.cfg".into(),
        ),
    ];
    // It comes with the built extension; a project that is only tested does not need it.
    let licences = launcher_folder().join(LICENCES);
    if licences.is_file() {
        files.push((licences, LICENCES.into()));
    }
    Project {
        name: "launcher".to_owned(),
        layers: vec![launcher_folder()],
        removed: Vec::new(),
        files,
        extras: Some("extras".into()),
        program: LAUNCHER_PROGRAM.to_owned(),
        preset: PRESET,
    }
}

/// Binds `project`, a launcher, to `root` as its root of trust for signed releases.
///
/// # Errors
/// The root cannot be read, or the launcher's configuration has no place for it.
pub fn bind_to_root(project: &mut Project, root: &Path) -> Result<()> {
    let root = std::path::absolute(root)?;
    let text = fs_err::read_to_string(&root)?;
    let is_root = serde_json::from_str::<serde_json::Value>(&text)
        .is_ok_and(|document| document["signed"]["_type"] == "root");
    ensure!(is_root, "{} is not the root of a title", root.display());
    let configs = project.layers.iter().rev().map(|layer| layer.join(CONFIG));
    let config = configs.into_iter().find(|config| config.is_file());
    let config = fs_err::read_to_string(config.context("the launcher has no configuration")?)?;
    let bound = config.replace("trusted_root=\"\"", &format!("trusted_root=\"res://{ROOT}\""));
    ensure!(
        bound != config,
        "{CONFIG} has no empty trusted_root to be filled in"
    );
    let made = workspace::target_dir()
        .join("godot")
        .join(format!("{}.cfg", project.name));
    fs_err::create_dir_all(workspace::target_dir().join("godot"))?;
    fs_err::write(&made, bound)?;
    project.files.extend([(made, CONFIG.into()), (root, ROOT.into())]);
    Ok(())
}

/// Returns a version of the sample game: the project itself, or with the overlay of that version.
pub fn game(version: &str) -> Result<Project> {
    let projects = workspace::root().join("godot-project");
    let mut project = Project {
        name: format!("sample-game-{version}"),
        layers: vec![projects.join("sample-game")],
        removed: Vec::new(),
        files: Vec::new(),
        extras: Some("extras".into()),
        program: GAME_PROGRAM.to_owned(),
        preset: PRESET,
    };
    let overlay = projects.join(format!("sample-game-{version}"));
    if overlay.is_dir() {
        let removed = fs_err::read_to_string(overlay.join("removed.txt"))?;
        let paths = removed
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        project.removed = paths.map(PathBuf::from).collect();
        project.layers.push(overlay.join("files"));
    }
    Ok(project)
}

/// Returns the notes that are published with a version of the sample game.
#[must_use]
pub fn game_notes(version: &str) -> PathBuf {
    let projects = workspace::root().join("godot-project");
    let overlaid = projects
        .join(format!("sample-game-{version}"))
        .join("files/NOTES.md");
    if overlaid.is_file() {
        overlaid
    } else {
        projects.join("sample-game/NOTES.md")
    }
}

/// Copies the built extension, with the licences of what is in it, into the launcher's project, where the
/// editor looks for it.
pub fn put_extension_into_project(release: bool) -> Result<PathBuf> {
    UPDATER.put_into(&launcher_folder().join("bin"), release)
}

fn built_extension(release: bool) -> PathBuf {
    UPDATER.built(release)
}

fn extension_in_project() -> PathBuf {
    Path::new("bin").join(UPDATER.in_folder())
}

/// A library for Godot that a package of this workspace is built to.
#[derive(Clone, Copy, Debug)]
pub struct Library {
    /// The package.
    pub package: &'static str,
    /// The library's name, without what a system puts before and after it.
    name: &'static str,
}

/// The classes for games and launchers.
pub const UPDATER: Library = Library {
    package: "vsekai-godot",
    name: "vsekai_godot",
};

/// The class for the editor.
pub const PUBLISHER: Library = Library {
    package: "vsekai-godot-editor",
    name: "vsekai_godot_editor",
};

impl Library {
    /// Copies the built library below the folder `bin`, where its description looks for it, with the licences of
    /// the crates in it.
    pub fn put_into(self, bin: &Path, release: bool) -> Result<PathBuf> {
        let target = bin.join(self.in_folder());
        fs::replace_file(&self.built(release), &target)?;
        fs_err::write(bin.join("LICENSES.txt"), licences::of_package(self.package)?)?;
        Ok(target)
    }

    fn built(self, release: bool) -> PathBuf {
        let profile = if release { "release" } else { "debug" };
        workspace::target_dir().join(profile).join(self.file())
    }

    fn in_folder(self) -> PathBuf {
        Path::new(extension_folder()).join(self.file())
    }

    fn file(self) -> String {
        let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
        format!("{prefix}{}{suffix}", self.name)
    }
}

/// Returns the folder of this machine's platform, as the libraries' descriptions name it.
fn extension_folder() -> &'static str {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "aarch64") => "linux-arm64",
        (system, _) => system,
    }
}

/// What the launcher is bound to, in its project.
const CONFIG: &str = "launcher.cfg";
/// The root of trust, in the launcher's project; the export presets include it.
const ROOT: &str = "root.json";
/// The licences of the extension's crates, in the launcher's project.
const LICENCES: &str = "bin/LICENSES.txt";
