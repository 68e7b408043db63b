// SPDX-License-Identifier: MIT
//! The project's own commands: getting the tools, building, playing, testing and exporting.
//!
//! `cargo xtask --help` lists them. The crate is a library too, so that the tests look tools up and export
//! Godot projects in the same way as the commands do. It never writes into the source tree, except for the
//! built library that a Godot project needs in its ignored `bin/` folder.

pub mod addons;
pub mod bench;
pub mod display;
pub mod events;
pub mod fs;
pub mod fuzz;
pub mod godot;
pub mod icons;
pub mod licences;
pub mod play;
pub mod process;
pub mod projects;
pub mod server;
pub mod ship;
pub mod test;
pub mod tools;
pub mod ui;
pub mod workspace;
