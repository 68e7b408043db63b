// SPDX-License-Identifier: MIT
//! A publisher, a server and a player in one temporary folder, all with the real programs.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;
use xtask::events::{self, Run};
use xtask::server::Server;
use xtask::{process, workspace};

/// The title that the tests publish.
pub const TITLE: &str = "test-game";

/// A world of its own for a test.
#[derive(Debug)]
pub struct World {
    folder: TempDir,
    server: Server,
}

impl World {
    /// Starts a server with nothing published.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn new() -> Self {
        Self::configured("")
    }

    /// The same in memory, for tests of many runs: nothing waits for a disk.
    ///
    /// # Panics
    /// If the server does not start.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::start(crate::tree::memory_folder(), "")
    }

    /// Starts a server with the text of a configuration file.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn configured(configuration: &str) -> Self {
        Self::start(tempfile::tempdir().unwrap(), configuration)
    }

    fn start(folder: TempDir, configuration: &str) -> Self {
        crate::build_programs();
        fs_err::create_dir(folder.path().join("player")).unwrap();
        let server = start_server(&folder.path().join("server"), configuration);
        Self { folder, server }
    }

    /// Starts a server with version 1.0.0 of a made build published, and returns the build's folder too.
    ///
    /// # Panics
    /// If it cannot be published.
    #[must_use]
    pub fn with_first_version() -> (Self, PathBuf) {
        let world = Self::new();
        let build = world.make_build(1);
        (world, build)
    }

    /// Makes a build (see [`crate::tree::make_build`]), publishes it and returns its folder.
    ///
    /// # Panics
    /// If it cannot be published.
    pub fn make_build(&self, number: u32) -> PathBuf {
        let build = self.path(&format!("build-{number}"));
        crate::tree::make_build(&build, number);
        self.publish(&build, &format!("{number}.0.0"));
        build
    }

    /// Starts a server, in memory, that has two versions of a small build (see [`crate::tree::make_small_build`]). The
    /// player had the first, and their install is set aside. Returns the builds' folders and that of the install.
    ///
    /// # Panics
    /// If something of that fails.
    #[must_use]
    pub fn before_an_update() -> (Self, [PathBuf; 2], PathBuf) {
        let world = Self::in_memory();
        let builds = world.small_builds(0);
        world.publish(&builds[0], "1.0.0");
        world.update();
        let pristine = world.set_aside();
        world.publish(&builds[1], "2.0.0");
        (world, builds, pristine)
    }

    /// Starts a server, in memory, that has a small build under two names, of which the player has the first. Returns the
    /// build's folder too.
    ///
    /// # Panics
    /// If something of that fails.
    #[must_use]
    pub fn before_another_name() -> (Self, PathBuf) {
        let world = Self::in_memory();
        let [build, _] = world.small_builds(0);
        world.publish(&build, "1.0.0");
        world.update();
        world.publish(&build, "1.0.1");
        (world, build)
    }

    /// Makes the two versions of a small build, with `more` files that do not change.
    ///
    /// # Panics
    /// If something cannot be written.
    #[must_use]
    pub fn small_builds(&self, more: u64) -> [PathBuf; 2] {
        [1, 2].map(|number| {
            let root = self.path(&format!("build-{number}"));
            crate::tree::make_small_build(&root, number, more);
            root
        })
    }

    /// Moves the install folder away, for copies of it.
    ///
    /// # Panics
    /// If it cannot be moved.
    #[must_use]
    pub fn set_aside(&self) -> PathBuf {
        let pristine = self.path("pristine");
        fs_err::rename(self.install_folder(), &pristine).unwrap();
        pristine
    }

    /// Makes the install folder anew: a copy of `pristine`, or none.
    ///
    /// # Panics
    /// If something cannot be written.
    pub fn lay_out(&self, pristine: Option<&Path>) {
        let install = self.install_folder();
        if install.exists() {
            fs_err::remove_dir_all(&install).unwrap();
        }
        if let Some(pristine) = pristine {
            crate::tree::copy_install(pristine, &install);
        }
    }

    /// Returns a path in the world's folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Returns the folder of the player, which holds the install folder and nothing else.
    #[must_use]
    pub fn player_folder(&self) -> PathBuf {
        self.path("player")
    }

    /// Returns the install folder of the player.
    #[must_use]
    pub fn install_folder(&self) -> PathBuf {
        self.player_folder().join("install")
    }

    /// Returns the server.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Kills the server as a power cut would.
    pub fn kill_server(&mut self) {
        self.server.kill();
    }

    /// Starts the server again on the same data and configuration; its port is another one.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart_server(&mut self) {
        self.server.stop();
        let configuration = fs_err::read_to_string(self.server.configuration()).unwrap();
        self.server = start_server(&self.folder.path().join("server"), &configuration);
    }

    /// Publishes `build` and returns what the publisher reports.
    ///
    /// # Panics
    /// If it cannot be published.
    pub fn publish(&self, build: &Path, version: &str) -> Value {
        let run = events::run(&mut self.publish_command(build, version))
            .unwrap()
            .successful()
            .unwrap();
        run.last("published").unwrap().clone()
    }

    /// Returns the command that publishes `build`.
    ///
    /// # Panics
    /// If the server has no token.
    #[must_use]
    pub fn publish_command(&self, build: &Path, version: &str) -> Command {
        self.publish_command_to(self.server.address(), build, version)
    }

    /// Returns the command that publishes `build` by way of the address `server`.
    ///
    /// # Panics
    /// If the server has no token.
    #[must_use]
    pub fn publish_command_to(&self, server: &str, build: &Path, version: &str) -> Command {
        let mut command = vsekai();
        command.arg("publish").arg(build);
        command.args(["--channel", "stable", "--version", version]);
        command.args(["--platform", platform(), "--server", server, "--json"]);
        self.server.authorise(&mut command).unwrap();
        command
    }

    /// Returns the command `words` of a publisher of the title, with `--json`.
    ///
    /// # Panics
    /// If the server has no token.
    #[must_use]
    pub fn publisher_command(&self, words: &[&str]) -> Command {
        let mut command = vsekai();
        command
            .args(words)
            .args(["--server", self.server.address(), "--json"]);
        self.server.authorise(&mut command).unwrap();
        command
    }

    /// Returns the command that installs or updates the player's game from `server`.
    #[must_use]
    pub fn update_command(&self, server: &str) -> Command {
        let is_installed = self.install_folder().join(".vsekai/current.json").is_file();
        let mut command = self.player_command(if is_installed { "update" } else { "install" });
        command.args(server_words(server));
        command
    }

    /// Returns the words that name the real server and what it has.
    #[must_use]
    pub fn server_words(&self) -> [&str; 6] {
        server_words(self.server.address())
    }

    /// Returns the command `verb` on the player's install, with `--json`.
    #[must_use]
    pub fn player_command(&self, verb: &str) -> Command {
        let mut command = vsekai();
        command
            .arg(verb)
            .arg("--json")
            .arg("--install-dir")
            .arg(self.install_folder());
        command
    }

    /// Installs or updates from the real server.
    ///
    /// # Panics
    /// If it fails.
    pub fn update(&self) -> Run {
        events::run(&mut self.update_command(self.server.address()))
            .unwrap()
            .successful()
            .unwrap()
    }

    /// Returns the folder of the installed version.
    ///
    /// # Panics
    /// If nothing is installed.
    #[must_use]
    pub fn installed(&self) -> PathBuf {
        let current = fs_err::read(self.install_folder().join(".vsekai/current.json")).unwrap();
        let current: Value = serde_json::from_slice(&current).unwrap();
        self.install_folder()
            .join("versions")
            .join(current["current"]["name"].as_str().unwrap())
    }

    /// Starts the installed game, waits until it ends and returns what it printed.
    ///
    /// # Panics
    /// If it does not start or fails.
    pub fn play(&self) -> String {
        let mut command = vsekai();
        command
            .args(["launch", "--wait", "--install-dir"])
            .arg(self.install_folder());
        let run = events::run(command.args(["--", "--quit-after-start"]))
            .unwrap()
            .successful()
            .unwrap();
        run.lines.join("\n")
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the command line of the real `vsekai`.
#[must_use]
pub fn vsekai() -> Command {
    workspace::own_command(workspace::built_program("vsekai"))
}

/// Runs `command` and returns its exit code with all it printed.
///
/// # Panics
/// If it cannot be started or was ended by a signal.
pub fn code_and_output(command: &mut Command) -> (i32, String) {
    let output = process::capture(command, None).unwrap();
    (output.status.code().unwrap(), process::text(&output))
}

/// Returns this machine's platform as releases name it.
///
/// # Panics
/// If there are no releases for this machine.
#[must_use]
pub fn platform() -> &'static str {
    workspace::platform().unwrap()
}

fn server_words(server: &str) -> [&str; 6] {
    ["--server", server, "--title", TITLE, "--channel", "stable"]
}

fn start_server(data: &Path, configuration: &str) -> Server {
    let program = workspace::built_program("vsekai-server");
    Server::start_configured(&program, data, TITLE, configuration).unwrap()
}
