// SPDX-License-Identifier: MIT
//! Finds and checks the program that "Play" starts.

use std::path::Path;

use vsekai_formats::name::TreePath;
use vsekai_formats::release::{Platform, ProgramFormat};

use crate::PublishError;
use crate::scan::{ScannedEntry, ScannedFile, ScannedKind};

/// Checks that `path` is a file of the tree that `platform` can start.
pub(crate) fn check(
    root: &Path,
    entries: &[ScannedEntry],
    path: &TreePath,
    platform: Platform,
) -> Result<TreePath, PublishError> {
    let found = files(entries).find(|(candidate, _)| *candidate == path);
    let Some((_, file)) = found else {
        return Err(PublishError::MissingProgram {
            path: path.to_string(),
            root: root.to_owned(),
        });
    };
    match file.format.runs_on(platform) {
        true => Ok(path.clone()),
        false => Err(PublishError::WrongPlatform {
            path: path.to_string(),
            found: file.format,
            expected: platform,
        }),
    }
}

/// Returns the only file that looks like the start program of a build for `platform`.
///
/// Programs in the topmost folder that has any win over those further down (crash handlers, tools), and
/// programs win over scripts. Libraries and the console wrappers that Godot exports are no candidates.
pub(crate) fn find(
    root: &Path,
    entries: &[ScannedEntry],
    platform: Platform,
) -> Result<TreePath, PublishError> {
    let mut candidates = topmost(entries, |path, file| is_candidate(path, file, platform));
    if candidates.is_empty() && platform != Platform::WindowsX86_64 {
        candidates = topmost(entries, |_, file| {
            file.format == ProgramFormat::Script && file.executable
        });
    }
    match candidates.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(PublishError::NoProgram {
            root: root.to_owned(),
            expected: platform,
            others: other_programs(entries, platform),
        }),
        several => Err(PublishError::AmbiguousProgram {
            candidates: several.iter().map(|path| path.to_string()).collect(),
        }),
    }
}

/// Returns the entry at `path`.
pub(crate) fn find_mut<'a>(entries: &'a mut [ScannedEntry], path: &TreePath) -> Option<&'a mut ScannedKind> {
    entries
        .iter_mut()
        .find(|entry| entry.path == *path)
        .map(|entry| &mut entry.kind)
}

fn files(entries: &[ScannedEntry]) -> impl Iterator<Item = (&TreePath, &ScannedFile)> {
    entries.iter().filter_map(|entry| match &entry.kind {
        ScannedKind::File(file) => Some((&entry.path, file)),
        _ => None,
    })
}

fn topmost(entries: &[ScannedEntry], wanted: impl Fn(&TreePath, &ScannedFile) -> bool) -> Vec<&TreePath> {
    let found: Vec<&TreePath> = files(entries)
        .filter(|(path, file)| wanted(path, file))
        .map(|(path, _)| path)
        .collect();
    let top = found.iter().map(|path| path.depth()).min();
    found
        .into_iter()
        .filter(|path| Some(path.depth()) == top)
        .collect()
}

fn is_candidate(path: &TreePath, file: &ScannedFile, platform: Platform) -> bool {
    let name = path.file_name().to_ascii_lowercase();
    let is_program = file.format.runs_on(platform) && file.format != ProgramFormat::Script;
    is_program
        && match platform {
            Platform::LinuxX86_64 | Platform::LinuxArm64 => !name.ends_with(".so") && !name.contains(".so."),
            Platform::WindowsX86_64 => name.ends_with(".exe") && !name.ends_with(".console.exe"),
            Platform::MacosUniversal => {
                is_in_bundle(path) || !(name.ends_with(".dylib") || name.ends_with(".so"))
            }
        }
}

/// `Game.app/Contents/MacOS/Game` is the program of a bundle; its frameworks lie elsewhere.
fn is_in_bundle(path: &TreePath) -> bool {
    path.parent()
        .is_some_and(|folder| folder.ends_with(".app/Contents/MacOS"))
}

fn other_programs(entries: &[ScannedEntry], platform: Platform) -> Vec<(String, ProgramFormat)> {
    let elsewhere = |format: ProgramFormat| {
        Platform::ALL
            .into_iter()
            .any(|other| other != platform && format.runs_on(other))
            && !format.runs_on(platform)
            && format != ProgramFormat::Script
    };
    let is_library = |path: &TreePath| {
        let name = path.file_name().to_ascii_lowercase();
        [".dll", ".so", ".dylib"]
            .iter()
            .any(|ending| name.ends_with(ending))
    };
    files(entries)
        .filter(|(path, file)| elsewhere(file.format) && !is_library(path))
        .map(|(path, file)| (path.to_string(), file.format))
        .collect()
}
