// SPDX-License-Identifier: MIT
//! The class `VSekaiCli`.

use std::path::PathBuf;

use godot::classes::Os;
use godot::prelude::*;

use crate::command_line::CommandLine;
use crate::convert::texts;
use crate::updater::trusted_root;

/// The command line of `vsekai` inside a Godot program, so that an exported launcher does all of it without a
/// window: `LAUNCHER --headless -- update`.
///
/// Call [method run] with the arguments after `--` (`OS.get_cmdline_user_args()`), then
/// [method poll] once a frame, and quit with the exit code it returns.
#[derive(GodotClass)]
#[class(init, base = RefCounted)]
pub struct VSekaiCli {
    /// File with the root of the title that the program came with; `--root FILE` names another.
    #[var]
    trusted_root: GString,
    running: Option<CommandLine>,
    failed: bool,
}

#[godot_api]
impl VSekaiCli {
    /// Runs a command line on a thread of its own; what it prints goes to the process's standard output and
    /// standard error. Does nothing while an earlier one runs.
    #[func]
    fn run(&mut self, arguments: PackedStringArray) {
        if godot::init::is_editor_hint() {
            return;
        }
        if self
            .running
            .as_ref()
            .is_some_and(|running| running.exit_code().is_none())
        {
            godot_error!("VSekaiCli.run: an earlier command line is still running");
            return;
        }
        if Os::singleton().has_feature("template") {
            return_to_the_users_folder();
        }
        let root = match trusted_root(&self.trusted_root) {
            Ok(root) => root,
            Err(error) => {
                godot_error!("VSekaiCli.run: {error}");
                (self.running, self.failed) = (None, true);
                return;
            }
        };
        match CommandLine::start(texts(&arguments), root) {
            Ok(running) => (self.running, self.failed) = (Some(running), false),
            Err(error) => {
                godot_error!("VSekaiCli.run: no thread: {error}");
                (self.running, self.failed) = (None, true);
            }
        }
    }

    /// Returns -1 while the command line runs (or none was started), then its exit code; by then everything it
    /// printed is out.
    #[func]
    fn poll(&self) -> i64 {
        match &self.running {
            Some(running) => running.exit_code().map_or(-1, i64::from),
            None if self.failed => 1,
            None => -1,
        }
    }
}

/// An exported program leaves the current folder for its own before any of our code runs, and relative paths
/// would mean something else than where they were typed. Shells keep the folder in `PWD`.
fn return_to_the_users_folder() {
    let folder = std::env::var_os("PWD").map(PathBuf::from);
    if let Some(folder) = folder.filter(|folder| folder.is_absolute() && folder.is_dir()) {
        // What cannot be entered cannot be meant.
        let _ = std::env::set_current_dir(folder);
    }
}
