// SPDX-License-Identifier: MIT
//! Entry of `cargo xtask`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use xtask::tools::{self, Cache, Godot};
use xtask::{addons, bench, fuzz, godot, play, process, projects, ship, test, ui, workspace};

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
    /// Build the GDExtension and put it into the launcher's Godot project.
    BuildExtension {
        /// Build it as it is shipped.
        #[arg(long)]
        release: bool,
    },
    /// Build what other Godot projects take from this one, and put it into a project.
    Addon {
        /// The class VSekaiUpdater for games, or the publisher's dock for the editor.
        what: Addon,
        /// The folder of the project; the dock goes into the sample game if none is named.
        #[arg(long, value_name = "DIR", required_if_eq("what", "updater"))]
        project: Option<PathBuf>,
        /// Build it as it is shipped.
        #[arg(long)]
        release: bool,
    },
    /// Open the launcher's window from the source tree.
    #[command(visible_alias = "run")]
    Launcher {
        /// Arguments for the launcher.
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Go the whole way: build, publish, install, update and start a game on this machine.
    ///
    /// Builds everything, gets Godot if it is missing, starts the update server on the loopback interface,
    /// exports the sample game in two versions, publishes 0.1.0, installs it with the exported launcher,
    /// publishes 0.2.0, updates, and starts the game. Where there is a display, the launcher's window stays
    /// open on the installed game. A second run uses what the first one left. Ctrl-C ends everything.
    Play {
        /// The folder for the server's data and the installed game [default: target/play].
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Start over, whatever an earlier run left in the folder.
        #[arg(long)]
        fresh: bool,
        /// Open no window, even where there is a display.
        #[arg(long)]
        headless: bool,
        /// At the end, leave the server running until Ctrl-C, to try commands against it.
        #[arg(long)]
        serve: bool,
        /// Use a small program in place of the Godot game, even where there is a Godot.
        #[arg(long)]
        without_godot: bool,
    },
    /// Run everything that must hold: formats, lints, and all tests.
    ///
    /// Ends with the test runner's closing line. A tool that is missing and cannot be had skips the tests
    /// that need it, with a message; with CI set in the environment it fails them.
    Test {
        /// Run only this section; may be given several times. One of: format, texts, tools, gdscript, clippy,
        /// build, export, doc-tests, tests.
        #[arg(long, value_name = "NAME")]
        only: Vec<String>,
        /// Arguments for the test runner.
        #[arg(last = true)]
        runner: Vec<String>,
    },
    /// Measure how fast we are, beside desync, casync and cp, on real game data.
    ///
    /// Prints a report with the goals that hold and those that do not, and keeps it in target/bench.
    Bench {
        /// What to measure.
        what: bench::What,
        /// Bytes of the large tree, such as 700M or 4G [default: 800M, with --small 30M].
        #[arg(long, value_name = "SIZE", value_parser = bench::parse_size)]
        data: Option<u64>,
        /// Use little data, to see that all of it works.
        #[arg(long)]
        small: bool,
        /// How often to do each piece of work; the run in the middle counts.
        #[arg(long, value_name = "N", default_value = "3")]
        repetitions: u8,
        /// Measure the programs that an earlier run built.
        #[arg(long)]
        no_build: bool,
        /// Make the data and measure in this folder, to measure another disk [default: target/bench].
        #[arg(long, value_name = "DIR")]
        folder: Option<PathBuf>,
    },
    /// Look for inputs that break the readers of indexes, archives and chunks.
    ///
    /// Needs cargo-fuzz (`cargo install cargo-fuzz --locked`) and a C++ compiler. The tests replay the corpus in the
    /// repository.
    Fuzz {
        /// The targets to run [default: all].
        targets: Vec<String>,
        /// How long to run each, in seconds.
        #[arg(long, value_name = "N", default_value = "60")]
        seconds: u32,
        /// Keep inputs that reach something new in the repository.
        #[arg(long)]
        keep: bool,
    },
    /// Export with the real export templates and print the folder of each result.
    Export {
        /// What to export.
        #[arg(required = true)]
        what: Vec<Exported>,
        /// Root of trust for signed releases to export with the launcher, from `vsekai keys export-root`.
        #[arg(long, value_name = "FILE")]
        root: Option<PathBuf>,
        /// A folder with another game's launcher.cfg, branding/ and theme/palette.gd, for archives of its launcher.
        #[arg(long, value_name = "DIR")]
        brand: Option<PathBuf>,
        /// Make archives of the launcher with the library as it was built for development: quick, not for players.
        #[arg(long)]
        development: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Addon {
    /// The class VSekaiUpdater, for games.
    Updater,
    /// The publisher's dock, for the editor.
    Publisher,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Exported {
    /// The launcher, to be tried on this machine.
    Launcher,
    /// The two versions of the sample game.
    Game,
    /// The launcher for Linux on x86_64: a folder, and an archive with checksums.
    Linux,
    /// The same for Linux on arm64.
    LinuxArm64,
    /// The same for Windows.
    Windows,
    /// The same for macOS.
    Macos,
}

impl Exported {
    /// Returns the name of what is shipped, if that is meant.
    fn shipped(self) -> Option<&'static str> {
        match self {
            Self::Launcher | Self::Game => None,
            Self::Linux => Some("linux"),
            Self::LinuxArm64 => Some("linux-arm64"),
            Self::Windows => Some("windows"),
            Self::Macos => Some("macos"),
        }
    }
}

fn main() -> ExitCode {
    let result = run(Arguments::parse().command);
    process::leave_it_to_the_signal();
    match result {
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
            tools::get_test_data(&cache)?;
        }
        Task::BuildExtension { release } => build_extension(release)?,
        Task::Addon {
            what,
            project,
            release,
        } => addon(what, project, release)?,
        Task::Launcher { arguments } => launcher(&cache, &arguments)?,
        Task::Play {
            data,
            fresh,
            headless,
            serve,
            without_godot,
        } => {
            play::play(
                &cache,
                &play::Options {
                    data,
                    fresh,
                    headless,
                    serve,
                    without_godot,
                },
            )?;
        }
        Task::Test { only, runner } => test::test(&cache, &test::Options { only, runner })?,
        Task::Bench {
            what,
            data,
            small,
            repetitions,
            no_build,
            folder,
        } => bench::bench(
            &cache,
            &bench::Options {
                what,
                data,
                small,
                repetitions,
                no_build,
                folder,
            },
        )?,
        Task::Fuzz {
            targets,
            seconds,
            keep,
        } => fuzz::fuzz(&fuzz::Options {
            targets,
            seconds,
            keep,
        })?,
        Task::Export {
            what,
            root,
            brand,
            development,
        } => {
            let order = ship::Order {
                root: root.as_deref(),
                brand: brand.as_deref(),
                release: !development,
            };
            export(&cache, &what, order)?;
        }
    }
    Ok(())
}

fn build_extension(release: bool) -> Result<()> {
    ui::step("Building the extension");
    build_library(projects::UPDATER, release)?;
    let target = projects::put_extension_into_project(release)?;
    ui::note(format!("put into {}", ui::short(&target, &workspace::root())));
    Ok(())
}

fn build_library(library: projects::Library, release: bool) -> Result<()> {
    let profile: &[&str] = if release { &["--release"] } else { &[] };
    workspace::build(&[&["--package", library.package], profile].concat())
}

fn addon(what: Addon, project: Option<PathBuf>, release: bool) -> Result<()> {
    ui::step("Building the addon");
    let project = project.unwrap_or_else(addons::publisher_project);
    let addon = match what {
        Addon::Updater => {
            build_library(projects::UPDATER, release)?;
            addons::put_updater_into(&project, release)?
        }
        Addon::Publisher => {
            build_library(projects::PUBLISHER, release)?;
            addons::put_publisher_into(&project, release)?
        }
    };
    ui::note(format!("put into {}", addon.display()));
    Ok(())
}

fn launcher(cache: &Cache, arguments: &[String]) -> Result<()> {
    build_extension(false)?;
    let godot = Godot::get(cache)?;
    let project = projects::launcher_folder();
    ui::step("Opening the launcher");
    godot::import(&godot, &project)?;
    let mut command = workspace::command(&godot.editor);
    process::run(command.arg("--path").arg(project).arg("--").args(arguments))
}

fn export(cache: &Cache, what: &[Exported], order: ship::Order<'_>) -> Result<()> {
    let godot = Godot::get(cache)?;
    if what.contains(&Exported::Game) {
        ui::step("Exporting the sample game");
        for version in projects::GAME_VERSIONS {
            println!(
                "{}",
                godot::export(&godot, &projects::game(version)?)?.folder.display()
            );
        }
    }
    if what.contains(&Exported::Launcher) {
        build_extension(false)?;
        ui::step("Exporting the launcher");
        let mut launcher = projects::launcher();
        if let Some(root) = order.root {
            projects::bind_to_root(&mut launcher, root)?;
        }
        println!("{}", godot::export(&godot, &launcher)?.folder.display());
    }
    for system in what.iter().filter_map(|what| what.shipped()) {
        ui::step(format!("Exporting the launcher for {system}"));
        let shipped = ship::ship(&godot, system, order)?;
        println!("{}\n{}", shipped.folder.display(), shipped.archive.display());
    }
    Ok(())
}
