// SPDX-License-Identifier: MIT
//! Room on the disk for what is built.
//!
//! A disk that fills up shows as a linker that dies of a signal and a compiler that cannot write, far from the reason.

use std::path::Path;

use crate::{fs, ui, workspace};

/// Says so if the disk may be too small for the target folder of a whole run.
///
/// It is a guess, as compilers and settings differ, so nothing fails for it.
pub(super) fn warn_if_short() {
    let target = workspace::target_dir();
    // Cargo, which has built this program, made the folder.
    let Ok(free) = fs4::available_space(&target) else {
        return;
    };
    let missing = WHOLE.saturating_sub(size(&target));
    if free < missing {
        ui::warn(format!(
            "{} has {} free, and what is built may take {} more: make room, or set CARGO_TARGET_DIR to a folder on another disk",
            target.display(),
            ui::bytes(free),
            ui::bytes(missing)
        ));
    }
}

/// Returns the bytes of all files below `folder`, 0 if it cannot be read.
fn size(folder: &Path) -> u64 {
    let files = fs::files(folder, &[]).unwrap_or_default();
    let found = files
        .iter()
        .flat_map(|file| fs_err::symlink_metadata(folder.join(file)));
    found.map(|found| found.len()).sum()
}

/// A target folder after `cargo xtask test` from nothing, with what builds leave for the next one, and the tests' own files.
const WHOLE: u64 = 12 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_folder_is_that_of_all_files_in_it() {
        let folder = tempfile::tempdir().unwrap();
        fs_err::create_dir(folder.path().join("inner")).unwrap();
        fs_err::write(folder.path().join("a"), [0; 3]).unwrap();
        fs_err::write(folder.path().join("inner/b"), [0; 4]).unwrap();
        assert_eq!(size(folder.path()), 7);
        assert_eq!(size(&folder.path().join("none")), 0);
    }
}
