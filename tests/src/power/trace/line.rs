// SPDX-License-Identifier: MIT
//! Lines of strace's log, with every string in hexadecimal.

use std::collections::HashMap;
use std::path::PathBuf;

/// Joins the lines of calls that were interrupted by those of other threads.
#[derive(Debug, Default)]
pub(super) struct Lines {
    unfinished: HashMap<String, (String, usize)>,
}

impl Lines {
    /// Takes the next line; returns the call that ended with it. `ended` counts the steps so far.
    pub(super) fn take(&mut self, line: &str, ended: usize) -> Option<Call> {
        let (thread, rest) = line.split_once(' ')?;
        let rest = rest.trim_start();
        if let Some(begin) = rest.strip_suffix("<unfinished ...>") {
            let begun = (begin.trim_end().to_owned(), ended);
            self.unfinished.insert(thread.to_owned(), begun);
            return None;
        }
        if let Some(end) = rest.strip_prefix("<... ") {
            let (begin, begun_after) = self.unfinished.remove(thread)?;
            let (_, end) = end.split_once(" resumed>")?;
            return Call::parse(&format!("{begin}{end}"), begun_after);
        }
        Call::parse(rest, ended)
    }
}

/// A call that has ended.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: String,
    arguments: Vec<String>,
    pub(super) result: i64,
    result_text: String,
    pub(super) begun_after: usize,
}

impl Call {
    fn parse(text: &str, begun_after: usize) -> Option<Self> {
        let (name, rest) = text.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        let arguments = arguments.trim_end().strip_suffix(')')?;
        let digits = result
            .split(|c: char| c != '-' && !c.is_ascii_alphanumeric())
            .next()?;
        let result_number = match digits.strip_prefix("0x") {
            Some(_) => 0,
            None => digits.parse().ok()?,
        };
        Some(Self {
            name: name.to_owned(),
            arguments: split(arguments),
            result: result_number,
            result_text: result.to_owned(),
            begun_after,
        })
    }

    /// Returns the number of arguments.
    pub(super) fn arguments(&self) -> usize {
        self.arguments.len()
    }

    /// Tells whether a word stands in an argument.
    pub(super) fn has(&self, word: &str) -> bool {
        self.arguments.iter().any(|argument| argument.contains(word))
    }

    /// Returns an argument as a number; a descriptor's is the descriptor.
    pub(super) fn number(&self, at: usize) -> i64 {
        let digits = self.arguments[at].split('<').next().unwrap();
        digits.parse().unwrap_or_else(|_| panic!("no number: {self:?}"))
    }

    /// Returns an argument as a mode.
    pub(super) fn mode(&self, at: usize) -> u32 {
        u32::from_str_radix(&self.arguments[at], 8).unwrap()
    }

    /// Returns the mode that a file was created with.
    pub(super) fn creation_mode(&self) -> u32 {
        let last = self.arguments.iter().find_map(|argument| {
            let how = argument.split_once("mode=").map(|(_, mode)| mode);
            let mode = how.or_else(|| argument.starts_with('0').then_some(argument.as_str()))?;
            u32::from_str_radix(mode.split([',', '}']).next()?, 8).ok()
        });
        last.unwrap_or(0)
    }

    /// Returns an argument that is a path.
    pub(super) fn path(&self, at: usize) -> PathBuf {
        PathBuf::from(String::from_utf8(quoted(&self.arguments[at])).unwrap())
    }

    /// Returns the path that an open folder and a path below it make.
    pub(super) fn path_at(&self, at: usize) -> PathBuf {
        let folder = annotation(&self.arguments[at]).unwrap_or_default();
        PathBuf::from(folder).join(self.path(at + 1))
    }

    /// Tells whether paths stand behind the open folders that they are relative to.
    pub(super) fn is_relative(&self) -> bool {
        self.name.trim_end_matches('2').ends_with("at")
    }

    /// Returns the first or a later path of a call that takes nothing but paths, whichever way it takes them.
    pub(super) fn place(&self, which: usize) -> PathBuf {
        match self.is_relative() {
            true => self.path_at(2 * which),
            false => self.path(which),
        }
    }

    /// Returns the path of an open file, unless it has none any more.
    pub(super) fn open_path(&self, at: usize) -> Option<PathBuf> {
        file_path(&self.arguments[at])
    }

    /// Returns the path of the file that was opened.
    pub(super) fn result_path(&self) -> Option<PathBuf> {
        file_path(&self.result_text)
    }

    /// Returns the bytes of an argument, those of several parts in a row, `len` of them.
    pub(super) fn bytes(&self, at: usize, len: usize) -> Vec<u8> {
        let mut bytes = quoted(&self.arguments[at]);
        bytes.truncate(len);
        bytes
    }
}

/// Splits arguments at the commas that are not inside of brackets.
fn split(arguments: &str) -> Vec<String> {
    let mut depth = 0;
    let parts = arguments.split(|c: char| {
        match c {
            '[' | '{' | '(' => depth += 1,
            ']' | '}' | ')' => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0
    });
    parts.map(|part| part.trim().to_owned()).collect()
}

/// Returns what stands between quotation marks.
fn quoted(argument: &str) -> Vec<u8> {
    argument.split('"').skip(1).step_by(2).flat_map(unhex).collect()
}

/// Returns what strace says a descriptor is.
fn annotation(argument: &str) -> Option<String> {
    let (_, text) = argument.split_once('<')?;
    let (path, after) = text.rsplit_once('>')?;
    let deleted = after.contains("deleted");
    (!deleted).then(|| String::from_utf8_lossy(&unhex(path)).into_owned())
}

fn file_path(argument: &str) -> Option<PathBuf> {
    annotation(argument)
        .filter(|path| path.starts_with('/') && !path.ends_with(" (deleted)"))
        .map(PathBuf::from)
}

/// Turns `\x61\x62` into bytes.
fn unhex(text: &str) -> Vec<u8> {
    let digits = text.split("\\x").skip(1);
    digits.map(|two| u8::from_str_radix(two, 16).unwrap()).collect()
}
