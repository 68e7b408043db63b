// SPDX-License-Identifier: MIT
//! What an earlier attempt at a version has left ready, looked at without changing anything.

use std::io;

use cap_std::fs::File;
use rayon::prelude::*;

use crate::paths::InstallPaths;
use crate::plan::{Plan, number};
use crate::release::Release;
use crate::tree::{self, EntryFiles, Folders, Tree};

/// A folder that files of a release are being built in.
struct Leftover<'a> {
    folders: &'a Folders,
    release: &'a Release,
    /// In ascending order.
    built: &'a [u32],
}

impl EntryFiles for Leftover<'_> {
    fn open(&self, entry: usize) -> io::Result<File> {
        let tree = Tree {
            folders: self.folders,
            release: self.release,
        };
        match self.built.binary_search(&number(entry)) {
            Ok(_) => tree.open(entry),
            // Taken over from elsewhere once the rest is there.
            Err(_) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

/// Tells which chunks of a plan lie ready in the staging folder `name`: each is hashed, none is taken on trust.
///
/// A chunk that reaches into a file which is not built there counts as not ready: this is for the figures only.
pub(crate) fn staged(paths: &InstallPaths, name: &str, release: &Release, plan: &Plan) -> Vec<bool> {
    let folder = paths.staging().join(name);
    let Some(dir) = folder.is_dir().then(|| tree::open_root(&folder).ok()).flatten() else {
        return Vec::new();
    };
    let folders = Folders::below(dir);
    let leftover = Leftover {
        folders: &folders,
        release,
        built: &plan.build,
    };
    let is_ready = |buffer: &mut Vec<u8>, position: usize| {
        tree::read_chunk(release, position, &leftover, buffer).is_some()
    };
    let chunks = plan.chunks.numbers().into_par_iter();
    chunks
        .map_init(Vec::new, |buffer, chunk| {
            let mut positions = plan.chunks.positions(chunk);
            positions.all(|position| is_ready(buffer, position))
        })
        .collect()
}
