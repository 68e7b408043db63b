// SPDX-License-Identifier: MIT
//! `chunk-server` and `index-server` with stock desync and casync as their clients.
#![cfg(all(unix, feature = "servers"))]

mod support;

use support::{Authority, Programs as _, Tools};
use vsekai_tests::{Place, noise};

#[track_caller]
fn same(one: &str, other: &str) {
    assert!(
        fs_err::read(one).unwrap() == fs_err::read(other).unwrap(),
        "{one} and {other} differ"
    );
}

/// Extracts `index` from `store` with a tool that must succeed and give `blob` again.
#[track_caller]
fn brings_back(tool: &Tools<'_>, blob: &str, store: &str, index: &str, options: &[&str]) {
    let out = format!("{blob}.out");
    tool.ok(&[&["extract"], options, &["-s", store, index, &out]].concat());
    same(blob, &out);
    fs_err::remove_file(out).unwrap();
}

fn first_chunk(desync: &Tools<'_>, index: &str) -> String {
    let ids = desync.ok(&["list-chunks", index]);
    ids.lines().next().unwrap().to_owned()
}

#[test]
fn stock_desync_uses_our_servers_in_every_mode() {
    let place = Place::new();
    let Some(desync) = place.desync() else { return };
    let blob = place.file("blob", noise(1, 3_000_000));
    place.file("tree/one", noise(2, 400_000));
    place.file("tree/deep/two", b"two");
    let (tree, local) = (place.at("tree"), place.folder("chunks"));
    let chunks = place.serve(&["chunk-server", "-w", "-s", &local]);
    let indexes = place.serve(&["index-server", "--writeable", "-s", &place.folder("indexes")]);
    let store = chunks.url.as_str();
    let (index, archive) = (
        format!("{}blob.caibx", indexes.url),
        format!("{}tree.caidx", indexes.url),
    );

    desync.ok(&["make", "-s", store, &index, &blob]);
    desync.ok(&["verify", "-s", &local]);
    brings_back(&desync, &blob, store, &index, &[]);
    desync.ok(&["verify-index", &index, &blob]);
    let copy = place.folder("copy");
    desync.ok(&["cache", "-s", store, "-c", &copy, &index]);
    brings_back(&desync, &blob, &copy, &index, &[]);

    desync.ok(&["tar", "-i", "-s", store, &archive, &tree]);
    let target = place.folder("target");
    desync.ok(&["untar", "-i", "--no-same-owner", "-s", store, &archive, &target]);
    same(&place.at("tree/one"), &place.at("target/one"));
    same(&place.at("tree/deep/two"), &place.at("target/deep/two"));

    // What a real client stored, ours reads, and the other way round.
    brings_back(&place.ours(), &blob, store, &index, &[]);
    let none = format!("{}no.caibx", indexes.url);
    desync.fails(&["extract", "-s", store, &none, &place.at("none")]);
}

#[test]
fn stock_casync_extracts_from_our_servers() {
    let place = Place::new();
    let Some(casync) = place.casync() else { return };
    let blob = place.file("blob", noise(3, 1_000_000));
    let local = place.folder("chunks");
    let chunks = place.serve(&["chunk-server", "-s", &local]);
    let indexes = place.serve(&["index-server", "-s", &place.folder("indexes")]);
    place
        .ours()
        .ok(&["make", "-s", &local, &place.at("indexes/blob.caibx"), &blob]);
    let index = format!("{}blob.caibx", indexes.url);
    casync.ok(&[
        "extract",
        &format!("--store={}", chunks.url),
        &index,
        &place.at("out"),
    ]);
    same(&blob, &place.at("out"));
}

#[test]
fn a_server_that_was_not_told_to_take_uploads_takes_none() {
    let place = Place::new();
    let Some(desync) = place.desync() else { return };
    let blob = place.file("blob", noise(4, 300_000));
    let chunks = place.serve(&["chunk-server", "-s", &place.folder("chunks")]);
    let indexes = place.serve(&["index-server", "-s", &place.folder("indexes")]);
    desync.fails(&["make", "-s", &chunks.url, &place.at("blob.caibx"), &blob]);
    desync.fails(&["make", &format!("{}blob.caibx", indexes.url), &blob]);
    assert_eq!(fs_err::read_dir(place.at("chunks")).unwrap().count(), 0);
    assert_eq!(fs_err::read_dir(place.at("indexes")).unwrap().count(), 0);
}

#[test]
fn chunks_are_served_without_compression_whatever_they_are_in_the_store() {
    let place = Place::new();
    let Some(desync) = place.desync() else { return };
    let blob = place.file("blob", noise(5, 500_000));
    let (local, index) = (place.folder("chunks"), place.at("blob.caibx"));
    let server = place.serve(&["chunk-server", "-u", "-w", "-s", &local]);
    let config = format!(
        r#"{{"store-options": {{"{}": {{"uncompressed": true}}}}}}"#,
        server.url
    );
    let config = place.file("config.json", config);
    desync.ok(&["make", "--config", &config, "-s", &server.url, &index, &blob]);
    brings_back(&desync, &blob, &server.url, &index, &["--config", &config]);
    // In the folder they are as any other, so that any other tool finds them.
    brings_back(&desync, &blob, &local, &index, &[]);
    desync.fails(&["extract", "-s", &server.url, &index, &place.at("wrong")]);
}

#[test]
fn a_server_of_sha256_serves_sha256() {
    let place = Place::new();
    let Some(desync) = place.desync() else { return };
    let blob = place.file("blob", noise(6, 300_000));
    let (local, names) = (place.folder("chunks"), place.folder("indexes"));
    let chunks = place.serve(&["chunk-server", "--digest", "sha256", "-w", "-s", &local]);
    let indexes = place.serve(&["index-server", "--digest=sha256", "-w", "-s", &names]);
    let index = format!("{}blob.caibx", indexes.url);
    desync.ok(&["--digest", "sha256", "make", "-s", &chunks.url, &index, &blob]);
    brings_back(&desync, &blob, &chunks.url, &index, &["--digest", "sha256"]);
    desync.fails(&["make", &index, &blob]);
}

#[test]
fn only_who_sends_the_right_authorization_is_served() {
    let place = Place::new();
    let Some(desync) = place.desync() else { return };
    let blob = place.file("blob", noise(7, 300_000));
    let chunks = place.serve(&[
        "chunk-server",
        "-w",
        "--authorization",
        "Bearer right",
        "-s",
        &place.folder("chunks"),
    ]);
    let indexes = place.serve_with(
        &["index-server", "-w", "-s", &place.folder("indexes")],
        &[("DESYNC_HTTP_AUTH", "Bearer right")],
    );
    let index = format!("{}blob.caibx", indexes.url);
    let config = |secret: &str| {
        let entry = |url: &str| format!(r#""{url}": {{"http-auth": "{secret}"}}"#);
        let (chunks, indexes) = (entry(&chunks.url), entry(&indexes.url));
        place.file(
            "config.json",
            format!(r#"{{"store-options": {{{chunks}, {indexes}}}}}"#),
        )
    };
    let wrong = config("Bearer wrong");
    desync.fails(&["make", "-s", &chunks.url, &index, &blob]);
    desync.fails(&[
        "make",
        "--config",
        &wrong,
        "-s",
        &chunks.url,
        &place.at("i.caibx"),
        &blob,
    ]);
    desync.fails(&["make", "--config", &wrong, &index, &blob]);
    let right = config("Bearer right");
    desync.ok(&["make", "--config", &right, "-s", &chunks.url, &index, &blob]);
    brings_back(&desync, &blob, &chunks.url, &index, &["--config", &right]);
}

#[test]
fn stock_desync_reaches_our_servers_over_tls() {
    let place = Place::new();
    let Some(desync) = place.desync() else { return };
    let blob = place.file("blob", noise(8, 300_000));
    let authority = Authority::new();
    let (cert, key) = authority.issue(&place, "server");
    let ca = authority.write(&place, "ca.pem");
    let tls = ["--cert", cert.as_str(), "--key", key.as_str(), "-w", "-s"];
    let (local, names) = (place.folder("chunks"), place.folder("indexes"));
    let chunks = place.serve(&[&["chunk-server"], &tls[..], &[&local]].concat());
    let indexes = place.serve(&[&["index-server"], &tls[..], &[&names]].concat());
    assert!(chunks.url.starts_with("https://"), "{}", chunks.url);
    let index = format!("{}blob.caibx", indexes.url);
    desync.fails(&["make", "-e", "1", "-s", &chunks.url, &index, &blob]);
    desync.ok(&["make", "--ca-cert", &ca, "-s", &chunks.url, &index, &blob]);
    let ours = place.ours();
    for tool in [&desync, &ours] {
        brings_back(tool, &blob, &chunks.url, &index, &["--ca-cert", &ca]);
    }
    let untrusted = place.at("untrusted");
    ours.fails(&["extract", "-e", "1", "-s", &chunks.url, &index, &untrusted]);
}

#[test]
fn with_mutual_tls_clients_need_a_certificate_of_the_authority() {
    let place = Place::new();
    let Some(desync) = place.desync() else { return };
    let blob = place.file("blob", noise(9, 300_000));
    let (authority, clients, others) = (Authority::new(), Authority::new(), Authority::new());
    let (cert, key) = authority.issue(&place, "server");
    let (ca, client_ca) = (
        authority.write(&place, "ca.pem"),
        clients.write(&place, "clients.pem"),
    );
    let (mine, my_key) = clients.issue(&place, "mine");
    let (foreign, foreign_key) = others.issue(&place, "foreign");
    let (local, index) = (place.folder("chunks"), place.at("blob.caibx"));
    let tls = [
        "--cert",
        &cert,
        "--key",
        &key,
        "--mutual-tls",
        "--client-ca",
        &client_ca,
    ];
    let server = place.serve(&[&["chunk-server", "-w", "-s", &local], &tls[..]].concat());
    let make = |more: &[&str]| {
        let start = ["make", "-e", "1", "--ca-cert", &ca, "-s", &server.url];
        [&start, more, &[index.as_str(), blob.as_str()]]
            .concat()
            .join("\n")
    };
    let fails = |line: String| desync.fails(&line.lines().collect::<Vec<_>>());
    fails(make(&[]));
    fails(make(&["--client-cert", &foreign, "--client-key", &foreign_key]));
    let right = make(&["--client-cert", &mine, "--client-key", &my_key]);
    desync.ok(&right.lines().collect::<Vec<_>>());
    desync.ok(&["verify", "-s", &local]);
    // TLS is all or nothing.
    let ours = place.ours();
    ours.fails(&["chunk-server", "-s", &local, "--cert", &cert]);
    ours.fails(&[
        "chunk-server",
        "-s",
        &local,
        "--mutual-tls",
        "--client-ca",
        &client_ca,
    ]);
    ours.fails(&["chunk-server", "-s", &local, "--cert", &key, "--key", &cert]);
}

#[test]
fn groups_and_a_cache_stand_in_for_a_store_that_fails() {
    let place = Place::new();
    let Some(desync) = place.desync() else { return };
    let blob = place.file("blob", noise(10, 500_000));
    let (good, cache, index) = (
        place.folder("good"),
        place.folder("cache"),
        place.at("blob.caibx"),
    );
    desync.ok(&["make", "-s", &good, &index, &blob]);
    let group = format!("http://127.0.0.1:1/|{good}");
    let server = place.serve(&["chunk-server", "-e", "1", "-s", &group, "-c", &cache]);
    for store in [&server.url, &cache] {
        brings_back(&desync, &blob, store, &index, &[]);
    }
}

#[test]
fn damage_in_the_store_is_never_served() {
    let place = Place::new();
    let Some(desync) = place.desync() else { return };
    let blob = place.file("blob", noise(11, 200_000));
    let (local, index) = (place.folder("chunks"), place.at("blob.caibx"));
    desync.ok(&["make", "-s", &local, &index, &blob]);
    let first = first_chunk(&desync, &index);
    place.file(&format!("chunks/{}/{first}.cacnk", &first[..4]), b"damaged");
    // Even if somebody asks for it as desync does by default.
    let mut server = place.serve(&["chunk-server", "--skip-verify-read=true", "-s", &local]);
    desync.fails(&["extract", "-e", "1", "-s", &server.url, &index, &place.at("out")]);
    assert!(server.hear("a store failed").contains(&first));
}

#[test]
fn a_hangup_makes_the_server_read_its_store_file_again() {
    let place = Place::new();
    let Some(desync) = place.desync() else { return };
    let blob = place.file("blob", noise(12, 300_000));
    let (old, new, index) = (place.folder("old"), place.folder("new"), place.at("blob.caibx"));
    desync.ok(&["make", "-s", &new, &index, &blob]);
    let file = place.file("stores.json", format!(r#"{{"stores": ["{old}"]}}"#));
    let mut server = place.serve(&["chunk-server", "--store-file", &file]);
    let extract = ["extract", "-s", &server.url.clone(), &index, &place.at("out")];
    desync.fails(&extract);
    place.file("stores.json", "{");
    server.signal("-HUP");
    server.hear("the stores stay as they were: ");
    desync.fails(&extract);
    place.file("stores.json", format!(r#"{{"stores": ["{new}"]}}"#));
    server.signal("-HUP");
    server.hear("read the stores from ");
    brings_back(&desync, &blob, &server.url, &index, &[]);
}

#[test]
fn requests_are_noted_in_the_log_that_was_asked_for() {
    let place = Place::new();
    let Some(desync) = place.desync() else { return };
    let blob = place.file("blob", noise(13, 100_000));
    let (local, index, log) = (
        place.folder("chunks"),
        place.at("blob.caibx"),
        place.file("log", "before\n"),
    );
    let server = place.serve(&["chunk-server", "-w", "--log", &log, "-s", &local]);
    desync.ok(&["make", "-s", &server.url, &index, &blob]);
    let first = first_chunk(&desync, &index);
    let noted = fs_err::read_to_string(&log).unwrap();
    assert!(noted.starts_with("before\n"), "{noted}");
    let path = format!("/{}/{first}.cacnk", &first[..4]);
    for expected in [
        format!("HEAD {path}, Response: 404"),
        format!("PUT {path}, Response: 200"),
    ] {
        assert!(noted.contains("Client: 127.0.0.1:"), "{noted}");
        assert!(noted.contains(&format!(", Request: {expected}\n")), "{noted}");
    }
}

#[test]
fn a_server_that_is_stopped_has_done_its_work() {
    let place = Place::new();
    let local = place.folder("chunks");
    for (signal, kind) in [("-INT", "chunk-server"), ("-TERM", "index-server")] {
        let server = place.serve(&[kind, "-s", &local]);
        server.signal(signal);
        assert_eq!(server.ended(), Some(0), "{signal}");
    }
}

#[test]
fn an_address_that_is_taken_ends_all_of_them() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let local = place.folder("chunks");
    let outcome = place
        .ours()
        .run(&["chunk-server", "-s", &local, "-l", "127.0.0.1:0", "-l", &address]);
    assert_eq!(outcome.status.code(), Some(1));
    let err = String::from_utf8(outcome.stderr).unwrap();
    assert!(err.contains(&format!("Error: listen: {address}: ")), "{err}");
}

#[test]
fn stock_desync_reads_a_store_of_ours_through_ssh() {
    let place = Place::new();
    let Some(desync) = place.desync() else { return };
    let blob = place.file("blob", noise(14, 500_000));
    let (local, index) = (place.folder("chunks"), place.at("blob.caibx"));
    place.ours().ok(&["make", "-s", &local, &index, &blob]);
    let program = place.at("desync");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_vsekai"), &program).unwrap();
    // What ssh does with its arguments, without the way to another machine.
    let ssh = "#!/bin/sh\n[ \"$1\" = -- ] && shift\nshift\nexec sh -c \"$*\"\n";
    let ssh = place.program("ssh", ssh);
    let store = format!("ssh://host{local}");
    let variables = [
        ("CASYNC_SSH_PATH", ssh.as_str()),
        ("CASYNC_REMOTE_PATH", &program),
    ];
    let out = place.at("out");
    let extracts = |stores: &[&str]| {
        let arguments = [&["extract"], stores, &[&index, &out]].concat();
        let outcome = desync.command(&arguments).envs(variables).output().unwrap();
        assert!(outcome.status.success(), "{outcome:?}");
        same(&blob, &out);
        fs_err::remove_file(&out).unwrap();
    };
    extracts(&["-s", &store]);
    // A chunk that is not there is told as missing, and then asked for elsewhere.
    let empty = format!("ssh://host{}", place.folder("empty"));
    extracts(&["-s", &empty, "-s", &local]);
}

#[test]
fn a_client_that_goes_away_without_a_goodbye_was_not_served() {
    let place = Place::new();
    let local = place.folder("chunks");
    let outcome = place.ours().run(&["pull", "-", "-", "-", &local]);
    assert_eq!(outcome.status.code(), Some(1));
    let err = String::from_utf8(outcome.stderr).unwrap();
    assert!(err.contains("went away without a goodbye"), "{err}");
    // The hello: 24 bytes, its type, and that chunks can be read.
    assert_eq!(
        hex(&outcome.stdout),
        "1800000000000000eefba58c94d0713c0100000000000000"
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
