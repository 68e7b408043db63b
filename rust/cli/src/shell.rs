// SPDX-License-Identifier: MIT
//! What surrounds a command line: environment, streams, terminal and interrupts.
//!
//! This is the only file that looks at the process itself.

use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal as _, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedReceiver;
use vsekai_engine::NetworkKind;
use vsekai_engine::clock::TimeOfDay;
use vsekai_formats::release::Slug;

/// Looks up an environment variable.
pub type Variables = Box<dyn Fn(&str) -> Option<OsString> + Send + Sync>;

/// Asks a question whose answer is not shown.
pub type Prompt = Box<Ask>;

/// What a [`Prompt`] does.
pub(crate) type Ask = dyn Fn(&str) -> io::Result<String> + Send + Sync;

/// The surroundings of one command line.
pub struct Shell {
    /// Environment variables.
    pub variables: Variables,
    /// The user's folder for data of programs on this machine.
    pub data_folder: Option<PathBuf>,
    /// The user's folder for settings of programs.
    pub config_folder: Option<PathBuf>,
    /// The root of the title that this program came with, unless the command line names one.
    pub trusted_root: Option<Vec<u8>>,
    /// The folder that relative paths start from.
    pub working_folder: Option<PathBuf>,
    /// What is read where a command line says `-`.
    pub input: Box<dyn Read + Send>,
    /// Asks a person for a passphrase without showing it; `None` where nobody can be asked.
    pub prompt: Option<Prompt>,
    /// Where results go.
    pub out: Box<dyn Write + Send>,
    /// Where progress and errors go.
    pub err: Box<dyn Write + Send>,
    /// Whether a person reads the results as they come.
    pub out_is_terminal: bool,
    /// Whether progress bars can be drawn on the process's stderr.
    pub err_is_terminal: bool,
    /// Width of help texts; `None` for the terminal's.
    pub columns: Option<usize>,
    /// How the user interrupts.
    pub interrupts: Interrupts,
}

/// How the user interrupts a command: once to cancel it, twice to leave at once.
#[derive(Debug)]
pub enum Interrupts {
    /// Ctrl-C and the system's request to end. Replaces the process's handlers.
    Signals,
    /// Each message is one.
    Channel(UnboundedReceiver<()>),
    /// Not at all.
    Never,
}

impl Shell {
    /// Returns the surroundings of this process.
    pub fn system() -> Self {
        Self {
            variables: Box::new(|name| std::env::var_os(name)),
            data_folder: data_folder(),
            config_folder: directories::BaseDirs::new().map(|dirs| dirs.config_dir().to_owned()),
            trusted_root: None,
            working_folder: std::env::current_dir().ok(),
            input: Box::new(std::io::stdin()),
            prompt: std::io::stdin()
                .is_terminal()
                .then(|| Box::new(|question: &str| rpassword::prompt_password(question)) as Prompt),
            out: Box::new(std::io::stdout()),
            err: Box::new(std::io::stderr()),
            out_is_terminal: std::io::stdout().is_terminal(),
            err_is_terminal: std::io::stderr().is_terminal(),
            columns: None,
            interrupts: Interrupts::Signals,
        }
    }

    pub(crate) fn split(self) -> (Surroundings, Streams) {
        let streams = Streams {
            out: self.out,
            err: self.err,
        };
        let surroundings = Surroundings {
            variables: self.variables,
            data_folder: self.data_folder,
            config_folder: self.config_folder,
            trusted_root: self.trusted_root,
            prompt: self.prompt.map(Arc::from),
            out_is_terminal: self.out_is_terminal,
            err_is_terminal: self.err_is_terminal,
            interrupts: self.interrupts,
        };
        (surroundings, streams)
    }
}

impl fmt::Debug for Shell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shell")
            .field("data_folder", &self.data_folder)
            .finish_non_exhaustive()
    }
}

/// Returns the folder of `title`'s install where the user names none: the same for the command line and for
/// the launcher's window. `None` on a system without home folders.
pub fn default_install_dir(title: &Slug) -> Option<PathBuf> {
    data_folder().map(|folder| install_dir_in(&folder, title))
}

/// This machine as the engine's updates see it: its clock, and what is said of its connection.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThisMachine {
    /// Whether the connection costs by the byte, as far as is known.
    pub metered: bool,
}

impl vsekai_engine::Surroundings for ThisMachine {
    fn now(&self) -> Option<TimeOfDay> {
        use chrono::Timelike as _;
        let now = chrono::Local::now();
        let (hour, minute) = (u8::try_from(now.hour()).ok()?, u8::try_from(now.minute()).ok()?);
        TimeOfDay::new(hour, minute)
    }

    fn network(&self) -> NetworkKind {
        match self.metered {
            true => NetworkKind::Metered,
            false => NetworkKind::Unknown,
        }
    }
}

/// Writes the engine's log to stderr if `VSEKAI_LOG` says what to log, such as `debug` or `vsekai_store=trace`.
///
/// For programs only: there is one log for the whole process.
pub fn log_if_asked() {
    if let Ok(filter) = std::env::var("VSEKAI_LOG") {
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr);
        // Somebody else's log is as good.
        let _ = subscriber.try_init();
    }
}

/// A [`Shell`] without its streams.
pub(crate) struct Surroundings {
    variables: Variables,
    data_folder: Option<PathBuf>,
    config_folder: Option<PathBuf>,
    pub(crate) trusted_root: Option<Vec<u8>>,
    pub(crate) prompt: Option<Arc<Ask>>,
    pub(crate) out_is_terminal: bool,
    pub(crate) err_is_terminal: bool,
    interrupts: Interrupts,
}

/// Where a [`Shell`] prints.
pub(crate) struct Streams {
    pub(crate) out: Box<dyn Write + Send>,
    pub(crate) err: Box<dyn Write + Send>,
}

impl Surroundings {
    /// Returns a variable that is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<OsString> {
        (self.variables)(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn install_dir(&self, title: &Slug) -> Option<PathBuf> {
        self.data_folder
            .as_deref()
            .map(|folder| install_dir_in(folder, title))
    }

    /// Returns the folder of a title's keys where the publisher names none.
    pub(crate) fn key_folder(&self, title: &Slug) -> Option<PathBuf> {
        let folder = self.config_folder.as_deref()?;
        Some(folder.join("V-Sekai").join("keys").join(title.as_str()))
    }

    /// Tells whether colour is wanted on one of the streams where nothing else is said.
    pub(crate) fn colour_wanted(&self, out: bool) -> bool {
        let is_terminal = if out {
            self.out_is_terminal
        } else {
            self.err_is_terminal
        };
        let is_dumb = self.variable("TERM").is_some_and(|term| term == "dumb");
        is_terminal && !is_dumb && self.variable("NO_COLOR").is_none()
    }

    pub(crate) fn take_interrupts(mut self) -> (Interrupts, Self) {
        (std::mem::replace(&mut self.interrupts, Interrupts::Never), self)
    }
}

fn data_folder() -> Option<PathBuf> {
    directories::BaseDirs::new().map(|dirs| dirs.data_local_dir().to_owned())
}

fn install_dir_in(data_folder: &Path, title: &Slug) -> PathBuf {
    data_folder.join("V-Sekai").join(title.as_str())
}
