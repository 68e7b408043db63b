// SPDX-License-Identifier: MIT
//! The Godot projects of this workspace and how each is exported.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::fs;
use crate::godot::Project;
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

/// Returns the launcher.
#[must_use]
pub fn launcher() -> Project {
    let mut files = vec![
        (built_extension(false), extension_in_project()),
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
    }
}

/// Returns the launcher with `root` as its root of trust for signed releases.
///
/// # Errors
/// The root cannot be read, or the launcher's configuration has no place for it.
pub fn launcher_with_root(root: &Path) -> Result<Project> {
    let root = std::path::absolute(root)?;
    let text = fs_err::read_to_string(&root)?;
    let is_root = serde_json::from_str::<serde_json::Value>(&text)
        .is_ok_and(|document| document["signed"]["_type"] == "root");
    ensure!(is_root, "{} is not the root of a title", root.display());
    let config = fs_err::read_to_string(launcher_folder().join(CONFIG))?;
    let bound = config.replace("trusted_root=\"\"", &format!("trusted_root=\"res://{ROOT}\""));
    ensure!(
        bound != config,
        "{CONFIG} has no empty trusted_root to be filled in"
    );
    let made = workspace::target_dir().join("godot").join(CONFIG);
    fs_err::create_dir_all(workspace::target_dir().join("godot"))?;
    fs_err::write(&made, bound)?;
    let mut project = launcher();
    project.files.extend([(made, CONFIG.into()), (root, ROOT.into())]);
    Ok(project)
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
    let target = launcher_folder().join(extension_in_project());
    fs::replace_file(&built_extension(release), &target)?;
    fs_err::write(
        launcher_folder().join(LICENCES),
        licences::of_package("vsekai-godot")?,
    )?;
    Ok(target)
}

fn built_extension(release: bool) -> PathBuf {
    let profile = if release { "release" } else { "debug" };
    workspace::target_dir().join(profile).join(extension_name())
}

fn extension_in_project() -> PathBuf {
    PathBuf::from("bin")
        .join(extension_folder())
        .join(extension_name())
}

fn extension_name() -> String {
    format!(
        "{}vsekai_godot{}",
        std::env::consts::DLL_PREFIX,
        std::env::consts::DLL_SUFFIX
    )
}

/// Returns the folder of this machine's platform, as `vsekai.gdextension` names it.
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
