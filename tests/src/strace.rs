// SPDX-License-Identifier: MIT
//! Letting a program fail at one of its system calls.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use xtask::tools::Tool;

/// Returns strace, or says that the test is skipped.
#[must_use]
pub fn find() -> Option<PathBuf> {
    crate::tool(Tool::Strace)
}

/// What happens at a system call.
#[derive(Clone, Copy, Debug)]
pub enum Happens {
    /// The program is killed.
    Kill,
    /// The call fails with this error, such as `ENOSPC`.
    Error(&'static str),
}

/// Returns `command` under strace: at the `nth` of `calls` something happens.
#[must_use]
pub fn inject(strace: &Path, command: &Command, calls: &str, nth: u32, happens: Happens) -> Command {
    let fault = match happens {
        Happens::Kill => "signal=KILL".to_owned(),
        Happens::Error(error) => format!("error={error}"),
    };
    let mut traced = Command::new(strace);
    // Without `--seccomp-bpf`: with it only the first of the calls can be hit by a signal.
    traced.args(["--follow-forks", "--quiet=all", "--output=/dev/null"]);
    traced.arg(format!("--trace={calls}"));
    traced.arg(format!("--inject={calls}:{fault}:when={nth}"));
    calmly(command, &mut traced);
    traced.stdin(Stdio::null());
    traced
}

/// Lets `traced` run `command` with few threads: calls are counted for each thread.
pub(crate) fn calmly(command: &Command, traced: &mut Command) {
    traced.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => traced.env(name, value),
            None => traced.env_remove(name),
        };
    }
    traced
        .env("RAYON_NUM_THREADS", "1")
        .env("TOKIO_WORKER_THREADS", "1");
}
