// SPDX-License-Identifier: MIT
//! Places in a build that a publisher leaves to the player.

use crate::name::{self, TreePath};
use crate::release::{Entries, EntryKind, Launch};

/// Most user paths of a release.
pub const MAX_USER_PATHS: usize = 256;

/// The files and folders of a release that are the player's once they are there: whatever lies at one of them or
/// below is never replaced, removed, or called damaged.
///
/// Case and composition of letters make no difference, since some systems do not tell them apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserPaths(Vec<String>);

impl UserPaths {
    /// Checks the user paths of a release with these programs and entries.
    ///
    /// # Errors
    /// A start program lies at one of them: nobody would check any more what is started. A link lies at one of
    /// them, above or below: what is the player's would reach elsewhere. One lies below a file. There are more
    /// than [`MAX_USER_PATHS`].
    pub fn of(paths: &[TreePath], launch: &Launch, entries: &Entries) -> Result<Self, UserPathError> {
        let refuse = |path: &TreePath, reason| {
            let path = path.clone();
            Err(UserPathError { path, reason })
        };
        if let Some(path) = paths.get(MAX_USER_PATHS) {
            return refuse(path, UserPathReason::TooMany);
        }
        let places: Vec<(String, &TreePath)> = paths.iter().map(|path| (path.folded(), path)).collect();
        for program in launch.programs() {
            let program = &program.path;
            let folded = program.folded();
            if let Some((_, path)) = places.iter().find(|(place, _)| is_at(&folded, place)) {
                return refuse(path, UserPathReason::Program(program.clone()));
            }
        }
        let obstacles = entries.iter().filter(|entry| entry.kind != EntryKind::Folder);
        // Folding every name costs more than all else here, and most releases have no user paths.
        for entry in obstacles.filter(|_| !places.is_empty()) {
            let folded = entry.path.folded();
            for (place, path) in &places {
                let above = *place != folded && is_at(place, &folded);
                let reason = match entry.kind {
                    EntryKind::Link { .. } if above || is_at(&folded, place) => UserPathReason::Link,
                    EntryKind::File { .. } if above => UserPathReason::BelowFile,
                    _ => continue,
                };
                return refuse(path, reason(entry.path.to_path()));
            }
        }
        Ok(Self(places.into_iter().map(|(place, _)| place).collect()))
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells whether a path, `/` between its components, lies at one of them or below. It need not be one that a
    /// release may have: players give their files any name.
    pub fn contains(&self, path: &str) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let folded = name::fold(path);
        self.0.iter().any(|place| is_at(&folded, place))
    }
}

/// A user path that a release cannot have.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("\"{path}\" cannot be left to the player: {reason}")]
pub struct UserPathError {
    /// The user path.
    pub path: TreePath,
    /// What is wrong with it.
    pub reason: UserPathReason,
}

/// What is wrong with a user path.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum UserPathReason {
    /// A start program lies there.
    #[error("the start program \"{0}\" lies there, and nobody would check what is started")]
    Program(TreePath),
    /// A link lies there, above or below.
    #[error("the link \"{0}\" lies there or on the way")]
    Link(TreePath),
    /// A file of the build is in the way.
    #[error("\"{0}\" is a file, so nothing can lie below it")]
    BelowFile(TreePath),
    /// There are too many.
    #[error("a release has at most {MAX_USER_PATHS} user paths")]
    TooMany,
}

/// Tells whether a folded path is `place` or lies below it.
fn is_at(folded: &str, place: &str) -> bool {
    let rest = folded.strip_prefix(place);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::release::{Entry, Program};
    use crate::testdata::{entry, file};

    fn path(text: &str) -> TreePath {
        TreePath::parse(text).unwrap()
    }

    fn build() -> Vec<Entry> {
        let target = "data".to_owned();
        vec![
            file("Game.exe", 0),
            entry("data", EntryKind::Folder),
            file("data/settings.cfg", 0),
            entry("linked", EntryKind::Folder),
            entry("linked/here", EntryKind::Link { target }),
        ]
    }

    fn of(paths: &[&str]) -> Result<UserPaths, UserPathReason> {
        let paths: Vec<TreePath> = paths.iter().map(|text| path(text)).collect();
        let program = |text| Program {
            path: path(text),
            arguments: vec![],
        };
        let launch = Launch {
            desktop: program("Game.exe"),
            vr: Some(program("vr/Game.exe")),
        };
        UserPaths::of(&paths, &launch, &Entries::of(&build()).unwrap()).map_err(|error| error.reason)
    }

    #[test]
    fn a_user_path_counts_with_all_that_lies_below_it_whatever_the_case() {
        let paths = of(&["Mods", "data/settings.cfg"]).unwrap();
        for inside in [
            "Mods",
            "mods/a.pck",
            "MODS/deep/er/b",
            "Data/Settings.CFG",
            "mods/a:b",
        ] {
            assert!(paths.contains(inside), "{inside}");
        }
        for outside in ["modsx", "data", "data/settings.cfg2", "x/mods", ""] {
            assert!(!paths.contains(outside), "{outside}");
        }
        assert!(!UserPaths::default().contains("mods"));
    }

    #[test]
    fn letters_that_are_composed_otherwise_are_the_same() {
        let paths = of(&["\u{dc}bung"]).unwrap();
        assert!(paths.contains("U\u{308}bung/x"));
    }

    #[test]
    fn start_programs_are_never_left_to_the_player() {
        for bad in ["Game.exe", "game.EXE", "vr", "vr/game.exe"] {
            assert!(matches!(of(&[bad]), Err(UserPathReason::Program(_))), "{bad}");
        }
    }

    #[test]
    fn links_and_files_in_the_way_are_refused() {
        for bad in ["linked", "linked/here", "Linked/HERE/below"] {
            assert!(
                matches!(of(&["mods", bad]), Err(UserPathReason::Link(_))),
                "{bad}"
            );
        }
        let below = of(&["data/settings.cfg/x"]);
        assert!(matches!(below, Err(UserPathReason::BelowFile(_))), "{below:?}");
        assert!(of(&["linked/other", "data"]).is_ok());
    }

    #[test]
    fn there_is_an_end_to_how_many_there_are() {
        let names: Vec<String> = (0..=MAX_USER_PATHS).map(|number| format!("f{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert!(of(&names[1..]).is_ok());
        assert_eq!(of(&names), Err(UserPathReason::TooMany));
    }
}
