// SPDX-License-Identifier: MIT
//! An install folder's history: reading the installed release, committing a new one, tidying up.

use std::collections::HashSet;
use std::path::Path;
use std::time::SystemTime;

use bytes::Bytes;
use fs_err as fs;

use crate::carry;
use crate::disk;
use crate::error::{EngineError, IoContext as _};
use crate::lock;
use crate::origin::Documents;
use crate::paths::InstallPaths;
use crate::players;
use crate::record::{Current, InstalledVersion, is_version_name};
use crate::release::{self, FileFacts, Release};
use crate::stage::Stage;
use crate::tree;
use vsekai_formats::TreePath;
use vsekai_formats::release::{
    MAX_CONTENTS_STORED_BYTES, MAX_INDEX_BYTES, MAX_MANIFEST_BYTES, Pinned, ReleaseManifest,
};

/// Reads the manifest of an installed version.
///
/// # Errors
/// It is not the one that was installed.
pub(crate) fn load_manifest(
    paths: &InstallPaths,
    installed: &InstalledVersion,
) -> Result<ReleaseManifest, EngineError> {
    Ok(load_manifest_with_bytes(paths, installed)?.0)
}

/// The same, with the bytes that it was served as.
pub(crate) fn load_manifest_with_bytes(
    paths: &InstallPaths,
    installed: &InstalledVersion,
) -> Result<(ReleaseManifest, Bytes), EngineError> {
    let bytes = manifest_bytes(paths, installed)?;
    let manifest = release::parse_manifest(&bytes).map_err(EngineError::at_home)?;
    Ok((manifest, bytes.into()))
}

fn manifest_bytes(paths: &InstallPaths, installed: &InstalledVersion) -> Result<Vec<u8>, EngineError> {
    let built_with = pinned(paths, installed, MANIFEST, &installed.manifest);
    if !matches!(built_with, Err(EngineError::BadRecord { .. })) {
        return built_with;
    }
    // Another release since then may have made it its own.
    let later = later_manifest(&installed.manifest);
    match pinned(paths, installed, &later, &installed.manifest) {
        Err(EngineError::BadRecord { .. }) => built_with,
        later => later,
    }
}

/// Names the file of a manifest that came after the one that the tree beside it was built with.
fn later_manifest(manifest: &Pinned) -> String {
    format!("{LATER_MANIFEST}{}.json", manifest.sha256)
}

/// Reads the documents of an installed version.
///
/// # Errors
/// One of them is missing or not the one that was installed.
pub(crate) fn load_release(
    paths: &InstallPaths,
    installed: &InstalledVersion,
) -> Result<Release, EngineError> {
    let manifest = load_manifest(paths, installed)?;
    let contents = document(paths, installed, CONTENTS)?;
    let index = document(paths, installed, INDEX)?;
    Release::parse(manifest, &contents, &index).map_err(EngineError::at_home)
}

/// Checks that the documents of a version in the folder are those that were installed; only manifests are parsed.
///
/// # Errors
/// [`EngineError::DamagedDocument`] if one of them is damaged, another one if it cannot be read now.
pub(crate) fn check_documents(paths: &InstallPaths, installed: &InstalledVersion) -> Result<(), EngineError> {
    let check = || -> Result<(), EngineError> {
        // First what is pinned: a higher schema in it is a newer launcher's, and no flipped bit.
        let manifest = load_manifest(paths, installed)?;
        for (file, pin) in [(CONTENTS, &manifest.contents), (INDEX, &manifest.index)] {
            pinned(paths, installed, file, pin)?;
        }
        // Whoever knows no more of the version than its folder goes by the one that it was built with.
        let built_with = document(paths, installed, MANIFEST)?;
        release::parse_manifest(&built_with).map_err(EngineError::at_home)?;
        Ok(())
    };
    check().map_err(EngineError::fetchable)
}

/// Reads the documents of an installed version as they were served.
///
/// # Errors
/// One of them is missing.
pub(crate) fn load_documents(
    paths: &InstallPaths,
    installed: &InstalledVersion,
) -> Result<(Bytes, Documents), EngineError> {
    let manifest = manifest_bytes(paths, installed)?;
    let contents = document(paths, installed, CONTENTS)?.into();
    let index = document(paths, installed, INDEX)?.into();
    Ok((manifest.into(), Documents { contents, index }))
}

/// Returns the documents that a manifest pins from a version in the folder that has the same ones.
///
/// A version with the same files has them, whatever it is called.
pub(crate) fn find_documents(
    paths: &InstallPaths,
    current: &Current,
    manifest: &ReleaseManifest,
) -> Option<Documents> {
    let find = |file: &str, pin: &Pinned| {
        current.versions().find_map(|version| {
            let path = paths.release(&version.name).join(file);
            // Only what has the right length is worth reading.
            fs::metadata(path).ok().filter(|data| data.len() == pin.length)?;
            pinned(paths, version, file, pin).ok().map(Bytes::from)
        })
    };
    Some(Documents {
        contents: find(CONTENTS, &manifest.contents)?,
        index: find(INDEX, &manifest.index)?,
    })
}

/// Keeps a release's documents beside the tree that is being built. Nothing points at them yet, and [`make_durable`]
/// does what it says.
pub(crate) fn keep_documents(
    paths: &InstallPaths,
    name: &str,
    documents: &Documents,
) -> Result<(), EngineError> {
    disk::create_folders(&paths.release(name))?;
    keep(paths, name, CONTENTS, &documents.contents)?;
    keep(paths, name, INDEX, &documents.index)
}

/// Keeps the manifest of a tree that is finished, beside its documents, which all get the time of now: it is when the
/// version was put in place.
pub(crate) fn keep_first_manifest(
    paths: &InstallPaths,
    name: &str,
    manifest: &Bytes,
) -> Result<(), EngineError> {
    keep(paths, name, MANIFEST, manifest)?;
    let folder = paths.release(name);
    let first = folder.join(MANIFEST);
    let data = fs::metadata(&first).during("look at", &first)?;
    let time = data.modified().during("look at", &first)?;
    for file in [CONTENTS, INDEX] {
        let path = folder.join(file);
        let opened = fs::File::options().write(true).open(&path);
        opened
            .and_then(|file| file.set_modified(time))
            .during("set the time of", path)?;
    }
    Ok(())
}

fn keep(paths: &InstallPaths, name: &str, file: &str, bytes: &Bytes) -> Result<(), EngineError> {
    let path = paths.release(name).join(file);
    fs::write(&path, bytes).during("write", path)
}

/// Puts documents in the place of those of an installed version that are missing or not the same, durably.
///
/// When it was installed stays what it was, or unknown.
pub(crate) fn replace_documents(
    paths: &InstallPaths,
    installed: &InstalledVersion,
    manifest: &Bytes,
    documents: &Documents,
) -> Result<(), EngineError> {
    let folder = paths.release(&installed.name);
    let time = installed_at(paths, &installed.name).unwrap_or(SystemTime::UNIX_EPOCH);
    if !folder.is_dir() {
        disk::remove(&folder)?;
    }
    disk::create_folders_durably(&folder)?;
    // A manifest that came later than the tree says of it what the one before said, so it can stand in its place.
    let documents = [
        (MANIFEST, manifest),
        (CONTENTS, &documents.contents),
        (INDEX, &documents.index),
    ];
    for (file, bytes) in documents {
        let path = folder.join(file);
        let there = disk::read_bounded(&path, bytes.len()).ok().flatten();
        if there.as_deref() != Some(&bytes[..]) {
            // A file takes the place of a file, and nothing of a folder.
            if path.is_dir() {
                disk::remove(&path)?;
            }
            disk::restore_durably(&path, bytes, time)?;
        }
    }
    Ok(())
}

/// Returns when a version was put in place: [`keep_first_manifest`] gives its documents that time. One that was fetched
/// again says what those before it said, and damage makes none of them older.
pub(crate) fn installed_at(paths: &InstallPaths, name: &str) -> Option<SystemTime> {
    let folder = paths.release(name);
    let written = |file: &str| {
        let data = fs::metadata(folder.join(file)).ok().filter(|data| data.is_file());
        data.and_then(|data| data.modified().ok())
    };
    let earliest = [MANIFEST, CONTENTS, INDEX].into_iter().filter_map(written).min();
    earliest.filter(|time| *time != SystemTime::UNIX_EPOCH)
}

/// Keeps a manifest for a tree that is there already, durably and beside the one that is in force, which `before` pins.
pub(crate) fn keep_manifest(
    paths: &InstallPaths,
    version: &InstalledVersion,
    bytes: &Bytes,
    before: Option<&Pinned>,
) -> Result<(), EngineError> {
    let folder = paths.release(&version.name);
    let in_force = before.map(later_manifest);
    for entry in fs::read_dir(&folder).during("list", &folder)? {
        let entry = entry.during("list", &folder)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(LATER_MANIFEST) && Some(&name) != in_force.as_ref() {
            disk::remove_file(&entry.path())?;
        }
    }
    disk::write_durably(&folder.join(later_manifest(&version.manifest)), bytes)
}

/// Makes a finished tree, its documents and the folder that it is going to lie in survive a power cut.
pub(crate) fn make_durable(paths: &InstallPaths, name: &str, stage: &Stage) -> Result<(), EngineError> {
    disk::create_folders(&paths.versions())?;
    if stage.sync()? {
        return Ok(());
    }
    let documents = paths.release(name);
    for file in [MANIFEST, CONTENTS, INDEX] {
        disk::sync_file(&documents.join(file))?;
    }
    for folder in [&documents, &paths.releases(), &paths.state(), paths.root()] as [&Path; 4] {
        disk::sync_folder(folder)?;
    }
    Ok(())
}

/// Moves a finished tree, which must be durable already, to its place; then `current` may say that it is there.
pub(crate) fn move_to_place(
    paths: &InstallPaths,
    staged: &Path,
    current: &Current,
) -> Result<(), EngineError> {
    let place = paths.version(&current.current.name);
    // A tree that nothing points at: left by a run that was killed right here.
    disk::remove_tree(&place)?;
    fs::rename(staged, &place).during("move the new version to", &place)?;
    disk::sync_folder(&paths.versions())
}

/// Removes what no record points at: old versions, their documents, abandoned staging folders.
///
/// A version stays that a game still runs from, or that holds files of the player's that the current version
/// does not have. Returns what could not be removed.
pub(crate) fn tidy(paths: &InstallPaths, current: &Current, keep_staging: Option<&str>) -> Vec<EngineError> {
    let kept: HashSet<&str> = current.versions().map(|version| version.name.as_str()).collect();
    let mut failed = Vec::new();
    for name in names(&paths.releases()) {
        let keep = kept.contains(name.as_str())
            || Some(name.as_str()) == keep_staging
            || lock::is_in_use(paths, &name)
            || holds_players_files(paths, &name, &current.current.name);
        if !keep {
            let removed = disk::remove_tree(&paths.version(&name));
            failed.extend(
                removed
                    .and_then(|()| disk::remove_tree(&paths.release(&name)))
                    .err(),
            );
        }
    }
    for name in names(&paths.staging()) {
        if Some(name.as_str()) != keep_staging {
            failed.extend(disk::remove_tree(&paths.staging().join(name)).err());
        }
    }
    failed
}

/// Tells whether a version's folder holds files of the player's that the current version's folder does not have, or
/// has only older. What cannot be told counts as yes.
fn holds_players_files(paths: &InstallPaths, name: &str, current: &str) -> bool {
    let folder = paths.version(name);
    if !folder.exists() {
        return false;
    }
    let opened =
        tree::open_root(&folder).and_then(|dir| Ok((dir, tree::open_root(&paths.version(current))?)));
    let Ok((dir, current)) = opened else { return true };
    let Ok((found, contents)) = players::find_beside(paths, name, &dir) else {
        return true;
    };
    let published = |path: &str| {
        let path = TreePath::parse(path).ok()?;
        release::file_facts(&contents, contents.entries.find(path.borrowed())?)
    };
    let is_as_published = |path: &String| {
        let same = |facts: FileFacts| tree::has_content(tree::open_file(&dir, path)?, facts, &mut Vec::new());
        published(path).is_some_and(|facts| same(facts).unwrap_or(false))
    };
    let is_worth_nothing = |path: &String| !carry::is_news(&dir, &current, path) || is_as_published(path);
    !found.out_of_reach.is_empty() || !found.paths().all(is_worth_nothing)
}

/// Returns a folder name for a new tree of a version, one that begins with `base` and that no tree has yet. What a
/// killed run left may have it, as the next one goes on there.
///
/// A version may be installed more than once (repaired, gone back to, offered again), and a live folder is never changed.
pub(crate) fn free_name(paths: &InstallPaths, base: &str, current: Option<&Current>) -> String {
    let taken = |name: &str| {
        let mut known = current.into_iter().flat_map(Current::versions);
        known.any(|version| version.name == name)
            || lock::is_in_use(paths, name)
            // Kept for them alone, and whoever builds there begins by removing what is not the release's.
            || current.is_some_and(|current| holds_players_files(paths, name, &current.current.name))
    };
    let mut name = base.to_owned();
    let mut number = 2;
    while taken(&name) {
        name = format!("{base}.{number}");
        number += 1;
    }
    name
}

/// Reads a document of a version in the folder.
///
/// # Errors
/// As [`document_beside`].
pub(crate) fn document(
    paths: &InstallPaths,
    installed: &InstalledVersion,
    file: &str,
) -> Result<Vec<u8>, EngineError> {
    document_beside(paths, &installed.name, installed.version.as_str(), file)
}

/// Reads a document from beside the version folder `name`; `version` is what errors call it.
///
/// # Errors
/// [`EngineError::BadRecord`] if it is missing or damaged, another one if it cannot be read now.
pub(crate) fn document_beside(
    paths: &InstallPaths,
    name: &str,
    version: &str,
    file: &str,
) -> Result<Vec<u8>, EngineError> {
    let path = paths.release(name).join(file);
    let bad = |reason: String| EngineError::BadRecord {
        what: format!("{} of version {version}", in_words(file)),
        reason: format!("{}: {reason}", path.display()),
    };
    match disk::read_bounded(&path, most_bytes(file)) {
        Ok(bytes) => bytes.ok_or_else(|| bad("it is missing".to_owned())),
        Err(EngineError::BadRecord { reason, .. }) => Err(bad(reason)),
        Err(error) => Err(error),
    }
}

/// Reads a document of a version in the folder that must be the pinned one.
fn pinned(
    paths: &InstallPaths,
    installed: &InstalledVersion,
    file: &str,
    pin: &Pinned,
) -> Result<Vec<u8>, EngineError> {
    let bytes = document(paths, installed, file)?;
    match pin.matches(&bytes) {
        true => Ok(bytes),
        false => Err(EngineError::BadRecord {
            what: format!("{} of version {}", in_words(file), installed.version),
            reason: "it is not the one that was installed".to_owned(),
        }),
    }
}

/// Names a document for people.
fn in_words(file: &str) -> &'static str {
    match file {
        CONTENTS => "list of files",
        INDEX => "chunk index",
        _ => "manifest",
    }
}

/// Returns how long a document may be.
fn most_bytes(file: &str) -> usize {
    match file {
        CONTENTS => MAX_CONTENTS_STORED_BYTES,
        INDEX => MAX_INDEX_BYTES,
        _ => MAX_MANIFEST_BYTES,
    }
}

/// Returns the names of all versions' folders: those on record, the current one first, then those that are there for files
/// of the player's.
pub(crate) fn folders(paths: &InstallPaths, current: &Current) -> Vec<String> {
    let mut folders: Vec<String> = current.versions().map(|version| version.name.clone()).collect();
    for name in names(&paths.versions()) {
        let is_folder = fs::symlink_metadata(paths.version(&name)).is_ok_and(|data| data.is_dir());
        if is_folder && !folders.contains(&name) {
            folders.push(name);
        }
    }
    folders
}

/// Lists the version folders in `folder`; a folder that cannot be listed has none.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names = disk::names_in(folder);
    names.retain(|name| is_version_name(name));
    names
}

/// The manifest that a tree was built with.
pub(crate) const MANIFEST: &str = "manifest.json";
/// Begins the names of manifests of the same tree that came later.
const LATER_MANIFEST: &str = "manifest-";
pub(crate) const CONTENTS: &str = "contents.json.zst";
pub(crate) const INDEX: &str = "index.caidx";
