// SPDX-License-Identifier: MIT
//! Whether the documentation names every option there is.

use clap::{Arg, Command, CommandFactory as _};

use super::Arguments;

/// Returns `command` and all below it.
fn all_of(command: &Command) -> Vec<&Command> {
    let below = command.get_subcommands().flat_map(all_of);
    std::iter::once(command).chain(below).collect()
}

/// Words are looked for as code, with nothing but an argument behind them.
fn is_named(text: &str, word: &str) -> bool {
    let ends = |rest: &str| {
        let next = rest.chars().next().unwrap_or(' ');
        !(next.is_ascii_alphanumeric() || matches!(next, '-' | '_'))
    };
    text.match_indices(word)
        .any(|(at, _)| ends(&text[at + word.len()..]))
}

#[test]
fn every_option_and_variable_is_in_the_reference() {
    let reference = [
        include_str!("../../../docs/server.md"),
        include_str!("../../../docs/operations.md"),
    ]
    .concat();
    let mut missing = Vec::new();
    let root = Arguments::command();
    for command in all_of(&root) {
        let options = command.get_arguments().filter(|option| !option.is_hide_set());
        for option in options {
            let flag = option.get_long().map(|long| format!("--{long}"));
            let variable = option.get_env().and_then(|name| name.to_str()).map(str::to_owned);
            let words = [flag, variable].into_iter().flatten();
            missing.extend(
                words
                    .filter(|word| !is_named(&reference, word))
                    .map(|word| (command.get_name().to_owned(), word)),
            );
        }
        let is_leaf = command.get_subcommands().next().is_none();
        if is_leaf && !is_named(&reference, command.get_name()) {
            missing.push((command.get_name().to_owned(), String::new()));
        }
    }
    assert_eq!(missing, [], "not in docs/server.md or docs/operations.md");
}

#[test]
fn secrets_are_taken_from_the_environment_and_not_shown() {
    let root = Arguments::command();
    let is_secret = |option: &&Arg| {
        let name = option.get_id().as_str();
        ["secret", "session_token", "access_key"]
            .iter()
            .any(|word| name.contains(word))
    };
    let commands = all_of(&root);
    let secrets: Vec<&Arg> = commands
        .iter()
        .flat_map(|command| command.get_arguments())
        .filter(is_secret)
        .collect();
    assert!(!secrets.is_empty());
    for option in secrets {
        assert!(
            option.get_env().is_some() && option.is_hide_env_values_set(),
            "{option:?}"
        );
    }
}
