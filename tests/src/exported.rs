// SPDX-License-Identifier: MIT
//! What `cargo xtask export` made: the launcher and the sample game, as players get them.

use std::path::PathBuf;

use xtask::{projects, workspace};

use crate::skip;

/// Returns the exported launcher's program, or says that the test is skipped.
#[must_use]
pub fn launcher() -> Option<PathBuf> {
    let program = export("launcher").join(projects::LAUNCHER_PROGRAM);
    if program.is_file() {
        Some(program)
    } else {
        skip("the exported launcher", HINT)
    }
}

/// Returns the folders of the sample game's two versions, the older one first, or says that the test is
/// skipped.
#[must_use]
pub fn game() -> Option<[PathBuf; 2]> {
    let folders = projects::GAME_VERSIONS.map(|version| export(&format!("sample-game-{version}")));
    if folders.iter().all(|folder| folder.is_dir()) {
        Some(folders)
    } else {
        skip("the exported sample game", HINT)
    }
}

fn export(name: &str) -> PathBuf {
    workspace::target_dir().join("godot").join(name).join("export")
}

const HINT: &str = "hint: cargo xtask export launcher game";
