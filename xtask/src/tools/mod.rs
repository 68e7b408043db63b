// SPDX-License-Identifier: MIT
//! The programs that building, playing and testing need beside Rust: where they are, or getting them.

pub mod apt;
mod built;
pub mod cache;
mod gdtoolkit;
mod godot;
mod nginx;
mod python;
mod trees;
mod tuf;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

pub use cache::Cache;
pub use godot::{Godot, HINT as GODOT_HINT};
pub use trees::Trees;

use crate::{process, ui, workspace};

/// A tool and how it is had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// The casync reference implementation, for interoperability tests.
    Casync,
    /// desync, for interoperability tests.
    Desync,
    /// Godot with its export templates.
    Godot,
    /// The virtual display for window tests.
    Xvfb,
    /// A window manager, which minimises windows, for the benchmark of the window.
    Openbox,
    /// Keys and clicks for window tests.
    Xdotool,
    /// Screenshots of a virtual display.
    Import,
    /// The message bus that systems tell their state on, for tests of connections that cost by the byte.
    DbusDaemon,
    /// Ends programs at single system calls, for tests of crashes.
    Strace,
    /// Makes btrfs file systems, for tests of shared blocks.
    MkfsBtrfs,
    /// An S3 server, for tests of stores in buckets.
    S3s,
    /// A server of S3 clusters, for tests of a cluster that loses a node.
    Garage,
    /// The Python that has python-tuf, for interoperability tests.
    PythonTuf,
    /// The linter for GDScript.
    Gdlint,
    /// The formatter for GDScript.
    Gdformat,
    /// A web server and proxy, for tests of exports and of the sample configurations.
    Nginx,
    /// A browser, for tests of the admin page.
    Chromium,
    /// What tests drive the browser with.
    Chromedriver,
    /// Load on HTTP servers, for benchmarks.
    Wrk,
}

impl Tool {
    /// All tools, in the order in which they are shown.
    pub const ALL: [Self; 19] = [
        Self::Casync,
        Self::Desync,
        Self::Godot,
        Self::Xvfb,
        Self::Openbox,
        Self::Xdotool,
        Self::Import,
        Self::DbusDaemon,
        Self::Strace,
        Self::MkfsBtrfs,
        Self::S3s,
        Self::Garage,
        Self::PythonTuf,
        Self::Gdlint,
        Self::Gdformat,
        Self::Nginx,
        Self::Chromium,
        Self::Chromedriver,
        Self::Wrk,
    ];

    /// Returns the name of the program.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Casync => "casync",
            Self::Desync => "desync",
            Self::Godot => "godot",
            Self::Xvfb => "Xvfb",
            Self::Openbox => "openbox",
            Self::Xdotool => "xdotool",
            Self::Import => "import",
            Self::DbusDaemon => "dbus-daemon",
            Self::Strace => "strace",
            Self::MkfsBtrfs => "mkfs.btrfs",
            Self::S3s => built::S3S.name,
            Self::Garage => built::GARAGE.name,
            Self::PythonTuf => "python-tuf",
            Self::Gdlint => "gdlint",
            Self::Gdformat => "gdformat",
            Self::Nginx => "nginx",
            Self::Chromium => "chromium",
            Self::Chromedriver => "chromedriver",
            Self::Wrk => "wrk",
        }
    }

    /// Returns how to get the tool by hand.
    #[must_use]
    pub fn hint(self) -> String {
        match self {
            Self::Godot => godot::HINT.to_owned(),
            _ if self.packages().is_empty() => "hint: cargo xtask tools".to_owned(),
            _ => format!("hint: sudo apt-get install {}", self.packages().join(" ")),
        }
    }

    /// Returns where the tool is, if it is here, without getting anything.
    #[must_use]
    pub fn find(self, cache: &Cache) -> Option<PathBuf> {
        match self {
            Self::Godot => Godot::find(cache).map(|godot| godot.editor),
            Self::S3s => built::S3S.find(cache),
            Self::Garage => built::GARAGE.find(cache),
            Self::PythonTuf => tuf::find(cache),
            Self::Gdlint | Self::Gdformat => gdtoolkit::find(cache, self.name()),
            Self::Desync => process::which("desync").or_else(|| cache.path(DESYNC_KEY, "desync")),
            Self::Nginx => nginx::find(cache),
            Self::MkfsBtrfs => process::which_of_system(self.name()),
            _ => process::which(self.name()),
        }
    }

    /// Returns where the tool is, after getting it if need be.
    pub fn get(self, cache: &Cache) -> Result<PathBuf> {
        if let Some(found) = self.find(cache) {
            return Ok(found);
        }
        match self {
            Self::Godot => return Godot::get(cache).map(|godot| godot.editor),
            Self::S3s => built::S3S.get(cache)?,
            Self::Garage => built::GARAGE.get(cache)?,
            Self::PythonTuf => tuf::get(cache)?,
            Self::Gdlint | Self::Gdformat => gdtoolkit::get(cache)?,
            Self::Nginx => nginx::get(cache)?,
            Self::Desync => get_desync(cache)?,
            _ => apt::install(self.packages())?,
        }
        self.find(cache)
            .with_context(|| format!("{} was installed but is not found", self.name()))
    }

    fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Casync => &["casync"],
            Self::Xvfb => &["xvfb", "libgl1-mesa-dri"],
            Self::Openbox => &["openbox"],
            Self::Xdotool => &["xdotool"],
            Self::Import => &["imagemagick"],
            Self::DbusDaemon => &["dbus-daemon"],
            Self::Strace => &["strace"],
            Self::MkfsBtrfs => &["btrfs-progs"],
            Self::Chromium => &["chromium"],
            Self::Chromedriver => &["chromium-driver"],
            Self::Wrk => &["wrk"],
            Self::Desync
            | Self::Godot
            | Self::S3s
            | Self::Garage
            | Self::PythonTuf
            | Self::Gdlint
            | Self::Gdformat
            | Self::Nginx => &[],
        }
    }

    fn version_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Casync
            | Self::Openbox
            | Self::DbusDaemon
            | Self::Strace
            | Self::MkfsBtrfs
            | Self::S3s
            | Self::Garage
            | Self::Gdlint
            | Self::Gdformat
            | Self::Chromium
            | Self::Chromedriver => &["--version"],
            Self::Godot => &["--headless", "--version"],
            Self::Import => &["-version"],
            Self::PythonTuf => &["-c", "import tuf; print(tuf.__version__)"],
            // These have no option that prints a version to standard output and succeeds without a display.
            Self::Desync | Self::Xvfb | Self::Xdotool | Self::Nginx | Self::Wrk => &[],
        }
    }

    fn version(self, path: &PathBuf, cache: &Cache) -> String {
        if let (Self::Desync, Some(record)) = (self, cache.record(DESYNC_KEY)) {
            return record.version;
        }
        if self.version_arguments().is_empty() {
            return "-".to_owned();
        }
        let text = process::read(workspace::command(path).args(self.version_arguments())).unwrap_or_default();
        text.lines()
            .find(|line| line.contains(|c: char| c.is_ascii_digit()))
            .unwrap_or("-")
            .trim()
            .to_owned()
    }
}

/// Gets every tool that is missing. Goes on after a failure, then fails with all of them.
pub fn get_all(cache: &Cache) -> Result<()> {
    let mut missing = Vec::new();
    for tool in Tool::ALL {
        match tool.get(cache) {
            Ok(path) => ui::note(format!("{:<10} {}", tool.name(), path.display())),
            Err(error) => {
                ui::warn(format!("{}: {error:#}", tool.name()));
                missing.push(tool.name());
            }
        }
    }
    if !missing.is_empty() {
        bail!("missing: {}", missing.join(", "));
    }
    Ok(())
}

/// Gets what the tests need beside the tools.
pub fn get_test_data(cache: &Cache) -> Result<()> {
    let trees = Trees::get(cache)?;
    ui::note(format!(
        "{:<9} {}, {}",
        "trees",
        trees.old.display(),
        trees.new.display()
    ));
    Ok(())
}

/// Prints name, path and version of every tool to standard output, separated by tabs.
pub fn print(cache: &Cache) {
    for tool in Tool::ALL {
        match tool.find(cache) {
            Some(path) => println!(
                "{}\t{}\t{}",
                tool.name(),
                path.display(),
                tool.version(&path, cache)
            ),
            None => println!("{}\t-\tnot found; {}", tool.name(), tool.hint()),
        }
        if let (Tool::Godot, Some(godot)) = (tool, Godot::find(cache)) {
            println!(
                "godot-template-release\t{}\t{}",
                godot.template_release.display(),
                godot.version
            );
            println!(
                "godot-template-debug\t{}\t{}",
                godot.template_debug.display(),
                godot.version
            );
        }
    }
    if let Some(trees) = Trees::find(cache) {
        println!(
            "tree-old\t{}\t-\ntree-new\t{}\t-",
            trees.old.display(),
            trees.new.display()
        );
    }
}

fn get_desync(cache: &Cache) -> Result<()> {
    if !apt::is_available() {
        bail!("desync not found; hint: install desync 1.0 and put it on PATH");
    }
    ui::step("Getting desync from the newest suite of the system's mirror (once)");
    let record = cache.get(DESYNC_KEY, |folder| {
        let state = folder.join("apt");
        let apt = apt::Apt::open(&state, &apt::NEWEST, |apt| Ok(apt.version("desync")?.is_some()))?;
        let version = apt.version("desync")?.context("no desync in the suite")?;
        let package = apt.download("desync")?;
        apt::unpack(&[package], folder)?;
        fs_err::remove_dir_all(&state)?;
        let program = PathBuf::from("usr/bin/desync");
        process::read(workspace::command(folder.join(&program)).arg("--help")).context("start desync")?;
        Ok(cache::Record {
            version,
            paths: [("desync".to_owned(), program)].into(),
        })
    })?;
    ui::note(format!("desync {}", record.version));
    Ok(())
}

const DESYNC_KEY: &str = "desync-1";
