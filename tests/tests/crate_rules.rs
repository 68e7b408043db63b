// SPDX-License-Identifier: MIT
//! Holds the invariants of ARCHITECTURE.md that the compiler does not know.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use fs_err as fs;

/// What a crate's library code must not mention, and why.
struct Rule {
    sources: &'static str,
    banned: &'static [&'static str],
    because: &'static str,
}

/// What no library says.
const LIBRARY: &[&str] = &[
    "println!",
    "eprintln!",
    "process::exit",
    "env::var",
    ".unwrap()",
    ".expect(",
    "panic!(",
];
const A_LIBRARY: &str = "a library never prints, exits, reads the environment or panics";

/// What no part of planning says.
const PLANNING: &[&str] = &[
    "std::fs",
    "fs_err",
    "tokio",
    "Instant",
    "SystemTime",
    "reqwest",
    "cap_std",
];
const PLANNING_IS_PURE: &str = "planning is pure";

const RULES: &[Rule] = &[
    Rule {
        sources: "rust/formats/src",
        banned: &[
            "std::fs",
            "fs_err",
            "std::net",
            "std::env",
            "std::process",
            "std::time",
            "SystemTime",
            "Instant::now",
            "tokio",
            "println!",
            "eprintln!",
        ],
        because: "formats have no I/O, no clock and no environment",
    },
    Rule {
        sources: "rust/engine/src",
        banned: &[
            "println!",
            "eprintln!",
            "print!(",
            "process::exit",
            "env::var",
            "env::args",
            "env::home_dir",
            ".unwrap()",
            ".expect(",
            "panic!(",
            "unreachable!(",
        ],
        because: "the engine never prints, exits, reads the environment or panics",
    },
    Rule {
        sources: "rust/store/src",
        banned: LIBRARY,
        because: A_LIBRARY,
    },
    Rule {
        sources: "rust/publish/src",
        banned: LIBRARY,
        because: A_LIBRARY,
    },
    Rule {
        sources: "rust/desync/src",
        banned: LIBRARY,
        because: A_LIBRARY,
    },
    Rule {
        sources: "rust/engine/src/state.rs",
        banned: &["std::fs", "fs_err", "tokio", "Instant", "SystemTime", "reqwest"],
        because: "the state machine is pure",
    },
    Rule {
        sources: "rust/engine/src/plan.rs",
        banned: PLANNING,
        because: PLANNING_IS_PURE,
    },
    Rule {
        sources: "rust/engine/src/needed.rs",
        banned: PLANNING,
        because: PLANNING_IS_PURE,
    },
];

#[test]
fn library_code_keeps_to_the_rules_of_the_architecture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut broken = Vec::new();
    for rule in RULES {
        let files = rust_files(&root.join(rule.sources));
        assert!(!files.is_empty(), "{} has no sources", rule.sources);
        for file in files {
            for (number, line) in library_lines(&fs::read_to_string(&file).unwrap()) {
                for banned in rule.banned.iter().filter(|banned| line.contains(**banned)) {
                    let because = rule.because;
                    broken.push(format!("{}:{number}: {banned}: {because}", file.display()));
                }
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn crates_use_only_those_above_them_in_the_architecture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let architecture = fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap();
    let rows = architecture.lines().filter(|line| line.starts_with("| `"));
    let folders: Vec<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    let workspace = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = workspace.lines().filter_map(|line| line.strip_prefix("\t\""));
    let members: BTreeSet<&str> = members.map(|member| member.trim_end_matches("\",")).collect();
    assert_eq!(
        BTreeSet::from_iter(folders.clone()),
        members,
        "the table has every crate"
    );
    let mut above = Vec::new();
    for folder in folders {
        let manifest = fs::read_to_string(root.join(folder).join("Cargo.toml")).unwrap();
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = "));
        for used in dependencies(&manifest) {
            assert!(
                above.contains(&used),
                "{folder} uses {used}, which is not above it"
            );
        }
        above.push(name.unwrap().trim_matches('"').to_owned());
    }
}

#[test]
fn unsafe_code_lives_in_the_entry_points_for_godot_and_one_call_of_the_allocator_alone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for folder in ["rust", "server", "xtask", "tests"] {
        for file in rust_files(&root.join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let lines = text.lines().map(str::trim_start);
            let blocks = lines
                .filter(|line| line.starts_with("unsafe ") || line.contains(concat!(" unsafe", " {")))
                .count();
            let places = [
                "godot/src/extension.rs",
                "godot-editor/src/extension.rs",
                "heap/src/glibc.rs",
            ];
            let allowed = usize::from(places.iter().any(|place| file.ends_with(place)));
            assert!(blocks <= allowed, "{} has {blocks} unsafe blocks", file.display());
        }
    }
}

/// Returns the lines before a file's tests that are no comments, with their numbers.
fn library_lines(text: &str) -> Vec<(usize, &str)> {
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
    let library = lines.take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    library
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .collect()
}

/// Returns the crates of this workspace that a manifest depends on for more than its tests.
fn dependencies(manifest: &str) -> Vec<String> {
    let lines = manifest
        .lines()
        .skip_while(|line| *line != "[dependencies]")
        .skip(1);
    let names = lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split(['.', ' ']).next());
    names
        .filter(|name| name.starts_with("vsekai-") || *name == "xtask")
        .map(str::to_owned)
        .collect()
}

fn rust_files(path: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
