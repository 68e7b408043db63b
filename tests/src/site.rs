// SPDX-License-Identifier: MIT
//! Static sites: what the server's `export` and `mirror` write.

use std::path::Path;
use std::process::Command;

use xtask::{process, workspace};

use crate::world::World;

/// Returns the server's program on the data of `world`.
#[must_use]
pub fn server_command(world: &World) -> Command {
    let mut command = bare_server_command();
    command.arg("--data").arg(world.server().data());
    command
}

/// Returns the server's program without arguments and without what a developer set for it.
#[must_use]
pub fn bare_server_command() -> Command {
    let mut command = workspace::own_command(workspace::built_program("vsekai-server"));
    command.env_remove("AWS_ENDPOINT_URL");
    command
}

/// Runs an export or mirror and returns how many chunks and documents it says it wrote.
///
/// # Panics
/// If it fails.
pub fn write(command: &mut Command) -> (usize, usize) {
    let output = process::read(command).unwrap();
    let line = output.lines().find(|line| line.starts_with("wrote ")).unwrap();
    let numbers: Vec<usize> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    (numbers[0], numbers[1])
}

/// Counts the chunks and the other files of a site.
#[must_use]
pub fn count(site: &Path) -> (usize, usize) {
    let is_hidden = |entry: &walkdir::DirEntry| entry.file_name().to_string_lossy().starts_with('.');
    let entries = walkdir::WalkDir::new(site).min_depth(1).into_iter();
    let files = entries
        .filter_entry(|entry| !is_hidden(entry))
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().is_file());
    let (chunks, others): (Vec<_>, Vec<_>) =
        files.partition(|entry| entry.path().extension().is_some_and(|ending| ending == "cacnk"));
    (chunks.len(), others.len())
}
