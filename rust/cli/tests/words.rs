// SPDX-License-Identifier: MIT
//! What people read: help texts and errors, kept as snapshots.
#![cfg(unix)]

mod common;

use common::{Outcome, vsekai_in};

fn vsekai(arguments: &[&str]) -> Outcome {
    let data = tempfile::tempdir().unwrap();
    let outcome = vsekai_in(data.path(), &[], arguments);
    let data = data.path().to_str().unwrap();
    Outcome {
        code: outcome.code,
        out: outcome.out.replace(data, "DATA"),
        err: outcome.err.replace(data, "DATA"),
    }
}

fn help(arguments: &[&str]) -> String {
    let outcome = vsekai(arguments).ok();
    assert_eq!(outcome.err, "");
    outcome.out
}

#[test]
fn help_texts() {
    insta::assert_snapshot!("help", help(&["--help"]));
    insta::assert_snapshot!("help_short", help(&["-h"]));
    for command in [
        "install", "update", "check", "launch", "channel", "settings", "trust", "publish", "keys",
    ] {
        insta::assert_snapshot!(format!("help_{command}"), help(&[command, "--help"]));
    }
    for command in ["desync", "desync chunk-server"] {
        let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        insta::assert_snapshot!(format!("help_{}", command.replace(' ', "_")), help(&words));
    }
    insta::assert_snapshot!("help_channel_switch", help(&["mode", "switch", "--help"]));
    assert_eq!(help(&["--version"]), help(&["version"]));
}

#[test]
fn errors_are_one_sentence_and_a_way_out() {
    let cases: [(&str, &[&str]); 14] = [
        ("no_command", &[]),
        ("unknown_command", &["chanel"]),
        ("bad_rate", &["update", "--rate-limit", "5Mb/s"]),
        ("bad_title", &["install", "--title", "Capital"]),
        ("bad_server", &["install", "--server", "ftp://example.org"]),
        ("plain_http", &["install", "--server", "http://192.0.2.1"]),
        ("no_server", &["install"]),
        ("not_installed", &["update", "--server", "http://127.0.0.1:9"]),
        ("nothing_to_start", &["launch"]),
        ("no_version", &["publish", "DIR", "--platform", "linux-x86_64"]),
        (
            "bad_platform",
            &["publish", "DIR", "--version", "1", "--platform", "beos"],
        ),
        (
            "no_folder",
            &[
                "publish",
                "DIR",
                "--version",
                "1",
                "--platform",
                "linux-x86_64",
                "--server",
                "http://localhost:9",
            ],
        ),
        (
            "bad_program",
            &[
                "publish",
                "DIR",
                "--version",
                "1",
                "--platform",
                "linux-x86_64",
                "--server",
                "http://localhost:9",
                "--program",
                "../x",
            ],
        ),
        (
            "plain_http_publish",
            &[
                "publish",
                ".",
                "--version",
                "1",
                "--platform",
                "linux-x86_64",
                "--server",
                "http://192.0.2.1",
                "--program",
                "Cargo.toml",
            ],
        ),
    ];
    for (name, arguments) in cases {
        let outcome = vsekai(arguments);
        assert_eq!(outcome.out, "", "{name}");
        insta::assert_snapshot!(
            format!("error_{name}"),
            format!("exit code {}\n{}", outcome.code, outcome.err)
        );
    }
}

#[test]
fn with_json_even_a_bad_command_line_ends_in_a_result() {
    let outcome = vsekai(&["update", "--json", "--rate-limit", "x"]);
    let result = outcome.result();
    assert_eq!((outcome.code, result["ok"].as_bool()), (2, Some(false)));
    let outcome = vsekai(&["status", "--json"]).ok();
    assert_eq!(outcome.result()["installed"], serde_json::Value::Null);
    assert_eq!(outcome.err, "");
}

#[test]
fn quiet_prints_nothing_but_errors() {
    assert_eq!(vsekai(&["status", "--quiet"]).ok().out, "");
    assert!(vsekai(&["launch", "-q"]).err.starts_with("error: "));
}

#[test]
fn colour_is_used_when_asked_for_and_never_by_itself() {
    assert!(!vsekai(&["launch"]).err.contains('\u{1b}'));
    assert!(
        vsekai(&["launch", "--color", "always"])
            .err
            .starts_with("\u{1b}[1;31merror:\u{1b}[0m")
    );
}

#[test]
fn what_the_environment_says_counts_after_the_command_line() {
    let data = tempfile::tempdir().unwrap();
    let variables = [
        ("VSEKAI_INSTALL_DIR", "/from/environment"),
        ("VSEKAI_SERVER", "https://env.example.org"),
    ];
    let status = |arguments: &[&str]| vsekai_in(data.path(), &variables, arguments).ok().result();
    let status_env = status(&["status", "--json"]);
    assert_eq!(status_env["root"], "/from/environment");
    assert_eq!(status_env["server"], "https://env.example.org");
    let named = status(&[
        "status",
        "--json",
        "--install-dir",
        "/named",
        "--server",
        "https://user:secret@named.example.org?token=x",
    ]);
    assert_eq!(
        (named["root"].as_str(), named["server"].as_str()),
        (Some("/named"), Some("https://named.example.org"))
    );
}
