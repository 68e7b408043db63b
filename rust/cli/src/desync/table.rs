// SPDX-License-Identifier: MIT
//! The table of commands and flags in `docs/desync.md`, compared with the help of the real desync and with ours.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command as Process;

use clap::CommandFactory as _;
use vsekai_tests::tool;
use xtask::tools::Tool;

use super::args::Line;

/// Flags, as `-s/--store` or `--seed`.
type Flags = BTreeSet<String>;

/// What the page says of one command.
struct Row {
    theirs: Flags,
    ours: Flags,
    refused: bool,
}

const PAGE: &str = include_str!("../../../../docs/desync.md");

/// Returns the cells of the rows below the heading that begins with this.
fn rows(heading: &str) -> Vec<Vec<&'static str>> {
    let table = PAGE.lines().skip_while(|line| !line.starts_with(heading)).skip(2);
    let rows = table.take_while(|line| line.starts_with('|'));
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    rows.map(cells).collect()
}

/// Returns what stands between backquotes.
fn quoted(cell: &str) -> Flags {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn flags_for_stores() -> Flags {
    rows("| Flag for stores")
        .iter()
        .flat_map(|row| quoted(row[0]))
        .collect()
}

fn page() -> BTreeMap<String, Row> {
    let stores = flags_for_stores();
    let rows = rows("| Command | Flags | Only here").into_iter().map(|row| {
        let mut theirs = quoted(row[1]);
        if row[1].ends_with("stores") {
            theirs.extend(stores.clone());
        }
        let ours = theirs.union(&quoted(row[2])).cloned().collect();
        let refused = row[3].starts_with("refused");
        let row_of = Row {
            theirs,
            ours,
            refused,
        };
        (row[0].trim_matches('`').to_owned(), row_of)
    });
    rows.collect()
}

/// Returns the lines below a heading of desync's help, up to an empty one.
fn section<'a>(help: &'a str, heading: &str) -> Vec<&'a str> {
    let below = help.lines().skip_while(|line| *line != heading).skip(1);
    below.take_while(|line| !line.is_empty()).collect()
}

/// Returns the flags in a section of desync's help, without the one for help.
fn flags_of(help: &str, heading: &str) -> Flags {
    let words = section(help, heading);
    let flags = words.iter().filter_map(|line| {
        let mut words = line.split_whitespace();
        let first = words.next()?;
        match first.strip_suffix(',') {
            Some(short) => Some(format!("{short}/{}", words.next()?)),
            None => Some(first.to_owned()),
        }
    });
    flags.filter(|flag| flag != HELP).collect()
}

fn ours() -> BTreeMap<String, Flags> {
    let line = Line::command();
    let flags = |command: &clap::Command| {
        let flags = command.get_arguments().filter_map(|arg| {
            let long = format!("--{}", arg.get_long()?);
            Some(
                arg.get_short()
                    .map_or(long.clone(), |short| format!("-{short}/{long}")),
            )
        });
        flags.collect()
    };
    let commands = line.get_subcommands();
    commands
        .map(|command| (command.get_name().to_owned(), flags(command)))
        .collect()
}

#[test]
fn the_page_lists_every_command_and_flag_of_desync() {
    let Some(desync) = tool(Tool::Desync) else { return };
    let help = |arguments: &[&str]| {
        let output = Process::new(&desync)
            .args(arguments)
            .arg("--help")
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let all = help(&[]);
    let listed = section(&all, "Available Commands:");
    let commands = listed.iter().filter_map(|line| line.split_whitespace().next());
    let mut page = page();
    for command in commands.filter(|command| *command != "help") {
        let row = page
            .remove(command)
            .unwrap_or_else(|| panic!("{command} is not on the page"));
        assert_eq!(flags_of(&help(&[command]), "Flags:"), row.theirs, "{command}");
    }
    assert!(page.is_empty(), "{:?}", page.keys());
    let global: Flags = rows("| Flag of every command")
        .iter()
        .flat_map(|row| quoted(row[0]))
        .collect();
    let mut theirs = flags_of(&all, "Flags:");
    theirs.insert(HELP.to_owned());
    assert_eq!(global, theirs);
}

#[test]
fn the_page_lists_every_command_and_flag_of_ours() {
    let (page, ours) = (page(), ours());
    assert_eq!(page.keys().collect::<Vec<_>>(), ours.keys().collect::<Vec<_>>());
    for (command, row) in page.iter().filter(|(_, row)| !row.refused) {
        assert_eq!(ours[command], row.ours, "{command}");
    }
}

#[test]
fn the_configuration_knows_every_setting_of_desync_on_the_page() {
    let Some(desync) = tool(Tool::Desync) else { return };
    let folder = tempfile::tempdir().unwrap();
    let settings = |name: &str| -> Flags {
        let rows = rows("| Setting");
        let rows = rows.iter().filter(|row| row[0].contains(&format!("`{name}`:")));
        rows.flat_map(|row| quoted(row[0]))
            .filter(|key| key != name)
            .collect()
    };
    let value = |key: &String| match key.as_str() {
        "trust-insecure" | "uncompressed" | "skip-verify" | "encryption" => true.into(),
        "n" | "timeout" | "error-retry" | "error-retry-base-interval" => 7.into(),
        _ => serde_json::Value::from("text"),
    };
    let object = |name: &str| -> serde_json::Value {
        let keys = settings(name).into_iter();
        keys.map(|key| (key.clone(), value(&key))).collect()
    };
    let config = serde_json::json!({
        "s3-credentials": { "https://s3.example": object("s3-credentials") },
        "store-options": { "https://store.example": object("store-options") },
    });
    let file = folder.path().join("config.json");
    fs_err::write(&file, config.to_string()).unwrap();
    let mut process = Process::new(desync);
    let printed = process.args(["config", "--config"]).arg(&file).output().unwrap();
    let theirs: serde_json::Value = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(theirs, config, "a setting that desync does not know");
    let parsed = vsekai_store::config::Config::parse(config.to_string().as_bytes()).unwrap();
    assert_eq!(serde_json::to_value(parsed).unwrap(), config);
}

const HELP: &str = "-h/--help";
