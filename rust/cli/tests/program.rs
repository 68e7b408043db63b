// SPDX-License-Identifier: MIT
//! The real program: signals, closed pipes, exit codes.
#![cfg(unix)]

mod common;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use common::Bench;
use vsekai_tests::noise;

fn program(bench: &Bench) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vsekai"));
    command
        .env_clear()
        .env("VSEKAI_SERVER", &bench.url)
        .env("VSEKAI_TOKEN", &bench.token)
        .env("VSEKAI_KEYS", bench.keys());
    command.env("HOME", bench.path("home")).stdin(Stdio::null());
    command
}

fn published() -> Bench {
    let bench = Bench::new();
    let build = bench.build(
        "build",
        &[("data.bin", &noise(1, 3_000_000)), ("game.sh", b"#!/bin/sh\n")],
    );
    bench.publish(&build, "0.1.0", &["--program", "game.sh"]).ok();
    bench
}

#[test]
fn ctrl_c_cancels_and_the_next_run_goes_on_where_it_stopped() {
    let bench = published();
    let mut child = program(&bench)
        .args(["install", "--rate-limit", "500kB/s"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("Downloading: ") {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "it ended too soon");
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert!(
        rest.ends_with("Cancelled. The installed version is as it was, and what was downloaded is kept.\n"),
        "{rest}"
    );
    let again = program(&bench).arg("install").output().unwrap();
    let out = String::from_utf8(again.stdout).unwrap();
    assert_eq!(again.status.code(), Some(0), "{out}");
    assert!(out.contains("kept from an earlier attempt"), "{out}");
}

#[test]
fn a_reader_that_goes_away_is_a_normal_end() {
    let bench = published();
    for arguments in [
        &["--help"][..],
        &["status"],
        &["channel", "list"],
        &["status", "--json"],
    ] {
        let mut child = program(&bench)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let mut err = String::new();
        child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        // A first look at a server says whose root is believed; that is no error.
        let errors: Vec<&str> = err.lines().filter(|line| !line.starts_with("note: ")).collect();
        assert_eq!(
            (child.wait().unwrap().code(), errors),
            (Some(0), vec![]),
            "{arguments:?}"
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_below_the_output_is_told() {
    let bench = published();
    let full = fs_err::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (full, _) = full.into_parts();
    let outcome = program(&bench).arg("status").stdout(full).output().unwrap();
    assert_eq!(outcome.status.code(), Some(1));
    assert!(
        String::from_utf8(outcome.stderr)
            .unwrap()
            .starts_with("error: cannot print the result: ")
    );
}

#[test]
fn a_token_file_is_read_and_not_shown() {
    let bench = published();
    let token = bench.path("token");
    fs_err::write(&token, format!("{}\n", bench.token)).unwrap();
    let outcome = program(&bench)
        .env_remove("VSEKAI_TOKEN")
        .args([
            "publish",
            "build",
            "--version",
            "0.2.0",
            "--platform",
            "linux-x86_64",
            "--program",
            "game.sh",
            "-v",
        ])
        .arg("--token-file")
        .arg(&token)
        .current_dir(bench.dir.path())
        .output()
        .unwrap();
    let err = String::from_utf8(outcome.stderr).unwrap();
    assert_eq!(outcome.status.code(), Some(0), "{err}");
    assert!(!err.contains(&bench.token));
}
