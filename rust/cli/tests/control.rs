// SPDX-License-Identifier: MIT
//! The player's say on the command line: settings, versions, moving, uninstalling, failed starts.
#![cfg(unix)]

mod common;

use std::path::{Path, PathBuf};

use common::Bench;
use vsekai_tests::noise;

const GOOD: &str =
    "#!/bin/sh\n: > \"$VSEKAI_START_FILE\"\necho \"$COLOUR\" \"$(pwd)\" > \"${1:-/dev/null}\"\n";
const BAD: &str = "#!/bin/sh\nexit 3\n";

fn build(bench: &Bench, number: u64, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt as _;
    let build = bench.build(
        &format!("build-{number}"),
        &[
            ("game.sh", script.as_bytes()),
            ("data/same.bin", &noise(1, 300_000)),
            ("data/other.bin", &noise(number, 30_000)),
        ],
    );
    let mode = std::fs::Permissions::from_mode(0o755);
    fs_err::set_permissions(build.join("game.sh"), mode).unwrap();
    build
}

/// Publishes `number`.0.0 as a game that behaves like `script`.
fn publish(bench: &Bench, number: u64, script: &str) {
    let build = build(bench, number, script);
    bench.publish(&build, &format!("{number}.0.0"), &[]).ok();
}

/// Returns a bench where version 1.0.0, which starts, is published and installed.
fn installed() -> Bench {
    let bench = Bench::new();
    publish(&bench, 1, GOOD);
    bench.vsekai(&["install"]).ok();
    bench
}

fn status(bench: &Bench) -> String {
    let status = bench.vsekai(&["status", "--json"]).ok().result();
    status["installed"]["version"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn settings_are_shown_changed_and_go_with_every_command() {
    let bench = Bench::new();
    publish(&bench, 1, GOOD);
    let shown = bench.vsekai(&["settings"]).ok().out;
    insta::assert_snapshot!("settings", shown);
    bench.vsekai(&["install"]).ok();
    publish(&bench, 2, GOOD);
    let check = bench.vsekai(&["check", "--json"]).ok().result();
    assert_eq!(check["decision"]["action"], "ask");
    let asked = bench.vsekai(&["update", "--auto"]).ok();
    assert!(
        asked.out.starts_with("2.0.0: waits for your word: "),
        "{}",
        asked.out
    );
    bench.vsekai(&["settings", "set", "updates", "automatic"]).ok();
    let all_day = ["settings", "set", "quiet-hours", "00:00-12:00,12:00-00:00"];
    bench.vsekai(&all_day).ok();
    let held = bench.vsekai(&["update", "--auto", "--json"]).ok().result();
    assert_eq!(
        (held["outcome"].as_str(), held["decision"]["reason"].as_str()),
        (Some("held-back"), Some("quiet-hours"))
    );
    bench.vsekai(&["settings", "reset", "quiet-hours"]).ok();
    bench.vsekai(&["settings", "set", "metered-size", "1kB"]).ok();
    let metered = bench.vsekai(&["update", "--auto", "--metered"]).ok();
    assert!(
        metered.out.contains("over a metered connection"),
        "{}",
        metered.out
    );
    bench.vsekai(&["settings", "set", "rate-limit", "50MB/s"]).ok();
    bench.vsekai(&["update", "--auto"]).ok();
    assert_eq!(status(&bench), "2.0.0");
    let set = bench.vsekai(&["settings", "--json"]).ok().result();
    assert_eq!(set["settings"]["rate-limit"], "50000000");
    let refused = bench.vsekai(&["settings", "set", "keep-versions", "100"]);
    assert_eq!(refused.code, 2);
    assert!(refused.err.contains("from 0 to 20"), "{}", refused.err);
}

#[test]
fn versions_are_skipped_pinned_listed_removed_and_gone_back_to() {
    let bench = installed();
    bench.vsekai(&["settings", "set", "keep-versions", "5"]).ok();
    publish(&bench, 2, GOOD);
    let skipped = bench.vsekai(&["skip"]).ok().out;
    assert!(skipped.starts_with("2.0.0 is skipped"), "{skipped}");
    let held = bench.vsekai(&["update"]).ok();
    assert_eq!(held.out, "2.0.0: held back: 2.0.0 is to be skipped\n");
    assert!(held.err.contains("--anyway"), "{}", held.err);
    bench.vsekai(&["skip", "--undo", "2.0.0"]).ok();
    bench.vsekai(&["update"]).ok();
    bench.vsekai(&["pin"]).ok();
    publish(&bench, 3, GOOD);
    bench.vsekai(&["update"]).ok();
    assert_eq!(status(&bench), "2.0.0");
    bench.vsekai(&["update", "--anyway"]).ok();
    bench.vsekai(&["unpin"]).ok();
    let listed = bench.vsekai(&["versions"]).ok().out;
    let labels: Vec<&str> = listed.lines().map(|line| &line[..7]).collect();
    assert_eq!(labels, ["* 3.0.0", "  2.0.0", "  1.0.0"]);
    bench.vsekai(&["rollback", "1.0.0"]).ok();
    assert_eq!(status(&bench), "1.0.0");
    let removed = bench.vsekai(&["versions", "remove", "2.0.0"]).ok().out;
    assert!(removed.starts_with("Removed 2.0.0, "), "{removed}");
    assert_eq!(bench.vsekai(&["versions", "remove", "1.0.0"]).code, 2);
}

#[test]
fn a_version_that_is_damaged_is_not_gone_back_to_and_what_helps_is_told() {
    let bench = installed();
    let older = bench.installed("1.0.0");
    publish(&bench, 2, GOOD);
    bench.vsekai(&["update"]).ok();
    fs_err::remove_file(older.join("data/other.bin")).unwrap();
    let refused = bench.vsekai(&["rollback"]);
    assert_eq!(refused.code, 4);
    for words in [
        "files of version 1.0.0 are damaged or missing, 1 in all, the first is \"data/other.bin\"",
        "vsekai versions remove VERSION\n",
    ] {
        assert!(refused.err.contains(words), "{}", refused.err);
    }
    let error = bench.vsekai(&["rollback", "--json"]).result()["error"].clone();
    assert_eq!(error["code"], "damaged-version", "{error}");
    assert_eq!(error["repair"], false, "{error}");
    assert_eq!(error["retry"], false, "{error}");
    assert_eq!(status(&bench), "2.0.0");
    bench.vsekai(&["versions", "remove", "1.0.0"]).ok();
    assert_eq!(bench.vsekai(&["rollback"]).code, 7);
}

#[test]
fn what_a_game_says_is_shown_while_it_runs_and_kept_if_it_crashes() {
    let bench = Bench::new();
    publish(
        &bench,
        1,
        "#!/bin/sh\nprintf 'caf\\303\\251 \\377 boom\\n' >&2\nexit 7\n",
    );
    bench.vsekai(&["install"]).ok();
    let (shell, _, err) = bench.shell();
    let code = vsekai_cli::main_with(["vsekai", "launch", "--wait"], shell);
    assert_eq!(code, 11);
    let said = err.bytes();
    let line = b"caf\xc3\xa9 \xff boom\n";
    assert!(said.windows(line.len()).any(|part| part == line), "{said:?}");
    let said = String::from_utf8_lossy(&said).into_owned();
    let kept = said
        .lines()
        .find_map(|line| line.strip_prefix("The end of its output is kept in "));
    let kept = fs_err::read(kept.expect("no crash log")).unwrap();
    assert!(kept.starts_with(b"version 1.0.0, exit code 7, signal none") && kept.ends_with(line));
}

#[test]
fn a_version_that_does_not_start_is_given_up_and_that_is_told() {
    let bench = installed();
    let said = bench.path("said");
    let folder = bench.path("");
    bench
        .vsekai(&[
            "launch",
            "--wait",
            "--env",
            "COLOUR=red",
            "--working-dir",
            folder.to_str().unwrap(),
            "--",
            said.to_str().unwrap(),
        ])
        .ok();
    let folder = fs_err::canonicalize(folder).unwrap();
    let line = format!("red {}\n", folder.display());
    assert_eq!(fs_err::read_to_string(&said).unwrap(), line);
    publish(&bench, 2, BAD);
    bench.vsekai(&["update"]).ok();
    let mut last = String::new();
    for _ in 0..3 {
        let played = bench.vsekai(&["launch", "--wait"]);
        assert_eq!(played.code, 11);
        last = played.err;
    }
    let told = "note: 2.0.0 crashed while starting, 3 times in a row: 1.0.0 is back";
    assert!(last.contains(told), "{last}");
    assert_eq!(status(&bench), "1.0.0");
    let status = bench.vsekai(&["status"]).ok().out;
    assert!(
        status.contains("Given up:   2.0.0 crashed while starting\n"),
        "{status}"
    );
    let versions = bench.vsekai(&["versions"]).ok().out;
    assert!(versions.contains("given up: 2.0.0 crashed"), "{versions}");
    let held = bench.vsekai(&["update"]).ok().out;
    assert!(
        held.contains("2.0.0 did not start here, 3 times in a row"),
        "{held}"
    );
}

#[test]
fn an_install_is_moved_found_again_and_removed() {
    let bench = installed();
    fs_err::write(bench.installed("1.0.0").join("mod.txt"), "mine").unwrap();
    let to = bench.path("elsewhere/game");
    let moved = bench.vsekai(&["move", to.to_str().unwrap()]).ok().out;
    assert!(
        moved.starts_with("Moved ") && moved.contains("elsewhere/game"),
        "{moved}"
    );
    // Whoever looks in the old place is sent on.
    assert_eq!(status(&bench), "1.0.0");
    let note = bench.path("player/V-Sekai/vsekai/.vsekai/moved.json");
    let way = fs_err::read(&note).unwrap();
    fs_err::write(&note, "damaged").unwrap();
    let lost = bench.vsekai(&["status"]);
    assert_eq!(lost.code, 4);
    assert!(
        lost.err.contains("moved.json") && lost.err.contains("--install-dir DIR"),
        "{}",
        lost.err
    );
    let named = bench.vsekai(&["status", "--install-dir", to.to_str().unwrap()]);
    assert!(named.ok().out.contains("Installed:  1.0.0\n"));
    fs_err::write(&note, way).unwrap();
    assert!(bench.vsekai(&["verify", "--quick"]).ok().out.contains("mod.txt"));
    publish(&bench, 2, GOOD);
    bench.vsekai(&["update"]).ok();
    assert!(to.join("versions").exists());
    let removed = bench.vsekai(&["uninstall"]).ok().out;
    assert!(
        removed.starts_with("Removed the game\n1 file of your own"),
        "{removed}"
    );
    assert_eq!(names(&to), ["user-files"]);
    assert_eq!(bench.vsekai(&["uninstall"]).code, 7);
}

#[test]
fn damaged_records_are_told_with_what_to_do_and_nothing_but_that_stops() {
    let bench = installed();
    let state = bench.path("player/V-Sekai/vsekai/.vsekai");
    let release = state.join("releases").join(&names(&state.join("releases"))[0]);
    fs_err::write(release.join("contents.json.zst"), "damaged").unwrap();
    fs_err::write(state.join("preferences.json"), "damaged").unwrap();
    let told = "the list of files of version 1.0.0 is damaged: ";
    let status = bench.vsekai(&["status"]).ok();
    assert!(
        status.out.contains(&format!("Damaged:    {told}")),
        "{}",
        status.out
    );
    assert!(
        status
            .err
            .contains("hint: Fetch what is damaged again with: vsekai repair\n"),
        "{}",
        status.err
    );
    let damage = bench.vsekai(&["status", "--json"]).ok().result()["damage"].clone();
    assert_eq!(damage[0]["repair"], false);
    assert_eq!(damage[1]["repair"], true);
    assert!(
        damage[1]["hint"].as_str().unwrap().ends_with("vsekai repair"),
        "{damage}"
    );
    // An error says the same as the status, in its own event and in the result.
    let verify = bench.vsekai(&["verify", "--json"]);
    assert_eq!(verify.code, 4);
    let failed = verify
        .events()
        .into_iter()
        .find(|event| event["event"] == "failed");
    for error in [failed.unwrap(), verify.result()["error"].clone()] {
        assert_eq!(error["code"], "damaged", "{error}");
        assert_eq!(error["repair"], true, "{error}");
    }
    let check = bench.vsekai(&["check"]).ok();
    assert!(check.err.contains(&format!("note: {told}")), "{}", check.err);
    for command in [["settings", "show"], ["launch", "--wait"]] {
        let said = bench.vsekai(&command).ok().err;
        assert!(
            said.contains("note: All settings are as they are at first"),
            "{said}"
        );
    }
    bench.vsekai(&["repair"]).ok();
    let status = bench.vsekai(&["status", "--json"]).ok().result();
    assert_eq!(status["damage"], serde_json::json!([]));
}

#[test]
fn a_record_of_a_newer_launcher_is_told_as_unread_with_what_helps() {
    let bench = installed();
    let record = bench.path("player/V-Sekai/vsekai/.vsekai/preferences.json");
    fs_err::write(&record, r#"{"schema":99}"#).unwrap();
    let status = bench.vsekai(&["status"]).ok();
    assert!(
        status
            .out
            .contains("Unread:     the record of the player's settings"),
        "{}",
        status.out
    );
    assert!(!status.out.contains("Damaged:"), "{}", status.out);
    assert!(
        status.err.contains("hint: Update this program first\n"),
        "{}",
        status.err
    );
    let refused = bench.vsekai(&["settings", "set", "updates", "manual", "--json"]);
    assert_eq!(refused.result()["error"]["code"], "launcher-too-old");
    assert_eq!(fs_err::read(&record).unwrap(), br#"{"schema":99}"#);
}

#[test]
fn a_copy_of_the_game_is_taken_over() {
    let bench = Bench::new();
    publish(&bench, 1, GOOD);
    let copy = bench.path("build-1");
    let adopted = bench
        .vsekai(&["adopt", copy.to_str().unwrap(), "--json"])
        .ok()
        .result();
    assert_eq!(
        (adopted["chunks"].as_u64(), adopted["version"].as_str()),
        (Some(0), Some("1.0.0"))
    );
    bench.vsekai(&["verify"]).ok();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs_err::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}
