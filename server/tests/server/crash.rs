// SPDX-License-Identifier: MIT
//! A server killed in the middle of uploads and publishing: what is visible is whole.

use std::path::{Path, PathBuf};

use fs_err as fs;
use reqwest::StatusCode;
use tokio::sync::watch;
use vsekai_server::Limits;
use vsekai_server::fsck::{Depth, check};

use crate::bucket::Bucket;
use crate::build::{Build, PLATFORM, TITLE};
use crate::client::Client;
use crate::program::Program;

const ROUNDS: u8 = 12;

/// Publishes build after build until the server is gone; returns the last version that was confirmed.
async fn publish_until_killed(
    client: Client,
    round: u8,
    first_sequence: u64,
    begun: watch::Sender<u32>,
) -> Option<String> {
    let mut confirmed = None;
    for number in 0..100u8 {
        let version = format!("{round}.{number}");
        let build = Build::new(
            &version,
            first_sequence + u64::from(number),
            round.wrapping_mul(31) ^ number,
        );
        let uploads = build.chunks.iter().map(|(id, stored, _)| {
            let path = crate::client::chunk_path(*id);
            let request = client
                .request(reqwest::Method::PUT, &path)
                .bearer_auth(&client.token);
            begun.send_modify(|count| *count += 1);
            request.body(stored.clone()).send()
        });
        if futures::future::join_all(uploads)
            .await
            .iter()
            .any(Result::is_err)
        {
            return confirmed;
        }
        let Some(change) = client.sign_release(&build, "stable").await else {
            return confirmed;
        };
        let (content_type, body) = build.multipart(&change);
        let release = client.request(reqwest::Method::POST, "api/v1/releases?channel=stable");
        let release = release
            .bearer_auth(&client.token)
            .header("content-type", content_type)
            .body(body);
        begun.send_modify(|count| *count += 1);
        match release.send().await {
            Ok(response) => assert_eq!(response.status(), StatusCode::CREATED),
            Err(_) => return confirmed,
        }
        confirmed = Some(version);
    }
    confirmed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_leaves_nothing_half_visible() {
    let folder = tempfile::tempdir().unwrap();
    let mut last_confirmed: Option<String> = None;
    for round in 0..ROUNDS {
        let program = Program::serve(folder.path());
        let client = program.client(folder.path());
        let pointed = client.pointer("stable").await;
        // What was confirmed is still there; a newer release may be, if only its answer was lost.
        assert!(last_confirmed.is_none() || pointed.is_some());
        let sequence = pointed.as_ref().map_or(0, |pointer| pointer.release.sequence) + 1;
        let (begun, mut watched) = watch::channel(0);
        let publishing = tokio::spawn(publish_until_killed(client.clone(), round, sequence, begun));
        // Each round is cut off at another request: in the middle of uploads, or of publishing.
        watched
            .wait_for(|count| *count >= 5 * u32::from(round) + 2)
            .await
            .unwrap();
        program.kill();
        if let Some(version) = publishing.await.unwrap() {
            last_confirmed = Some(version);
        }
        let report = check(folder.path(), Depth::Contents, &Limits::default())
            .await
            .unwrap();
        assert!(report.dangling.is_empty(), "round {round}: {:?}", report.dangling);
        if let Some(version) = &last_confirmed {
            let program = Program::serve(folder.path());
            let path = format!("titles/{TITLE}/releases/{PLATFORM}/{version}/contents.json.zst");
            let contents = program.client(folder.path()).get(&path).await;
            assert_eq!(contents.status(), StatusCode::OK, "round {round}: {version}");
            program.kill();
        }
    }
    assert!(last_confirmed.is_some(), "no round published anything");
}

/// Tries to upload and publish a build; tells whether the server confirmed it.
async fn try_publish(client: &Client, build: &Build) -> bool {
    for (id, stored, _) in &build.chunks {
        let path = crate::client::chunk_path(*id);
        let request = client
            .request(reqwest::Method::PUT, &path)
            .bearer_auth(&client.token);
        if request.body(stored.clone()).send().await.is_err() {
            return false;
        }
    }
    let Some(change) = client.sign_release(build, "stable").await else {
        return false;
    };
    let (content_type, body) = build.multipart(&change);
    let request = client.request(reqwest::Method::POST, "api/v1/releases?channel=stable");
    let request = request
        .bearer_auth(&client.token)
        .header("content-type", content_type)
        .body(body);
    request
        .send()
        .await
        .is_ok_and(|response| response.status() == StatusCode::CREATED)
}

/// Lets a server be killed at the `nth` call of a kind, then checks what it left and that a new one goes on.
/// Its chunks are in the data folder, or below a prefix of a bucket. Tells whether the first server lived through it.
async fn kill_at(strace: &Path, bucket: Option<(&Bucket, &str)>, calls: &str, nth: u32) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path();
    let build = Build::new("1.0.0", 1, 1);
    let place = match bucket {
        Some((bucket, prefix)) => bucket.place(data, prefix),
        None => data.into(),
    };
    let arguments = bucket.map_or_else(Vec::new, |(bucket, prefix)| bucket.arguments(prefix));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let mut confirmed = false;
    if let Some(program) = Program::serve_and_kill(strace, data, &arguments, calls, nth) {
        confirmed = try_publish(&program.client(data), &build).await;
        program.kill_traced();
    }
    let what = format!("{calls} {nth}");
    let look = async || {
        let report = check(&place, Depth::Contents, &Limits::default()).await.unwrap();
        assert!(report.dangling.is_empty(), "{what}: {:?}", report.dangling);
        report.releases
    };
    if confirmed {
        assert_eq!(look().await, 1, "{what}");
    }
    let program = Program::serve_with(data, &arguments);
    let client = program.client(data);
    let there = look().await == 1;
    client.put_chunks(&build).await;
    let status = client.post_release(&build, "stable").await.status();
    assert_eq!(
        status,
        if there {
            StatusCode::OK
        } else {
            StatusCode::CREATED
        },
        "{what}"
    );
    program.kill();
    confirmed
}

/// Kills servers at calls of these kinds: at every one of them, which takes minutes, if
/// `VSEKAI_TEST_EVERY_CALL` is set, else at a sample that is closer together at the beginning.
async fn kill_at_calls(strace: &Path, bucket: Option<&Bucket>, kinds: &[&str]) {
    let every = std::env::var_os("VSEKAI_TEST_EVERY_CALL").is_some();
    let mut killed = 0;
    for (kind, calls) in kinds.iter().enumerate() {
        let mut nth = 1;
        loop {
            let prefix = format!("{kind}/{nth}");
            let bucket = bucket.map(|bucket| (bucket, prefix.as_str()));
            if nth >= 400 || kill_at(strace, bucket, calls, nth).await {
                break;
            }
            killed += 1;
            nth = if every { nth + 1 } else { nth * 2 };
        }
    }
    assert!(killed > 0, "no server was ever killed");
}

pub fn strace() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("strace"));
    let found = found.into_iter().find(|path| fs::metadata(path).is_ok());
    let works = found.filter(|strace| {
        let traced = std::process::Command::new(strace)
            .args(["-qq", "-o", "/dev/null", "true"])
            .status();
        traced.is_ok_and(|status| status.success())
    });
    if works.is_none() {
        eprintln!("SKIPPED: strace is missing or may not trace: install the package strace");
    }
    works
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_at_a_system_call_leaves_nothing_half_visible() {
    let Some(strace) = strace() else { return };
    let kinds = [
        "fsync",
        "fdatasync",
        "rename,renameat,renameat2",
        "pwrite64",
        "write",
        "openat",
        "mkdir",
        "unlink",
    ];
    kill_at_calls(&strace, None, &kinds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_at_a_call_to_its_bucket_leaves_nothing_half_visible() {
    let Some(strace) = strace() else { return };
    let Some(bucket) = Bucket::start() else { return };
    let kinds = [
        "connect",
        "sendto,sendmsg,writev",
        "recvfrom,readv",
        "fsync,fdatasync",
    ];
    kill_at_calls(&strace, Some(&bucket), &kinds).await;
}
