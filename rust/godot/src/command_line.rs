// SPDX-License-Identifier: MIT
//! The command line `vsekai` on threads of its own.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc::{self, UnboundedSender};
use tokio::sync::watch;
use vsekai_cli::{Interrupts, Shell};

use crate::worker::{CLOSE_LIMIT, Worker};

/// A command line that runs.
pub struct CommandLine {
    code: Arc<OnceLock<u8>>,
    workers: [Arc<Worker>; 2],
}

impl CommandLine {
    /// Runs `arguments`, which come after the program's name, with the process's own streams and the root that
    /// the program came with.
    ///
    /// Ctrl-C, a request to end from the system, and the end of Godot cancel it.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(arguments: Vec<String>, trusted_root: Option<Vec<u8>>) -> io::Result<Self> {
        let code = Arc::new(OnceLock::new());
        let (interrupt, interrupts) = mpsc::unbounded_channel();
        let listener = listen_to_signals(interrupt.clone())?;
        let result = Arc::clone(&code);
        let on_stop = move || {
            let _ = interrupt.send(());
        };
        let worker = Worker::start("vsekai-cli", on_stop, move || {
            let shell = Shell {
                interrupts: Interrupts::Channel(interrupts),
                trusted_root,
                ..Shell::system()
            };
            let words = std::iter::once("vsekai".to_owned())
                .chain(arguments)
                .map(OsString::from);
            let code = vsekai_cli::main_with(words, shell);
            // Rust's buffer is not Godot's: nobody else empties it.
            let _ = io::stdout().flush();
            let _ = result.set(code);
        })?;
        Ok(Self {
            code,
            workers: [worker, listener],
        })
    }

    /// Returns the exit code once the command is done and everything it printed is out.
    pub fn exit_code(&self) -> Option<u8> {
        self.code
            .get()
            .copied()
            .or_else(|| self.broke_off().then_some(BROKEN_OFF))
    }

    /// Tells whether the thread ended without a code, by a defect.
    fn broke_off(&self) -> bool {
        let now = std::time::Instant::now();
        self.workers[0].join_until(now) && self.code.get().is_none()
    }
}

impl Drop for CommandLine {
    fn drop(&mut self) {
        for worker in &self.workers {
            worker.stop_within(CLOSE_LIMIT);
        }
    }
}

/// Sends an interrupt for each Ctrl-C and each request to end.
fn listen_to_signals(interrupt: UnboundedSender<()>) -> io::Result<Arc<Worker>> {
    let (stop, mut stopped) = watch::channel(());
    let stop = std::sync::Mutex::new(Some(stop));
    let on_stop = move || {
        drop(
            stop.lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .take(),
        )
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Worker::start("vsekai-signals", on_stop, move || {
        runtime.block_on(async {
            tokio::select! {
                _ = stopped.changed() => {}
                () = pass_on_signals(&interrupt) => {}
            }
        });
    })
}

#[cfg(unix)]
async fn pass_on_signals(interrupt: &UnboundedSender<()>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut first), Ok(mut second)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            _ = first.recv() => {}
            _ = second.recv() => {}
        }
        let _ = interrupt.send(());
    }
}

#[cfg(not(unix))]
async fn pass_on_signals(interrupt: &UnboundedSender<()>) {
    while tokio::signal::ctrl_c().await.is_ok() {
        let _ = interrupt.send(());
    }
    std::future::pending().await
}

/// Exit code of a command that ended without one.
const BROKEN_OFF: u8 = 1;

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn code_of(arguments: &[&str]) -> u8 {
        let line = CommandLine::start(arguments.iter().map(ToString::to_string).collect(), None).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(code) = line.exit_code() {
                return code;
            }
            assert!(Instant::now() < deadline, "{arguments:?} does not end");
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_command_ends_with_its_exit_code() {
        assert_eq!(code_of(&["--version"]), 0);
        assert_eq!(code_of(&["no-such-command"]), 2);
    }

    #[test]
    fn a_command_that_waits_for_a_server_ends_when_it_is_dropped() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let server = format!("http://{}", silent.local_addr().unwrap());
        let folder = folder.path().display().to_string();
        let arguments = ["check", "--quiet", "--server", &server, "--install-dir", &folder];
        let line = CommandLine::start(arguments.iter().map(ToString::to_string).collect(), None).unwrap();
        let (stream, _) = silent.accept().unwrap();
        let start = Instant::now();
        drop(line);
        assert!(start.elapsed() < CLOSE_LIMIT);
        drop(stream);
    }
}
