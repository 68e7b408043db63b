// SPDX-License-Identifier: MIT
//! Plain values to Godot's and back. Main thread only.

use godot::builtin::{Array, GString, PackedStringArray, VarDictionary, Variant};
use godot::meta::ToGodot;

use crate::fields::{Fields, Value};

/// Returns a Godot dictionary with `fields` in their order.
pub fn dictionary(fields: Fields) -> VarDictionary {
    let mut dictionary = VarDictionary::new();
    for (name, value) in fields {
        dictionary.set(&GString::from(name).to_variant(), &variant(value));
    }
    dictionary
}

/// Returns `texts` as Godot strings.
pub fn strings<'a>(texts: impl IntoIterator<Item = &'a String>) -> PackedStringArray {
    texts.into_iter().map(GString::from).collect()
}

/// Returns Godot strings as Rust's.
pub fn texts(strings: &PackedStringArray) -> Vec<String> {
    strings.as_slice().iter().map(ToString::to_string).collect()
}

fn variant(value: Value) -> Variant {
    match value {
        Value::Flag(flag) => flag.to_variant(),
        Value::Number(number) => number.to_variant(),
        Value::Text(text) => GString::from(&text).to_variant(),
        Value::List(list) => strings(&list).to_variant(),
        Value::Table(rows) => rows
            .into_iter()
            .map(dictionary)
            .collect::<Array<VarDictionary>>()
            .to_variant(),
    }
}
