// SPDX-License-Identifier: MIT
//! What other Godot projects take from this one: the classes for games, and the publisher's dock.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use crate::projects::{PUBLISHER, UPDATER, launcher_folder};
use crate::{fs, workspace};

/// Puts the class `VSekaiUpdater`, with the built library, into `addons/vsekai` of the Godot project `project`.
///
/// # Errors
/// The folder is no Godot project, or the library is not built.
pub fn put_updater_into(project: &Path, release: bool) -> Result<PathBuf> {
    let addon = addon_folder(project, "vsekai")?;
    fs_err::create_dir_all(&addon)?;
    let description = fs_err::read_to_string(launcher_folder().join(DESCRIPTION))?;
    let moved = description.replace("res://bin/", "res://addons/vsekai/bin/");
    fs_err::write(addon.join(DESCRIPTION), moved)?;
    fs::replace_file(&workspace::root().join("LICENSE"), &addon.join("LICENSE"))?;
    UPDATER.put_into(&addon.join("bin"), release)?;
    list_extension(project, &format!("res://addons/vsekai/{DESCRIPTION}"))?;
    Ok(addon)
}

/// Adds an extension to those that Godot loads at its start: a headless editor that discovers one while it scans a
/// small project may abort at its end.
fn list_extension(project: &Path, description: &str) -> Result<()> {
    let list = project.join(".godot/extension_list.cfg");
    let mut text = match fs_err::read_to_string(&list) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        known => known.unwrap_or_default(),
    };
    if text.lines().any(|line| line == description) {
        return Ok(());
    }
    text += &format!("{description}\n");
    fs_err::create_dir_all(project.join(".godot"))?;
    fs_err::write(list, text)?;
    Ok(())
}

/// Puts the publisher's dock, with the built library, into `addons/vsekai_publisher` of the Godot project
/// `project`, which may be the sample game, where the dock lies already.
///
/// # Errors
/// The folder is no Godot project, or the library is not built.
pub fn put_publisher_into(project: &Path, release: bool) -> Result<PathBuf> {
    let addon = addon_folder(project, PUBLISHER_FOLDER)?;
    let source = publisher_project().join("addons").join(PUBLISHER_FOLDER);
    for file in fs::files(&source, &["linux", "linux-arm64", "windows", "macos"])? {
        let (from, to) = (source.join(&file), addon.join(&file));
        if file.file_name() != Some("LICENSES.txt".as_ref()) && from != to {
            fs::replace_file(&from, &to)?;
        }
    }
    PUBLISHER.put_into(&addon.join("bin"), release)?;
    Ok(addon)
}

/// Returns the project that the publisher's dock lies in.
#[must_use]
pub fn publisher_project() -> PathBuf {
    workspace::root().join("godot-project/sample-game")
}

fn addon_folder(project: &Path, name: &str) -> Result<PathBuf> {
    ensure!(
        project.join("project.godot").is_file(),
        "{} is no Godot project: it has no project.godot",
        project.display()
    );
    Ok(std::path::absolute(project)?.join("addons").join(name))
}

const DESCRIPTION: &str = "vsekai.gdextension";
const PUBLISHER_FOLDER: &str = "vsekai_publisher";
