// SPDX-License-Identifier: MIT
//! A private channel, from the publisher to a player with a token and one without.
#![cfg(unix)]

mod common;

use std::os::unix::fs::PermissionsExt as _;

use common::{Bench, Outcome, vsekai_in};
use vsekai_store::http::Method;
use vsekai_tests::noise;

/// Runs a command line as the player in the folder `name`.
fn player(bench: &Bench, name: &str, arguments: &[&str]) -> Outcome {
    vsekai_in(&bench.path(name), &[("VSEKAI_SERVER", &bench.url)], arguments)
}

/// Publishes version `0.<number>.0` in the channel "beta".
fn publish(bench: &Bench, number: u64) {
    let files: [(&str, &[u8]); 2] = [("data.bin", &noise(number, 500_000)), ("game.sh", b"#!/bin/sh\n")];
    let build = bench.build(&format!("build-{number}"), &files);
    let more = ["--program", "game.sh", "--channel", "beta"];
    bench.publish(&build, &format!("0.{number}.0"), &more).ok();
}

#[test]
fn a_private_channel_is_installed_with_a_token_and_refused_in_clear_words_without() {
    let bench = Bench::new();
    let channel = "titles/vsekai/channels/beta/private";
    bench.ask(Method::PUT, channel, "");
    publish(&bench, 1);
    let wanted = r#"{"label": "testers", "title": "vsekai", "channel": "beta", "verbs": "read"}"#;
    let made = bench.ask(Method::POST, "tokens", wanted);
    let token = made["token"].as_str().unwrap().to_owned();
    let file = bench.path("token");
    fs_err::write(&file, format!("{token}\n")).unwrap();
    let file = file.to_str().unwrap();

    let install = ["install", "--channel", "beta"];
    let refused = player(&bench, "stranger", &install);
    assert_eq!(refused.code, 3, "{}", refused.err);
    assert!(refused.err.contains("a valid token is needed"), "{}", refused.err);
    assert!(
        refused.err.contains("vsekai settings set read-token FILE"),
        "{}",
        refused.err
    );
    let channels = player(&bench, "stranger", &["channel", "list"]).ok();
    assert!(
        channels.err.contains("The channel beta is private"),
        "{}",
        channels.err
    );

    let with_token = [&install[..], &["--read-token-file", file, "--verbose"]].concat();
    let installed = player(&bench, "tester", &with_token).ok();
    assert!(
        installed.out.starts_with("Installed 0.1.0\n"),
        "{}",
        installed.out
    );
    assert!(!(installed.out + &installed.err).contains(&token));
    // From now on it is kept with the install, for its owner alone, and never shown.
    let kept = bench.path("tester/V-Sekai/vsekai/.vsekai/read-token.json");
    assert_eq!(
        fs_err::metadata(&kept).unwrap().permissions().mode() & 0o777,
        0o600
    );
    player(&bench, "tester", &["update"]).ok();
    let shown = player(&bench, "tester", &["settings"]).ok().out;
    assert!(
        shown.contains(&format!("read-token     kept for {}\n", bench.url)),
        "{shown}"
    );
    assert!(!shown.contains(&token));

    let revoke = format!("tokens/{}", made["id"].as_str().unwrap());
    bench.ask(Method::DELETE, &revoke, "");
    publish(&bench, 2);
    let refused = player(&bench, "tester", &["check"]);
    assert_eq!(refused.code, 3, "{}", refused.err);
    let other = bench.ask(Method::POST, "tokens", wanted);
    fs_err::write(file, other["token"].as_str().unwrap()).unwrap();
    player(&bench, "tester", &["settings", "set", "read-token", file]).ok();
    player(&bench, "tester", &["check"]).ok();
    player(&bench, "tester", &["settings", "reset", "read-token"]).ok();
    assert!(!kept.exists());
    assert_eq!(player(&bench, "tester", &["check"]).code, 3);
}

#[test]
fn a_token_is_sent_to_its_server_and_not_to_a_mirror_or_where_it_leads() {
    use std::io::{BufRead as _, BufReader, Write as _};
    let bench = Bench::new();
    let build = bench.build("build", &[("game.sh", b"#!/bin/sh\n")]);
    bench.publish(&build, "0.1.0", &["--program", "game.sh"]).ok();
    let file = bench.path("token");
    fs_err::write(&file, &bench.token).unwrap();
    let file = file.to_str().unwrap();
    player(&bench, "tester", &["install", "--read-token-file", file]).ok();

    // A mirror that is asked once the server is gone, and keeps what it is told.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mirror = format!("http://{}", listener.local_addr().unwrap());
    let (heads, heard) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let head: Vec<String> = lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .collect();
            let _ =
                stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            if heads.send(head.join("\n")).is_err() {
                return;
            }
        }
    });
    player(&bench, "tester", &["settings", "set", "mirrors", &mirror]).ok();
    let mut bench = bench;
    bench.stop_server();
    assert_ne!(player(&bench, "tester", &["check"]).code, 0);
    let head = heard.recv().unwrap().to_lowercase();
    assert!(head.starts_with("get /titles/vsekai/"), "{head}");
    assert!(
        !head.contains("authorization") && !head.contains(&bench.token),
        "{head}"
    );
}

#[test]
fn a_file_without_a_token_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("token");
    fs_err::write(&file, "\n").unwrap();
    let arguments = ["check", "--read-token-file", file.to_str().unwrap()];
    let refused = vsekai_in(data.path(), &[], &arguments);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("has no token in it"), "{}", refused.err);
}

#[test]
fn a_text_that_is_no_token_is_refused_and_not_repeated() {
    let data = tempfile::tempdir().unwrap();
    let file = data.path().join("token");
    fs_err::write(&file, "a secret\nthat is none\n").unwrap();
    let path = file.to_str().unwrap();
    for arguments in [
        &["check", "--read-token-file", path][..],
        &["settings", "set", "read-token", path],
    ] {
        let refused = vsekai_in(data.path(), &[], arguments);
        assert_eq!(refused.code, 2, "{}", refused.err);
        assert!(refused.err.contains("is not one word"), "{}", refused.err);
        assert!(!refused.err.contains("a secret"), "{}", refused.err);
    }
    let refused = vsekai_in(data.path(), &[("VSEKAI_READ_TOKEN", "two words")], &["check"]);
    assert!(refused.err.contains("is not one word"), "{}", refused.err);
}
