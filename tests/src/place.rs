// SPDX-License-Identifier: MIT
//! A folder of its own for one test, with paths as command lines take them.

use std::path::Path;

use tempfile::TempDir;

/// A folder of its own for one test, removed with it.
#[derive(Debug)]
pub struct Place(TempDir);

impl Place {
    /// Makes an empty folder.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    #[allow(clippy::new_without_default, reason = "every place is another one")]
    pub fn new() -> Self {
        match tempfile::tempdir() {
            Ok(folder) => Self(folder),
            Err(error) => panic!("make a folder for the test: {error}"),
        }
    }

    /// Returns the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns a path in the folder, as text.
    #[must_use]
    pub fn at(&self, name: &str) -> String {
        self.path().join(name).display().to_string()
    }

    /// Makes a folder with its parents, unless it is there, and returns its path.
    ///
    /// # Panics
    /// If it cannot be made.
    pub fn folder(&self, name: &str) -> String {
        let path = self.at(name);
        if let Err(error) = fs_err::create_dir_all(&path) {
            panic!("{error}");
        }
        path
    }

    /// Makes a file with the folders above it, in place of any other, and returns its path.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.at(name);
        let parent = Path::new(&path).parent().unwrap_or(self.path());
        if let Err(error) = fs_err::create_dir_all(parent).and_then(|()| fs_err::write(&path, content)) {
            panic!("{error}");
        }
        path
    }

    /// Makes a file that can be executed, and returns its path.
    ///
    /// # Panics
    /// If it cannot be made.
    #[cfg(unix)]
    pub fn program(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.file(name, content);
        let mode = std::fs::Permissions::from_mode(0o755);
        if let Err(error) = fs_err::set_permissions(&path, mode) {
            panic!("{error}");
        }
        path
    }
}
