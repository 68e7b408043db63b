// SPDX-License-Identifier: MIT
//! Collecting what nothing keeps: beside publishers and players, and killed at any call.

use std::path::Path;
use std::time::Duration;

use fs_err as fs;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use vsekai_formats::release::address;
use vsekai_server::db::Database;
use vsekai_server::fsck::{Depth, check};
use vsekai_server::retention::KeepRule;
use vsekai_server::storage::{database_path, keep_whole};
use vsekai_server::{Limits, Retention, ServerConfig};

use crate::build::{Build, PLATFORM, TITLE};
use crate::client::{Client, TestServer, chunk_path, problem};
use crate::crash::strace;
use crate::program::{Program, killed_at, run, text};
use crate::signer::slug;

/// Keeps the last release of each channel.
pub fn last_one(config: &mut ServerConfig) {
    config.retention = Retention {
        every: Duration::ZERO,
        rules: vec![KeepRule {
            title: "*".parse().unwrap(),
            channel: "*".parse().unwrap(),
            last: 1,
            days: 0,
        }],
        ..Retention::default()
    };
}

async fn start() -> TestServer {
    TestServer::configured(tempfile::tempdir().unwrap(), last_one).await
}

/// Starts a server with the chunks of `build`, on which nobody relies any more.
async fn start_with_old_chunks(build: &Build) -> TestServer {
    let server = start().await;
    server.client.put_chunks(build).await;
    server.client.collect().await;
    age(server.folder.path()).await;
    server
}

/// Lets the grace of everything end.
pub async fn age(data: &Path) {
    let database = Database::open(&database_path(data)).await.unwrap();
    let aged = database.write("age everything", |tx| {
        tx.execute_batch(
            "UPDATE chunks SET touched_at = 0;
			UPDATE targets SET unlisted_at = 0 WHERE unlisted_at IS NOT NULL;",
        )
    });
    aged.await.unwrap();
    database.close().await.unwrap();
}

impl Client {
    /// Lists a build in `channel` no more.
    pub async fn retire(&self, channel: &str, build: &Build) {
        let change = self.signed(|editor| {
            let removed = editor.remove_manifest(&slug(channel), PLATFORM, &build.manifest.version);
            assert!(removed.unwrap());
        });
        let answer = self.post_change(&change.await.unwrap()).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }

    pub async fn collect(&self) -> Value {
        let answer = self.send(Method::POST, "api/v1/collection", "").await;
        assert_eq!(answer.status(), StatusCode::OK);
        answer.json().await.unwrap()
    }

    async fn has(&self, path: &str) -> bool {
        match self.get(path).await.status() {
            StatusCode::OK => true,
            StatusCode::NOT_FOUND => false,
            status => panic!("{path}: {status}"),
        }
    }
}

fn verdicts(report: &Value) -> Vec<&str> {
    let releases = report["releases"].as_array().unwrap().iter();
    releases
        .map(|release| release["verdict"].as_str().unwrap())
        .collect()
}

/// Returns the addresses of a build's index and contents.
fn documents(build: &Build) -> [String; 2] {
    let (title, version) = (TITLE.parse().unwrap(), &build.manifest.version);
    [
        format!("index/{}", address::index_name(&title, PLATFORM, version)),
        format!("titles/{TITLE}/releases/{PLATFORM}/{version}/contents.json.zst"),
    ]
}

#[tokio::test]
async fn a_retired_release_goes_with_what_only_it_needed() {
    let server = start().await;
    let client = &server.client;
    let (old, new) = (Build::new("1.0.0", 1, 1), Build::new("1.1.0", 2, 2));
    client.publish(&old, "stable").await;
    client.publish(&new, "stable").await;
    age(server.folder.path()).await;
    let plan = client.get_json("api/v1/collection").await;
    assert_eq!(verdicts(&plan), ["listed", "kept"], "signed metadata lists it");
    assert_eq!(verdicts(&client.collect().await), ["listed", "kept"]);

    client.retire("stable", &old).await;
    let plan = client.get_json("api/v1/collection").await;
    assert_eq!(verdicts(&plan), ["waiting", "kept"], "downloads may be under way");
    age(server.folder.path()).await;
    let plan = client.get_json("api/v1/collection").await;
    assert_eq!(verdicts(&plan), ["collected", "kept"]);
    let own = old
        .chunks
        .iter()
        .filter(|(id, ..)| !new.chunks.iter().any(|(kept, ..)| kept == id));
    let own_bytes: usize = own.clone().map(|(_, stored, _)| stored.len()).sum();
    assert_eq!(plan["releases"][0]["own_bytes"], own_bytes);
    assert_eq!(
        plan["chunks"],
        json!({ "count": own.clone().count(), "bytes": own_bytes })
    );
    assert_eq!(plan["documents"]["count"], 3);
    assert!(client.has(&documents(&old)[0]).await, "a plan removes nothing");

    let mut done = client.collect().await;
    assert_eq!(done["dry_run"], false);
    (done["dry_run"], done["at"]) = (json!(true), plan["at"].clone());
    assert_eq!(done, plan, "what was planned is what was done");
    for path in documents(&old) {
        assert!(!client.has(&path).await, "{path}");
    }
    for (id, ..) in own {
        assert!(!client.has(&chunk_path(*id)).await);
    }
    for path in documents(&new) {
        assert!(client.has(&path).await, "{path}");
    }
    for (id, ..) in &new.chunks {
        assert!(client.has(&chunk_path(*id)).await);
    }
    let report = server.fsck().await;
    assert_eq!((report.releases, report.unreferenced), (1, 0));
    assert!(report.dangling.is_empty(), "{:?}", report.dangling);
    let log = client.get_json("api/v1/audit?limit=1").await;
    assert_eq!(log["entries"][0]["action"], "collect");
    assert_eq!(log["entries"][0]["version"], "1.0.0");

    let server = server.restart().await;
    assert_eq!(server.fsck().await.unreferenced, 0);
    server.stop().await;
}

#[tokio::test]
async fn what_a_publisher_was_told_is_there_stays_until_it_is_published() {
    let build = Build::new("1.0.0", 1, 1);
    let server = start_with_old_chunks(&build).await;
    let (client, data) = (&server.client, server.folder.path());
    let ids: Vec<_> = build.chunks.iter().map(|(id, ..)| *id).collect();
    // Each chunk is asked for in another of the ways there are.
    assert_eq!(client.missing(&ids[..1]).await["missing"], json!([]));
    let (id, stored, _) = &build.chunks[1];
    assert_eq!(client.put_chunk(*id, stored).await.status(), StatusCode::OK);
    let head = client.send(Method::HEAD, &chunk_path(ids[2]), "").await;
    assert_eq!(head.status(), StatusCode::OK);
    let stranger = client
        .request(Method::HEAD, &chunk_path(ids[3]))
        .send()
        .await
        .unwrap();
    assert_eq!(stranger.status(), StatusCode::OK, "readers keep nothing");
    let report = client.collect().await;
    assert_eq!(report["waiting_chunks"]["count"], 3);
    assert_eq!(report["chunks"]["count"], ids.len() - 3);
    let missing = client.missing(&ids).await;
    assert_eq!(missing["missing"], json!(ids[3..]));
    let head = client.send(Method::HEAD, &chunk_path(ids[3]), "").await;
    assert_eq!(head.status(), StatusCode::NOT_FOUND);

    client.publish(&build, "stable").await;
    age(data).await;
    assert_eq!(client.collect().await["chunks"]["count"], 0);
    assert!(server.fsck().await.dangling.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn an_index_of_a_stock_client_keeps_its_chunks() {
    let build = Build::new("1.0.0", 1, 1);
    let server = start_with_old_chunks(&build).await;
    let client = &server.client;
    let answer = client
        .send(Method::PUT, "index/mine.caidx", build.index.clone())
        .await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    age(server.folder.path()).await;
    let report = client.collect().await;
    assert_eq!(report["needed_chunks"]["count"], build.chunks.len());
    server.stop().await;
}

#[tokio::test]
async fn a_version_that_was_collected_stands_for_the_same_build_for_ever() {
    let server = start().await;
    let client = &server.client;
    let (old, new) = (Build::new("1.0.0", 1, 1), Build::new("1.1.0", 2, 2));
    client.publish(&old, "stable").await;
    client.publish(&new, "stable").await;
    client.retire("stable", &old).await;
    age(server.folder.path()).await;
    client.collect().await;
    let other = Build::new("1.0.0", 3, 3);
    client.put_chunks(&other).await;
    let refused = client.post_release(&other, "stable").await;
    problem(refused, StatusCode::CONFLICT, "version-exists").await;
    let again = Build::new("1.0.0", 3, 1);
    client.publish(&again, "stable").await;
    assert!(server.fsck().await.dangling.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_held_release_stays_until_it_is_let_go() {
    let server = start().await;
    let client = &server.client;
    let (old, new) = (Build::new("1.0.0", 1, 1), Build::new("1.1.0", 2, 2));
    client.publish(&old, "stable").await;
    client.publish(&new, "stable").await;
    client.retire("stable", &old).await;
    age(server.folder.path()).await;
    let hold = format!("api/v1/titles/{TITLE}/releases/{PLATFORM}/1.0.0/hold");
    let reason = json!({ "reason": "a museum shows it" }).to_string();
    let promote_nightly = server.token(TITLE, "nightly", "promote").await;
    let refused = promote_nightly.send(Method::PUT, &hold, reason.clone()).await;
    problem(refused, StatusCode::FORBIDDEN, "forbidden").await;
    let held = client.send(Method::PUT, &hold, reason).await;
    assert_eq!(held.status(), StatusCode::NO_CONTENT);
    assert_eq!(verdicts(&client.collect().await), ["kept", "kept"]);
    let let_go = client.send(Method::DELETE, &hold, "").await;
    assert_eq!(let_go.status(), StatusCode::NO_CONTENT);
    let again = client.send(Method::DELETE, &hold, "").await;
    problem(again, StatusCode::NOT_FOUND, "not-found").await;
    assert_eq!(verdicts(&client.collect().await), ["collected", "kept"]);
    server.stop().await;
}

#[tokio::test]
async fn a_build_that_is_offered_outside_a_rollout_is_kept() {
    let server = start().await;
    let client = &server.client;
    let (old, new) = (Build::new("1.0.0", 1, 1), Build::new("1.1.0", 2, 2));
    client.publish(&old, "stable").await;
    client.publish(&new, "stable").await;
    let mut pointer = client.pointer("stable").await.unwrap();
    pointer.rollout = Some(vsekai_formats::release::Rollout {
        percent: vsekai_formats::release::Percent::new(10).unwrap(),
        previous: Some(crate::signer::release_of(&old)),
    });
    let change = client
        .signed(|editor| editor.put_pointer(&pointer).unwrap())
        .await;
    client.post_change(&change.unwrap()).await;
    let plan = client.get_json("api/v1/collection").await;
    assert_eq!(verdicts(&plan), ["kept", "kept"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn collecting_beside_uploads_takes_nothing_that_was_confirmed() {
    let server = start().await;
    let (client, data) = (&server.client, server.folder.path());
    for round in 0..12u8 {
        let build = Build::new(&format!("1.{round}"), u64::from(round) + 1, round);
        client.put_chunks(&build).await;
        age(data).await;
        // All of them are due when they are uploaded again, asked for, and collected at once.
        let uploads = async {
            client.put_chunks(&build).await;
            client.publish(&build, "nightly").await;
        };
        let ((), one, other) = tokio::join!(uploads, client.collect_or_busy(), client.collect_or_busy());
        assert!([one, other].contains(&StatusCode::OK), "round {round}");
        for (id, stored, _) in &build.chunks {
            let found = client.get(&chunk_path(*id)).await.bytes().await.unwrap();
            assert_eq!(found, stored, "round {round}");
        }
    }
    let report = server.fsck().await;
    assert!(report.dangling.is_empty(), "{:?}", report.dangling);
    assert_eq!(report.unreferenced, 0);
    server.stop().await;
}

impl Client {
    async fn collect_or_busy(&self) -> StatusCode {
        let answer = self.send(Method::POST, "api/v1/collection", "").await;
        let status = answer.status();
        assert!(
            matches!(status, StatusCode::OK | StatusCode::CONFLICT),
            "{status}"
        );
        status
    }
}

#[tokio::test]
async fn a_chunk_that_cannot_be_removed_leaves_no_removal_under_way() {
    let build = Build::new("1.0.0", 1, 1);
    let server = start_with_old_chunks(&build).await;
    let client = &server.client;
    let mut ids: Vec<_> = build.chunks.iter().map(|(id, ..)| *id).collect();
    ids.sort_unstable();
    let files = ids.iter().map(|id| server.folder.path().join(chunk_path(*id)));
    let files: Vec<_> = files.collect();
    let (first, others) = files.split_first().unwrap();
    fs::remove_file(first).unwrap();
    fs::create_dir(first).unwrap();
    let failed = client.send(Method::POST, "api/v1/collection", "").await;
    problem(failed, StatusCode::INTERNAL_SERVER_ERROR, "internal").await;
    for file in others {
        assert!(fs::metadata(file).is_err(), "{}", file.display());
    }
    client.collect().await;
    server.stop().await;
}

#[tokio::test]
async fn nothing_is_collected_while_somebody_copies_everything() {
    let server = start().await;
    let whole = keep_whole(server.folder.path()).unwrap();
    let refused = server.client.send(Method::POST, "api/v1/collection", "").await;
    problem(refused, StatusCode::CONFLICT, "busy").await;
    drop(whole);
    server.client.collect().await;
    server.stop().await;
}

/// Makes a data folder in which much is to be collected, and returns the build that stays.
async fn much_to_collect(folder: &Path) -> Build {
    let program = Program::serve(folder);
    let client = program.client(folder);
    let builds = [1u8, 2, 3].map(|n| Build::new(&format!("{n}.0"), u64::from(n), n));
    for build in &builds {
        client.publish(build, "stable").await;
    }
    client.put_chunks(&Build::new("4.0", 4, 4)).await;
    client.retire("stable", &builds[0]).await;
    client.retire("stable", &builds[1]).await;
    #[cfg(unix)]
    assert_eq!(program.terminate(), Some(0));
    age(folder).await;
    let [.., newest] = builds;
    newest
}

const RULES: &str = "[retention]\ngrace = 1\n[[retention.rules]]\nlast = 1\n";

pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let place = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy_folder(&entry.path(), &place),
            false => drop(fs::copy(entry.path(), place).unwrap()),
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_collection_killed_at_a_system_call_leaves_everything_visible_whole() {
    let Some(strace) = strace() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (full, settings) = (folder.path().join("full"), folder.path().join("server.toml"));
    fs::write(&settings, RULES).unwrap();
    let newest = much_to_collect(&full).await;
    let arguments = ["--config", settings.to_str().unwrap(), "gc"];
    let every = std::env::var_os("VSEKAI_TEST_EVERY_CALL").is_some();
    let mut killed = 0;
    for calls in ["unlink,unlinkat", "fsync,fdatasync", "pwrite64"] {
        let mut nth = 1;
        loop {
            let data = folder.path().join(format!("{}-{nth}", calls.replace(',', "-")));
            copy_folder(&full, &data);
            let mut traced = killed_at(&strace, &data, &arguments, calls, nth);
            let survived = traced.status().unwrap().success();
            let report = check(&data, Depth::Contents, &Limits::default()).await.unwrap();
            assert!(report.dangling.is_empty(), "{calls} {nth}: {:?}", report.dangling);
            assert!((1..=3).contains(&report.releases), "{calls} {nth}");
            // The next one finishes what this one left.
            let again = run(&data, &arguments);
            assert!(again.status.success(), "{calls} {nth}: {}", text(&again.stderr));
            let report = check(&data, Depth::Contents, &Limits::default()).await.unwrap();
            assert!(report.dangling.is_empty(), "{calls} {nth}: {:?}", report.dangling);
            assert_eq!(report.releases, 1, "{calls} {nth}");
            assert!(report.chunks >= newest.chunks.len(), "{calls} {nth}");
            fs::remove_dir_all(&data).unwrap();
            if survived {
                break;
            }
            killed += 1;
            nth = if every { nth + 1 } else { nth * 2 };
        }
    }
    assert!(killed > 6, "only {killed} collections were killed");
}

#[cfg(unix)]
#[tokio::test]
async fn the_program_tells_beside_a_server_and_removes_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let (data, settings) = (folder.path().join("data"), folder.path().join("server.toml"));
    fs::write(&settings, RULES).unwrap();
    let newest = much_to_collect(&data).await;
    let settings = settings.to_str().unwrap();
    let server = Program::serve(&data);
    let told = run(&data, &["--config", settings, "gc", "--dry-run"]);
    assert_eq!(told.status.code(), Some(0), "{}", text(&told.stderr));
    let lines = text(&told.stdout);
    assert!(
        lines.contains("collected\ttest-title\tlinux-x86_64\t1.0\t")
            && lines.contains("would go: 2 releases"),
        "{lines}"
    );
    assert_eq!(run(&data, &["--config", settings, "gc"]).status.code(), Some(4));
    assert_eq!(server.terminate(), Some(0));
    let done = run(&data, &["--config", settings, "gc", "--json"]);
    let report: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(verdicts(&report), ["collected", "collected", "kept"]);
    assert_eq!(report["needed_chunks"]["count"], newest.chunks.len());
    let sizes = run(&data, &["sizes"]);
    let line = format!("{} chunks, ", newest.chunks.len());
    assert!(text(&sizes.stdout).contains(&line), "{}", text(&sizes.stdout));
    let log = run(&data, &["audit", "--title", TITLE]);
    assert!(
        text(&log.stdout).contains("\tcollect\ttest-title"),
        "{}",
        text(&log.stdout)
    );
}
