// SPDX-License-Identifier: MIT
//! The classes of the GDExtension in a real Godot, against a real server.
//!
//! The cases themselves are GDScript, in `tests/godot/`. Where there is no Godot the tests say so and pass,
//! with `CI=true` they fail.

mod godot_support;

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::{Duration, Instant};

use godot_support::hostile::{self, HostileServer};
use godot_support::{LIMIT, Project, Published, bytes_below};
use serde_json::{Value, json};
use vsekai_tests::world::{TITLE, vsekai};
use xtask::process;

#[test]
fn an_update_works_from_the_first_check_to_the_rollback() {
    let Some(project) = Project::new() else { return };
    let published = Published::new();
    println!(
        "{}",
        project.run(
            &published.config(),
            &["basics", "update", "care", "game", "choices"]
        )
    );
}

#[test]
fn a_private_channel_is_for_whoever_has_its_token_and_no_other_server_sees_it() {
    let Some(project) = Project::new() else { return };
    let published = Published::new();
    let mut config = published.config();
    config["server_token"] = json!(published.world.server().token().unwrap());
    println!("{}", project.run(&config, &["private"]));
}

#[test]
fn handlers_and_the_scene_tree_may_do_what_they_like() {
    let Some(project) = Project::new() else { return };
    let published = Published::new();
    println!("{}", project.run(&published.config(), &["handlers"]));
}

#[test]
fn the_example_in_the_documentation_works_as_it_stands() {
    let Some(project) = Project::new() else { return };
    let published = Published::new();
    let document = fs_err::read_to_string(xtask::workspace::root().join("docs/godot-api.md")).unwrap();
    let (_, rest) = document.split_once("```gdscript\n").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let folder = published.installs().join("example");
    let example = example
        .replace("https://updates.example.org", published.world.server().address())
        .replace("my-game", TITLE)
        .replace("user://game", folder.to_str().unwrap());
    project.add("example.gd", &example);
    println!("{}", project.run(&published.config(), &["example"]));
}

#[test]
fn a_download_that_breaks_off_is_told_and_goes_on_later() {
    let Some(project) = Project::new() else { return };
    let published = Published::new();
    let (cut, false_bytes) = (published.proxy(), published.proxy());
    cut.cut_after_chunks(20);
    false_bytes.falsify_chunks_from(20);
    let mut config = published.config();
    config["broken_networks"] = json!({
        "cut": { "server": cut.address(), "code": "offline" },
        "false bytes": { "server": false_bytes.address(), "code": "damaged" },
    });
    println!("{}", project.run(&config, &["broken"]));
}

#[test]
fn frames_go_on_while_the_engine_works_as_fast_as_it_can() {
    let Some(project) = Project::new() else { return };
    let published = Published::new();
    println!("{}", project.run(&published.config(), &["smooth"]));
}

#[test]
fn the_command_line_works_inside_godot() {
    let Some(project) = Project::new() else { return };
    let published = Published::new();
    let mut config = published.config();
    let folder = published.installs().join("command-line");
    let server = published.world.server().address();
    config["cli_install"] = json!([
        "install",
        "--server",
        server,
        "--title",
        TITLE,
        "--install-dir",
        folder
    ]);
    let output = project.run(&config, &["cli"]);
    assert!(output.contains("Usage:"), "the help is printed:\n{output}");
    assert!(
        output.contains("1.0.0"),
        "the installed version is printed:\n{output}"
    );
}

#[test]
fn a_hostile_server_is_an_error_and_no_frame_waits_for_it() {
    let Some(project) = Project::new() else { return };
    let published = Published::new();
    let kinds: [(&str, HostileServer); 6] = [
        ("garbage", HostileServer::start(hostile::garbage)),
        ("page", HostileServer::start(hostile::page)),
        ("endless", HostileServer::start(hostile::endless)),
        ("nested", HostileServer::start(hostile::nested)),
        ("failing", HostileServer::start(hostile::failing)),
        ("short", HostileServer::start(hostile::short)),
    ];
    let mut config = published.config();
    for (kind, server) in &kinds {
        config["hostile_servers"][kind] = json!(server.address());
    }
    println!("{}", project.run(&config, &["hostile"]));
}

#[test]
fn quitting_in_the_middle_of_an_update_ends_cleanly_and_the_next_run_continues() {
    let Some(project) = Project::new() else { return };
    let published = Published::new();
    let start = Instant::now();
    let output = project.run(&published.config(), &["quit"]);
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "the launcher did not wait for the download"
    );
    assert!(output.contains("downloading "), "{output}");
    continues(&published, &published.installs().join("interrupted"));
}

#[test]
fn a_launcher_killed_in_the_middle_of_an_update_continues_when_it_is_started_again() {
    let Some(project) = Project::new() else { return };
    let published = Published::new();
    let mut config = published.config();
    config["linger"] = json!(true);
    let mut running = project.start(&config, &["quit"]);
    let output = BufReader::new(running.take_stdout().unwrap());
    let mut lines = output.lines().map_while(Result::ok);
    assert!(
        lines.any(|line| line.starts_with("downloading ")),
        "it downloads before it is killed"
    );
    running.kill();
    continues(&published, &published.installs().join("interrupted"));
}

/// Installs into a folder that an interrupted install left behind: what was fetched is not fetched again.
fn continues(published: &Published, folder: &Path) {
    let kept = bytes_below(folder);
    assert!(kept > 0, "the interrupted install kept nothing");
    let mut command = vsekai();
    command.args([
        "install",
        "--json",
        "--server",
        published.world.server().address(),
    ]);
    command.args(["--title", TITLE, "--install-dir"]).arg(folder);
    let output = process::capture(&mut command, Some(LIMIT)).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let figure = |name: &str| -> u64 {
        let events = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events
            .filter_map(|event| event.get(name).and_then(Value::as_u64))
            .max()
            .unwrap_or(0)
    };
    let (fetched, resumed) = (figure("network_bytes"), figure("resumed_bytes"));
    println!("{kept} bytes in the folder before; went on after {resumed} and fetched {fetched}");
    assert!(
        resumed > 0 && fetched > 0,
        "went on after {resumed} and fetched {fetched}:\n{text}"
    );
}
