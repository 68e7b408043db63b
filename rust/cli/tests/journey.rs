// SPDX-License-Identifier: MIT
//! From a folder on a developer's machine to a running game, against the real server.
#![cfg(unix)]

mod common;

use std::path::Path;

use common::Bench;
use vsekai_tests::noise;

const SCRIPT: &[u8] = b"#!/bin/sh\necho \"game $0 with $*\" > \"$1\"\nexit ${2:-0}\n";

fn first_build(bench: &Bench) -> std::path::PathBuf {
    let build = bench.build(
        "build-1",
        &[
            ("game.sh", SCRIPT),
            ("data/same.bin", &noise(1, 2_000_000)),
            ("data/old.txt", b"goes away"),
            ("data/changes.txt", b"before"),
        ],
    );
    set_executable(&build.join("game.sh"));
    build
}

fn second_build(bench: &Bench) -> std::path::PathBuf {
    let build = bench.build(
        "build-2",
        &[
            ("game.sh", SCRIPT),
            ("data/same.bin", &noise(1, 2_000_000)),
            ("data/new.bin", &noise(2, 100_000)),
            ("data/changes.txt", b"after"),
        ],
    );
    set_executable(&build.join("game.sh"));
    build
}

fn set_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs_err::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_build_is_published_installed_updated_started_and_rolled_back() {
    let bench = Bench::new();
    let published = bench
        .publish(&first_build(&bench), "0.1.0", &["--notes", "The first one"])
        .ok();
    assert!(
        published.out.starts_with("Published 0.1.0 for "),
        "{}",
        published.out
    );

    let plan = bench.vsekai(&["install", "--dry-run"]).ok();
    assert!(plan.out.starts_with("0.1.0\n  to download"), "{}", plan.out);
    assert!(!bench.path("player/V-Sekai/vsekai/versions").exists());

    let installed = bench.vsekai(&["install"]).ok();
    assert!(
        installed.out.starts_with("Installed 0.1.0\n"),
        "{}",
        installed.out
    );
    assert!(
        installed.out.contains("What is new:\n  The first one\n"),
        "{}",
        installed.out
    );
    assert_eq!(
        fs_err::read(bench.installed("0.1.0").join("data/changes.txt")).unwrap(),
        b"before"
    );
    assert_eq!(
        bench.vsekai(&["check", "--exit-code"]).ok().out,
        "0.1.0 is up to date\n"
    );

    let sent = bench
        .publish(&second_build(&bench), "0.2.0", &["--json"])
        .ok()
        .result();
    assert!(sent["sent_plain_bytes"].as_u64().unwrap() < 300_000, "{sent}");
    let check = bench.vsekai(&["check", "--exit-code"]);
    assert_eq!(check.code, 10);
    assert!(check.out.starts_with("0.1.0 -> 0.2.0\n"), "{}", check.out);
    assert!(check.out.contains("1 new, 1 changed, 1 removed"), "{}", check.out);

    let updated = bench.vsekai(&["update"]).ok();
    assert!(
        updated.out.starts_with("Updated 0.1.0 -> 0.2.0\n"),
        "{}",
        updated.out
    );
    let tree = bench.installed("0.2.0");
    assert_eq!(
        fs_err::read(tree.join("data/new.bin")).unwrap(),
        noise(2, 100_000)
    );
    assert!(!tree.join("data/old.txt").exists());
    let status = bench.vsekai(&["status"]).ok();
    assert!(
        status.out.contains("Installed:  0.2.0\n") && status.out.contains("Previous:   0.1.0\n"),
        "{}",
        status.out
    );
    let since = status
        .out
        .lines()
        .find_map(|line| line.strip_prefix("Since:      "));
    assert!(
        since.is_some_and(|day| day.len() == "2026-11-25".len()),
        "{}",
        status.out
    );

    let said = bench.path("said");
    let said_text = said.to_str().unwrap();
    bench.vsekai(&["launch", "--wait", "--", said_text, "0"]).ok();
    assert!(fs_err::read_to_string(&said).unwrap().contains("game.sh with"));
    let failed = bench.vsekai(&["launch", "--wait", "--json", "--", said_text, "3"]);
    assert_eq!(failed.code, 11);
    assert_eq!(failed.result()["game"]["code"], 3);

    assert_eq!(
        bench.vsekai(&["rollback"]).ok().out,
        "Went back from 0.2.0 to 0.1.0\n"
    );
    let status = bench.vsekai(&["status", "--json"]).ok().result();
    assert_eq!(status["installed"]["version"], "0.1.0");
    assert!(
        status["installed_at"].as_u64().unwrap() > 1_700_000_000,
        "{status}"
    );
    assert_eq!(
        bench.vsekai(&["rollback"]).ok().out,
        "Switched from 0.1.0 to 0.2.0\n"
    );
}

#[test]
fn what_is_left_to_the_player_stays_theirs_and_a_build_for_a_newer_engine_is_refused() {
    let bench = Bench::new();
    let build = first_build(&bench);
    fs_err::create_dir(build.join("mods")).unwrap();
    fs_err::write(build.join("mods/readme.txt"), "Put mods here").unwrap();
    fs_err::write(build.join("settings.cfg"), "volume=1").unwrap();
    let left = ["--user-path", "mods/", "--user-path", "./settings.cfg"];
    let refused = bench.publish(&build, "0.1.0", &["--user-path", "game.sh"]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(
        refused
            .err
            .contains("\"game.sh\" cannot be left to the player: the start program"),
        "{}",
        refused.err
    );
    let shown = bench
        .publish(&build, "0.1.0", &[&left[..], &["--dry-run"]].concat())
        .ok();
    assert!(
        shown.out.contains("left to the player: settings.cfg"),
        "{}",
        shown.out
    );
    bench.publish(&build, "0.1.0", &left).ok();
    bench.vsekai(&["install"]).ok();
    let tree = bench.installed("0.1.0");
    fs_err::write(tree.join("settings.cfg"), "volume=7").unwrap();
    fs_err::write(tree.join("mods/mine.txt"), "mine").unwrap();
    let verified = bench.vsekai(&["verify"]).ok();
    assert!(!verified.out.contains("not from a release"), "{}", verified.out);

    fs_err::write(build.join("settings.cfg"), "volume=2").unwrap();
    bench.publish(&build, "0.2.0", &left).ok();
    bench.vsekai(&["update"]).ok();
    let tree = bench.installed("0.2.0");
    assert_eq!(
        fs_err::read_to_string(tree.join("settings.cfg")).unwrap(),
        "volume=7"
    );
    assert_eq!(
        fs_err::read_to_string(tree.join("mods/mine.txt")).unwrap(),
        "mine"
    );

    bench
        .publish(
            &build,
            "0.3.0",
            &[&left[..], &["--minimum-engine", "9999.0"]].concat(),
        )
        .ok();
    let refused = bench.vsekai(&["update", "--json"]);
    assert_eq!(
        refused.result()["error"]["code"],
        "launcher-too-old",
        "{}",
        refused.out
    );
    assert!(bench.vsekai(&["status"]).ok().out.contains("Installed:  0.2.0\n"));
    let kept = bench.vsekai(&["uninstall", "--json"]).ok().result();
    assert_eq!(
        kept["user_files"],
        serde_json::json!(["mods/mine.txt", "mods/readme.txt", "settings.cfg"])
    );
}

#[test]
fn a_build_of_many_files_is_installed_and_updated() {
    let bench = Bench::new();
    let build = first_build(&bench);
    for number in 0..300 {
        let folder = build.join(format!("data/many/{}", number % 7));
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(
            folder.join(format!("{number}.txt")),
            noise(number, number as usize),
        )
        .unwrap();
    }
    bench.publish(&build, "0.1.0", &[]).ok();
    bench.vsekai(&["install"]).ok();
    fs_err::write(build.join("data/many/0/0.txt"), "no longer empty").unwrap();
    bench.publish(&build, "0.2.0", &[]).ok();
    bench.vsekai(&["update"]).ok();
    let updated = fs_err::read(bench.installed("0.2.0").join("data/many/0/0.txt")).unwrap();
    assert_eq!(updated, b"no longer empty");
    bench.vsekai(&["verify"]).ok();
}

#[test]
fn publishing_again_sends_nothing_and_changes_nothing() {
    let bench = Bench::new();
    let build = first_build(&bench);
    let first = bench.publish(&build, "0.1.0", &["--json"]).ok().result();
    assert_eq!(first["created"], true);
    let dry = bench
        .publish(&build, "0.1.0", &["--json", "--dry-run"])
        .ok()
        .result();
    assert_eq!(
        (dry["new_chunks"].as_u64(), dry["program"].as_str()),
        (Some(0), Some("game.sh"))
    );
    let again = bench.publish(&build, "0.1.0", &["--json"]).ok().result();
    assert_eq!(
        (again["created"].as_bool(), again["sent_chunks"].as_u64()),
        (Some(false), Some(0))
    );
    assert_eq!(again["sequence"], first["sequence"]);
    assert_eq!(again["download_bytes"], first["download_bytes"]);
    let other = bench.publish(&second_build(&bench), "0.1.0", &[]);
    assert_eq!(other.code, 3);
    assert!(
        other.err.contains("is published already with other files"),
        "{}",
        other.err
    );
    assert!(
        other
            .err
            .contains("hint: Published versions never change; choose a new --version\n")
    );
    let notes = bench.publish(&build, "0.1.0", &["--notes", "other"]);
    assert!(
        notes
            .err
            .contains("is published already with other release notes"),
        "{}",
        notes.err
    );
}

#[test]
fn an_older_version_can_be_published_again_after_a_newer_one() {
    let bench = Bench::new();
    let build = first_build(&bench);
    bench.publish(&build, "0.1.0", &[]).ok();
    bench.publish(&second_build(&bench), "0.2.0", &[]).ok();
    let again = bench.publish(&build, "0.1.0", &["--json"]).ok().result();
    assert_eq!(
        (again["created"].as_bool(), again["sequence"].as_u64()),
        (Some(false), Some(1))
    );
}

#[test]
fn publishing_without_the_right_token_is_refused() {
    let bench = Bench::new();
    let build = first_build(&bench);
    for token in ["wrong", "vsk_0000_0000"] {
        let refused = bench.publish(&build, "0.1.0", &["--token", token]);
        assert_eq!(refused.code, 3, "{}", refused.err);
        assert!(
            refused.err.contains("the server does not accept the token"),
            "{}",
            refused.err
        );
        assert!(!refused.err.contains(token), "{}", refused.err);
    }
}

#[test]
fn a_damaged_file_is_found_and_repaired() {
    let bench = Bench::new();
    bench.publish(&first_build(&bench), "0.1.0", &[]).ok();
    bench.vsekai(&["install"]).ok();
    let intact = bench.vsekai(&["verify"]).ok();
    assert!(intact.out.ends_with("all as published\n"), "{}", intact.out);
    let path = bench.installed("0.1.0").join("data/same.bin");
    let mut bytes = fs_err::read(&path).unwrap();
    bytes[1_000_000] ^= 1;
    let mut permissions = fs_err::metadata(&path).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o644);
    fs_err::set_permissions(&path, permissions).unwrap();
    fs_err::write(&path, bytes).unwrap();
    let damaged = bench.vsekai(&["verify"]);
    assert_eq!(damaged.code, 4);
    assert!(
        damaged.out.contains("1 file damaged\n  data/same.bin\n"),
        "{}",
        damaged.out
    );
    let repaired = bench.vsekai(&["repair"]).ok();
    assert!(
        repaired.out.starts_with("Repaired 1 file\n  data/same.bin\n"),
        "{}",
        repaired.out
    );
    assert_eq!(
        fs_err::read(bench.installed("0.1.0").join("data/same.bin")).unwrap(),
        noise(1, 2_000_000)
    );
    bench.vsekai(&["verify"]).ok();
}

#[test]
fn json_tells_the_states_of_an_update_by_name_and_in_order() {
    let bench = Bench::new();
    bench.publish(&first_build(&bench), "0.1.0", &[]).ok();
    let install = bench.vsekai(&["install", "--json"]).ok();
    let expected = [
        "CheckForUpdates.Checking",
        "CheckForUpdates.UpdateAvailable",
        "CheckForUpdates.PreparingUpdate",
        "CheckForUpdates.DownloadingUpdate",
        "CheckForUpdates.ApplyingUpdate",
        "CheckForUpdates.FinalizingUpdate",
        "CheckForUpdates.UpdateSuccessful",
        "Updating",
        "Idle",
    ];
    assert_eq!(install.states(), expected);
    let plan = install
        .events()
        .into_iter()
        .find(|event| event["event"] == "plan")
        .unwrap();
    assert_eq!(plan["version"], "0.1.0");
    let result = install.result();
    assert_eq!(
        (result["command"].as_str(), result["outcome"].as_str()),
        (Some("install"), Some("installed"))
    );
    assert_eq!(install.err, "");
    let update = bench.vsekai(&["update", "--json"]).ok();
    assert_eq!(
        update.states(),
        ["CheckForUpdates.Checking", "CheckForUpdates.NoUpdateFound"]
    );
    assert_eq!(update.result()["outcome"], "up-to-date");
}

#[test]
fn channels_are_listed_and_switched_by_both_names() {
    let bench = Bench::new();
    bench.publish(&first_build(&bench), "0.1.0", &[]).ok();
    bench
        .publish(&second_build(&bench), "0.2.0", &["--channel", "nightly"])
        .ok();
    bench.vsekai(&["install"]).ok();
    let list = bench.vsekai(&["channel", "list"]).ok().out;
    assert!(
        list.contains("  nightly ") && list.contains("* stable "),
        "{list}"
    );
    assert_eq!(bench.vsekai(&["mode", "current"]).ok().out, "stable\n");
    let refused = bench.vsekai(&["update", "--channel", "nightly"]);
    assert_eq!(refused.code, 2);
    assert!(
        refused
            .err
            .contains("hint: Change it with: vsekai channel switch nightly"),
        "{}",
        refused.err
    );
    bench.vsekai(&["mode", "switch", "--mode_name", "nightly"]).ok();
    assert_eq!(bench.vsekai(&["channel", "current"]).ok().out, "nightly\n");
    bench.vsekai(&["update"]).ok();
    assert_eq!(
        bench.vsekai(&["status", "--json"]).result()["installed"]["version"],
        "0.2.0"
    );
    let missing = bench.vsekai(&["channel", "switch", "nowhere"]);
    assert_eq!(missing.code, 3);
    assert!(
        missing
            .err
            .starts_with("error: the server has no channel \"nowhere\""),
        "{}",
        missing.err
    );
}

#[test]
fn a_server_that_is_gone_is_told_in_words_and_leaves_the_game_playable() {
    let mut bench = Bench::new();
    bench.publish(&first_build(&bench), "0.1.0", &[]).ok();
    bench.vsekai(&["install"]).ok();
    bench.stop_server();
    let gone = bench.vsekai(&["update", "--json"]);
    assert_eq!(gone.code, 3);
    let failures = gone
        .events()
        .into_iter()
        .filter(|event| event["event"] == "failed")
        .count();
    assert_eq!((failures, gone.result()["ok"].as_bool()), (1, Some(false)));
    assert_eq!(gone.result()["error"]["code"], "offline");
    let said = bench.path("said");
    bench
        .vsekai(&["launch", "--wait", "--", said.to_str().unwrap()])
        .ok();
    assert!(said.exists());
}
