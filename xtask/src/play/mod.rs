// SPDX-License-Identifier: MIT
//! `cargo xtask play`: the whole way from a developer's build to a player's running game, on this machine.

mod builds;
mod folder;

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use builds::{Builds, Version};
use folder::Folder;

use crate::events::{self, Run};
use crate::server::Server;
use crate::tools::{Cache, Godot};
use crate::{godot, process, projects, ui, workspace};

/// What to play with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The data folder; `target/play` if it is not given.
    pub data: Option<PathBuf>,
    /// Start over, whatever an earlier run left.
    pub fresh: bool,
    /// Open no window, even where there is a display.
    pub headless: bool,
    /// At the end, leave the server running until Ctrl-C.
    pub serve: bool,
    /// Use the stand-in game even where there is a Godot.
    pub without_godot: bool,
}

/// Builds everything, publishes two versions, installs the first, updates to the second and starts it.
pub fn play(cache: &Cache, options: &Options) -> Result<()> {
    let builds = prepare(cache, options)?;
    let root = match &options.data {
        Some(data) => std::path::absolute(data).context("find the data folder")?,
        None => workspace::target_dir().join("play"),
    };
    let mut folder = Folder::open(&root, &builds, options.fresh)?;
    ui::step("Starting the server");
    let program = workspace::built_program("vsekai-server");
    let mut server = Server::start(&program, &folder.server(), builds.title)?;
    ui::note(format!(
        "{} with its data in {}",
        server.address(),
        folder.server().display()
    ));
    ui::note(format!(
        "the keys of {} are in {}; they are for development alone",
        builds.title,
        server.keys().display()
    ));
    let mut report = vec![format!("server     {}", server.address())];
    for version in &builds.versions {
        report.push(publish(&server, version, &mut folder)?);
        report.push(update(&server, &builds, &folder)?);
    }
    report.push(start_game(&builds, &folder)?);
    ui::step("What happened");
    for line in report {
        println!("    {line}");
    }
    println!("    install    {}", folder.install().display());
    show(&builds, &server, &folder, options)?;
    if options.serve {
        ui::step(format!("Serving {} until Ctrl-C", server.address()));
        server.wait()?;
    }
    Ok(())
}

fn prepare(cache: &Cache, options: &Options) -> Result<Builds> {
    let godot = if options.without_godot {
        None
    } else {
        find_godot(cache)
    };
    ui::step("Building");
    // The same packages as the tests: another set would build dependencies once more with other features.
    match godot {
        Some(_) => workspace::build(&["--workspace"])?,
        None => workspace::build(&["--workspace", "--exclude", "vsekai-godot"])?,
    }
    let Some(godot) = godot else {
        return Builds::without_godot();
    };
    ui::step(format!("Exporting with Godot {}", godot.version));
    projects::put_extension_into_project(false)?;
    Builds::with_godot(&godot)
}

fn find_godot(cache: &Cache) -> Option<Godot> {
    match Godot::get(cache) {
        Ok(godot) => Some(godot),
        Err(error) => {
            ui::warn(format!("{error:#}"));
            ui::warn("going on without a window, with a small program in place of the Godot game");
            None
        }
    }
}

fn publish(server: &Server, version: &Version, folder: &mut Folder) -> Result<String> {
    if folder.is_published(version) {
        return Ok(format!(
            "published  {}: was there already, nothing sent",
            version.name
        ));
    }
    ui::step(format!("Publishing {}", version.name));
    let mut command = workspace::own_command(workspace::built_program("vsekai"));
    command.arg("publish").arg(&version.folder);
    command.arg("--notes-file").arg(&version.notes);
    command.args(["--version", &version.name, "--channel", CHANNEL]);
    command.args(["--platform", workspace::platform()?]);
    command.args(["--server", server.address(), "--json"]);
    server.authorise(&mut command)?;
    let run = events::run(&mut command)?
        .successful()
        .with_context(|| format!("publish {}", version.name))?;
    folder.remember(version)?;
    let published = run
        .last("published")
        .context("the publisher did not report what it published")?;
    let number = |name: &str| published[name].as_u64().unwrap_or(0);
    Ok(format!(
        "published  {}: {} files, {}; sent {}",
        version.name,
        number("files"),
        ui::bytes(number("bytes")),
        ui::bytes(number("sent_bytes")),
    ))
}

fn update(server: &Server, builds: &Builds, folder: &Folder) -> Result<String> {
    let verb = if folder.install().is_dir() {
        "update"
    } else {
        "install"
    };
    ui::step(if verb == "install" {
        "Installing"
    } else {
        "Updating"
    });
    let mut command = builds.updater();
    name_offer(command.arg(verb), server, builds, folder);
    // A launcher that is shipped carries this root; one exported before the keys were made is told of it.
    command.arg("--root").arg(server.root()).arg("--json");
    let run = events::run(&mut command)?
        .successful()
        .with_context(|| format!("{verb} the game"))?;
    describe_update(&run)
}

fn describe_update(run: &Run) -> Result<String> {
    let result = run
        .last("result")
        .context("the updater did not report its result")?;
    let text = |name: &str| result[name].as_str().unwrap_or_default();
    let number = |name: &str| ui::bytes(result[name].as_u64().unwrap_or(0));
    let what = match (text("outcome"), text("from_version")) {
        ("installed", _) => format!("installed  {}", text("version")),
        ("updated", from) => format!("updated    {from} -> {}", text("version")),
        _ => {
            return Ok(format!(
                "updated    {} is the newest, nothing to fetch",
                text("version")
            ));
        }
    };
    let mut line = format!(
        "{what}: fetched {} for {} of files",
        number("network_bytes"),
        number("installed_bytes"),
    );
    if let Some(plan) = run.last("plan").filter(|_| text("outcome") == "updated") {
        let files = |name: &str| plan[name].as_u64().unwrap_or(0);
        line += &format!(
            "; files: {} changed, {} added, {} removed; {} taken from the installed version",
            files("files_changed"),
            files("files_added"),
            files("files_removed"),
            number("reused_bytes"),
        );
    }
    Ok(line)
}

fn start_game(builds: &Builds, folder: &Folder) -> Result<String> {
    ui::step("Starting the game");
    let mut command = builds.updater();
    command
        .args(["launch", "--title", builds.title])
        .arg("--install-dir")
        .arg(folder.install())
        // What the game says is told at the end; that it ended is no news.
        .args(["--quiet", "--wait", "--"]);
    command.args(&builds.game_arguments);
    let run = events::run(&mut command)?
        .successful()
        .context("start the game")?;
    let newest = builds
        .versions
        .last()
        .map(|version| version.name.as_str())
        .unwrap_or_default();
    match run
        .lines
        .iter()
        .find(|line| line.ends_with(&format!("{newest} started")))
    {
        Some(line) => Ok(format!("started    the game says: {line}")),
        None => bail!(
            "the game did not say that {newest} started:\n{}",
            run.lines.join("\n")
        ),
    }
}

/// Tells `command` what is offered where, and where it is installed.
fn name_offer(command: &mut Command, server: &Server, builds: &Builds, folder: &Folder) {
    command
        .args(["--server", server.address(), "--title", builds.title])
        .args(["--channel", CHANNEL, "--install-dir"])
        .arg(folder.install());
}

/// Leaves the launcher's window open on the installed game where there is a display.
fn show(builds: &Builds, server: &Server, folder: &Folder, options: &Options) -> Result<()> {
    let Some(launcher) = builds
        .launcher
        .as_deref()
        .filter(|_| has_display() && !options.headless)
    else {
        if builds.launcher.is_none() {
            ui::note(format!("no Godot, so no window; {}", crate::tools::GODOT_HINT));
        }
        return Ok(());
    };
    ui::step("The launcher's window is open; close it, or press Ctrl-C, to end");
    let mut command = godot::command(launcher);
    name_offer(command.arg("--"), server, builds, folder);
    let status = process::status(&mut command)?;
    if !status.success() {
        bail!("the launcher's window ended with {status}");
    }
    Ok(())
}

fn has_display() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

const CHANNEL: &str = "stable";
