// SPDX-License-Identifier: MIT
//! Checks over the texts of the source tree.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::{fs, process, workspace};

/// Fails if a source file does not begin with the licence identifier.
pub fn headers() -> Result<()> {
    let mut without = Vec::new();
    for file in source_files()? {
        if needs_header(&file) && !has_header(&text(&file)?) {
            without.push(file.display().to_string());
        }
    }
    if !without.is_empty() {
        bail!(
            "without `SPDX-License-Identifier: MIT` on top:\n{}",
            without.join("\n")
        );
    }
    Ok(())
}

/// Fails if a file of the source tree names a folder of this machine.
pub fn machine_paths() -> Result<()> {
    let folders = machine_folders();
    let mut found = Vec::new();
    for file in source_files()? {
        let text = text(&file)?;
        for (number, line) in text.lines().enumerate() {
            if folders.iter().any(|folder| names_folder(line, folder)) {
                found.push(format!("{}:{}: {}", file.display(), number + 1, line.trim()));
            }
        }
    }
    if !found.is_empty() {
        bail!("paths of this machine in the source tree:\n{}", found.join("\n"));
    }
    Ok(())
}

/// Returns the files of the source tree, ignored ones excepted, relative to its root.
pub fn source_files() -> Result<Vec<PathBuf>> {
    let root = workspace::root();
    let listed = process::which("git")
        .filter(|_| root.join(".git").exists())
        .map(|git| {
            let mut command = workspace::command(git);
            command.args(["ls-files", "--cached", "--others", "--exclude-standard", "-z"]);
            process::read(&mut command)
        });
    let files: Vec<PathBuf> = match listed {
        Some(listed) => listed?
            .split('\0')
            .filter(|name| !name.is_empty())
            .map(PathBuf::from)
            .collect(),
        None => fs::files(&root, &["target", ".git", ".godot", "bin"])?,
    };
    // A file that was removed, but not yet from the index, is listed too.
    Ok(files
        .into_iter()
        .filter(|file| root.join(file).is_file())
        .collect())
}

fn text(file: &Path) -> Result<String> {
    let bytes = fs_err::read(workspace::root().join(file))?;
    Ok(if bytes.contains(&0) {
        String::new()
    } else {
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn needs_header(file: &Path) -> bool {
    let extension = file.extension().unwrap_or_default().to_string_lossy();
    HEADED.contains(&extension.as_ref()) && !file.ends_with("Cargo.lock") || file.starts_with(".ci")
}

fn has_header(text: &str) -> bool {
    text.lines()
        .take(3)
        .any(|line| line.contains(concat!("SPDX-License", "-Identifier: MIT")))
}

fn machine_folders() -> Vec<PathBuf> {
    let mut folders = vec![workspace::root(), std::env::temp_dir()];
    folders.extend(
        ["HOME", "CARGO_HOME", "GODOT"]
            .iter()
            .filter_map(std::env::var_os)
            .map(PathBuf::from),
    );
    folders.retain(|folder| folder.is_absolute() && folder.components().count() > 1);
    folders
}

/// Tells whether `line` has the folder as an absolute path of its own, not as a part of another path.
fn names_folder(line: &str, folder: &Path) -> bool {
    let folder = folder.to_string_lossy();
    line.match_indices(folder.as_ref()).any(|(at, found)| {
        let before = line[..at].chars().next_back();
        let after = line[at + found.len()..].chars().next();
        let inside = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "._-~}".contains(c));
        let continues = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || "._-".contains(c));
        !inside(before) && before != Some('/') && !continues(after)
    })
}

const HEADED: [&str; 6] = ["rs", "toml", "gd", "gdshader", "sql", "proto"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_found_as_a_path_of_its_own_only() {
        let folder = Path::new("/srv/me");
        assert!(names_folder("path = \"/srv/me/project\"", folder));
        assert!(names_folder("cd /srv/me", folder));
        assert!(!names_folder("/other/srv/me/x", folder));
        assert!(!names_folder("/srv/menu", folder));
        assert!(!names_folder("$HOME}/srv/me", folder));
    }

    #[test]
    fn the_identifier_may_follow_a_shebang() {
        assert!(has_header("#!/bin/sh\n# SPDX-License-Identifier: MIT\n"));
        assert!(!has_header("fn main() {}\n"));
    }
}
