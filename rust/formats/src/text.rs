// SPDX-License-Identifier: MIT
//! Reading checked text out of a document, where it stands.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Reads text that `parse` takes, without a copy of it: a list of files has two such texts in every entry.
///
/// # Errors
/// The document has something else there, or `parse` refuses it.
pub(crate) fn deserialize<'de, D, T, E>(
    deserializer: D,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    E: fmt::Display,
{
    deserializer.deserialize_str(Text(parse, PhantomData))
}

struct Text<P, T>(P, PhantomData<T>);

impl<P, T, E> Visitor<'_> for Text<P, T>
where
    P: FnOnce(&str) -> Result<T, E>,
    E: fmt::Display,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<R: Error>(self, text: &str) -> Result<T, R> {
        (self.0)(text).map_err(R::custom)
    }
}
