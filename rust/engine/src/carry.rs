// SPDX-License-Identifier: MIT
//! Files that no release put into a version's folder: mods, settings, screenshots.
//!
//! They are the player's. A new version gets them too, under the names they had; where the new version has
//! a file of its own under that name, the player's stays with the old version, which is then kept.

use std::collections::HashSet;
use std::io;

use cap_std::fs::Dir;
use vsekai_formats::TreePath;

use crate::release::Release;
use crate::share::{self, Sharing};
use crate::verify;

/// What became of the player's files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    /// Paths of files that the new version has too.
    pub(crate) taken: Vec<String>,
    /// Paths of files that could not be taken along.
    pub(crate) left: Vec<String>,
}

/// Gives the new tree at `to` the files that lie in the installed tree `from` beside those of `old`.
///
/// A file is shared as a hard link where that works, so that the player's later changes count in both
/// versions; its mode is left as it is.
pub(crate) fn carry(from: &Dir, old: &Release, to: &Dir, new: &Release) -> Carried {
    let extra = verify::extra_files(from, old);
    if extra.is_empty() {
        // The usual case; folding every name of the new version costs more than all else here.
        return Carried::default();
    }
    let entries = new.contents.entries.iter();
    let own: HashSet<String> = entries.map(|entry| entry.path.folded()).collect();
    let mut carried = Carried::default();
    for path in extra {
        match TreePath::parse(&path).ok().filter(|path| fits(path, &own)) {
            Some(valid) if carry_one(from, to, &valid).is_ok() => carried.taken.push(path),
            _ => carried.left.push(path),
        }
    }
    carried
}

/// Tells whether a path neither is a file of the new version nor lies below one.
fn fits(path: &TreePath, own: &HashSet<String>) -> bool {
    !own.contains(&path.folded())
}

fn carry_one(from: &Dir, to: &Dir, path: &TreePath) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        to.create_dir_all(folder)?;
    }
    if to.symlink_metadata(path.as_str()).is_ok() {
        // Carried by an earlier run that was killed; make it anew, it may have changed since.
        to.remove_file(path.as_str())?;
    }
    let linked = share::share(from, path.as_str(), to, path.as_str(), Sharing::HardLink);
    linked.or_else(|_| share::share(from, path.as_str(), to, path.as_str(), Sharing::Copy))
}
