// SPDX-License-Identifier: MIT
//! The commands of `docs/keys.md`, run as they stand there, one after the other.
#![cfg(unix)]

use std::process::Command;

use vsekai_tests::world::{World, code_and_output, vsekai};
use xtask::workspace;

/// Returns the heading of each section with the commands in it.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut is_script = false;
    for line in text.lines() {
        match (line, is_script) {
            ("```sh", _) => is_script = true,
            ("```", _) => is_script = false,
            (command, true) => {
                if let Some((_, script)) = found.last_mut() {
                    script.push_str(command);
                    script.push('\n');
                }
            }
            (line, false) => {
                if let Some(heading) = line.strip_prefix("## ") {
                    found.push((heading.to_owned(), String::new()));
                }
            }
        }
    }
    found.retain(|(_, script)| !script.is_empty());
    found
}

#[test]
fn every_command_about_keys_does_what_its_page_says() {
    let world = World::new();
    let folder = world.path("publisher");
    let build = folder.join("build");
    fs_err::create_dir_all(&build).unwrap();
    fs_err::copy(workspace::built_program("sample-game"), build.join("game")).unwrap();
    let text = fs_err::read_to_string(workspace::root().join("docs/keys.md")).unwrap();
    let sections = sections(&text);
    assert_eq!(sections.len(), 10);
    let programs = workspace::built_program("vsekai");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = std::iter::once(programs.parent().unwrap().to_owned()).chain(std::env::split_paths(&path));
    let path = std::env::join_paths(path).unwrap();
    for (heading, script) in &sections {
        let mut command = Command::new("sh");
        command.args(["-eu", "-c", script]).current_dir(&folder);
        command
            .env("PATH", &path)
            .env("VSEKAI_SERVER", world.server().address())
            .env("VSEKAI_TOKEN", world.server().token().unwrap())
            .env("KEYS_PASSPHRASE", "correct horse battery staple");
        let (code, output) = code_and_output(&mut command);
        assert_eq!(code, 0, "{heading}\n{script}\n{output}");
    }

    // A player who knows nothing but the first root follows through all of it.
    let player = folder.join("player");
    fs_err::create_dir(&player).unwrap();
    fs_err::copy(folder.join("root.json"), player.join("root.json")).unwrap();
    let mut command = vsekai();
    command.args(["keys", "show", "--json", "--title", "my-game"]);
    command.args(["--server", world.server().address()]);
    command.arg("--keys").arg(&player);
    let (code, output) = code_and_output(&mut command);
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("\"root_version\":7"), "{output}");
    assert_eq!(
        fs_err::read_dir(&player).unwrap().count(),
        2,
        "root.json and what was verified"
    );
}
