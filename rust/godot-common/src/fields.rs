// SPDX-License-Identifier: MIT
//! What dictionaries hold: names and plain values, before Godot's types come in.

use crate::text::printable;

/// A value in a dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `bool`.
    Flag(bool),
    /// `int`.
    Number(i64),
    /// `String`.
    Text(String),
    /// `PackedStringArray`.
    List(Vec<String>),
    /// `Array[Dictionary]`.
    Table(Vec<Fields>),
}

/// A dictionary: names and values in the order people read them.
pub type Fields = Vec<(&'static str, Value)>;

/// Cleans paths or names for a list; what is too much to be read is left out.
pub fn list(texts: &[String]) -> Value {
    let shown = texts.iter().take(LIST_LIMIT);
    Value::List(shown.map(|text| printable(text, LINE_LIMIT)).collect())
}

/// Cleans `text` for one line of a dictionary.
pub fn line(text: &str) -> Value {
    Value::Text(printable(text, LINE_LIMIT).replace('\n', " "))
}

/// Cleans `text` of several lines.
pub fn lines(text: &str) -> Value {
    Value::Text(printable(text, TEXT_LIMIT))
}

/// Returns `value` as Godot's integers, which are signed; no real figure comes near their end.
pub fn number(value: u64) -> Value {
    Value::Number(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Longest line handed to Godot, in characters; longer ones are cut and end in "…".
const LINE_LIMIT: usize = 4096;
/// Longest text of several lines, in characters.
const TEXT_LIMIT: usize = 65_536;
/// Most entries of a list or table; nobody reads on, and they are copied on the main thread.
pub const LIST_LIMIT: usize = 10_000;
