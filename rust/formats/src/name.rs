// SPDX-License-Identifier: MIT
//! Names of files inside a release: one rule set, applied when publishing and again when installing.
//!
//! A path that passes here is a plain file name on Linux, Windows and macOS alike, whatever the machine
//! it was published from. The rules are those of git's NTFS and HFS protections, plus Windows' device names.

use std::borrow::Borrow;
use std::cmp::Ordering;
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

    /// Returns the path without the memory that it lies in.
    pub fn borrowed(&self) -> TreePathRef<'_> {
        TreePathRef::of_checked(&self.0)
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
        self.borrowed().file_name()
    }

    /// Returns the path of the folder that holds this entry, or `None` at the root.
    pub fn parent(&self) -> Option<&str> {
        self.borrowed().parent()
    }

    /// Returns the number of components.
    pub fn depth(&self) -> usize {
        self.borrowed().depth()
    }

    /// Returns the form in which two paths that some file system holds equal are equal.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

/// A [`TreePath`] that lies elsewhere, such as in a list of many: the folder's path and the name in there.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TreePathRef<'a> {
    /// Empty for the root.
    folder: &'a str,
    /// Has no `/`.
    name: &'a str,
}

impl<'a> TreePathRef<'a> {
    /// Wraps text that was a [`TreePath`] before it was put into a list.
    pub(crate) fn of_checked(text: &'a str) -> Self {
        let (folder, name) = text.rsplit_once('/').unwrap_or(("", text));
        Self { folder, name }
    }

    /// Joins the path of a folder, empty for the root, and a name, which were a [`TreePath`] before they were put into
    /// a list.
    pub(crate) fn of_parts(folder: &'a str, name: &'a str) -> Self {
        Self { folder, name }
    }

    /// Returns a copy that needs no other memory.
    pub fn to_path(self) -> TreePath {
        TreePath(self.to_string())
    }

    /// Returns the last component.
    pub fn file_name(self) -> &'a str {
        self.name
    }

    /// Returns the path of the folder that holds this entry, or `None` at the root.
    pub fn parent(self) -> Option<&'a str> {
        Some(self.folder).filter(|folder| !folder.is_empty())
    }

    /// Returns the number of components.
    pub fn depth(self) -> usize {
        1 + self.parent().map_or(0, |folder| folder.split('/').count())
    }

    /// Returns the form in which two paths that some file system holds equal are equal.
    pub fn folded(self) -> String {
        fold(&self.to_string())
    }

    /// Compares places in an archive: entries of a folder by name bytes, a folder directly before what it holds.
    pub fn cmp_in_tree(self, other: Self) -> Ordering {
        match self.folder == other.folder {
            true => self.name.as_bytes().cmp(other.name.as_bytes()),
            false => self.components().cmp(other.components()),
        }
    }

    /// Returns the components from the root down.
    fn components(self) -> impl Iterator<Item = &'a str> {
        let folders = self.parent().into_iter().flat_map(|folder| folder.split('/'));
        folders.chain([self.name])
    }
}

impl From<TreePathRef<'_>> for std::path::PathBuf {
    fn from(path: TreePathRef<'_>) -> Self {
        Self::from(path.to_string())
    }
}

impl PartialEq<TreePath> for TreePathRef<'_> {
    fn eq(&self, other: &TreePath) -> bool {
        *self == other.borrowed()
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for TreePathRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(folder) = self.parent() {
            write!(f, "{folder}/")?;
        }
        f.write_str(self.name)
    }
}

macro_rules! text_of_path {
    ($name:ty) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.to_string(), f)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}
text_of_path!(TreePath);
text_of_path!(TreePathRef<'_>);

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
    let mut seen = FoldedNames::default();
    for path in paths {
        if let Some(first) = seen.add(path.as_str()) {
            let reason = NameReason::Collision(first.to_owned());
            return Err(NameError {
                path: path.to_string(),
                reason,
            });
        }
    }
    Ok(())
}

/// Names that no supported system holds equal.
#[derive(Default)]
pub(crate) struct FoldedNames<'a>(HashSet<Folded<'a>>);

impl<'a> FoldedNames<'a> {
    /// Adds a name, or returns the one before that some system holds equal to it.
    pub(crate) fn add(&mut self, name: &'a str) -> Option<&'a str> {
        self.0.replace(Folded(name)).map(|first| first.0)
    }
}

/// A name or path that is equal to those that some file system holds equal to it. No folded form is kept.
struct Folded<'a>(&'a str);

impl PartialEq for Folded<'_> {
    fn eq(&self, other: &Self) -> bool {
        let (one, other) = (self.0, other.0);
        match one.is_ascii() && other.is_ascii() {
            true => one.eq_ignore_ascii_case(other),
            false => fold(one) == fold(other),
        }
    }
}

impl Eq for Folded<'_> {}

impl Hash for Folded<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let text = self.0;
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
pub fn check_link_target(link: TreePathRef<'_>, target: &str) -> Result<(), NameError> {
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
    fn paths_are_compared_as_an_archive_has_them() {
        let ordered = ["a", "a/b", "a/b/c", "a/b.txt", "a b", "a.txt", "aa", "b", "b/a/b"];
        for (i, one) in ordered.iter().enumerate() {
            for (j, other) in ordered.iter().enumerate() {
                let [one, other] = [one, other].map(|text| TreePathRef::of_checked(text));
                assert_eq!(one.cmp_in_tree(other), i.cmp(&j), "{one} {other}");
            }
        }
    }

    #[test]
    fn link_targets_stay_inside_the_tree() {
        let link = TreePath::parse("a/b/link").unwrap();
        for inside in ["file", "../c", "../../top", "..", "../..", "sub/file"] {
            assert!(check_link_target(link.borrowed(), inside).is_ok(), "{inside}");
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
            assert!(check_link_target(link.borrowed(), outside).is_err(), "{outside}");
        }
    }
}
