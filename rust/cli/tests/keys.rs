// SPDX-License-Identifier: MIT
//! Keys and signed changes on the command line, against a server in this process.
#![cfg(unix)]

mod common;

use common::{Bench, Outcome, vsekai_in};
use serde_json::Value;

/// What the builds here start with.
const PROGRAM: [&str; 2] = ["--program", "game.sh"];

/// A publisher with keys of its own for another title than the bench's.
fn owner(bench: &Bench, arguments: &[&str]) -> Outcome {
    let keys = bench.path("owner");
    let variables = [
        ("VSEKAI_SERVER", bench.url.as_str()),
        ("VSEKAI_TOKEN", bench.token.as_str()),
        ("VSEKAI_KEYS", keys.to_str().unwrap()),
        ("SECRET", "correct horse"),
        ("WRONG", "battery staple"),
    ];
    let title = ["--title", "game"];
    vsekai_in(&bench.path("home"), &variables, &[arguments, &title].concat())
}

fn key_names(bench: &Bench) -> Vec<String> {
    let entries = fs_err::read_dir(bench.path("owner")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".pem")).collect();
    names.sort();
    names
}

#[test]
fn a_title_begins_once_and_its_keys_are_encrypted() {
    let bench = Bench::new();
    let init = [
        "keys",
        "init",
        "--channels",
        "stable,nightly",
        "--passphrase-env",
        "SECRET",
    ];
    let begun = owner(&bench, &[&init[..], &["--json"]].concat()).ok().result();
    assert_eq!(begun["keys"].as_array().unwrap().len(), 4);
    let names = key_names(&bench);
    assert_eq!(names.len(), 4);
    for name in &names {
        let text = fs_err::read_to_string(bench.path("owner").join(name)).unwrap();
        assert!(
            text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"),
            "{name}"
        );
    }
    // The answer may have been lost; then the same words find everything done.
    owner(&bench, &init).ok();
    assert_eq!(key_names(&bench), names);
    fs_err::rename(bench.path("owner"), bench.path("elsewhere")).unwrap();
    let other = owner(&bench, &init);
    assert_eq!(other.code, 3, "{}", other.err);
    assert!(
        other.err.contains("has begun on this server already"),
        "{}",
        other.err
    );
}

#[test]
fn passphrases_come_from_where_the_command_line_says() {
    let bench = Bench::new();
    let none = owner(&bench, &["keys", "init"]);
    assert_eq!(none.code, 2);
    assert!(none.err.contains("--passphrase-env NAME"), "{}", none.err);
    let unset = owner(&bench, &["keys", "init", "--passphrase-env", "NOWHERE"]);
    assert!(
        unset.err.contains("the variable NOWHERE is not set"),
        "{}",
        unset.err
    );
    owner(&bench, &["keys", "init", "--passphrase-env", "SECRET"]).ok();
    let renew = |source: &[&str]| owner(&bench, &[&["keys", "renew", "stable"], source].concat());
    let wrong = renew(&["--passphrase-env", "WRONG"]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.err.contains("the passphrase does not open"),
        "{}",
        wrong.err
    );
    assert!(!wrong.err.contains("battery"), "{}", wrong.err);
    let nobody = renew(&[]);
    assert!(
        nobody.err.contains("is encrypted and no passphrase was given"),
        "{}",
        nobody.err
    );
    renew(&["--passphrase-env", "SECRET"]).ok();
}

#[test]
fn keys_show_tells_who_may_sign_what_and_which_keys_are_here() {
    let bench = Bench::new();
    owner(&bench, &["keys", "init", "--no-passphrase"]).ok();
    let shown = owner(&bench, &["keys", "show", "--json"]).ok().result();
    assert_eq!(shown["root_version"], 1);
    let roles = shown["roles"].as_array().unwrap();
    let here = |role: &Value| role["keys"][0]["here"].as_bool().unwrap();
    let found: Vec<(&str, bool)> = roles
        .iter()
        .map(|role| (role["role"].as_str().unwrap(), here(role)))
        .collect();
    assert_eq!(
        found,
        [
            ("root", true),
            ("targets", true),
            ("online", false),
            ("stable", true)
        ]
    );
    let text = owner(&bench, &["keys", "show"]).ok().out;
    assert!(
        text.starts_with("game, root 1\nroot         1 of 1, until "),
        "{text}"
    );
}

#[test]
fn a_channel_moves_back_holds_still_and_reaches_players_by_and_by() {
    let bench = Bench::new();
    let build = bench.build("build", &[("game.sh", b"#!/bin/sh\n"), ("a", b"1")]);
    bench.publish(&build, "1", &PROGRAM).ok();
    bench
        .publish(
            &bench.build("build", &[("a", b"2")]),
            "2",
            &["--program", "game.sh", "--rollout", "10"],
        )
        .ok();
    let channel = |words: &[&str]| {
        let result = bench
            .vsekai(&[&["channel"], words, &["--json"]].concat())
            .ok()
            .result();
        result["pointers"][0].clone()
    };
    let rolling = channel(&["rollout", "50"]);
    assert_eq!(
        (&rolling["version"], &rolling["rollout"]["percent"]),
        (&"2".into(), &50.into())
    );
    assert_eq!(rolling["rollout"]["previous"]["version"], "1");
    let whole = channel(&["rollout", "100"]);
    assert!(whole.get("rollout").is_none(), "{whole}");
    assert_eq!(channel(&["withdraw", "2"])["version"], "1");
    assert_eq!(channel(&["pin"])["pinned"], true);
    bench
        .publish(&bench.build("build", &[("a", b"3")]), "3", &PROGRAM)
        .ok();
    assert_eq!(channel(&["unpin"])["version"], "1", "publishing did not move it");
    assert_eq!(channel(&["promote", "3"])["version"], "3");
    assert_eq!(channel(&["promote", "2", "--channel", "beta"])["channel"], "beta");
    let text = bench.vsekai(&["channel", "pin"]).ok().out;
    assert!(
        text.starts_with("stable offers 3 for ") && text.ends_with(", pinned\n"),
        "{text}"
    );

    let offered = bench.vsekai(&["channel", "retire", "3"]);
    assert_eq!(offered.code, 2, "{}", offered.err);
    assert!(
        offered.err.contains("version 3 is what stable offers"),
        "{}",
        offered.err
    );
    let retired = bench.vsekai(&["channel", "retire", "1", "--json"]).ok().result();
    assert_eq!(retired["retired"][0]["version"], "1");
    let gone = bench.vsekai(&["channel", "promote", "1"]);
    assert!(gone.err.contains("no version 1 is published"), "{}", gone.err);
    let text = bench.vsekai(&["channel", "retire", "--keep", "2"]).ok().out;
    assert_eq!(text, "Nothing to retire\n");

    let nothing_left = bench.vsekai(&["channel", "withdraw", "2", "--channel", "beta"]);
    assert_eq!(nothing_left.code, 2);
    assert!(
        nothing_left.err.contains("no other release to offer"),
        "{}",
        nothing_left.err
    );
    let absent = bench.vsekai(&["channel", "promote", "9"]);
    assert!(absent.err.contains("no version 9 is published"), "{}", absent.err);
    let unknown = bench.vsekai(&["channel", "pin", "--channel", "daily"]);
    assert!(
        unknown.err.contains("there is no channel daily"),
        "{}",
        unknown.err
    );
}

#[test]
fn publishing_without_the_channels_key_is_refused() {
    let bench = Bench::new();
    let build = bench.build("build", &[("game.sh", b"#!/bin/sh\n")]);
    let keys = bench.path("ci");
    fs_err::create_dir(&keys).unwrap();
    let keys_here = ["--program", "game.sh", "--keys", keys.to_str().unwrap()];
    let no_root = bench.publish(&build, "1", &keys_here);
    assert_eq!(no_root.code, 2);
    assert!(no_root.err.contains("there is no root in "), "{}", no_root.err);
    for entry in fs_err::read_dir(bench.keys()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == "root.json" || name.starts_with("nightly-") {
            fs_err::copy(&path, keys.join(name)).unwrap();
        }
    }
    let refused = bench.publish(&build, "1", &keys_here);
    assert_eq!(refused.code, 2);
    assert!(
        refused
            .err
            .contains("the stable metadata needs 1 signatures, and "),
        "{}",
        refused.err
    );
    let nightly = [&keys_here[..], &["--channel", "nightly"]].concat();
    bench.publish(&build, "1", &nightly).ok();
}
