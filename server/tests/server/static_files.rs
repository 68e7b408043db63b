// SPDX-License-Identifier: MIT
//! Static files: what clients and caches rely on.

use reqwest::{Method, StatusCode};
use vsekai_formats::release::{ReleaseManifest, address};

use crate::build::{Build, PLATFORM, TITLE};
use crate::client::{TestServer, chunk_path, problem};

const IMMUTABLE: &str = "public, max-age=31536000, immutable";

#[tokio::test]
async fn a_client_reaches_everything_from_the_pointer() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;

    let title = TITLE.parse().unwrap();
    let pointer = server.client.pointer("stable").await.unwrap();
    assert_eq!(pointer.release.version, build.manifest.version);

    let manifest = server.client.get_manifest("stable", &pointer.release).await;
    assert_eq!(manifest.headers()["cache-control"], IMMUTABLE);
    let manifest = manifest.bytes().await.unwrap();
    assert!(pointer.release.manifest.matches(&manifest));
    let manifest: ReleaseManifest = serde_json::from_slice(&manifest).unwrap();

    let contents = server
        .client
        .get(&address::contents(&title, PLATFORM, &pointer.release.version))
        .await;
    assert!(contents.headers().get("content-encoding").is_none());
    assert!(manifest.contents.matches(&contents.bytes().await.unwrap()));

    let name = address::index_name(&title, PLATFORM, &pointer.release.version);
    let index = server.client.get(&format!("index/{name}")).await;
    assert_eq!(index.headers()["cache-control"], IMMUTABLE);
    assert!(manifest.index.matches(&index.bytes().await.unwrap()));

    for (id, stored, _) in &build.chunks {
        let chunk = server.client.get(&chunk_path(*id)).await;
        assert_eq!(chunk.headers()["cache-control"], IMMUTABLE);
        assert_eq!(chunk.headers()["etag"], format!("\"{id}\""));
        assert_eq!(chunk.bytes().await.unwrap(), stored);
    }
    server.stop().await;
}

#[tokio::test]
async fn head_says_what_get_would_send() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    let (id, stored, _) = &build.chunks[0];
    let paths = [
        (chunk_path(*id), Some(stored.len())),
        (
            format!("index/{TITLE}_1.0.0_{PLATFORM}.caidx"),
            Some(build.index.len()),
        ),
        (
            format!("titles/{TITLE}/releases/{PLATFORM}/1.0.0/contents.json.zst"),
            Some(build.contents.len()),
        ),
        (format!("titles/{TITLE}/tuf/timestamp.json"), None),
        (format!("titles/{TITLE}/tuf/1.root.json"), None),
    ];
    for (path, len) in paths {
        let get = server.client.get(&path).await;
        let head = server.client.request(Method::HEAD, &path).send().await.unwrap();
        assert_eq!(head.status(), StatusCode::OK, "{path}");
        for name in [
            "content-length",
            "etag",
            "cache-control",
            "content-type",
            "accept-ranges",
        ] {
            assert_eq!(
                head.headers().get(name),
                get.headers().get(name),
                "{name} of {path}"
            );
        }
        if let Some(len) = len {
            assert_eq!(head.headers()["content-length"], len.to_string(), "{path}");
        }
        assert!(head.bytes().await.unwrap().is_empty());
    }
    server.stop().await;
}

#[tokio::test]
async fn what_a_cache_has_is_not_sent_again() {
    let server = TestServer::start().await;
    server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    let path = format!("titles/{TITLE}/tuf/timestamp.json");
    let tag = server.client.get(&path).await.headers()["etag"].clone();
    let ask = || {
        server
            .client
            .request(Method::GET, &path)
            .header("if-none-match", &tag)
            .send()
    };

    let same = ask().await.unwrap();
    assert_eq!(same.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(same.headers()["etag"], tag);

    server.client.publish(&Build::new("1.1.0", 2, 2), "stable").await;
    let newer = ask().await.unwrap();
    assert_eq!(newer.status(), StatusCode::OK);
    assert_ne!(newer.headers()["etag"], tag);
    server.stop().await;
}

#[tokio::test]
async fn a_broken_download_goes_on_where_it_broke() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.publish(&build, "stable").await;
    let (id, stored, _) = &build.chunks[0];
    let paths = [
        (chunk_path(*id), stored),
        (format!("index/{TITLE}_1.0.0_{PLATFORM}.caidx"), &build.index),
        (
            format!("titles/{TITLE}/releases/{PLATFORM}/1.0.0/contents.json.zst"),
            &build.contents,
        ),
    ];
    for (path, whole) in paths {
        let request = server
            .client
            .request(Method::GET, &path)
            .header("range", "bytes=10-");
        let part = request.send().await.unwrap();
        assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{path}");
        let stated = format!("bytes 10-{}/{}", whole.len() - 1, whole.len());
        assert_eq!(part.headers()["content-range"], stated);
        assert_eq!(part.bytes().await.unwrap(), &whole[10..]);

        let beyond = format!("bytes={}-", whole.len());
        let beyond = server
            .client
            .request(Method::GET, &path)
            .header("range", beyond)
            .send()
            .await
            .unwrap();
        assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(
            beyond.headers()["content-range"],
            format!("bytes */{}", whole.len())
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_there_is_a_404_that_nobody_caches() {
    let server = TestServer::start().await;
    server.client.publish(&Build::new("1.0.0", 1, 1), "stable").await;
    let nothing = "ab".repeat(32);
    let paths = [
        format!("store/abab/{nothing}.cacnk"),
        "index/nothing.caidx".to_owned(),
        "index/no-index.txt".to_owned(),
        "titles/nothing/tuf/timestamp.json".to_owned(),
        "titles/NOT%20A%20TITLE/tuf/timestamp.json".to_owned(),
        format!("titles/{TITLE}/tuf/2.root.json"),
        format!("titles/{TITLE}/tuf/1.timestamp.json"),
        format!("titles/{TITLE}/tuf/targets.json"),
        format!("titles/{TITLE}/tuf/targets/{nothing}.stable@{PLATFORM}.json"),
        format!("titles/{TITLE}/tuf/targets/{nothing}.json"),
        format!("titles/{TITLE}/releases/{PLATFORM}/9.9.9/contents.json.zst"),
        // There is no way past the signatures.
        format!("titles/{TITLE}/releases/{PLATFORM}/1.0.0/manifest.json"),
        format!("titles/{TITLE}/releases/{PLATFORM}/1.0.0/other.json"),
    ];
    for path in paths {
        problem(server.client.get(&path).await, StatusCode::NOT_FOUND, "not-found").await;
    }
    let unrouted = server.client.get("somewhere/else").await;
    assert_eq!(unrouted.status(), StatusCode::NOT_FOUND);
    assert_eq!(unrouted.headers()["content-type"], "application/problem+json");
    assert_eq!(unrouted.headers()["cache-control"], "no-store");
    server.stop().await;
}

#[tokio::test]
async fn no_address_leads_out_of_the_data_folder() {
    let server = TestServer::start().await;
    for path in [
        "index/..%2fserver.sqlite",
        "index/%2e%2e%2fserver.sqlite",
        "store/..%2f..%2f/server.sqlite",
        "store/../../server.sqlite",
        "titles/..%2f..%2fserver.sqlite/tuf/timestamp.json",
        "titles/test-title/tuf/..%2f1.root.json",
        "index/..%5cserver.sqlite",
        "index/%00.caidx",
    ] {
        let status = server.client.get(path).await.status();
        assert!(matches!(status.as_u16(), 400 | 404), "{path}: {status}");
    }
    server.stop().await;
}

#[tokio::test]
async fn other_methods_are_refused_as_such() {
    let server = TestServer::start().await;
    let response = server
        .client
        .request(Method::DELETE, "index/a.caidx")
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    server.stop().await;
}

#[tokio::test]
async fn health_needs_no_token() {
    let server = TestServer::start().await;
    let health: serde_json::Value = server.client.get("api/v1/health").await.json().await.unwrap();
    assert_eq!(health["status"], "ok");
    server.stop().await;
}
