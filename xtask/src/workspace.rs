// SPDX-License-Identifier: MIT
//! Where things are in the workspace, and Cargo as a child process.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::process;

/// Returns the root folder of the workspace.
#[must_use]
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// Returns Cargo's target folder.
#[must_use]
pub fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// Returns a command with the environment that a user's own shell would give it.
#[must_use]
pub fn command(program: impl AsRef<Path>) -> Command {
    let mut command = Command::new(program.as_ref());
    command.current_dir(root());
    match process::library_path_of_the_user(&target_dir()) {
        Some(value) => command.env("LD_LIBRARY_PATH", value),
        None => command.env_remove("LD_LIBRARY_PATH"),
    };
    for (name, _) in std::env::vars_os() {
        // `cargo run` describes this package in the environment; a nested Cargo must not see that.
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO" {
            command.env_remove(&name);
        }
    }
    command
}

/// Returns a command of one of our programs, without the settings of [`forget_settings`].
#[must_use]
pub fn own_command(program: impl AsRef<Path>) -> Command {
    let mut command = command(program);
    forget_settings(&mut command);
    command
}

/// Takes from one of our programs what a developer set for another server.
pub fn forget_settings(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("VSEKAI_") {
            command.env_remove(name);
        }
    }
}

/// Returns a Cargo command in the workspace.
#[must_use]
pub fn cargo(arguments: &[&str]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = command(PathBuf::from(cargo));
    command.args(arguments);
    command
}

/// Returns the program `name` built with the development profile.
#[must_use]
pub fn built_program(name: &str) -> PathBuf {
    target_dir()
        .join("debug")
        .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Builds the given packages with Cargo, unless `cargo xtask test` has just done so: a second build while the
/// tests run would replace the programs that they start.
pub fn build(arguments: &[&str]) -> Result<()> {
    if is_built() {
        return Ok(());
    }
    process::run(cargo(&["build"]).args(arguments))
}

/// Returns whether everything is known to be built; see [`BUILT`].
#[must_use]
pub fn is_built() -> bool {
    std::env::var_os(BUILT).is_some()
}

/// The environment variable by which `cargo xtask test` says that everything is built.
pub const BUILT: &str = "VSEKAI_TEST_BUILT";

/// Returns this machine's platform as releases call it.
pub fn platform() -> Result<&'static str> {
    match (std::env::consts::OS, std::env::consts::ARCH) {
        ("linux", "x86_64") => Ok("linux-x86_64"),
        ("linux", "aarch64") => Ok("linux-arm64"),
        ("windows", "x86_64") => Ok("windows-x86_64"),
        ("macos", _) => Ok("macos-universal"),
        (system, architecture) => bail!("nothing can be published for {system} on {architecture}"),
    }
}
