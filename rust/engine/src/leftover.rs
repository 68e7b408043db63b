// SPDX-License-Identifier: MIT
//! What an earlier attempt at a version has left ready, looked at without changing anything.

use std::collections::HashSet;
use std::io;

use cap_std::fs::File;
use rayon::prelude::*;

use crate::paths::InstallPaths;
use crate::plan::Plan;
use crate::release::Release;
use crate::tree::{self, EntryFiles, Folders, Tree};

/// A folder that files of a release are being built in.
struct Leftover<'a> {
    folders: &'a Folders,
    release: &'a Release,
    built: HashSet<usize>,
}

impl EntryFiles for Leftover<'_> {
    fn open(&self, entry: usize) -> io::Result<File> {
        let tree = Tree {
            folders: self.folders,
            release: self.release,
        };
        match self.built.contains(&entry) {
            true => tree.open(entry),
            // Taken over from elsewhere once the rest is there.
            false => Err(io::ErrorKind::NotFound.into()),
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
        built: plan.build.iter().copied().collect(),
    };
    let is_ready = |buffer: &mut Vec<u8>, position: &usize| {
        tree::read_chunk(release, *position, &leftover, buffer).is_some()
    };
    plan.chunks
        .par_iter()
        .map_init(Vec::new, |buffer, chunk| {
            chunk.positions.iter().all(|position| is_ready(buffer, position))
        })
        .collect()
}
