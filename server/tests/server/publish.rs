// SPDX-License-Identifier: MIT
//! Publishing: a release becomes visible at once, whole, and only if its parts agree.

use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use vsekai_formats::TreePath;
use vsekai_formats::release::{Entries, EntryKind, EntryRef, Pinned, address};
use vsekai_server::Limits;
use vsekai_server::fsck::forget_lost_chunks;

use crate::build::{Build, PLATFORM, TITLE, multipart};
use crate::client::{Client, TestServer, chunk_path, problem};
use crate::signer::no_change;

async fn pointed(client: &Client, channel: &str) -> Option<String> {
    let pointer = client.pointer(channel).await?;
    Some(pointer.release.version.to_string())
}

async fn created(response: Response) -> (StatusCode, bool) {
    let status = response.status();
    let answer: Value = response.json().await.unwrap();
    (status, answer["created"].as_bool().unwrap())
}

#[tokio::test]
async fn the_same_release_can_be_published_again() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.put_chunks(&build).await;
    let first = server.client.post_release(&build, "stable").await;
    assert_eq!(created(first).await, (StatusCode::CREATED, true));
    let again = server.client.post_release(&build, "stable").await;
    assert_eq!(created(again).await, (StatusCode::OK, false));
    // A publisher that counted on has another sequence, so it has not seen yet that the release is there.
    let counted_on = Build::new("1.0.0", 2, 1);
    let counted_on = server.client.post_release(&counted_on, "stable").await;
    problem(counted_on, StatusCode::CONFLICT, "sequence").await;
    let pointer = server.client.pointer("stable").await.unwrap();
    assert_eq!(pointer.release.sequence, 1);
    server.stop().await;
}

#[tokio::test]
async fn a_channel_points_where_its_key_says() {
    let server = TestServer::start().await;
    let (old, new) = (Build::new("1.0.0", 1, 1), Build::new("1.1.0", 2, 2));
    server.client.publish(&old, "stable").await;
    server.client.publish(&new, "stable").await;
    server.client.post_release(&old, "stable").await;
    assert_eq!(pointed(&server.client, "stable").await.as_deref(), Some("1.1.0"));
    server.client.post_release(&old, "beta").await;
    assert_eq!(pointed(&server.client, "beta").await.as_deref(), Some("1.0.0"));
    server.stop().await;
}

#[tokio::test]
async fn a_version_stands_for_one_release() {
    let server = TestServer::start().await;
    server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    let other = Build::new("1.0.0", 2, 2);
    server.client.put_chunks(&other).await;
    let refused = server.client.post_release(&other, "stable").await;
    problem(refused, StatusCode::CONFLICT, "version-exists").await;
    let mut other_notes = Build::new("1.0.0", 1, 1);
    other_notes.manifest.notes = "Something else".to_owned();
    let refused = server.client.post_release(&other_notes, "stable").await;
    problem(refused, StatusCode::CONFLICT, "version-exists").await;
    server.stop().await;
}

#[tokio::test]
async fn sequences_only_go_up() {
    let server = TestServer::start().await;
    server.client.publish(&Build::new("1.0.0", 5, 1), "stable").await;
    for sequence in [4, 5] {
        let build = Build::new("1.1.0", sequence, 2);
        server.client.put_chunks(&build).await;
        let refused = server.client.post_release(&build, "stable").await;
        problem(refused, StatusCode::CONFLICT, "sequence").await;
    }
    assert_eq!(pointed(&server.client, "stable").await.as_deref(), Some("1.0.0"));
    let refused = server
        .client
        .post_signed(&Build::new("1.1.0", 0, 2), "stable", &no_change())
        .await;
    problem(refused, StatusCode::UNPROCESSABLE_ENTITY, "invalid-release").await;
    server.stop().await;
}

#[tokio::test]
async fn missing_chunks_are_named() {
    let limits = Limits {
        missing_reported: 2,
        ..Limits::default()
    };
    let server = TestServer::with_limits(limits).await;
    let build = Build::new("1.0.0", 1, 1);
    let (id, stored, _) = &build.chunks[0];
    server.client.put_chunk(*id, stored).await;
    let refused = server.client.post_release(&build, "stable").await;
    let problem = problem(refused, StatusCode::UNPROCESSABLE_ENTITY, "missing-chunks").await;
    assert_eq!(problem["missing"], json!([build.chunks[1].0, build.chunks[2].0]));
    assert_eq!(problem["missing_total"], build.chunks.len() - 1);
    assert_eq!(pointed(&server.client, "stable").await, None);
    server.stop().await;
}

#[tokio::test]
async fn documents_that_do_not_agree_are_refused() {
    let server = TestServer::start().await;
    let good = Build::new("1.0.0", 1, 1);
    server.client.put_chunks(&good).await;
    let other = Build::new("1.0.0", 1, 2);
    server.client.put_chunks(&other).await;

    let changed = |change: &dyn Fn(&mut Build)| {
        let mut build = good.clone();
        change(&mut build);
        build
    };
    let cases = [
        (
            "another index",
            changed(&|build| build.index = other.index.clone()),
        ),
        (
            "other contents",
            changed(&|build| build.contents = other.contents.clone()),
        ),
        (
            "an index of another build, pinned",
            changed(&|build| {
                let longer = Build::of_files(vec![("game".to_owned(), vec![1; 200_000])], "1.0.0", 1);
                build.index = longer.index;
                build.manifest.index = Pinned::of(&build.index);
            }),
        ),
        (
            "no index",
            changed(&|build| {
                build.index = b"not an index".to_vec();
                build.manifest.index = Pinned::of(&build.index);
            }),
        ),
        (
            "no contents",
            changed(&|build| {
                build.contents = b"not contents".to_vec();
                build.manifest.contents = Pinned::of(&build.contents);
            }),
        ),
        (
            "a program that is not there",
            changed(&|build| {
                build.manifest.launch.desktop.path = TreePath::parse("other").unwrap();
            }),
        ),
        (
            "a program that is a folder",
            changed(&|build| {
                build.manifest.launch.desktop.path = TreePath::parse("data").unwrap();
            }),
        ),
        ("too many files", changed(&|build| build.manifest.size.files += 1)),
        (
            "too many bytes",
            changed(&|build| build.manifest.size.installed_bytes += 1),
        ),
        (
            "too many chunks",
            changed(&|build| build.manifest.size.chunks += 1),
        ),
        (
            "another download",
            changed(&|build| build.manifest.size.download_bytes += 1),
        ),
        ("another schema", changed(&|build| build.manifest.schema += 1)),
        (
            "files out of order",
            good.clone().with_contents(|contents| {
                let reversed: Vec<_> = contents.entries.iter().rev().map(EntryRef::to_entry).collect();
                contents.entries = Entries::of(&reversed).unwrap();
            }),
        ),
        (
            "a stored size too few",
            good.clone()
                .with_contents(|contents| contents.stored_sizes.truncate(1)),
        ),
        (
            "a stored size too many",
            good.clone()
                .with_contents(|contents| contents.stored_sizes.push(1)),
        ),
        ("a wrong stored size", {
            let mut build = good
                .clone()
                .with_contents(|contents| contents.stored_sizes[0] += 1);
            build.manifest.size.download_bytes += 1;
            build
        }),
        (
            "a file of another size",
            good.clone().with_contents(|contents| {
                let mut entries: Vec<_> = contents.entries.iter().map(EntryRef::to_entry).collect();
                for entry in &mut entries {
                    if let EntryKind::File { size, .. } = &mut entry.kind {
                        *size += 1;
                    }
                }
                contents.entries = Entries::of(&entries).unwrap();
            }),
        ),
        ("no files", {
            let mut empty = Build::of_files(Vec::new(), "1.0.0", 1);
            empty.manifest.size.files = 0;
            empty
        }),
    ];
    for (what, build) in cases {
        let response = server.client.post_release(&build, "stable").await;
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{what}");
        let problem: Value = response.json().await.unwrap();
        let code = problem["code"].as_str().unwrap();
        assert!(
            matches!(code, "invalid-release" | "invalid-index"),
            "{what}: {problem}"
        );
        assert_eq!(pointed(&server.client, "stable").await, None, "{what}");
    }
    assert_eq!(
        server.client.post_release(&good, "stable").await.status(),
        StatusCode::CREATED
    );
    server.stop().await;
}

#[tokio::test]
async fn a_release_has_exactly_its_three_parts() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    let manifest = serde_json::to_vec(&build.manifest).unwrap();
    let (manifest, contents, index) = (&manifest[..], &build.contents[..], &build.index[..]);
    let cases: [&[(&str, &[u8])]; 4] = [
        &[("manifest", manifest), ("contents", contents)],
        &[
            ("manifest", manifest),
            ("contents", contents),
            ("index", index),
            ("other", index),
        ],
        &[
            ("manifest", manifest),
            ("contents", contents),
            ("index", index),
            ("index", index),
        ],
        &[],
    ];
    for parts in cases {
        let (content_type, body) = multipart(parts);
        let request = server
            .client
            .request(Method::POST, "api/v1/releases?channel=stable");
        let request = request
            .bearer_auth(&server.client.token)
            .header("content-type", content_type);
        let refused = request.body(body).send().await.unwrap();
        problem(refused, StatusCode::BAD_REQUEST, "bad-request").await;
    }
    let plain = server
        .client
        .send(Method::POST, "api/v1/releases?channel=stable", "text")
        .await;
    problem(plain, StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported").await;
    let (content_type, body) = build.multipart(&no_change());
    let request = server
        .client
        .request(Method::POST, "api/v1/releases?channel=No%20Channel");
    let request = request
        .bearer_auth(&server.client.token)
        .header("content-type", content_type);
    problem(
        request.body(body).send().await.unwrap(),
        StatusCode::BAD_REQUEST,
        "bad-request",
    )
    .await;
    server.stop().await;
}

#[tokio::test]
async fn promoting_points_a_channel_at_a_release_that_exists() {
    let server = TestServer::start().await;
    let (old, new) = (Build::new("1.0.0", 1, 1), Build::new("1.1.0", 2, 2));
    server.client.publish(&old, "beta").await;
    server.client.publish(&new, "beta").await;
    for (build, version) in [(&new, "1.1.0"), (&old, "1.0.0")] {
        let answer = server.client.promote("stable", build).await;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(pointed(&server.client, "stable").await.as_deref(), Some(version));
    }
    let absent = server.client.promote("stable", &Build::new("9.9.9", 9, 9)).await;
    problem(absent, StatusCode::UNPROCESSABLE_ENTITY, "invalid-metadata").await;
    assert_eq!(pointed(&server.client, "stable").await.as_deref(), Some("1.0.0"));
    server.stop().await;
}

#[tokio::test]
async fn publishers_can_list_what_is_there() {
    let server = TestServer::start().await;
    let first = Build::new("1.0.0", 3, 1);
    server.client.publish(&first, "stable").await;
    server.client.publish(&Build::new("1.1.0", 7, 2), "beta").await;
    let list = server
        .client
        .send(Method::GET, &format!("api/v1/titles/{TITLE}/releases"), "")
        .await;
    let list: Value = list.json().await.unwrap();
    let releases = list["releases"].as_array().unwrap();
    assert_eq!(releases.len(), 2);
    assert_eq!(releases[0]["version"], "1.1.0");
    assert_eq!(releases[0]["channels"], json!(["beta"]));
    assert_eq!(releases[1]["channels"], json!(["stable"]));
    assert_eq!(releases[1]["sequence"], 3);
    assert_eq!(
        releases[1]["size"],
        serde_json::to_value(first.manifest.size).unwrap()
    );
    assert!(releases[1]["published_at"].as_i64().unwrap() > 1_700_000_000);
    server.stop().await;
}

#[tokio::test]
async fn whoever_sees_the_pointer_sees_the_whole_release() {
    let server = TestServer::start().await;
    server.client.publish(&Build::new("0", 1, 0), "stable").await;
    let done = AtomicBool::new(false);
    let watch = async {
        let title = TITLE.parse().unwrap();
        let mut looked = 0;
        while !done.load(Ordering::Relaxed) {
            let pointer = server.client.pointer("stable").await.unwrap();
            let manifest = server.client.get_manifest("stable", &pointer.release).await;
            assert!(pointer.release.manifest.matches(&manifest.bytes().await.unwrap()));
            let name = address::index_name(&title, PLATFORM, &pointer.release.version);
            let index = server
                .client
                .get(&format!("index/{name}"))
                .await
                .bytes()
                .await
                .unwrap();
            let limits = vsekai_formats::index::IndexLimits::default();
            for id in vsekai_formats::index::Index::from_bytes(&index, &limits)
                .unwrap()
                .unique_ids()
            {
                assert_eq!(server.client.get(&chunk_path(id)).await.status(), StatusCode::OK);
            }
            looked += 1;
        }
        looked
    };
    let publish = async {
        for number in 1..8u8 {
            let build = Build::new(&number.to_string(), u64::from(number) + 1, number);
            server.client.publish(&build, "stable").await;
        }
        done.store(true, Ordering::Relaxed);
    };
    let (looked, ()) = tokio::join!(watch, publish);
    assert!(looked > 0);
    server.stop().await;
}

#[tokio::test]
async fn publishers_racing_for_a_version_get_one_release() {
    let server = TestServer::start().await;
    let builds = [
        Build::new("1.0.0", 1, 1),
        Build::new("1.0.0", 1, 2),
        Build::new("1.0.0", 1, 3),
    ];
    for build in &builds {
        server.client.put_chunks(build).await;
    }
    let attempts = builds
        .iter()
        .map(|build| server.client.post_release(build, "stable"));
    let outcomes = futures::future::join_all(attempts).await;
    let created = outcomes
        .iter()
        .filter(|response| response.status() == StatusCode::CREATED)
        .count();
    let refused = outcomes
        .iter()
        .filter(|response| response.status() == StatusCode::CONFLICT)
        .count();
    assert_eq!((created, refused), (1, 2));
    assert!(server.fsck().await.dangling.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_restart_keeps_everything() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    let token = server.client.token.clone();
    let server = server.restart().await;
    assert_eq!(pointed(&server.client, "stable").await.as_deref(), Some("1.0.0"));
    for (id, stored, _) in &build.chunks {
        assert_eq!(
            server.client.get(&chunk_path(*id)).await.bytes().await.unwrap(),
            stored
        );
    }
    let old_token = Client::new(server.running.url(), token).with_keys_in(server.folder.path());
    assert_eq!(
        created(old_token.post_release(&build, "stable").await).await,
        (StatusCode::OK, false)
    );
    let report = server.fsck().await;
    assert_eq!((report.releases, report.unreferenced), (1, 0));
    assert!(report.dangling.is_empty(), "{:?}", report.dangling);
    server.stop().await;
}

#[tokio::test]
async fn fsck_finds_what_is_missing_or_damaged() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    let at = |path: String| server.folder.path().join(path);
    let chunk = at(chunk_path(build.chunks[0].0));
    let contents = at(format!("documents/{}", build.manifest.contents.sha256));
    let index = at(format!("index/{}", build.manifest.index.sha256));
    for path in [chunk, contents, index] {
        let bytes = fs_err::read(&path).unwrap();
        let mut flipped = bytes.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        fs_err::write(&path, &flipped).unwrap();
        assert!(
            !server.fsck().await.dangling.is_empty(),
            "a flipped bit in {}",
            path.display()
        );
        fs_err::remove_file(&path).unwrap();
        assert!(
            !server.fsck().await.dangling.is_empty(),
            "without {}",
            path.display()
        );
        fs_err::write(&path, &bytes).unwrap();
    }
    assert!(server.fsck().await.dangling.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn publishing_again_heals_chunks_that_were_lost() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    let (damaged, lost) = (build.chunks[0].0, build.chunks[1].0);
    let path = |id| server.folder.path().join(chunk_path(id));
    fs_err::write(path(damaged), b"bit rot").unwrap();
    fs_err::remove_file(path(lost)).unwrap();
    let report = server.fsck().await;
    assert_eq!(report.lost_chunks.len(), 2);
    assert_eq!(
        forget_lost_chunks(server.folder.path(), &report, &Limits::default())
            .await
            .unwrap(),
        2
    );
    let missing = server.client.missing(&[damaged, lost, build.chunks[2].0]).await;
    assert_eq!(missing["missing"], json!([damaged, lost]));
    server.client.put_chunks(&build).await;
    assert_eq!(
        created(server.client.post_release(&build, "stable").await).await,
        (StatusCode::OK, false)
    );
    assert!(server.fsck().await.dangling.is_empty());
    server.stop().await;
}
