// SPDX-License-Identifier: MIT
//! How light the launcher's window is: its first frame beside an empty Godot project, its frames during an update,
//! and what it draws while nobody can see it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::report::Report;
use super::{Bench, Contender, mebibytes};
use crate::display::Display;
use crate::godot::{self, Export, Project};
use crate::server::Server;
use crate::tools::{Cache, Godot, Tool};
use crate::{process, projects, ui, workspace};

/// Measures and returns the report.
pub(super) fn run(cache: &Cache, bench: &Bench, built: bool) -> Result<Report> {
    let godot = Godot::get(cache)?;
    if !built {
        workspace::build(&["--release", "--package", "vsekai-godot"])?;
    }
    let mut display = Display::start(&Tool::Xvfb.get(cache)?)?;
    let mut report = bench.report("The launcher's window", cache);
    report.note(format!("Godot {}", godot.version));
    report
        .note("On a virtual display, drawn by the processor: frames take longer than with any graphics card");
    first_frame(bench, &godot, &display, &mut report)?;
    // Only now: what a window manager does with a new window is no part of a start.
    display.manage(&Tool::Openbox.get(cache)?)?;
    frames(cache, bench, &godot, &display, &mut report)?;
    Ok(report)
}

fn first_frame(bench: &Bench, godot: &Godot, display: &Display, report: &mut Report) -> Result<()> {
    let launcher = godot::export(godot, &projects::launcher_for_players())?;
    let empty = godot::export(godot, &empty_project(bench)?)?;
    let contenders = [
        Contender::new("launcher", || Ok(one_frame(&launcher, display))),
        Contender::new("empty project", || Ok(one_frame(&empty, display))),
    ];
    let row = bench.compare("start, first frame, end", &contenders)?;
    let times = row.ratio("empty project").filter(|ratio| *ratio > 0.0);
    report.at_most(
        "first frame, against an empty project",
        1.3,
        "times its time",
        times.map(|ratio| 1.0 / ratio),
    );
    report.row(row);
    Ok(())
}

/// A command that ends after the first frame that shows the main scene.
fn one_frame(export: &Export, display: &Display) -> Command {
    let mut command = on_display(&export.program, display);
    command.args(["--quit-after", "2"]);
    command
}

fn on_display(program: &Path, display: &Display) -> Command {
    let mut command = godot::command(program);
    command
        .args(["--rendering-driver", "opengl3", "--audio-driver", "Dummy"])
        .env("DISPLAY", display.name())
        .env_remove("WAYLAND_DISPLAY");
    command
}

/// A project with one empty scene, rendered as the launcher is.
fn empty_project(bench: &Bench) -> Result<Project> {
    let folder = bench.path("empty-project");
    fs_err::create_dir_all(&folder)?;
    fs_err::write(folder.join("project.godot"), EMPTY_PROJECT)?;
    fs_err::write(folder.join("main.tscn"), EMPTY_SCENE)?;
    Ok(Project {
        name: "empty".to_owned(),
        layers: vec![folder],
        files: vec![(
            workspace::root().join("export_presets.cfg"),
            "export_presets.cfg".into(),
        )],
        extras: None,
        program: "empty".to_owned(),
        ..projects::launcher()
    })
}

/// Frames at rest, during an install, and while nobody can see them.
fn frames(cache: &Cache, bench: &Bench, godot: &Godot, display: &Display, report: &mut Report) -> Result<()> {
    ui::step("Frames during an install");
    let server = Server::start(&bench.programs.server, &bench.path("window-server"), TITLE)?;
    let game = bench.make_game(cache, bench.extent, "window-game")?;
    report.note(format!("Installed meanwhile: {}", game.describe()));
    bench.publish(&server, &game.folder, "1.0.0", CHANNEL)?;
    // The project that was exported, imported already.
    let project = workspace::target_dir().join("godot/launcher-for-players/project");
    fs_err::copy(projects::launcher_folder().join(SCRIPT), project.join(SCRIPT))?;
    let mut command = on_display(&godot.editor, display);
    command.arg("--path").arg(&project);
    command.args(["--script", &format!("res://{SCRIPT}"), "--"]);
    command
        .args([server.address(), TITLE, CHANNEL])
        .arg(bench.path("window-install"));
    let output = process::capture(&mut command, Some(LIMIT))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().rev().find(|line| line.starts_with('{'));
    let figures: Value = serde_json::from_str(last.with_context(|| format!("no figures in:\n{text}"))?)?;
    ensure!(figures["installed"] == true, "nothing was installed:\n{text}");
    tell(&figures, report);
    Ok(())
}

fn tell(figures: &Value, report: &mut Report) {
    for (name, place) in [("at rest", "rest"), ("during the install", "update")] {
        let figure = |field: &str| figures[place][field].as_f64().unwrap_or_default();
        report.note(format!(
            "Frames {name}: {:.0}, scripts {:.2} ms at most and 99 of 100 below {:.2} ms; {:.0} of them drawn, {:.2} ms \
             at most and 99 of 100 below {:.2} ms",
            figure("frames"),
            figure("scripts_longest"),
            figure("scripts_99"),
            figure("drawn"),
            figure("longest"),
            figure("of_99"),
        ));
    }
    let resident = figures["resident_bytes"].as_u64().unwrap_or_default();
    report.note(format!(
        "Memory in use after the install, in the debugging engine: {:.0} MiB",
        mebibytes(resident)
    ));
    report.at_most(
        "longest frame during an install, drawing left out",
        FRAME_MILLISECONDS,
        "ms",
        figures["update"]["scripts_longest"].as_f64(),
    );
    let drawn = |state: &str| figures["drawn"][state].as_f64();
    report.note(format!(
        "Drawn in {} s while the mark turns and an update tells its progress: {} frames; minimised: {}",
        figures["drawn"]["seconds"],
        drawn("shown").unwrap_or_default(),
        drawn("minimised").map_or_else(|| "not measured".to_owned(), |frames| frames.to_string()),
    ));
    report.at_most("drawn while minimised", 0.0, "frames", drawn("minimised"));
}

const TITLE: &str = "bench";
const CHANNEL: &str = "stable";
const SCRIPT: &str = "tests/figures.gd";
/// A sixtieth of a second.
const FRAME_MILLISECONDS: f64 = 16.7;
const LIMIT: Duration = Duration::from_secs(600);
const EMPTY_PROJECT: &str = r#"config_version=5

[application]

config/name="Empty"
config/features=PackedStringArray("4.6", "GL Compatibility")
run/main_scene="res://main.tscn"

[rendering]

renderer/rendering_method="gl_compatibility"
"#;
const EMPTY_SCENE: &str = "[gd_scene format=3]\n\n[node name=\"Main\" type=\"Control\"]\n";
