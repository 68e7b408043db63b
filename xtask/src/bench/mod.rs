// SPDX-License-Identifier: MIT
//! `cargo xtask bench`: how fast we are, beside desync, casync, cp and nginx, on real game data.
//!
//! It measures the programs as they are shipped, never asserts a time, and says which goals hold.

mod data;
mod engine;
mod line;
mod measure;
mod protocol;
mod report;
mod server;
mod slow;
mod window;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use crate::server::Server;
use crate::tools::Cache;
use crate::{fs, ui, workspace};
use data::{Extent, Tree};
use measure::Figures;
use report::{Report, Row};

/// What to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Making and unpacking chunked files and folders, against desync and casync.
    Protocol,
    /// Installing and updating, against desync and cp.
    Engine,
    /// Serving chunks, against nginx and desync, and what a server bears.
    Server,
    /// The launcher's window, against an empty Godot project.
    Window,
}

/// How to measure.
#[derive(Clone, Debug)]
pub struct Options {
    /// What to measure.
    pub what: What,
    /// Bytes of the large tree.
    pub data: Option<u64>,
    /// Little data, to see that all of it works.
    pub small: bool,
    /// How often each piece of work is done; the run in the middle counts.
    pub repetitions: u8,
    /// Measure the programs that an earlier run built.
    pub no_build: bool,
    /// Where the data is made and the work done.
    pub folder: Option<PathBuf>,
}

/// Builds the programs as they are shipped, measures them, prints a report and keeps it in `target/bench`.
pub fn bench(cache: &Cache, options: &Options) -> Result<()> {
    let programs = Programs::get(options.no_build, options.what == What::Server)?;
    let bench = Bench::new(options, programs)?;
    let (name, mut report) = match options.what {
        What::Protocol => ("protocol", protocol::run(cache, &bench)?),
        What::Engine => ("engine", engine::run(cache, &bench)?),
        What::Server => ("server", server::run(cache, &bench, options.small)?),
        What::Window => ("window", window::run(cache, &bench, options.no_build)?),
    };
    report.note(format!("Load at the end: {}", report::load()));
    let text = report.markdown();
    let target = workspace::target_dir().join("bench").join(format!("{name}.md"));
    fs_err::write(&target, &text)?;
    fs::remove_folder(&bench.folder)?;
    println!("{text}");
    ui::note(format!("kept in {}", ui::short(&target, &workspace::root())));
    Ok(())
}

/// Reads a number of bytes as people write it: `700M`, `1G`.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "K" | "KB" => 1_000,
        "M" | "MB" => 1_000_000,
        "G" | "GB" => 1_000_000_000,
        other => return Err(format!("unknown unit {other:?}")),
    };
    let number: u64 = digits.parse().map_err(|_| format!("{text:?} is no size"))?;
    number
        .checked_mul(unit)
        .ok_or_else(|| "the size is too large".to_owned())
}

/// Our programs.
#[derive(Debug)]
struct Programs {
    vsekai: PathBuf,
    server: PathBuf,
    game: PathBuf,
    /// Fills a database and asks it, for the benchmark of the server.
    database: PathBuf,
}

impl Programs {
    fn get(built: bool, with_examples: bool) -> Result<Self> {
        if !built {
            ui::step("Building the programs as they are shipped");
            let packages = ["vsekai-cli", "vsekai-server", "sample-game"];
            let packages = packages.iter().flat_map(|name| ["--package", name]);
            workspace::build(&std::iter::once("--release").chain(packages).collect::<Vec<_>>())?;
            if with_examples {
                workspace::build(&["--release", "--package", "vsekai-server", "--example", DATABASE])?;
            }
        }
        let program = |name: &str| {
            workspace::target_dir()
                .join("release")
                .join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
        };
        Ok(Self {
            vsekai: program("vsekai"),
            server: program("vsekai-server"),
            game: program("sample-game"),
            database: program(&format!("examples/{DATABASE}")),
        })
    }
}

/// A program with the work it does, to be compared with others.
struct Contender<'a> {
    name: &'static str,
    /// Gets everything ready, which is not measured, and returns the command to measure.
    start: Box<dyn Fn() -> Result<Command> + 'a>,
    once: bool,
}

impl<'a> Contender<'a> {
    fn new(name: &'static str, start: impl Fn() -> Result<Command> + 'a) -> Self {
        Self {
            name,
            start: Box::new(start),
            once: false,
        }
    }

    /// Lets it run once only, for programs that take long and are not in the goals.
    fn once(self) -> Self {
        Self { once: true, ..self }
    }
}

/// What the benchmarks have in common.
#[derive(Debug)]
struct Bench {
    programs: Programs,
    extent: Extent,
    repetitions: u8,
    folder: PathBuf,
}

impl Bench {
    fn new(options: &Options, programs: Programs) -> Result<Self> {
        let given = options.folder.as_ref().map(std::path::absolute).transpose()?;
        let folder = given.unwrap_or_else(|| workspace::target_dir().join("bench"));
        let folder = folder.join("vsekai-bench");
        fs::remove_folder(&folder)?;
        fs_err::create_dir_all(&folder)?;
        let (bytes, small_files) = if options.small {
            (30_000_000, 2_000)
        } else {
            (800_000_000, 40_000)
        };
        Ok(Self {
            programs,
            extent: Extent {
                bytes: options.data.unwrap_or(bytes),
                small_files,
            },
            repetitions: options.repetitions.max(1),
            folder,
        })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Puts a file or folder of an earlier run out of the way, to be removed at the end.
    ///
    /// Some file systems search long for room among what was removed a moment ago (ext4 for five minutes), and
    /// whoever is measured next would pay for it.
    fn discard(&self, path: &Path) -> Result<()> {
        if !path.exists() {
            return Ok(());
        }
        let discarded = self.path("discarded");
        if is_nearly_full(&self.folder) {
            fs::remove_folder(&discarded)?;
        }
        fs_err::create_dir_all(&discarded)?;
        let number = fs_err::read_dir(&discarded)?.count();
        Ok(fs_err::rename(path, discarded.join(number.to_string()))?)
    }

    /// Starts a report with the machine.
    fn report(&self, title: &str, cache: &Cache) -> Report {
        let mut report = Report::new(title);
        report.note(report::machine(&self.folder));
        report.note(format!("Load at the start: {}", report::load()));
        if let Some(desync) = cache.record("desync-1") {
            report.note(format!("desync {}", desync.version));
        }
        report.note(format!(
            "The middle one of {} runs each, programs taking turns",
            self.repetitions
        ));
        report
    }

    /// Lets every contender do its work, in turns, and returns the middle runs.
    fn compare(&self, name: &str, contenders: &[Contender<'_>]) -> Result<Row> {
        ui::step(name);
        let mut runs = vec![Vec::new(); contenders.len()];
        for repetition in 0..self.repetitions {
            for (contender, runs) in contenders.iter().zip(&mut runs) {
                if contender.once && repetition > 0 {
                    continue;
                }
                let mut command =
                    (contender.start)().with_context(|| format!("prepare {}", contender.name))?;
                // What an earlier run left to be written must not be written during this one.
                settle(&self.folder)?;
                let figures = measure::measure(&mut command, &self.path("output.log"))?;
                ui::note(format!(
                    "{:<12} {:.2} s",
                    contender.name,
                    figures.wall.as_secs_f64()
                ));
                runs.push(figures);
            }
        }
        let results = contenders.iter().zip(runs);
        let results = results.filter_map(|(contender, runs)| Some((contender.name, Figures::median(runs)?)));
        Ok(Row {
            name: name.to_owned(),
            results: results.collect(),
        })
    }

    fn vsekai(&self) -> Command {
        workspace::own_command(&self.programs.vsekai)
    }

    /// Starts a command line that signs and sends.
    fn publisher(&self, server: &Server, verb: &str) -> Result<Command> {
        let mut command = self.vsekai();
        command.args([verb, "--server", server.address()]);
        server.authorise(&mut command)?;
        Ok(command)
    }

    /// Makes a game of `extent` that can be published.
    fn make_game(&self, cache: &Cache, extent: Extent, name: &str) -> Result<Tree> {
        let folder = self.path(name);
        data::make_game(cache, extent, &folder)?;
        fs_err::copy(&self.programs.game, folder.join(data::PROGRAM))?;
        Tree::of(folder)
    }

    /// Publishes the build `folder` for this machine.
    fn publish(&self, server: &Server, folder: &Path, version: &str, channel: &str) -> Result<Figures> {
        let mut command = self.publisher(server, "publish")?;
        command.arg(folder);
        command.args(["--version", version, "--channel", channel]);
        command.args(["--platform", workspace::platform()?, "--program", data::PROGRAM]);
        measure::measure(&mut command, &self.path("output.log"))
    }
}

/// Returns an error unless both folders hold the same files with the same content.
fn check_same(expected: &Tree, found: &Path) -> Result<()> {
    let files = fs::files(&expected.folder, &[])?;
    for file in &files {
        let (a, b) = (expected.folder.join(file), found.join(file));
        if fs_err::read(a)? != fs_err::read(&b)? {
            anyhow::bail!("{} was not unpacked as it was packed", b.display());
        }
    }
    Ok(())
}

/// Waits until everything written to the file system of `folder` is on the disk.
#[cfg(target_os = "linux")]
fn settle(folder: &Path) -> Result<()> {
    let folder = fs_err::File::open(folder)?;
    rustix::fs::syncfs(&folder).context("sync the file system")
}

/// Returns a command that does the work of `command`, and then waits until the file system of `folder` has written it.
fn and_sync(command: &Command, folder: &Path) -> Command {
    let mut both = workspace::command("sh");
    both.args(["-c", "\"$@\" && sync -f \"$0\""]).arg(folder);
    both.arg(command.get_program()).args(command.get_args());
    both
}

/// Takes the files below `folder` out of the page cache, so that reading them goes to the disk.
#[cfg(target_os = "linux")]
fn evict(folder: &Path) -> Result<()> {
    settle(folder)?;
    for file in fs::files(folder, &[])? {
        let file = fs_err::File::open(folder.join(file))?;
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)
            .context("take files out of the page cache")?;
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn settle(_folder: &Path) -> Result<()> {
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn evict(_folder: &Path) -> Result<()> {
    Ok(())
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The name of desync with [`and_sync`].
const DESYNC_AND_SYNC: &str = "desync, sync";
const DATABASE: &str = "database_scale";
/// Chunks worked on at the same time, for every program that can be told.
const CONCURRENCY: &str = "10";

/// Tells whether what was discarded cannot stay until the end.
#[cfg(unix)]
fn is_nearly_full(folder: &Path) -> bool {
    rustix::fs::statvfs(folder).is_ok_and(|disk| disk.f_bavail * disk.f_frsize < LEAST_FREE)
}

#[cfg(not(unix))]
fn is_nearly_full(_folder: &Path) -> bool {
    true
}

/// Bytes that stay free on the disk: with less, what was discarded is removed at once.
const LEAST_FREE: u64 = 10_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_write_them() {
        assert_eq!(parse_size("700M"), Ok(700_000_000));
        assert_eq!(parse_size("4gb"), Ok(4_000_000_000));
        assert_eq!(parse_size("12"), Ok(12));
        for bad in ["", "M", "-1M", "1X", "99999999999G"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }
}
