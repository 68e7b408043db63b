// SPDX-License-Identifier: MIT
//! The publisher's dock in a real Godot editor, without a window and in one, driven by its fields and buttons.
//!
//! The cases themselves are GDScript, in `tests/editor/driver`. Where there is no Godot the tests say so and pass,
//! with `CI=true` they fail.

mod display;
mod godot_support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use display::Display;
use godot_support::{assert_clean, find_godot};
use serde_json::{Value, json};
use tempfile::TempDir;
use vsekai_formats::pck;
use vsekai_tests::exported;
use vsekai_tests::tree::holds;
use xtask::tools::Godot;
use xtask::{addons, fs, process, projects, workspace};

#[test]
fn a_game_is_published_compared_tried_taken_back_and_offered_again_from_the_editor() {
    let Some(editor) = Editor::new(true) else { return };
    let read_token = editor.folder.path().join("read-token");
    editor.run(&json!({ "case": "publishing", "read_token": read_token }), None);
    let build = editor
        .folder
        .path()
        .join("cache/V-Sekai/builds/editor-game/0.2.0-linux-x86_64");
    assert_no_part_of_the_plugin(&build.join("editor-game.pck"));
    let data = editor.folder.path().join("data/V-Sekai/local-server/editor-game");
    assert!(
        data.join("dev-keys").is_dir(),
        "the local server's keys lie outside of the project"
    );
    assert_no_secrets(&editor, &[&data.join("dev-token"), &read_token]);
    let manifests = files_with(&data, "\"minimum_engine\":\"0.1.0\"");
    let left = "\"user_paths\":[\"mods\",\"settings.cfg\"]";
    assert_eq!(manifests.len(), 2, "both versions name the oldest updater");
    assert_eq!(files_with(&data, left), manifests, "and what is the player's");
}

#[test]
fn the_dock_speaks_the_language_of_the_editor() {
    for (language, [publish, withdraw, nothing, version, channel, hint, said]) in [
        (
            "es_ES.UTF-8",
            [
                "Publicar",
                "Retirar",
                "Aún no se ha exportado nada.",
                "Versión",
                "Canal",
                "Inicia el servidor local",
                "El servidor local está en",
            ],
        ),
        (
            "ja_JP.UTF-8",
            [
                "公開",
                "取り下げる",
                "まだ何もエクスポートされていません。",
                "バージョン",
                "チャンネル",
                "ローカルサーバーを起動",
                "ローカルサーバーのアドレス:",
            ],
        ),
    ] {
        let case = json!({
            "case": "language",
            "language": language,
            "shown": { "Publish": publish, "Withdraw": withdraw, "BuildFolder": nothing },
            "titles": [version, channel],
            "hint": hint,
            "said": said,
        });
        let Some(editor) = Editor::new(true) else { return };
        editor.run(&case, None);
    }
}

#[test]
fn a_missing_library_is_told_with_the_way_to_get_it_and_nothing_complains() {
    let Some(editor) = Editor::new(false) else { return };
    editor.run(&json!({ "case": "missing_library" }), None);
}

#[test]
fn the_dock_works_in_a_window_with_a_mouse() {
    let (Some(editor), Some(display)) = (Editor::new(true), Display::new()) else {
        return;
    };
    let picture = display::pictures().join("editor-dock.png");
    editor.run(&json!({ "case": "window", "picture": picture }), Some(&display));
    assert!(picture.is_file());
}

#[test]
fn exported_games_hold_nothing_of_the_plugin() {
    let Some(folders) = exported::game() else { return };
    for folder in folders {
        assert_no_part_of_the_plugin(&folder.join(projects::GAME_PROGRAM).with_extension("pck"));
    }
}

/// A copy of the sample game with the plugin and its driver, and folders of its own for everything that an editor
/// keeps.
struct Editor {
    godot: Godot,
    folder: TempDir,
}

impl Editor {
    fn new(with_library: bool) -> Option<Self> {
        let godot = find_godot()?;
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        xtask::godot::stage(
            &godot,
            &projects::game(projects::GAME_VERSIONS[0]).unwrap(),
            &project,
        )
        .unwrap();
        if with_library {
            workspace::build(&["--quiet", "--package", "vsekai-godot-editor"]).unwrap();
            addons::put_publisher_into(&project, false).unwrap();
        }
        let driver = workspace::root().join("tests/editor/driver");
        fs::copy_over(&driver, &project.join("addons/driver"), &[]).unwrap();
        let settings = project.join("project.godot");
        let text = fs_err::read_to_string(&settings).unwrap();
        let enabled = "\"res://addons/vsekai_publisher/plugin.cfg\"";
        assert!(
            text.contains(enabled),
            "the sample game has the plugin switched on"
        );
        let both = format!("{enabled}, \"res://addons/driver/plugin.cfg\"");
        fs_err::write(&settings, text.replace(enabled, &both)).unwrap();
        let editor = Self { godot, folder };
        let mut import = editor.command();
        let output = process::capture(import.args(["--headless", "--import"]), Some(LIMIT)).unwrap();
        assert_clean(&process::text(&output));
        Some(editor)
    }

    /// Runs a case and returns what was printed; anything but success without complaints is a failure.
    fn run(&self, config: &Value, display: Option<&Display>) -> String {
        let file = self.folder.path().join("case.json");
        fs_err::write(&file, config.to_string()).unwrap();
        let mut command = self.command();
        let language = config["language"].as_str().unwrap_or("en_US.UTF-8");
        command.arg("--editor").env("LANG", language);
        match display {
            Some(display) => command
                .args(["--rendering-driver", "opengl3", "--audio-driver", "Dummy"])
                .env("DISPLAY", display.name())
                .env_remove("WAYLAND_DISPLAY"),
            None => command.arg("--headless"),
        };
        let output = process::capture(command.arg("--").arg(file), Some(LIMIT)).unwrap();
        let text = process::text(&output);
        assert!(
            text.lines()
                .any(|line| line.starts_with("editor: ") && line.ends_with(" 0 failed")),
            "{text}"
        );
        assert!(output.status.success(), "ended with {}:\n{text}", output.status);
        assert_clean(&without_vulkan(&text));
        text
    }

    fn command(&self) -> Command {
        let mut command = workspace::command(&self.godot.editor);
        for (variable, folder) in [
            ("XDG_DATA_HOME", "data"),
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_CACHE_HOME", "cache"),
        ] {
            command.env(variable, self.folder.path().join(folder));
        }
        command.arg("--path").arg(self.folder.path().join("project"));
        command
    }
}

/// Fails if a pack holds a file of the plugin, or is no pack with a game in it.
fn assert_no_part_of_the_plugin(pack: &Path) {
    let bytes = fs_err::read(pack).unwrap();
    let resources = pck::resources(&bytes.as_slice()).unwrap().unwrap();
    let paths: Vec<&str> = resources.iter().map(|resource| resource.path.as_str()).collect();
    assert!(paths.iter().any(|path| path.ends_with("main.gdc")), "{paths:?}");
    let plugin: Vec<&&str> = paths
        .iter()
        .filter(|path| path.contains("vsekai_publisher"))
        .collect();
    assert!(plugin.is_empty(), "{}: {plugin:?}", pack.display());
}

/// Returns the files below `folder` that hold `text`.
fn files_with(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut files = fs::files(folder, &[]).unwrap();
    files.retain(|file| holds(&folder.join(file), text));
    files
}

/// Fails if the project's folder, or the editor's for settings, holds one of the tokens or a private key.
fn assert_no_secrets(editor: &Editor, token_files: &[&Path]) {
    let read = |file: &&Path| fs_err::read_to_string(file).unwrap();
    let tokens: Vec<String> = token_files.iter().map(read).collect();
    for folder in ["project", "config"].map(|folder| editor.folder.path().join(folder)) {
        for file in fs::files(&folder, &["bin"]).unwrap() {
            let bytes = fs_err::read(folder.join(&file)).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            let held = tokens.iter().find(|token| text.contains(token.trim()));
            assert!(held.is_none(), "{} holds a token", file.display());
            assert!(!text.contains("PRIVATE KEY"), "{} holds a key", file.display());
        }
    }
}

/// Returns `output` without what an editor says that looks for Vulkan on a display that has none, although it was
/// told to use OpenGL.
fn without_vulkan(output: &str) -> String {
    let about_it = |line: &&str| {
        line.contains("VK_KHR_surface") || line.contains("Condition \"err != OK\" is true. Returning: err")
    };
    let kept: Vec<&str> = output.lines().filter(|line| !about_it(line)).collect();
    kept.join("\n")
}

/// Longest time a run of the editor may take.
const LIMIT: Duration = Duration::from_secs(200);
