// SPDX-License-Identifier: MIT
//! What stock desync and casync make of our server: the oracle for everything that is published.

use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::process::Running;
use xtask::tools::Tool;
use xtask::{process, workspace};

use crate::tool;
use crate::world::{TITLE, World, platform};

/// Stock desync with a home folder of its own, since it reads its configuration there.
#[derive(Debug)]
pub struct Desync<'a> {
    program: PathBuf,
    world: &'a World,
}

impl<'a> Desync<'a> {
    /// Returns desync, or says that the test is skipped.
    #[must_use]
    pub fn find(world: &'a World) -> Option<Self> {
        tool(Tool::Desync).map(|program| Self { program, world })
    }

    /// Returns a command without arguments.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = workspace::command(&self.program);
        command.env("HOME", self.world.path("home"));
        command
    }

    /// Unpacks a published version into the new folder `target`, through the server.
    ///
    /// # Panics
    /// If desync fails.
    pub fn untar(&self, version: &str, target: &Path) {
        fs_err::create_dir_all(target).unwrap();
        let mut command = self.command();
        command.args(["untar", "--no-same-owner", "-i", "-s", &store_address(self.world)]);
        process::read(command.arg(index_address(self.world, version)).arg(target)).unwrap();
    }
}

/// One of stock desync's own servers, ended when it is dropped.
#[derive(Debug)]
pub struct DesyncServer {
    _running: Running,
    address: String,
}

impl DesyncServer {
    /// Starts `desync chunk-server` or `desync index-server`, as `kind` says, with write access to the folder `store`.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(desync: &Path, kind: &str, store: &Path, arguments: &[&str]) -> Self {
        let listen = process::free_address().unwrap();
        let mut command = workspace::command(desync);
        command.args([kind, "-w", "-l", &listen, "-s"]).arg(store);
        // Where it looks for its configuration; there is none.
        command.args(arguments).env("HOME", store);
        Self {
            _running: process::serve(&mut command, &listen).unwrap(),
            address: format!("http://{listen}/"),
        }
    }

    /// Returns the base address, with a slash at its end.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// Unpacks a published version into the new folder `target` with stock casync, through the server. Returns
/// nothing, after saying so, where there is no casync.
///
/// # Panics
/// If casync fails.
pub fn casync_extract(world: &World, version: &str, target: &Path) -> Option<()> {
    let mut command = workspace::command(tool(Tool::Casync)?);
    command
        .arg("extract")
        .arg(format!("--store={}", store_address(world)));
    process::read(command.arg(index_address(world, version)).arg(target)).unwrap();
    Some(())
}

/// Returns the address of the server's chunk store.
#[must_use]
pub fn store_address(world: &World) -> String {
    format!("{}/store", base(world))
}

/// Returns the address of a published version's index.
#[must_use]
pub fn index_address(world: &World, version: &str) -> String {
    format!("{}/index/{TITLE}_{version}_{}.caidx", base(world), platform())
}

fn base(world: &World) -> String {
    world.server().address().trim_end_matches('/').to_owned()
}
