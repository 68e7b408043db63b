// SPDX-License-Identifier: MIT
//! What surrounds a command: streams, folders, variables and interrupts, all given by the caller.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::DesyncError;
use crate::progress::{Form, Progress, show};

/// Looks up an environment variable.
pub type Variables = Box<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// The surroundings of a command.
pub struct Env {
    /// Where results go.
    pub out: Box<dyn Write + Send>,
    /// Where warnings and statistics go.
    pub err: Box<dyn Write + Send>,
    /// Whether `err` is a terminal, which shows how far a command is.
    pub err_is_terminal: bool,
    /// Where `-` reads from, and answers to questions come from.
    pub input: Box<dyn Read + Send>,
    /// Environment variables: `S3_*` and `AWS_*` credentials, `HOME`, `DESYNC_*`.
    pub variables: Variables,
    /// The folder that relative paths are looked up in for the configuration.
    pub working_folder: Option<PathBuf>,
    /// Stops the command.
    pub cancel: Cancel,
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Env").finish_non_exhaustive()
    }
}

impl Env {
    /// Takes the output away, for a thread that writes to it; what is printed later is dropped.
    pub(crate) fn take_out(&mut self) -> Box<dyn Write + Send> {
        std::mem::replace(&mut self.out, Box::new(io::sink()))
    }

    /// Takes the input away, for a thread that reads from it.
    pub(crate) fn take_input(&mut self) -> Box<dyn Read + Send> {
        std::mem::replace(&mut self.input, Box::new(io::empty()))
    }

    /// Prints text to the output.
    pub(crate) fn print(&mut self, text: &str) -> Result<(), DesyncError> {
        let written = self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush());
        written.map_err(DesyncError::file("write the output"))
    }

    /// Prints a value to the output as desync prints JSON: two spaces of indentation and a line end.
    pub(crate) fn print_json(&mut self, value: &impl serde::Serialize) -> Result<(), DesyncError> {
        let text = to_json(value)?;
        self.print(&text)
    }

    /// Prints a line to the user; that nobody reads it is no failure.
    pub(crate) fn warn(&mut self, line: &str) {
        let _ = writeln!(self.err, "{line}");
    }

    /// Names what an archive cannot hold on the error stream.
    pub(crate) fn warn_skipped(&mut self, paths: impl IntoIterator<Item = String>) {
        for path in paths {
            self.warn(&format!("skipped {path}: it is no file, folder, link or device"));
        }
    }

    /// Does `work` and shows meanwhile how far it is, to people and to programs that ask for it as they ask desync.
    pub(crate) async fn showing<T>(
        &mut self,
        label: &str,
        progress: &Progress,
        work: impl Future<Output = Result<T, DesyncError>>,
    ) -> Result<T, DesyncError> {
        let form = if self.variable("DESYNC_ENABLE_PARSABLE_PROGRESS").is_some() {
            Form::Lines
        } else if self.err_is_terminal || self.variable("DESYNC_PROGRESSBAR_ENABLED").is_some() {
            Form::Bar
        } else {
            Form::Nothing
        };
        show(form, &mut *self.err, label, progress, work).await
    }

    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        let value = (self.variables)(name)?.into_string().ok()?;
        Some(value).filter(|value| !value.is_empty())
    }
}

pub(crate) fn to_json(value: &impl serde::Serialize) -> Result<String, DesyncError> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| DesyncError::Internal(error.to_string()))?;
    Ok(text + "\n")
}

/// Stops a command from another thread; clones stop the same one.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<CancelState>);

#[derive(Debug, Default)]
struct CancelState {
    cancelled: AtomicBool,
    notify: tokio::sync::Notify,
}

impl Cancel {
    /// Stops the command. What it was making is not published; its temporary files are removed.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Release);
        self.0.notify.notify_waiters();
        self.0.notify.notify_one();
    }

    /// Tells whether the command is to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Acquire)
    }

    /// Waits until the command is to stop.
    pub async fn cancelled(&self) {
        while !self.is_cancelled() {
            self.0.notify.notified().await;
        }
    }

    pub(crate) fn check(&self) -> Result<(), DesyncError> {
        match self.is_cancelled() {
            true => Err(DesyncError::Interrupted),
            false => Ok(()),
        }
    }

    /// As [`Cancel::check`], inside code that reports [`io::Error`].
    pub(crate) fn check_io(&self) -> io::Result<()> {
        match self.is_cancelled() {
            // Not `Interrupted`, which readers take for "try again".
            true => Err(io::Error::other("interrupted")),
            false => Ok(()),
        }
    }
}
