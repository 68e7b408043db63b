// SPDX-License-Identifier: MIT
//! Whose releases are believed, on the command line, against the real server.
#![cfg(unix)]

mod common;

use common::Bench;

fn published() -> (Bench, String) {
    let bench = Bench::new();
    let build = bench.build("build", &[("game.sh", b"#!/bin/sh\n"), ("data.txt", b"data")]);
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::set_permissions(build.join("game.sh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    bench.publish(&build, "1.0", &[]).ok();
    let root = bench.keys().join("root.json").to_str().unwrap().to_owned();
    (bench, root)
}

#[test]
fn a_root_that_is_named_is_the_one_that_is_trusted() {
    let (bench, root) = published();
    let installed = bench.vsekai(&["install", "--root", &root]).ok();
    assert!(
        !installed.err.contains("No root file was given"),
        "{}",
        installed.err
    );
    let shown = bench.vsekai(&["trust", "show", "--json"]).ok().result();
    let anchor = vsekai_formats::release::Pinned::of(&fs_err::read(&root).unwrap());
    assert_eq!(shown["trusted"]["anchor"], anchor.sha256.to_string());
    let text = bench.vsekai(&["trust", "show"]).ok().out;
    assert!(text.contains("timestamp        version "), "{text}");
}

#[test]
fn without_a_root_the_first_one_is_said_and_another_is_refused() {
    let (bench, _) = published();
    let installed = bench.vsekai(&["install"]).ok();
    assert!(
        installed.err.contains("No root file was given"),
        "{}",
        installed.err
    );
    let other = Bench::new();
    let root = other.keys().join("root.json");
    let refused = bench.vsekai(&["update", "--root", root.to_str().unwrap()]);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(
        refused.err.contains("does not lead to the root"),
        "{}",
        refused.err
    );
    assert!(
        refused.err.contains("hint: The game can be played"),
        "{}",
        refused.err
    );
}

#[test]
fn a_damaged_trusted_state_stops_updates_until_it_is_reset() {
    let (bench, root) = published();
    bench.vsekai(&["install", "--root", &root]).ok();
    let state = bench.path("player/V-Sekai/vsekai/.vsekai/trust/vsekai/trusted.json");
    fs_err::write(&state, b"{}").unwrap();
    let refused = bench.vsekai(&["update"]);
    assert_eq!(refused.code, 4, "{}", refused.err);
    assert!(refused.err.contains("it is damaged"), "{}", refused.err);
    bench.vsekai(&["launch", "--wait"]).ok();
    bench.vsekai(&["trust", "reset", "--root", &root]).ok();
    assert_eq!(
        bench.vsekai(&["update", "--root", &root]).ok().out,
        "1.0 is up to date\n"
    );
}
