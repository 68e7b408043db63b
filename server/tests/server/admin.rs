// SPDX-License-Identifier: MIT
//! What those who run a server see and do: tokens, the log, and sizes.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::build::{Build, TITLE};
use crate::client::{Client, TestServer, problem};

#[tokio::test]
async fn tokens_are_made_shown_once_and_ended_over_the_api() {
    let server = TestServer::start().await;
    let wanted = json!({
        "label": "nightly builds", "title": TITLE, "channel": "nightly", "verbs": "publish",
    });
    let made = server
        .client
        .send(Method::POST, "api/v1/tokens", wanted.to_string())
        .await;
    assert_eq!(made.status(), StatusCode::CREATED);
    assert_eq!(made.headers()["cache-control"], "no-store");
    let made: Value = made.json().await.unwrap();
    let token = made["token"].as_str().unwrap().to_owned();
    let client = Client::new(server.running.url(), token.clone()).with_keys_in(server.folder.path());
    client.publish(&Build::new("1.0.0", 1, 1), "nightly").await;

    let list = server.client.get_json("api/v1/tokens").await;
    let listed = list["tokens"].as_array().unwrap().iter();
    let listed = listed.clone().find(|listed| listed["id"] == made["id"]).unwrap();
    assert_eq!(
        (&listed["verbs"], &listed["active"]),
        (&json!("publish"), &json!(true))
    );
    assert!(!list.to_string().contains(&token));

    let path = format!("api/v1/tokens/{}", made["id"].as_str().unwrap());
    let ended = server.client.send(Method::DELETE, &path, "").await;
    assert_eq!(ended.status(), StatusCode::NO_CONTENT);
    let again = server.client.send(Method::DELETE, &path, "").await;
    problem(again, StatusCode::NOT_FOUND, "not-found").await;
    let refused = client.post_release(&Build::new("1.0.0", 1, 1), "nightly").await;
    problem(refused, StatusCode::UNAUTHORIZED, "unauthorized").await;
    for wrong in [
        json!({ "label": "", "title": "*", "channel": "*", "verbs": "*" }),
        json!({ "label": "x", "title": "No Title", "channel": "*", "verbs": "*" }),
        json!({ "label": "x", "title": "*", "channel": "*", "verbs": "everything" }),
        json!({ "label": "x", "title": "*", "channel": "*", "verbs": "*", "colour": "red" }),
    ] {
        let refused = server
            .client
            .send(Method::POST, "api/v1/tokens", wrong.to_string())
            .await;
        problem(refused, StatusCode::BAD_REQUEST, "bad-request").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn running_the_server_takes_a_token_for_that() {
    let server = TestServer::start().await;
    let requests = [
        (Method::GET, "api/v1/audit"),
        (Method::GET, "api/v1/tokens"),
        (Method::DELETE, "api/v1/tokens/00000000"),
        (Method::GET, "api/v1/collection"),
        (Method::POST, "api/v1/collection"),
    ];
    for (title, verbs) in [("*", "publish,promote,keys,observe,upload"), (TITLE, "admin")] {
        let client = server.token(title, "*", verbs).await;
        for (method, path) in &requests {
            let refused = client.send(method.clone(), path, "").await;
            problem(refused, StatusCode::FORBIDDEN, "forbidden").await;
        }
    }
    for (method, path) in &requests {
        let refused = server.client.request(method.clone(), path).send().await.unwrap();
        problem(refused, StatusCode::UNAUTHORIZED, "unauthorized").await;
    }
    let admin = server.token("*", "*", "admin").await;
    admin.get_json("api/v1/audit").await;
    let refused = admin.send(Method::GET, "api/v1/sizes", "").await;
    problem(refused, StatusCode::FORBIDDEN, "forbidden").await;
    server.stop().await;
}

#[tokio::test]
async fn the_log_says_who_did_what_and_is_read_page_by_page() {
    let server = TestServer::start().await;
    let ci = json!({ "label": "ci", "title": TITLE, "channel": "*", "verbs": "publish,promote" });
    let made = server
        .client
        .send(Method::POST, "api/v1/tokens", ci.to_string())
        .await;
    let made: Value = made.json().await.unwrap();
    let token = made["token"].as_str().unwrap().to_owned();
    let client = Client::new(server.running.url(), token.clone()).with_keys_in(server.folder.path());
    let (one, two) = (Build::new("1.0.0", 1, 1), Build::new("2.0.0", 2, 2));
    client.publish(&one, "stable").await;
    client.publish(&two, "stable").await;
    client.promote("stable", &one).await;

    let log = server.client.get_json("api/v1/audit").await;
    let entries = log["entries"].as_array().unwrap();
    assert_eq!(log["next"], Value::Null);
    let is_pointer = |entry: &&Value| !entry["channel"].is_null() && !entry["version"].is_null();
    let pointers: Vec<String> = entries
        .iter()
        .filter(is_pointer)
        .map(|entry| {
            let fields = ["token_label", "action", "version", "previous_version"];
            fields.map(|field| entry[field].as_str().unwrap_or("-")).join(" ")
        })
        .collect();
    assert_eq!(
        pointers,
        [
            "ci promote 1.0.0 2.0.0",
            "ci publish 2.0.0 1.0.0",
            "ci publish 1.0.0 -"
        ]
    );
    let created = entries
        .iter()
        .find(|entry| entry["action"] == "token-create")
        .unwrap();
    assert_eq!(created["subject"], made["id"]);
    assert_eq!(created["title"], TITLE);
    let secret = token.rsplit('_').next().unwrap();
    assert!(!log.to_string().contains(secret));

    let mut read = Vec::new();
    let mut path = "api/v1/audit?limit=3".to_owned();
    loop {
        let page = server.client.get_json(&path).await;
        read.extend(page["entries"].as_array().unwrap().iter().cloned());
        match page["next"].as_i64() {
            Some(next) => path = format!("api/v1/audit?limit=3&before={next}"),
            None => break,
        }
    }
    assert_eq!(&read, entries);
    let of_title = server
        .client
        .get_json(&format!("api/v1/audit?title={TITLE}"))
        .await;
    let of_title = of_title["entries"].as_array().unwrap();
    assert!(!of_title.is_empty() && of_title.iter().all(|entry| entry["title"] == TITLE));
    server.stop().await;
}

#[tokio::test]
async fn sizes_tell_what_is_shared_and_what_is_not() {
    let server = TestServer::start().await;
    let (one, two) = (Build::new("1.0.0", 1, 1), Build::new("2.0.0", 2, 2));
    server.client.publish(&one, "stable").await;
    server.client.publish(&two, "nightly").await;
    server.client.put_chunks(&Build::new("3.0.0", 3, 3)).await;
    // Uploads that nobody has published yet are in the ledger then.
    let collected = server.client.send(Method::POST, "api/v1/collection", "").await;
    assert_eq!(collected.status(), StatusCode::OK);
    let sizes = server.client.get_json("api/v1/sizes").await;
    let bytes = |build: &Build| -> usize { build.chunks.iter().map(|(_, stored, _)| stored.len()).sum() };
    let shared: usize = one
        .chunks
        .iter()
        .filter(|(id, ..)| two.chunks.iter().any(|(other, ..)| other == id))
        .map(|(_, stored, _)| stored.len())
        .sum();
    assert!(shared > 0);
    let whole = bytes(&one) + bytes(&two) - shared;
    let title = &sizes["titles"][0];
    assert_eq!(
        (&title["bytes"], &title["own_bytes"]),
        (&json!(whole), &json!(whole))
    );
    for (place, build) in [(0, &one), (1, &two)] {
        let release = &title["releases"][place];
        assert_eq!(release["bytes"], bytes(build));
        assert_eq!(release["own_bytes"], bytes(build) - shared);
    }
    let channels = title["channels"].as_array().unwrap();
    let names: Vec<&str> = channels.iter().map(|c| c["channel"].as_str().unwrap()).collect();
    assert_eq!(names, ["nightly", "stable"]);
    assert_eq!(channels[1]["own_bytes"], bytes(&one) - shared);
    let ratio = (bytes(&one) + bytes(&two)) as f64 / whole as f64;
    assert!((sizes["dedup_ratio"].as_f64().unwrap() - ratio).abs() < 1e-9);
    assert!(sizes["unreleased"]["bytes"].as_u64().unwrap() > 0);
    server.stop().await;
}
