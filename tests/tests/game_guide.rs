// SPDX-License-Identifier: MIT
//! `docs/godot-game.md`, run as it stands there: its commands one after the other, in the game that it makes.
#![cfg(target_os = "linux")]

mod godot_support;

use std::path::{Path, PathBuf};
use std::process::Command;

use godot_support::{assert_clean, build_extension, find_godot};
use tempfile::TempDir;
use vsekai_tests::world::{code_and_output, platform};
use xtask::godot::{PRESET, Project};
use xtask::server::Server;
use xtask::{process, workspace};

#[test]
fn a_game_fetches_mounts_and_updates_its_content_as_the_page_says() {
    let Some(godot) = find_godot() else { return };
    build_extension();
    vsekai_tests::build_programs();
    let page = Page::read();
    let place = Place::new(&godot);
    let project = Project {
        name: "content-game".to_owned(),
        layers: vec![workspace::root().join("godot-project/content-game")],
        removed: Vec::new(),
        files: Vec::new(),
        extras: None,
        program: "my-game".to_owned(),
        preset: PRESET,
    };
    xtask::godot::stage(&godot, &project, &place.path("my-game")).unwrap();
    let mut said = Vec::new();
    for script in page.blocks("sh") {
        // Players get what is built for release; the test takes what is built already.
        let script = script.replace("--project my-game --release", "--project my-game");
        let (code, output) = code_and_output(&mut place.shell(&script));
        assert_eq!(code, 0, "{script}\n{output}");
        assert_clean(&output);
        said.push(output);
    }
    let [.., publishing, first, second] = &said[..] else {
        panic!("the page has too few commands")
    };
    assert!(publishing.contains("Published 1.0.0"), "{publishing}");
    assert!(first.contains("The first room\ncontent 1.0.0"), "{first}");
    assert!(second.contains("The second room\ncontent 1.1.0"), "{second}");
    place.play_without_a_server();
}

#[test]
fn the_page_shows_the_script_of_the_game() {
    let page = Page::read();
    let game = workspace::root().join("godot-project/content-game");
    let updates = fs_err::read_to_string(game.join("updates.gd")).unwrap();
    let main = fs_err::read_to_string(game.join("main.gd")).unwrap();
    let settings = fs_err::read_to_string(game.join("project.godot")).unwrap();
    let shown = page.blocks("gdscript");
    assert_eq!(shown[0], updates);
    assert!(main.contains(&shown[1]), "main.gd has another {}", shown[1]);
    assert!(settings.contains(&page.blocks("ini")[0]));
}

/// The page.
struct Page(String);

impl Page {
    fn read() -> Self {
        Self(fs_err::read_to_string(workspace::root().join("docs/godot-game.md")).unwrap())
    }

    /// Returns what stands in fences of the language `language`.
    fn blocks(&self, language: &str) -> Vec<String> {
        let fence = format!("```{language}\n");
        let parts = self.0.split(&fence).skip(1);
        parts
            .map(|part| part.split("```").next().unwrap_or_default().to_owned())
            .collect()
    }
}

/// A folder with a server for development, and programs under the names that the page calls them by.
struct Place {
    folder: TempDir,
    server: Server,
}

impl Place {
    fn new(godot: &xtask::tools::Godot) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = workspace::built_program("vsekai-server");
        let server = Server::start(&server, &folder.path().join("server"), "my-game").unwrap();
        let place = Self { folder, server };
        let programs = place.path("programs");
        fs_err::create_dir(&programs).unwrap();
        let link = |program: &Path, name: &str| {
            fs_err::os::unix::fs::symlink(program, programs.join(name)).unwrap();
        };
        link(&godot.editor, "godot");
        link(&workspace::built_program("vsekai"), "vsekai");
        // `cargo xtask` runs this very program; a Cargo inside of a test would wait for the one around it.
        let cargo = programs.join("cargo");
        let xtask = workspace::built_program("xtask");
        let script = format!("#!/bin/sh\nshift\nexec \"{}\" \"$@\"\n", xtask.display());
        fs_err::write(&cargo, script).unwrap();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs_err::set_permissions(&cargo, mode).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn shell(&self, script: &str) -> Command {
        let mut command = workspace::command("sh");
        command
            .args(["-eu", "-c", script])
            .current_dir(self.folder.path());
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(self.path("programs")).chain(std::env::split_paths(&path));
        command
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("CARGO", env!("CARGO"))
            .env(workspace::BUILT, "1")
            .env("XDG_DATA_HOME", self.path("data"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("VSEKAI_SERVER", self.server.address())
            .env("VSEKAI_KEYS", self.server.keys())
            .env("VSEKAI_TOKEN", self.server.token().unwrap());
        command
    }

    /// The game starts with the content it has.
    fn play_without_a_server(mut self) {
        self.server.stop();
        let script = "download/my-game --headless -- --quit-after-start";
        let output = process::read(&mut self.shell(script)).unwrap();
        assert!(output.contains("content 1.1.0"), "{} {output}", platform());
    }
}
