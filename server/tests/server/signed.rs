// SPDX-License-Identifier: MIT
//! Signed metadata: what a server takes, what it refuses, and what it signs by itself.

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use vsekai_formats::release::{ReleaseRef, Rollout};
use vsekai_server::db::{Database, audit, metadata};
use vsekai_server::storage::{database_path, online_folder};
use vsekai_trust::names;
use vsekai_trust::online::{Change, check_online};
use vsekai_trust::publisher::{Editor, KeyFolder, KeyRole, PublicKey, SigningKey, Validity};

use crate::build::{Build, PLATFORM, TITLE};
use crate::client::{Client, TestServer, problem};
use crate::signer::{no_change, pointer_at, release_of, slug};

fn invalid() -> (StatusCode, &'static str) {
    (StatusCode::UNPROCESSABLE_ENTITY, "invalid-metadata")
}

/// Sends a change that must be refused, and checks that nothing of it is in force.
async fn refused(client: &Client, change: &Change, (status, code): (StatusCode, &str)) -> String {
    let before = client.metadata().await;
    let answer = problem(client.post_change(change).await, status, code).await;
    assert_eq!(client.metadata().await, before);
    answer["detail"].as_str().unwrap().to_owned()
}

fn put(editor: &mut Editor, channel: &str, release: &ReleaseRef) {
    let ReleaseRef {
        version,
        sequence,
        manifest,
    } = release;
    editor
        .put_manifest(&slug(channel), PLATFORM, version, *sequence, manifest)
        .unwrap();
}

#[tokio::test]
async fn a_role_that_another_key_signed_is_refused() {
    let server = TestServer::start().await;
    let client = &server.client;
    // Whoever has the key of nightly signs the role of stable with it.
    let good = client.signed(|editor| editor.renew(&KeyRole::Channel(slug("stable"))).unwrap());
    let good = good.await.unwrap();
    let key = SigningKey::generate().unwrap();
    let mut role: tough::schema::Signed<tough::schema::Targets> =
        serde_json::from_str(&good.channels[&slug("stable")]).unwrap();
    role.signatures.clear();
    vsekai_trust::publisher::add_signatures(&mut role, [&key]).unwrap();
    let mut bad = good.clone();
    bad.channels
        .insert(slug("stable"), serde_json::to_string(&role).unwrap());
    let reason = refused(client, &bad, invalid()).await;
    assert!(reason.contains("stable"), "{reason}");
    assert_eq!(client.post_change(&good).await.status(), StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn a_version_that_does_not_follow_is_a_conflict() {
    let server = TestServer::start().await;
    let client = &server.client;
    let renew = || client.signed(|editor| editor.renew(&KeyRole::Channel(slug("stable"))).unwrap());
    let (first, second) = (renew().await.unwrap(), renew().await.unwrap());
    assert_eq!(client.post_change(&first).await.status(), StatusCode::OK);
    refused(client, &second, (StatusCode::CONFLICT, "metadata-version")).await;
    server.stop().await;
}

#[tokio::test]
async fn only_what_is_on_the_server_can_be_listed_and_pointed_at() {
    let server = TestServer::start().await;
    let client = &server.client;
    let (here, absent) = (Build::new("1.0.0", 1, 1), Build::new("2.0.0", 2, 2));
    client.publish(&here, "beta").await;
    let here = release_of(&here);
    let change = client
        .signed(|editor| put(editor, "stable", &release_of(&absent)))
        .await;
    let reason = refused(client, &change.unwrap(), invalid()).await;
    assert!(reason.contains("is not the manifest of a release"), "{reason}");

    let mut other_sequence = here.clone();
    other_sequence.sequence = 9;
    let change = client
        .signed(|editor| put(editor, "stable", &other_sequence))
        .await;
    refused(client, &change.unwrap(), invalid()).await;

    let pointer = pointer_at("stable", here.clone());
    let change = client
        .signed(|editor| editor.put_pointer(&pointer).unwrap())
        .await;
    let reason = refused(client, &change.unwrap(), invalid()).await;
    assert!(reason.contains("does not list"), "{reason}");

    let mut pointer = pointer_at("stable", here.clone());
    pointer.rollout = Some(Rollout {
        percent: "10".parse().unwrap(),
        previous: Some(release_of(&absent)),
    });
    let change = client.signed(|editor| {
        put(editor, "stable", &here);
        editor.put_pointer(&pointer).unwrap();
    });
    refused(client, &change.await.unwrap(), invalid()).await;

    let change = client.signed(|editor| {
        put(editor, "stable", &here);
        editor.put_pointer(&pointer_at("stable", here.clone())).unwrap();
    });
    let mut change = change.await.unwrap();
    let pointers = std::mem::take(&mut change.pointers);
    let reason = refused(client, &change, invalid()).await;
    assert!(reason.contains("was not sent along"), "{reason}");
    change.pointers = pointers;
    assert_eq!(client.post_change(&change).await.status(), StatusCode::OK);
    assert_eq!(client.pointer("stable").await.unwrap().release, here);
    server.stop().await;
}

#[tokio::test]
async fn a_change_that_would_leave_something_unsigned_is_refused() {
    let server = TestServer::start().await;
    let client = &server.client;
    let key = client.keys().find(&[]).unwrap();
    assert!(key.is_empty());
    let stranger: PublicKey = SigningKey::generate().unwrap().public();
    // The new root is signed well, but the targets role in force is not by its new key.
    let verified = client.metadata().await.verify().unwrap();
    let mut root = verified.root.signed.clone();
    root.version = root.version.saturating_add(1);
    let id = stranger.id();
    root.keys.insert(id.clone(), stranger.to_key());
    root.roles
        .get_mut(&tough::schema::RoleType::Targets)
        .unwrap()
        .keyids = vec![id];
    let key = client.keys().list().unwrap();
    let key = key.iter().find(|file| file.role == "root").unwrap();
    let signed = vsekai_trust::publisher::sign(root, [&key.open(None).unwrap()]).unwrap();
    let change = Change {
        root: Some(serde_json::to_string(&signed).unwrap()),
        ..no_change()
    };
    refused(client, &change, invalid()).await;
    server.stop().await;
}

#[tokio::test]
async fn the_server_has_to_have_the_online_key_that_a_root_names() {
    let server = TestServer::start().await;
    let client = &server.client;
    let stranger = SigningKey::generate().unwrap().public();
    let change = client.signed(|editor| {
        let role = KeyRole::Online;
        editor.set_keys(&role, &[stranger], 1).unwrap();
    });
    refused(
        client,
        &change.await.unwrap(),
        (StatusCode::CONFLICT, "online-key"),
    )
    .await;

    let path = format!("api/v1/titles/{TITLE}/online-keys");
    let keys: Value = client.send(Method::POST, &path, "").await.json().await.unwrap();
    let keys = keys["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2);
    let keys: Vec<PublicKey> = keys
        .iter()
        .map(|key| key.as_str().unwrap().parse().unwrap())
        .collect();
    let old = client.metadata().await.verify().unwrap();
    let old = &old.root.signed.roles[&tough::schema::RoleType::Snapshot].keyids;
    let new = keys.into_iter().find(|key| !old.contains(&key.id())).unwrap();
    let change = client.signed(|editor| editor.set_keys(&KeyRole::Online, &[new], 1).unwrap());
    let answer = client.post_change(&change.await.unwrap()).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(server.fsck().await.dangling.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn metadata_that_is_over_is_not_taken() {
    let server = TestServer::start().await;
    let client = &server.client;
    let verified = client.metadata().await.verify().unwrap();
    let past = Timestamp::now() - SignedDuration::from_hours(24 * 400);
    let mut editor = Editor::change(verified, Validity::default(), past);
    editor.renew(&KeyRole::Channel(slug("stable"))).unwrap();
    let change = editor
        .finish(&client.keys(), &mut |file| file.open(None))
        .unwrap();
    let reason = refused(client, &change, invalid()).await;
    assert!(reason.contains("only"), "{reason}");
    server.stop().await;
}

#[tokio::test]
async fn a_token_for_channels_cannot_change_keys() {
    let server = TestServer::start().await;
    let renew = async |role: &KeyRole| {
        let change = server.client.signed(|editor| editor.renew(role).unwrap());
        change.await.unwrap()
    };
    for (channel, verbs, role, status) in [
        ("*", "publish,promote", KeyRole::Root, 403),
        ("*", "publish,promote", KeyRole::Targets, 403),
        ("stable", "keys", KeyRole::Targets, 403),
        ("*", "keys", KeyRole::Targets, 200),
        ("*", "keys", KeyRole::Root, 200),
        ("beta", "promote", KeyRole::Channel(slug("stable")), 403),
        ("stable", "publish", KeyRole::Channel(slug("stable")), 403),
        ("stable", "promote", KeyRole::Channel(slug("stable")), 200),
    ] {
        let client = server.token(TITLE, channel, verbs).await;
        let answer = client.post_change(&renew(&role).await).await;
        assert_eq!(answer.status(), status, "{channel} {verbs} {role}");
    }
    let client = server.token(TITLE, "*", "publish,promote").await;
    let path = format!("api/v1/titles/{TITLE}/online-keys");
    for method in [Method::GET, Method::POST] {
        assert_eq!(
            client.send(method, &path, "").await.status(),
            StatusCode::FORBIDDEN
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_release_comes_with_its_channels_role_and_nothing_else() {
    let server = TestServer::start().await;
    let client = &server.client;
    let build = Build::new("1.0.0", 1, 1);
    client.put_chunks(&build).await;
    let good = client.sign_release(&build, "stable").await.unwrap();
    let root = client
        .signed(|editor| editor.renew(&KeyRole::Root).unwrap())
        .await
        .unwrap();
    let with_root = Change {
        root: root.root,
        ..good.clone()
    };
    let other_channel = client.sign_release(&build, "beta").await.unwrap();
    for change in [no_change(), with_root, other_channel] {
        let answer = client.post_signed(&build, "stable", &change).await;
        problem(answer, StatusCode::UNPROCESSABLE_ENTITY, "invalid-metadata").await;
    }
    assert!(client.pointer("stable").await.is_none());
    let answer = client.post_signed(&build, "stable", &good).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    server.stop().await;
}

#[tokio::test]
async fn a_title_begins_with_a_root_and_its_channels() {
    let server = TestServer::start().await;
    let path = "api/v1/titles/other-title/metadata";
    let renewed = server
        .client
        .signed(|editor| editor.renew(&KeyRole::Channel(slug("stable"))).unwrap())
        .await
        .unwrap();
    let body = serde_json::to_string(&renewed).unwrap();
    let answer = server.client.send(Method::POST, path, body).await;
    problem(answer, StatusCode::CONFLICT, "not-begun").await;
    let keys = "api/v1/titles/other-title/online-keys";
    let first: Value = server
        .client
        .send(Method::GET, keys, "")
        .await
        .json()
        .await
        .unwrap();
    let again: Value = server
        .client
        .send(Method::GET, keys, "")
        .await
        .json()
        .await
        .unwrap();
    assert_eq!(first, again, "a key is made once");
    let online: PublicKey = first["keys"][0].as_str().unwrap().parse().unwrap();

    let folder = tempfile::tempdir().unwrap();
    let own = KeyFolder::new(folder.path());
    let key = |role: &str| {
        let key = SigningKey::generate().unwrap();
        own.add(role, &key, None).unwrap();
        [key.public()]
    };
    let mut editor = Editor::begin(
        &key("root"),
        &key("targets"),
        &[online],
        Validity::default(),
        Timestamp::now(),
    );
    editor.add_channel(&slug("stable"), &key("stable")).unwrap();
    let change = editor.finish(&own, &mut |file| file.open(None)).unwrap();
    let body = serde_json::to_string(&change).unwrap();
    let answer = server.client.send(Method::POST, path, body).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let root = server.client.get("titles/other-title/tuf/1.root.json").await;
    assert_eq!(root.text().await.unwrap(), change.root.unwrap());
    server.stop().await;
}

#[tokio::test]
async fn old_versions_stay_for_those_who_are_reading_and_numbered_ones_never_change() {
    let server = TestServer::start().await;
    let client = &server.client;
    let at = |name: &str| format!("titles/{TITLE}/tuf/{name}");
    let timestamp = client.get(&at(names::TIMESTAMP)).await;
    assert_eq!(timestamp.headers()["cache-control"], "no-cache");
    let before = client.get(&at("1.snapshot.json")).await;
    assert_eq!(
        before.headers()["cache-control"],
        "public, max-age=31536000, immutable"
    );
    let before = before.text().await.unwrap();
    client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    assert_eq!(
        client.get(&at("1.snapshot.json")).await.text().await.unwrap(),
        before
    );
    assert_eq!(client.get(&at("2.snapshot.json")).await.status(), StatusCode::OK);
    assert_eq!(
        client.get(&at("2.root.json")).await.status(),
        StatusCode::NOT_FOUND
    );
    server.stop().await;
}

#[tokio::test]
async fn every_change_of_a_pointer_is_logged_by_its_kind() {
    let server = TestServer::start().await;
    let client = &server.client;
    let (one, two) = (Build::new("1.0.0", 1, 1), Build::new("2.0.0", 2, 2));
    client.publish(&one, "stable").await;
    client.publish(&two, "stable").await;
    client.promote("beta", &one).await;
    let mut pointer = pointer_at("stable", release_of(&two));
    pointer.pinned = true;
    let change = client
        .signed(|editor| editor.put_pointer(&pointer).unwrap())
        .await;
    client.post_change(&change.unwrap()).await;
    pointer.release = release_of(&one);
    pointer.withdrawn = vec![release_of(&two).manifest.sha256];
    let change = client
        .signed(|editor| editor.put_pointer(&pointer).unwrap())
        .await;
    client.post_change(&change.unwrap()).await;
    let database = Database::open(&database_path(server.folder.path()))
        .await
        .unwrap();
    let rows = database.read("read the log", |tx| {
        let entries = audit::page(tx, None, None, 100)?.into_iter().rev();
        let pointers =
            entries.filter_map(|entry| Some([entry.action, entry.channel?, entry.version?].join(" ")));
        Ok(pointers.collect::<Vec<String>>())
    });
    assert_eq!(
        rows.await.unwrap(),
        [
            "publish stable 1.0.0",
            "publish stable 2.0.0",
            "promote beta 1.0.0",
            "pin stable 2.0.0",
            "withdraw stable 1.0.0",
        ]
    );
    database.close().await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn a_start_signs_the_timestamp_anew_and_leaves_a_young_snapshot_alone() {
    let server = TestServer::start().await;
    server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    let database = Database::open(&database_path(server.folder.path()))
        .await
        .unwrap();
    let versions = async |database: &Database| {
        let rows = database.read("list metadata", |tx| metadata::newest(tx, Some(&slug(TITLE))));
        let rows = rows.await.unwrap();
        let of = |role: &str| rows.iter().find(|row| row.role == role).unwrap().version;
        (of("timestamp"), of("snapshot"))
    };
    let (timestamp, snapshot) = versions(&database).await;
    let server = server.restart().await;
    // The first signing of a start is done before the server answers a stop.
    let folder = server.stop().await;
    let (later, same) = versions(&database).await;
    assert!(later > timestamp);
    assert_eq!(same, snapshot);
    database.close().await.unwrap();
    drop(folder);
}

#[tokio::test]
async fn what_the_server_signs_fits_what_it_serves() {
    let server = TestServer::start().await;
    let client = &server.client;
    client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    let metadata = client.metadata().await;
    let verified = metadata.verify().unwrap();
    let text = async |name: &str| {
        let answer = client.get(&format!("titles/{TITLE}/tuf/{name}")).await;
        answer.text().await.unwrap()
    };
    let timestamp = text(names::TIMESTAMP).await;
    let read: Value = serde_json::from_str(&timestamp).unwrap();
    let version = read["signed"]["meta"]["snapshot.json"]["version"]
        .as_u64()
        .unwrap();
    let snapshot = text(&names::snapshot(version)).await;
    check_online(&metadata, &verified, &snapshot, &timestamp).unwrap();
    server.stop().await;
}

#[tokio::test]
async fn fsck_finds_metadata_that_was_tampered_with_and_keys_that_are_lost() {
    let server = TestServer::start().await;
    server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    let data = server.folder.path();
    let database = Database::open(&database_path(data)).await.unwrap();
    let set = |from: &'static str, to: &'static str| {
        database.write("tamper", move |tx| {
            tx.execute(
                "UPDATE metadata SET text = replace(text, ?1, ?2) WHERE role = 'stable'",
                [from, to],
            )
        })
    };
    set("\"length\"", "\"Length\"").await.unwrap();
    let report = server.fsck().await;
    assert!(
        report.dangling.iter().any(|line| line.contains("stable")),
        "{report:?}"
    );
    set("\"Length\"", "\"length\"").await.unwrap();
    assert!(server.fsck().await.dangling.is_empty());
    database.close().await.unwrap();
    let keys = online_folder(data);
    fs_err::rename(&keys, data.join("elsewhere")).unwrap();
    let report = server.fsck().await;
    assert!(
        report
            .dangling
            .iter()
            .any(|line| line.contains("holds 0 of its keys")),
        "{report:?}"
    );
    fs_err::rename(data.join("elsewhere"), &keys).unwrap();
    server.stop().await;
}

#[tokio::test]
async fn figures_tell_when_metadata_ends() {
    let server = TestServer::start().await;
    let answer = server.client.send(Method::GET, "api/v1/metrics", "").await;
    let text = answer.text().await.unwrap();
    for role in ["root", "targets", "snapshot", "timestamp", "stable"] {
        let line =
            format!("vsekai_server_metadata_expires_timestamp_seconds{{title=\"{TITLE}\",role=\"{role}\"}} ");
        assert!(text.contains(&line), "{line}\n{text}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_change_that_is_no_json_is_a_bad_request() {
    let server = TestServer::start().await;
    let path = format!("api/v1/titles/{TITLE}/metadata");
    for body in ["", "{", &json!({ "roots": [] }).to_string()] {
        let answer = server.client.send(Method::POST, &path, body.to_owned()).await;
        problem(answer, StatusCode::BAD_REQUEST, "bad-request").await;
    }
    server.stop().await;
}
