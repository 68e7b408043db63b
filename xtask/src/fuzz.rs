// SPDX-License-Identifier: MIT
//! `cargo xtask fuzz`: runs the fuzz targets and keeps what they find.

use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::{fs, process, ui, workspace};

/// What to run.
#[derive(Debug)]
pub struct Options {
    /// The targets; all if there are none.
    pub targets: Vec<String>,
    /// How long to run each, in seconds.
    pub seconds: u32,
    /// Put inputs that reach something new into the corpus in the repository.
    pub keep: bool,
}

/// Runs each target from its corpus, with bounds on memory and on the time of one input.
///
/// Needs cargo-fuzz, and the compiler that builds the rest. What is found on the way is kept in `target/fuzz`.
pub fn fuzz(options: &Options) -> Result<()> {
    let all = targets()?;
    if let Some(unknown) = options.targets.iter().find(|name| !all.contains(name)) {
        bail!("there is no fuzz target {unknown}; there are {}", all.join(", "));
    }
    let mut help = workspace::command("cargo");
    help.args(["fuzz", "--help"]);
    process::read(&mut help).context("cargo-fuzz is missing: `cargo install cargo-fuzz --locked` gets it")?;
    for target in &all {
        if options.targets.is_empty() || options.targets.contains(target) {
            run(target, options)?;
        }
    }
    Ok(())
}

fn targets() -> Result<Vec<String>> {
    let files = fs::files(&workspace::root().join("fuzz/fuzz_targets"), &[])?;
    let stems = files.iter().filter_map(|file| file.file_stem());
    Ok(stems.map(|stem| stem.to_string_lossy().into_owned()).collect())
}

fn run(target: &str, options: &Options) -> Result<()> {
    ui::step(format!("Fuzzing {target} for {} s", options.seconds));
    let corpus = workspace::root().join("fuzz/corpus").join(target);
    let found = workspace::target_dir().join("fuzz").join(target);
    fs_err::create_dir_all(&found)?;
    let time = format!("-max_total_time={}", options.seconds);
    let bounds = [
        time.as_str(),
        "-rss_limit_mb=512",
        "-timeout=10",
        "-max_len=65536",
    ];
    libfuzzer(target, &[&found, &corpus], &bounds)?;
    if options.keep {
        // Merging keeps the smallest inputs that together reach all that any of them reaches.
        libfuzzer(target, &[&corpus, &found], &["-merge=1", MAX_KEPT])?;
        ui::note(format!("{} inputs in the corpus", fs::files(&corpus, &[])?.len()));
    }
    Ok(())
}

fn libfuzzer(target: &str, folders: &[&Path], options: &[&str]) -> Result<()> {
    let mut command = workspace::command("cargo");
    command.current_dir(workspace::root().join("fuzz"));
    // The options that watch what is reached and what is read count as unstable; this lets any compiler take them.
    command.env("RUSTC_BOOTSTRAP", "1");
    command.args(["fuzz", "run", target]).args(folders);
    command.arg("--").args(options);
    process::run(&mut command).with_context(|| {
        format!("fuzz {target}; an input that breaks it would be in fuzz/artifacts/{target}")
    })
}

/// Longest input that is kept in the repository.
const MAX_KEPT: &str = "-max_len=4096";
