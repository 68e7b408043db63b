// SPDX-License-Identifier: MIT
//! Names of files inside a release: one rule set, applied when publishing and again when installing.
//!
//! A path that passes here is a plain file name on Linux, Windows and macOS alike, whatever the machine
//! it was published from. The rules are those of git's NTFS and HFS protections, plus Windows' device names.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::text;

/// Deepest nesting of a [`TreePath`], in components.
pub const MAX_DEPTH: usize = 32;
/// Longest [`TreePath`], in UTF-16 units; leaves room for an install folder below Windows' 260.
pub const MAX_PATH_UTF16: usize = 200;
/// Longest component of a [`TreePath`], in bytes.
pub const MAX_COMPONENT_BYTES: usize = 255;

/// A relative path with `/` between components, safe to create below any install folder.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TreePath(String);

impl TreePath {
    /// Checks `text` against every rule of this module.
    ///
    /// # Errors
    /// [`NameError`] names the path and the first rule it breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let refuse = |reason| {
            Err(NameError {
                path: printable(text),
                reason,
            })
        };
        let components = || text.split('/');
        if components().count() > MAX_DEPTH {
            return refuse(NameReason::TooDeep);
        }
        // Text never has more units than bytes.
        if text.len() > MAX_PATH_UTF16 && text.encode_utf16().count() > MAX_PATH_UTF16 {
            return refuse(NameReason::TooLong);
        }
        for component in components() {
            if let Err(reason) = check_component(component) {
                return refuse(reason);
            }
        }
        let first = components().next();
        if first.is_some_and(|first| first.eq_ignore_ascii_case(".vsekai")) {
            return refuse(NameReason::Reserved);
        }
        Ok(Self(text.to_owned()))
    }

    /// Returns the path as text, `/` between components.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the components from the root down.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// Returns the last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    /// Returns the path of the folder that holds this entry, or `None` at the root.
    pub fn parent(&self) -> Option<&str> {
        self.0.rsplit_once('/').map(|(parent, _)| parent)
    }

    /// Returns the number of components.
    pub fn depth(&self) -> usize {
        self.components().count()
    }

    /// Returns the form in which two paths that some file system holds equal are equal.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl AsRef<std::path::Path> for TreePath {
    fn as_ref(&self) -> &std::path::Path {
        std::path::Path::new(&self.0)
    }
}

impl Borrow<str> for TreePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl Serialize for TreePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TreePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text::deserialize(deserializer, Self::parse)
    }
}

/// A name that may not be published or installed.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{path}\" is not an allowed file name: {reason}")]
pub struct NameError {
    /// The name, control characters escaped.
    pub path: String,
    /// The rule it breaks.
    pub reason: NameReason,
}

/// The rule a name breaks.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum NameReason {
    /// A component has no characters (leading, trailing or double slash included).
    #[error("a component is empty")]
    Empty,
    /// `.` or `..`.
    #[error("\".\" and \"..\" would leave the folder")]
    Dots,
    /// A character some system gives a meaning to.
    #[error("the character {0:?} has a meaning on some systems")]
    Character(char),
    /// A trailing dot or space, which Windows drops.
    #[error("a trailing dot or space is dropped by Windows")]
    TrailingDotOrSpace,
    /// A device name such as `CON` or `COM1`.
    #[error("{0} is a device on Windows")]
    Device(String),
    /// An alias such as `GAME~1`.
    #[error("it looks like a Windows short name")]
    ShortName,
    /// Not in Unicode's composed form, which macOS changes.
    #[error("it is not in Unicode normal form C")]
    NotComposed,
    /// A component over [`MAX_COMPONENT_BYTES`] or a path over [`MAX_PATH_UTF16`].
    #[error("it is too long")]
    TooLong,
    /// More than [`MAX_DEPTH`] components.
    #[error("it is nested more than {MAX_DEPTH} folders deep")]
    TooDeep,
    /// The launcher's own folder.
    #[error("the launcher keeps its own files there")]
    Reserved,
    /// Equal to another path where case or accents are folded.
    #[error("it is the same file as \"{0}\" on Windows or macOS")]
    Collision(String),
    /// Another entry lies below this one although it is no folder.
    #[error("\"{0}\" lies below it although it is not a folder")]
    NotAFolder(String),
    /// Its folder is not listed before it.
    #[error("its folder is not listed before it")]
    NoParent,
    /// A link target that leaves the tree or cannot be checked.
    #[error("the link target \"{0}\" leaves the release")]
    LinkTarget(String),
    /// Siblings are not in ascending byte order.
    #[error("entries are not in order")]
    Order,
}

/// Finds two paths that one of the supported systems would hold equal.
///
/// # Errors
/// [`NameReason::Collision`] names both.
pub fn check_collisions<'a>(paths: impl IntoIterator<Item = &'a TreePath>) -> Result<(), NameError> {
    let mut seen: HashSet<Folded<'a>> = HashSet::new();
    for path in paths {
        if let Some(first) = seen.replace(Folded(path)) {
            let reason = NameReason::Collision(first.0.to_string());
            return Err(NameError {
                path: path.to_string(),
                reason,
            });
        }
    }
    Ok(())
}

/// A path that is equal to those that some file system holds equal to it. No folded form is kept.
struct Folded<'a>(&'a TreePath);

impl PartialEq for Folded<'_> {
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (self.0.as_str(), other.0.as_str());
        match one.is_ascii() && other.is_ascii() {
            true => one.eq_ignore_ascii_case(other),
            false => fold(one) == fold(other),
        }
    }
}

impl Eq for Folded<'_> {}

impl Hash for Folded<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let text = self.0.as_str();
        let mut room = [0; MAX_PATH_UTF16];
        match room.get_mut(..text.len()).filter(|_| text.is_ascii()) {
            Some(folded) => {
                folded.copy_from_slice(text.as_bytes());
                folded.make_ascii_lowercase();
                state.write(folded);
            }
            None => state.write(fold(text).as_bytes()),
        }
    }
}

/// Checks that the symbolic link `link` with `target` stays inside the tree.
///
/// `..` may only lead, and no more often than the link lies deep: a `..` behind a name could climb out
/// through another link. Everything else must be an allowed name.
///
/// # Errors
/// [`NameReason::LinkTarget`] or the rule the target's names break.
pub fn check_link_target(link: &TreePath, target: &str) -> Result<(), NameError> {
    let refuse = || {
        let reason = NameReason::LinkTarget(printable(target));
        Err(NameError {
            path: link.to_string(),
            reason,
        })
    };
    let mut rest = target;
    let mut climbed = 0;
    while let Some(after) = rest.strip_prefix("../") {
        climbed += 1;
        rest = after;
    }
    if rest == ".." {
        climbed += 1;
        rest = "";
    }
    if climbed >= link.depth() || target.is_empty() {
        return refuse();
    }
    match rest.is_empty() || TreePath::parse(rest).is_ok() {
        true => Ok(()),
        false => refuse(),
    }
}

fn check_component(component: &str) -> Result<(), NameReason> {
    if component.is_empty() {
        return Err(NameReason::Empty);
    }
    if component == "." || component == ".." {
        return Err(NameReason::Dots);
    }
    if component.len() > MAX_COMPONENT_BYTES {
        return Err(NameReason::TooLong);
    }
    if let Some(bad) = component.chars().find(|c| is_refused(*c)) {
        return Err(NameReason::Character(bad));
    }
    if component.ends_with(['.', ' ']) {
        return Err(NameReason::TrailingDotOrSpace);
    }
    let stem = component.split('.').next().unwrap_or(component).trim_end();
    if is_device(stem) {
        return Err(NameReason::Device(stem.to_owned()));
    }
    if is_short_name(component) {
        return Err(NameReason::ShortName);
    }
    if !component.is_ascii() && !is_nfc(component) {
        return Err(NameReason::NotComposed);
    }
    Ok(())
}

fn is_refused(c: char) -> bool {
    matches!(c, '/' | '\\' | ':' | '<' | '>' | '"' | '|' | '?' | '*')
        || c.is_control()
        || matches!(c,
			'\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
			| '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
			| '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
			| '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

fn is_device(stem: &str) -> bool {
    if stem.len() > MAX_DEVICE_BYTES {
        return false;
    }
    let upper = stem.to_ascii_uppercase();
    if matches!(
        upper.as_str(),
        "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$" | "CLOCK$"
    ) {
        return true;
    }
    let Some(port) = upper.strip_prefix("COM").or_else(|| upper.strip_prefix("LPT")) else {
        return false;
    };
    let mut chars = port.chars();
    matches!(
        (chars.next(), chars.next()),
        (Some('0'..='9' | '¹' | '²' | '³'), None)
    )
}

/// Longest name that Windows has for a device, in bytes.
const MAX_DEVICE_BYTES: usize = "CONOUT$".len();

/// Windows makes names such as `PROGRA~1` for long ones; such a name could reach another file.
fn is_short_name(component: &str) -> bool {
    let stem = component.split('.').next().unwrap_or(component);
    let Some((base, number)) = stem.rsplit_once('~') else {
        return false;
    };
    stem.chars().count() <= 8
        && !base.is_empty()
        && !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit())
}

/// Folds case and composition. Upper before lower case gives full folding for what file systems fold
/// (`ß` and `SS`, final sigma), which one lower-casing would miss.
pub(crate) fn fold(text: &str) -> String {
    // Nearly all names are ASCII, for which the rest comes to the same and costs far more.
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let upper: String = text.nfc().flat_map(char::to_uppercase).collect();
    upper.chars().flat_map(char::to_lowercase).nfc().collect()
}

fn printable(text: &str) -> String {
    text.chars()
        .take(200)
        .flat_map(|c| {
            if c.is_control() {
                c.escape_default().collect()
            } else {
                vec![c]
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_what_games_ship() {
        for path in [
            "Game.x86_64",
            "Game.pck",
            "lib/libvsekai.so",
            "data/日本語.png",
            "a b/c-d_e+f.txt",
            ".itch.toml",
        ] {
            assert!(TreePath::parse(path).is_ok(), "{path}");
        }
    }

    #[test]
    fn refuses_names_that_any_system_reads_otherwise() {
        let hostile = [
            "",
            "/",
            "/etc/passwd",
            "a//b",
            "a/",
            "..",
            "a/../b",
            "./a",
            "a\\b",
            "C:",
            "C:/x",
            "a:b",
            "a<b",
            "a|b",
            "a?b",
            "a*b",
            "a\"b",
            "a\0b",
            "a\nb",
            "a\u{202e}b",
            "a\u{200b}b",
            "a.",
            "a ",
            "CON",
            "con.txt",
            "Lpt1",
            "COM0",
            "com¹.log",
            "CONIN$",
            "clock$",
            "NUL .txt",
            "PROGRA~1",
            "git~1.txt",
            "e\u{301}",
            ".vsekai",
            ".VSekai/x",
        ];
        for path in hostile {
            assert!(TreePath::parse(path).is_err(), "{path:?}");
        }
        assert!(TreePath::parse(&"a".repeat(256)).is_err());
        assert!(TreePath::parse(&["a"; 33].join("/")).is_err());
        assert!(TreePath::parse(&["abcdefghij"; 19].join("/")).is_err());
    }

    #[test]
    fn finds_names_that_differ_only_by_case_or_composition() {
        let paths = ["Straße.txt", "STRASSE.TXT"].map(|p| TreePath::parse(p).unwrap());
        assert!(matches!(
            check_collisions(&paths),
            Err(NameError {
                reason: NameReason::Collision(_),
                ..
            })
        ));
        let paths = ["a.txt", "b.txt"].map(|p| TreePath::parse(p).unwrap());
        assert_eq!(check_collisions(&paths), Ok(()));
    }

    #[test]
    fn link_targets_stay_inside_the_tree() {
        let link = TreePath::parse("a/b/link").unwrap();
        for inside in ["file", "../c", "../../top", "..", "../..", "sub/file"] {
            assert!(check_link_target(&link, inside).is_ok(), "{inside}");
        }
        for outside in [
            "",
            "/etc",
            "../../..",
            "../../../x",
            "sub/../../../x",
            "sub/..",
            "C:\\x",
            "a//b",
            "./x",
        ] {
            assert!(check_link_target(&link, outside).is_err(), "{outside}");
        }
    }
}
