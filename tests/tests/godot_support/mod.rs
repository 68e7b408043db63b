// SPDX-License-Identifier: MIT
//! What the tests in Godot share: a published game, a project with the built library in it, and Godot itself.

#![allow(dead_code, reason = "every test program uses a part of it")]

pub mod hostile;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use vsekai_tests::proxy::Proxy;
use vsekai_tests::world::{TITLE, World, platform, vsekai};
use vsekai_tests::{skip, tree};
use xtask::process::{self, Running};
use xtask::tools::{Cache, GODOT_HINT, Godot};
use xtask::{fs, workspace};

/// Notes of the first version.
pub const NOTES: &str = "The first version.\n\n- Übung: 日本語";

/// A server with two versions of a game: 1.0.0 on `stable`, 2.0.0 on `beta`.
pub struct Published {
    pub world: World,
}

impl Published {
    pub fn new() -> Self {
        let published = Self { world: World::new() };
        published.publish(1, "stable", NOTES);
        published.publish(2, "beta", "The second version.");
        published
    }

    /// Returns the folder that installs of the cases lie in.
    pub fn installs(&self) -> PathBuf {
        self.world.path("installs")
    }

    /// Returns the settings of the cases.
    pub fn config(&self) -> Value {
        json!({
            "server": self.world.server().address(),
            "dead_server": hostile::address_nobody_listens_on(),
            "title": TITLE,
            "notes": NOTES,
            "folder": self.installs(),
        })
    }

    fn publish(&self, number: u32, channel: &str, notes: &str) {
        let build = self.build(number);
        tree::make_build(&build, number);
        let mut command = vsekai();
        command.arg("publish").arg(build);
        command.args(["--channel", channel, "--notes", notes, "--program", tree::PROGRAM]);
        command.args(["--version", &format!("{number}.0.0"), "--platform", platform()]);
        command.args(["--server", self.world.server().address()]);
        self.world.server().authorise(&mut command).unwrap();
        process::read(&mut command).unwrap();
    }

    /// Returns a network of its own to the server.
    pub fn proxy(&self) -> Proxy {
        Proxy::start(self.world.server().address())
    }

    /// Returns the folder of a published build.
    pub fn build(&self, number: u32) -> PathBuf {
        self.world.path(&format!("build-{number}"))
    }
}

/// A Godot project with the cases and the built library.
pub struct Project {
    godot: Godot,
    folder: TempDir,
}

impl Project {
    /// Returns nothing where there is no Godot, after saying so; with `CI` set that is a failure.
    pub fn new() -> Option<Self> {
        let godot = find_godot()?;
        build_extension();
        let folder = tempfile::tempdir().unwrap();
        let launcher = xtask::projects::launcher();
        fs::copy_over(&workspace::root().join("tests/godot"), folder.path(), &[".godot"]).unwrap();
        for (source, target) in &launcher.files {
            fs::replace_file(source, &folder.path().join(target)).unwrap();
        }
        let description = "vsekai.gdextension";
        fs::replace_file(
            &launcher.layers[0].join(description),
            &folder.path().join(description),
        )
        .unwrap();
        // The editor may fall over at its end where it discovers an extension while it scans a small project.
        let list = folder.path().join(".godot/extension_list.cfg");
        fs_err::create_dir_all(list.parent().unwrap()).unwrap();
        fs_err::write(list, format!("res://{description}\n")).unwrap();
        xtask::godot::import(&godot, folder.path()).unwrap();
        Some(Self { godot, folder })
    }

    /// Puts a script into the project.
    pub fn add(&self, name: &str, script: &str) {
        fs_err::write(self.folder.path().join(name), script).unwrap();
    }

    /// Runs `cases` and returns what was printed; anything but success without complaints is a failure.
    pub fn run(&self, config: &Value, cases: &[&str]) -> String {
        let output = process::capture(&mut self.command(config, cases), Some(LIMIT)).unwrap();
        let text = process::text(&output);
        assert_passed(&text);
        assert!(output.status.success(), "ended with {}:\n{text}", output.status);
        text
    }

    /// The same, with every line shown to `on_line` as it is printed.
    pub fn watch(&self, config: &Value, cases: &[&str], mut on_line: impl FnMut(&str)) -> String {
        let mut running = self.start(config, cases);
        let output = BufReader::new(running.take_stdout().unwrap());
        let mut text = String::new();
        for line in output.lines().map_while(Result::ok) {
            on_line(&line);
            text.push_str(&line);
            text.push('\n');
        }
        assert_passed(&text);
        text
    }

    /// Starts `cases` with their output going to a pipe.
    pub fn start(&self, config: &Value, cases: &[&str]) -> Running {
        let mut command = self.command(config, cases);
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null());
        process::spawn(&mut command).unwrap()
    }

    fn command(&self, config: &Value, cases: &[&str]) -> Command {
        let file = self.folder.path().join("config.json");
        fs_err::write(&file, config.to_string()).unwrap();
        let mut command = xtask::godot::command(&self.godot.editor);
        command.args(["--headless", "--path"]).arg(self.folder.path());
        command
            .args(["--script", "res://run.gd", "--"])
            .arg(file)
            .args(cases);
        command
    }
}

/// Returns nothing where there is no Godot, after saying so; with `CI` set that is a failure.
pub fn find_godot() -> Option<Godot> {
    let found = Cache::of_the_user().ok().and_then(|cache| Godot::find(&cache));
    found.or_else(|| skip("Godot 4.6", GODOT_HINT))
}

/// Fails unless every check passed and Godot has nothing to complain of.
fn assert_passed(text: &str) {
    let last = text
        .lines()
        .rev()
        .find(|line| line.contains(" passed, "))
        .unwrap_or_default();
    assert!(last.ends_with(" passed, 0 failed"), "{text}");
    assert_clean(text);
}

/// Fails where Godot's output tells of something that its exit code does not.
pub fn assert_clean(output: &str) {
    let mut found = xtask::godot::complaints(output);
    let more = [
        "ERROR:",
        "leaked at exit",
        "resources still in use",
        "handle_crash",
    ];
    found.extend(
        output
            .lines()
            .filter(|line| more.iter().any(|complaint| line.contains(complaint))),
    );
    assert!(
        found.is_empty(),
        "Godot complains:\n{}\n\nin:\n{output}",
        found.join("\n")
    );
}

/// Returns the number of bytes of files below `folder`.
pub fn bytes_below(folder: &Path) -> u64 {
    let files = fs::files(folder, &[]).unwrap_or_default();
    files
        .iter()
        .filter_map(|file| fs_err::metadata(folder.join(file)).ok())
        .map(|data| data.len())
        .sum()
}

/// Builds the library; quick if it is up to date.
pub fn build_extension() {
    workspace::build(&["--quiet", "--package", "vsekai-godot"]).unwrap();
}

/// Longest time a run of Godot may take.
pub const LIMIT: Duration = Duration::from_secs(300);
