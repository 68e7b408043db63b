// SPDX-License-Identifier: MIT
//! What the tests across crates share: the real programs, trees to publish, a network that can be broken.
//!
//! The tests start the programs that `cargo build --workspace` makes, as a player or publisher would; they
//! are built first if need be. Every test has folders and ports of its own.

pub mod browser;
pub mod dice;
pub mod exported;
pub mod garage;
pub mod gate;
pub mod nginx;
pub mod place;
pub mod player;
pub mod power;
pub mod proxy;
pub mod s3;
pub mod site;
pub mod stock;
pub mod strace;
pub mod tree;
pub mod world;

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

pub use place::Place;
pub use tree::noise;
use xtask::tools::{Cache, Tool};
use xtask::{process, workspace};

/// Returns where `tool` is. Without it, says that the test is skipped and returns nothing; where `CI` is set,
/// that is a failure.
#[must_use]
pub fn tool(tool: Tool) -> Option<PathBuf> {
    let found = Cache::of_the_user().ok().and_then(|cache| tool.find(&cache));
    found.or_else(|| skip(tool.name(), &tool.hint()))
}

/// Says that a test is skipped for want of `what` and returns nothing.
///
/// # Panics
/// Where `CI` is set: there nobody reads what is skipped.
#[must_use]
pub fn skip<T>(what: &str, hint: &str) -> Option<T> {
    assert!(!xtask::test::is_ci(), "{what} not found; {hint}");
    println!("SKIPPED: {what} not found; {hint}");
    None
}

/// Builds the programs that the tests start; quick if they are up to date.
///
/// # Panics
/// If they do not build.
pub fn build_programs() {
    static DONE: Mutex<bool> = Mutex::new(false);
    let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
    // `cargo xtask test` has built them; a second Cargo would only wait for locks.
    if !*done && !workspace::is_built() {
        // All of them, as every other build does: other sets of packages mean other sets of features.
        let mut arguments = vec!["--quiet", "--workspace"];
        for package in ["vsekai-godot", "vsekai-godot-common", "vsekai-godot-editor"] {
            arguments.extend(["--exclude", package]);
        }
        if let Err(error) = process::read(workspace::cargo(&["build"]).args(arguments)) {
            panic!("the programs do not build: {error:#}");
        }
    }
    *done = true;
}
