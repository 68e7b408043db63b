// SPDX-License-Identifier: MIT
//! Everything that is printed goes through here: lines for people, JSON for programs, errors, progress bars.
//!
//! Results go to stdout; progress, notes and errors to stderr. What comes from the network or from file
//! names is printed with its control characters escaped.

use std::io::{self, ErrorKind, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::args::{ColorWhen, GlobalArgs};
use crate::commands::Finish;
use crate::error::CliError;
use crate::exit;
use crate::shell::{Streams, Surroundings};

/// How to print.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Style {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    /// Colour on stderr.
    pub(crate) colour: bool,
    /// Progress bars on the process's stderr.
    pub(crate) bars: bool,
}

impl Style {
    pub(crate) fn of(global: &GlobalArgs, surroundings: &Surroundings) -> Self {
        let colour = match global.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => surroundings.colour_wanted(false),
        };
        let bars = surroundings.err_is_terminal && !global.json && !global.quiet;
        Self {
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            colour,
            bars,
        }
    }
}

/// Prints.
pub(crate) struct Output {
    style: Style,
    state: Mutex<State>,
}

struct State {
    streams: Streams,
    bar: Option<ProgressBar>,
    /// Whether the failure was printed as an event.
    failure_told: bool,
    /// The first failed write, a reader that went away excepted.
    failed: Option<io::Error>,
}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Output")
            .field("style", &self.style)
            .finish_non_exhaustive()
    }
}

impl Output {
    pub(crate) fn new(streams: Streams, style: Style) -> Self {
        Self {
            style,
            state: Mutex::new(State {
                streams,
                bar: None,
                failure_told: false,
                failed: None,
            }),
        }
    }

    pub(crate) fn style(&self) -> Style {
        self.style
    }

    /// Prints a line of the result, for people.
    pub(crate) fn line(&self, text: &str) {
        if !self.style.json && !self.style.quiet {
            self.raw_out(&format!("{}\n", escape(text)));
        }
    }

    /// Prints a line about the way there, for people.
    pub(crate) fn note(&self, text: &str) {
        if !self.style.json && !self.style.quiet {
            self.raw_err(&format!("{}\n", escape(text)));
        }
    }

    /// Prints the event of a failure; the one in [`Output::fail_json`] is then left out.
    pub(crate) fn failure(&self, event: &impl Serialize) {
        self.lock().failure_told = true;
        self.event(event);
    }

    /// Prints an event, for programs.
    pub(crate) fn event(&self, event: &impl Serialize) {
        if !self.style.json {
            return;
        }
        match serde_json::to_string(event) {
            Ok(json) => self.raw_out(&format!("{}\n", escape_json(&json))),
            Err(error) => self.lock().failed = Some(error.into()),
        }
    }

    /// Shows how far something is, on a terminal; `message` stands behind the figures.
    pub(crate) fn bar(&self, label: &'static str, done: u64, total: u64, message: &str) {
        if !self.style.bars {
            return;
        }
        let mut state = self.lock();
        let bar = state.bar.get_or_insert_with(new_bar);
        bar.set_length(total);
        bar.set_position(done);
        bar.set_prefix(label);
        bar.set_message(escape(message));
    }

    /// Takes the bar away.
    pub(crate) fn clear_bar(&self) {
        if let Some(bar) = self.lock().bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Prints the end of a command that worked and returns the exit code.
    pub(crate) fn finish(&self, command: &str, finish: &Finish) -> u8 {
        self.clear_bar();
        if self.style.json {
            let mut fields = result(command, finish.exit);
            if let Value::Object(more) = &finish.result {
                let more = more.iter().filter(|(name, _)| *name != "event");
                fields.extend(more.map(|(name, value)| (name.clone(), value.clone())));
            }
            fields.insert("ok".to_owned(), Value::Bool(true));
            self.event(&Value::Object(fields));
        }
        self.settle(finish.exit)
    }

    /// Prints the end of a command that did not work and returns the exit code.
    pub(crate) fn fail(&self, command: &str, error: &CliError) -> u8 {
        self.clear_bar();
        match self.style.json {
            true => self.fail_json(command, error),
            false => self.fail_text(error),
        }
        error.exit
    }

    /// Prints the failure as an event, once, and the result.
    pub(crate) fn fail_json(&self, command: &str, error: &CliError) {
        if !self.lock().failure_told {
            self.failure(&Failed {
                event: "failed",
                error,
            });
        }
        let mut fields = result(command, error.exit);
        fields.insert("ok".to_owned(), Value::Bool(false));
        fields.insert(
            "error".to_owned(),
            serde_json::to_value(error).unwrap_or_default(),
        );
        self.event(&Value::Object(fields));
    }

    fn fail_text(&self, error: &CliError) {
        if error.exit == exit::CANCELLED {
            let rest = error
                .hint
                .as_deref()
                .map(|hint| format!(" {hint}."))
                .unwrap_or_default();
            return self.raw_err(&format!("Cancelled.{rest}\n"));
        }
        let paint = |code: &str, text: &str| match self.style.colour {
            true => format!("\u{1b}[{code}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        };
        let mut text = format!("{} {}\n", paint("1;31", "error:"), escape(&error.message));
        if let Some(hint) = &error.hint {
            text.push_str(&format!("{} {}\n", paint("1;36", "hint:"), escape(hint)));
        }
        if self.style.verbose {
            text.push_str(&format!("code: {}\n", error.code));
            for line in error.detail.lines() {
                text.push_str(&format!("detail: {}\n", escape(line)));
            }
        }
        self.raw_err(&text);
    }

    pub(crate) fn raw_out(&self, text: &str) {
        let mut state = self.lock();
        state.write(text.as_bytes(), |streams| &mut streams.out);
    }

    pub(crate) fn raw_err(&self, text: &str) {
        self.pass_on(text.as_bytes());
    }

    /// Prints to stderr what a game has said.
    pub(crate) fn pass_on(&self, said: &[u8]) {
        let mut state = self.lock();
        state.write(said, |streams| &mut streams.err);
    }

    /// Returns `code`, or a failure if something could not be printed.
    pub(crate) fn settle(&self, code: u8) -> u8 {
        let failed = self.lock().failed.take();
        match failed {
            Some(error) => {
                self.raw_err(&format!("error: cannot print the result: {error}\n"));
                exit::FAILURE.max(code)
            }
            None => code,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Serialize)]
struct Failed<'a> {
    event: &'static str,
    #[serde(flatten)]
    error: &'a CliError,
}

impl State {
    fn write(&mut self, bytes: &[u8], stream: impl Fn(&mut Streams) -> &mut Box<dyn Write + Send>) {
        let bar = self.bar.clone();
        let streams = &mut self.streams;
        let mut write = || {
            let stream = stream(streams);
            stream.write_all(bytes).and_then(|()| stream.flush())
        };
        let written = match bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        };
        // A reader that has seen enough (`vsekai ... | head`) is a normal end of output.
        if let Err(error) = written
            && error.kind() != ErrorKind::BrokenPipe
        {
            self.failed.get_or_insert(error);
        }
    }
}

fn result(command: &str, exit: u8) -> Map<String, Value> {
    let mut fields = Map::new();
    fields.insert("event".to_owned(), Value::from("result"));
    fields.insert("command".to_owned(), Value::from(command));
    fields.insert("exit_code".to_owned(), Value::from(exit));
    fields
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template("{prefix} {bar:30} {percent:>3} %  {msg}");
    if let Ok(style) = style {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

/// Escapes what a terminal would obey, line breaks excepted.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c != '\n' && (c.is_control() || is_direction(c)) {
            true => escaped.extend(c.escape_default()),
            false => escaped.push(c),
        }
    }
    escaped
}

/// JSON leaves the control characters from 0x7f on as they are; they only stand inside of strings.
fn escape_json(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c.is_control() || is_direction(c) {
            true => escaped.push_str(&format!("\\u{:04x}", c as u32)),
            false => escaped.push(c),
        }
    }
    escaped
}

/// Characters that turn the direction of the text around them.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_shown_not_obeyed() {
        assert_eq!(
            escape("a\u{1b}[2Jb\u{9b}0mc\nd\u{202e}"),
            "a\\u{1b}[2Jb\\u{9b}0mc\nd\\u{202e}"
        );
        let json = escape_json(&serde_json::to_string("\u{1b}\u{9b}\u{7f}\u{202e}é").unwrap());
        assert_eq!(json, "\"\\u001b\\u009b\\u007f\\u202eé\"");
        assert_eq!(
            serde_json::from_str::<String>(&json).unwrap(),
            "\u{1b}\u{9b}\u{7f}\u{202e}é"
        );
    }
}
