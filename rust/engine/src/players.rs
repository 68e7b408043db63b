// SPDX-License-Identifier: MIT
//! What in a version's folder is the player's: mods, settings, screenshots.
//!
//! Files that no release put there, and whatever lies at the places that a release leaves to the player.

use std::collections::HashSet;

use cap_std::fs::Dir;
use vsekai_formats::UserPaths;
use vsekai_formats::release::{Contents, Entries, EntryKind};

use crate::error::EngineError;
use crate::install;
use crate::paths::InstallPaths;
use crate::plan;
use crate::release::{self, Release};
use crate::tree;

/// The player's files in a version's folder: paths with `/` between components, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PlayersFiles {
    /// At places that are left to the player.
    pub(crate) declared: Vec<String>,
    /// Elsewhere, from no release.
    pub(crate) extra: Vec<String>,
    /// Files whose names are no Unicode, folders that cannot be listed, pipes and devices: there, but out of reach.
    pub(crate) out_of_reach: Vec<String>,
}

impl PlayersFiles {
    /// Returns the paths that can be reached, those at declared places first.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &String> {
        self.declared.iter().chain(&self.extra)
    }
}

/// Finds the player's files below `dir`, a version with the files `contents`; `is_left` tells the places that are
/// left to the player. Links are not followed.
pub(crate) fn find(dir: &Dir, contents: &Contents, is_left: impl Fn(&str) -> bool) -> PlayersFiles {
    let listed = Listed::of(&contents.entries);
    let mut found = PlayersFiles::default();
    let mut open = vec![(String::new(), Some(ROOT))];
    while let Some((folder, number)) = open.pop() {
        let at = if folder.is_empty() { "." } else { &folder };
        let Ok(entries) = dir.read_dir(at) else {
            found.out_of_reach.push(folder);
            continue;
        };
        for entry in entries {
            let Ok(entry) = entry else {
                // Nobody knows what else there is.
                found.out_of_reach.push(folder);
                break;
            };
            let name = entry.file_name();
            let path = match folder.is_empty() {
                true => name.to_string_lossy().into_owned(),
                false => format!("{folder}/{}", name.to_string_lossy()),
            };
            let is_left = is_left(&path);
            let known = name.to_str().and_then(|name| listed.find(number?, name));
            let paths = match tree::kind(&entry) {
                _ if name.to_str().is_none() => &mut found.out_of_reach,
                Ok(kind) if kind.is_dir() => {
                    open.push((path, known));
                    continue;
                }
                _ if !is_left && known.is_some() => continue,
                Ok(kind) if kind.is_file() || kind.is_symlink() => match is_left {
                    true => &mut found.declared,
                    false => &mut found.extra,
                },
                _ => &mut found.out_of_reach,
            };
            paths.push(path);
        }
    }
    found.declared.sort();
    found.extra.sort();
    found.out_of_reach.sort();
    found
}

/// The entries of a list by the folder that they lie in: a set of their paths would take more memory than the list.
struct Listed<'a> {
    entries: &'a Entries,
    /// The number of a folder and that of an entry in it, in order. An entry's number is its position and 1.
    children: Vec<(u32, u32)>,
}

/// The number of the root.
const ROOT: u32 = 0;

impl<'a> Listed<'a> {
    fn of(entries: &'a Entries) -> Self {
        let number = |position: usize| plan::number(position + 1);
        let folder = |position| entries.folder_of(position).map_or(ROOT, number);
        let positions = 0..entries.len();
        let mut children: Vec<_> = positions
            .map(|position| (folder(position), number(position)))
            .collect();
        children.sort_unstable();
        Self { entries, children }
    }

    /// Returns the number of the entry of that name in a folder. The entries of a folder are in the order of their names.
    fn find(&self, folder: u32, name: &str) -> Option<u32> {
        let from = self.children.partition_point(|(other, _)| *other < folder);
        let rest = self.children.get(from..)?;
        let is_before = |(other, entry): &(u32, u32)| *other == folder && self.name(*entry) < Some(name);
        let (other, entry) = rest.get(rest.partition_point(is_before))?;
        (*other == folder && self.name(*entry) == Some(name)).then_some(*entry)
    }

    fn name(&self, number: u32) -> Option<&'a str> {
        let entry = self.entries.get(number.checked_sub(1)? as usize)?;
        Some(entry.path.file_name())
    }
}

/// Finds the player's files below `dir`, a version of `release`.
pub(crate) fn find_in(dir: &Dir, release: &Release) -> PlayersFiles {
    find(dir, &release.contents, |path| release.user_paths.contains(path))
}

/// Finds the player's files in the version folder `name` from what lies beside it, and returns its list of files too;
/// the version need not be on record.
///
/// # Errors
/// Its documents are missing or damaged, so nothing can be told apart.
pub(crate) fn find_beside(
    paths: &InstallPaths,
    name: &str,
    dir: &Dir,
) -> Result<(PlayersFiles, Contents), EngineError> {
    let read = || -> Result<(Contents, UserPaths), EngineError> {
        let document = |file: &str| install::document_beside(paths, name, name, file);
        let contents = release::parse_contents(&document(install::CONTENTS)?)?;
        let manifest = release::parse_manifest(&document(install::MANIFEST)?)?;
        let user_paths = release::user_paths(&manifest, &contents)?;
        Ok((contents, user_paths))
    };
    let (contents, user_paths) = read().map_err(|error| error.at_home().fetchable())?;
    let found = find(dir, &contents, |path| user_paths.contains(path));
    Ok((found, contents))
}

/// Returns the entries of `new` in whose place the player has something of their own below `dir`.
///
/// Where a folder of the release is none there, all that would lie in it counts too.
pub(crate) fn occupied(dir: &Dir, new: &Release) -> HashSet<usize> {
    let (mut occupied, mut no_folders) = (HashSet::new(), HashSet::new());
    for i in new.players() {
        let Some(entry) = new.contents.entries.get(i) else {
            continue;
        };
        let path = entry.path.to_string();
        let is_folder = entry.kind == EntryKind::Folder;
        let is_theirs = entry
            .path
            .parent()
            .is_some_and(|parent| no_folders.contains(parent))
            || match dir.symlink_metadata(&path) {
                Ok(data) => !(is_folder && data.is_dir()),
                Err(_) => false,
            };
        if is_theirs {
            occupied.insert(i);
            if is_folder {
                no_folders.insert(path);
            }
        }
    }
    occupied
}
