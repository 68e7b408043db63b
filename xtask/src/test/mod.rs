// SPDX-License-Identifier: MIT
//! `cargo xtask test`: everything that must hold, in one go.

mod checks;
mod room;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::tools::{self, Cache, Godot, Tool};
use crate::{addons, godot, process, projects, ui, workspace};

/// What to test.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Run only these sections; all if empty.
    pub only: Vec<String>,
    /// Arguments for the test runner, for instance a filter.
    pub runner: Vec<String>,
}

/// Runs the sections one after another, the tests last, so that the runner's closing line is the last line
/// of a good run. A section that fails does not keep the others from running.
pub fn test(cache: &Cache, options: &Options) -> Result<()> {
    let sections = selected(&options.only)?;
    if sections.iter().any(|section| section.name == "build") {
        room::warn_if_short();
    }
    let mut done: Vec<(&str, Duration, bool)> = Vec::new();
    for section in sections {
        if section.name == TESTS {
            show_times(&done);
        }
        ui::step(format!("{}: {}", section.name, section.what));
        let start = Instant::now();
        let result = (section.run)(cache, options);
        if let Err(error) = &result {
            ui::warn(format!("{} failed: {error:#}", section.name));
        }
        done.push((section.name, start.elapsed(), result.is_ok()));
    }
    let failed: Vec<&str> = done
        .iter()
        .filter(|(.., good)| !good)
        .map(|(name, ..)| *name)
        .collect();
    if !failed.is_empty() {
        show_times(&done);
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

/// Returns the names of the sections in their order.
#[must_use]
pub fn names() -> Vec<&'static str> {
    SECTIONS.iter().map(|section| section.name).collect()
}

/// Returns whether a missing tool is a failure, as it is where nobody reads the messages.
#[must_use]
pub fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}

struct Section {
    name: &'static str,
    what: &'static str,
    run: fn(&Cache, &Options) -> Result<()>,
}

/// The order serves the first complaint: what is quick comes first, and what others need before them.
const SECTIONS: [Section; 9] = [
    Section {
        name: "format",
        what: "rustfmt changes nothing",
        run: format,
    },
    Section {
        name: "texts",
        what: "licence headers, no paths of this machine",
        run: texts,
    },
    Section {
        name: "tools",
        what: "what the tests need is here",
        run: get_tools,
    },
    Section {
        name: "gdscript",
        what: "gdformat and gdlint find nothing",
        run: gdscript,
    },
    Section {
        name: "clippy",
        what: "no warnings",
        run: clippy,
    },
    Section {
        name: "build",
        what: "the programs that the tests start",
        run: build,
    },
    Section {
        name: "export",
        what: "the launcher and the sample game, with Godot",
        run: export,
    },
    Section {
        name: "doc-tests",
        what: "the examples in the documentation",
        run: doc_tests,
    },
    Section {
        name: TESTS,
        what: "unit, integration, interoperability and Godot tests",
        run: tests,
    },
];

const TESTS: &str = "tests";

fn selected(only: &[String]) -> Result<Vec<&'static Section>> {
    for name in only {
        if !SECTIONS.iter().any(|section| section.name == name) {
            bail!(
                "there is no section {name}; the sections are {}",
                names().join(", ")
            );
        }
    }
    Ok(SECTIONS
        .iter()
        .filter(|section| only.is_empty() || only.iter().any(|name| section.name == name))
        .collect())
}

fn show_times(done: &[(&str, Duration, bool)]) {
    for (name, time, good) in done {
        let result = if *good { "" } else { "  FAILED" };
        ui::note(format!("{name:<10} {:>6.1} s{result}", time.as_secs_f64()));
    }
}

fn format(_: &Cache, _: &Options) -> Result<()> {
    process::run(workspace::cargo(&["fmt", "--all", "--check"]).stdin(std::process::Stdio::null()))
}

fn texts(_: &Cache, _: &Options) -> Result<()> {
    checks::headers()?;
    checks::machine_paths()
}

/// Missing tools fail the section where [`is_ci`]; elsewhere the tests that need them say that they skip.
fn get_tools(cache: &Cache, _: &Options) -> Result<()> {
    match tools::get_all(cache).and_then(|()| tools::get_test_data(cache)) {
        Err(error) if !is_ci() => {
            ui::warn(format!("{error:#}; the tests that need them will be skipped"));
            Ok(())
        }
        result => result,
    }
}

fn gdscript(cache: &Cache, _: &Options) -> Result<()> {
    let scripts: Vec<PathBuf> = checks::source_files()?
        .into_iter()
        .filter(|file| file.extension().is_some_and(|e| e == "gd"))
        .collect();
    if scripts.is_empty() {
        return Ok(());
    }
    let (Some(gdformat), Some(gdlint)) = (Tool::Gdformat.find(cache), Tool::Gdlint.find(cache)) else {
        return missing("gdformat and gdlint", &Tool::Gdlint.hint());
    };
    let formatted = process::read(workspace::command(gdformat).arg("--check").args(&scripts));
    process::read(workspace::command(gdlint).args(&scripts)).context("gdlint")?;
    formatted.context("gdformat").map(|_| ())
}

fn clippy(_: &Cache, _: &Options) -> Result<()> {
    process::run(&mut workspace::cargo(&[
        "clippy",
        "--workspace",
        "--all-targets",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ]))
}

/// Also builds the tests, so that the time limits of the sections that follow measure no compiler.
fn build(_: &Cache, _: &Options) -> Result<()> {
    workspace::build(&["--workspace", "--quiet"])?;
    process::run(&mut workspace::cargo(&[
        "test",
        "--workspace",
        "--no-run",
        "--quiet",
    ]))
}

fn export(cache: &Cache, _: &Options) -> Result<()> {
    let Some(godot) = Godot::find(cache) else {
        return missing("Godot", tools::GODOT_HINT);
    };
    projects::put_extension_into_project(false)?;
    addons::put_publisher_into(&addons::publisher_project(), false)?;
    godot::export(&godot, &projects::launcher())?;
    for version in projects::GAME_VERSIONS {
        godot::export(&godot, &projects::game(version)?)?;
    }
    // The tests run the launcher's project in the editor, which needs its import first.
    godot::import(&godot, &projects::launcher_folder())
}

fn doc_tests(_: &Cache, _: &Options) -> Result<()> {
    process::read(&mut workspace::cargo(&[
        "test",
        "--workspace",
        "--doc",
        "--quiet",
    ]))
    .map(|_| ())
}

fn tests(_: &Cache, options: &Options) -> Result<()> {
    let mut command = match has_nextest() {
        true => workspace::cargo(&["nextest", "run", "--workspace", "--no-fail-fast"]),
        false => workspace::cargo(&["test", "--workspace", "--all-targets", "--no-fail-fast"]),
    };
    command.env(workspace::BUILT, "1");
    command.args(&options.runner);
    process::run(&mut command)
}

fn has_nextest() -> bool {
    let mut command: Command = workspace::cargo(&["nextest", "--version"]);
    process::read(&mut command).is_ok()
}

fn missing(what: &str, hint: &str) -> Result<()> {
    if is_ci() {
        bail!("{what} not found; {hint}");
    }
    ui::warn(format!("skipped: {what} not found; {hint}"));
    Ok(())
}

#[cfg(test)]
mod unit_tests {
    use super::*;

    #[test]
    fn an_unknown_section_is_refused_with_the_known_ones() {
        let error = selected(&["fromat".to_owned()]).err().unwrap().to_string();
        assert!(error.contains("format, texts"), "{error}");
    }

    #[test]
    fn the_tests_come_last() {
        assert_eq!(names().last(), Some(&TESTS));
        assert_eq!(selected(&[]).unwrap().len(), SECTIONS.len());
    }
}
