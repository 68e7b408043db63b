// SPDX-License-Identifier: MIT
//! Folders as a whole: copying, replacing, fingerprints.

use std::path::{Path, PathBuf};

use anyhow::Result;
use sha2::{Digest as _, Sha256};

/// Returns the regular files below `folder`, relative to it and sorted. Skips folders called in `skip`.
pub fn files(folder: &Path, skip: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut pending = vec![PathBuf::new()];
    while let Some(relative) = pending.pop() {
        for entry in fs_err::read_dir(folder.join(&relative))? {
            let entry = entry?;
            let path = relative.join(entry.file_name());
            if !entry.file_type()?.is_dir() {
                found.push(path);
            } else if !skip.iter().any(|name| entry.file_name() == *name) {
                pending.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Copies the files of `source` over those of `target`, with their permissions. Skips folders called in
/// `skip`.
pub fn copy_over(source: &Path, target: &Path, skip: &[&str]) -> Result<()> {
    for file in files(source, skip)? {
        let to = target.join(&file);
        if let Some(parent) = to.parent() {
            fs_err::create_dir_all(parent)?;
        }
        fs_err::copy(source.join(&file), to)?;
    }
    Ok(())
}

/// Copies a file so that readers of `target` see the old or the new content, never a part of it.
pub fn replace_file(source: &Path, target: &Path) -> Result<()> {
    if let Some(parent) = target.parent() {
        fs_err::create_dir_all(parent)?;
    }
    let mut name = target.file_name().unwrap_or_default().to_os_string();
    name.push(".tmp");
    let temporary = target.with_file_name(name);
    fs_err::copy(source, &temporary)?;
    fs_err::rename(temporary, target)?;
    Ok(())
}

/// Removes a folder with all that is in it; it may be missing.
pub fn remove_folder(folder: &Path) -> Result<()> {
    match fs_err::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Removes the links below `folder`: those in a package that was only unpacked may lead to nothing.
pub fn remove_links(folder: &Path) -> Result<()> {
    for file in files(folder, &[])? {
        let path = folder.join(file);
        if path.is_symlink() {
            fs_err::remove_file(path)?;
        }
    }
    Ok(())
}

/// A fingerprint of everything that goes into a result, to tell whether it has to be made again.
#[derive(Clone, Default)]
pub struct Fingerprint(Sha256);

impl Fingerprint {
    /// Adds a text.
    pub fn text(&mut self, text: &str) {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
    }

    /// Adds a file's content.
    pub fn file(&mut self, file: &Path) -> Result<()> {
        let content = fs_err::read(file)?;
        self.0.update((content.len() as u64).to_le_bytes());
        self.0.update(content);
        Ok(())
    }

    /// Adds the names and contents of the files below a folder.
    pub fn folder(&mut self, folder: &Path, skip: &[&str]) -> Result<()> {
        for file in files(folder, skip)? {
            self.text(&file.to_string_lossy());
            self.file(&folder.join(file))?;
        }
        Ok(())
    }

    /// Returns the fingerprint as hexadecimal digits.
    #[must_use]
    pub fn finish(self) -> String {
        self.0
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_changes_with_a_name_and_with_a_content() {
        let folder = tempfile::tempdir().unwrap();
        let fingerprint = |skip: &[&str]| {
            let mut fingerprint = Fingerprint::default();
            fingerprint.folder(folder.path(), skip).unwrap();
            fingerprint.finish()
        };
        fs_err::write(folder.path().join("a"), "1").unwrap();
        let first = fingerprint(&[]);
        assert_eq!(fingerprint(&[]), first);
        fs_err::write(folder.path().join("a"), "2").unwrap();
        let second = fingerprint(&[]);
        assert_ne!(second, first);
        fs_err::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
        assert_ne!(fingerprint(&[]), second);
    }

    #[test]
    fn skipped_folders_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(folder.path().join(".godot/imported")).unwrap();
        fs_err::write(folder.path().join(".godot/imported/x"), "1").unwrap();
        assert!(files(folder.path(), &[".godot"]).unwrap().is_empty());
    }
}
