// SPDX-License-Identifier: MIT
//! Entry of `cargo xtask`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::tools::{self, Cache};
use xtask::{process, ui};

/// Builds, plays, tests and exports the project.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Get the programs that playing and testing need beside Rust, or say where they are.
    Tools {
        /// Get nothing, only print name, path and version of each, separated by tabs.
        #[arg(long)]
        print: bool,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    process::end_children_on_signal()?;
    let cache = Cache::of_the_user()?;
    match task {
        Task::Tools { print: true } => tools::print(&cache),
        Task::Tools { print: false } => {
            ui::step("Tools");
            tools::get_all(&cache)?;
        }
    }
    Ok(())
}
