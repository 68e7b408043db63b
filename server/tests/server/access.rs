// SPDX-License-Identifier: MIT
//! Who may do what.

use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use vsekai_server::db::{Database, now, tokens};
use vsekai_server::storage::database_path;

use crate::build::{Build, PLATFORM, TITLE};
use crate::client::{Client, TestServer, chunk_path, make_token, problem};

/// Sends every request that changes or tells something to publishers; returns what each was answered.
async fn try_everything(client: &Client, build: &Build) -> [u16; 6] {
    let (id, stored, _) = &build.chunks[0];
    let answers: [Response; 6] = [
        client
            .send(
                Method::POST,
                "api/v1/chunks/missing",
                json!({ "chunks": [id] }).to_string(),
            )
            .await,
        client.put_chunk(*id, stored).await,
        client
            .send(Method::PUT, "index/loose.caidx", build.index.clone())
            .await,
        client.post_release(build, "stable").await,
        client.promote("stable", build).await,
        client
            .send(Method::GET, &format!("api/v1/titles/{TITLE}/releases"), "")
            .await,
    ];
    answers.map(|answer| answer.status().as_u16())
}

#[tokio::test]
async fn a_token_allows_its_title_its_channel_and_its_verbs() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "nightly").await;
    let (ok, no) = (200, 403);
    let cases = [
        // title, channel, verbs -> missing, chunk, index, release, promote, list
        (("*", "*", "*"), [ok, ok, 201, ok, ok, ok]),
        (("*", "*", "upload"), [ok, ok, ok, no, no, ok]),
        ((TITLE, "*", "upload"), [ok, ok, no, no, no, ok]),
        ((TITLE, "stable", "publish"), [ok, ok, no, ok, no, ok]),
        ((TITLE, "beta", "publish"), [ok, ok, no, no, no, ok]),
        (("other-title", "*", "publish"), [ok, ok, no, no, no, no]),
        ((TITLE, "stable", "promote"), [no, no, no, no, ok, ok]),
        ((TITLE, "beta", "promote"), [no, no, no, no, no, ok]),
        ((TITLE, "*", "promote,publish"), [ok, ok, no, ok, ok, ok]),
    ];
    for ((title, channel, verbs), expected) in cases {
        let client = server.token(title, channel, verbs).await;
        assert_eq!(
            try_everything(&client, &build).await,
            expected,
            "{title} {channel} {verbs}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn nothing_can_be_changed_without_a_good_token() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    let data = server.folder.path();
    let expired = make_token(data, "*", "*", "*", Some(now() - 1)).await;
    let revoked = make_token(data, "*", "*", "*", None).await;
    let id = revoked.split('_').nth(1).unwrap().to_owned();
    let database = Database::open(&database_path(data)).await.unwrap();
    assert!(
        database
            .write("end a token", move |tx| tokens::revoke(tx, &id))
            .await
            .unwrap()
    );
    database.close().await.unwrap();
    let good = &server.client.token;
    let mut other_secret = good.clone();
    let last = other_secret.pop().unwrap();
    other_secret.push(if last == '0' { '1' } else { '0' });
    for bad in [
        expired,
        revoked,
        other_secret,
        String::new(),
        "secret".to_owned(),
        good[7..].to_owned(),
    ] {
        let client = Client::new(server.running.url(), bad).with_keys_in(server.folder.path());
        assert_eq!(try_everything(&client, &build).await, [401; 6]);
    }
    server.stop().await;
}

#[tokio::test]
async fn a_token_is_taken_from_its_header_alone() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    let (id, stored, _) = &build.chunks[0];
    let token = server.client.token.clone();
    let path = format!("{}?token={token}&access_token={token}", chunk_path(*id));
    let request = server.client.request(Method::PUT, &path).body(stored.clone());
    let refused = request.send().await.unwrap();
    assert_eq!(refused.headers()["www-authenticate"], "Bearer");
    problem(refused, StatusCode::UNAUTHORIZED, "unauthorized").await;
    let basic = server
        .client
        .request(Method::PUT, &chunk_path(*id))
        .basic_auth("token", Some(&token));
    problem(
        basic.body(stored.clone()).send().await.unwrap(),
        StatusCode::UNAUTHORIZED,
        "unauthorized",
    )
    .await;
    assert_eq!(
        server.client.get(&chunk_path(*id)).await.status(),
        StatusCode::NOT_FOUND
    );
    server.stop().await;
}

#[tokio::test]
async fn figures_are_for_those_who_may_observe() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    server.client.get(&chunk_path(build.chunks[0].0)).await;
    let stored = build.chunks[0].1.len();
    for (title, verbs, status) in [
        ("*", "observe", 200),
        ("*", "publish", 403),
        (TITLE, "observe", 403),
    ] {
        let client = server.token(title, "*", verbs).await;
        let answer = client.send(Method::GET, "api/v1/metrics", "").await;
        assert_eq!(answer.status().as_u16(), status, "{title} {verbs}");
    }
    assert_eq!(
        server.client.get("api/v1/metrics").await.status(),
        StatusCode::UNAUTHORIZED
    );
    let text = server
        .client
        .send(Method::GET, "api/v1/metrics", "")
        .await
        .text()
        .await
        .unwrap();
    for line in [
        format!("vsekai_server_body_bytes_total{{kind=\"chunk\",status=\"200\"}} {stored}"),
        format!(
            "vsekai_server_answers_total{{kind=\"chunk-upload\",status=\"201\"}} {}",
            build.chunks.len()
        ),
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in\n{text}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn errors_from_within_tell_strangers_nothing() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    fs_err::remove_dir_all(server.folder.path().join("documents")).unwrap();
    let path = format!("titles/{TITLE}/releases/{PLATFORM}/1.0.0/contents.json.zst");
    let failed = server.client.get(&path).await;
    let problem = problem(failed, StatusCode::INTERNAL_SERVER_ERROR, "internal").await;
    assert!(!problem.to_string().contains("documents"), "{problem}");
    server.stop().await;
}
