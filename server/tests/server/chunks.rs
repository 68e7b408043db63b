// SPDX-License-Identifier: MIT
//! Uploads of chunks and indexes.

use std::time::Duration;

use fs_err as fs;
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::time::timeout;
use vsekai_formats::{ChunkId, DigestAlgorithm, codec};
use vsekai_server::Limits;
use vsekai_store::{HttpBatches, HttpOptions, HttpOrigin, StoreFormat};

use crate::build::Build;
use crate::client::{TestServer, chunk_path, problem};

fn chunk(plain: &[u8]) -> (ChunkId, Vec<u8>) {
    (
        ChunkId::of(DigestAlgorithm::Sha512_256, plain),
        codec::compress(plain, 3).unwrap(),
    )
}

#[tokio::test]
async fn a_chunk_is_created_once_and_keeps_its_bytes() {
    let server = TestServer::start().await;
    let (id, stored) = chunk(b"some bytes of a game");
    assert_eq!(
        server.client.put_chunk(id, &stored).await.status(),
        StatusCode::CREATED
    );
    let otherwise = codec::compress(b"some bytes of a game", 19).unwrap();
    assert_eq!(
        server.client.put_chunk(id, &otherwise).await.status(),
        StatusCode::OK
    );
    assert_eq!(
        server.client.get(&chunk_path(id)).await.bytes().await.unwrap(),
        stored
    );
    server.stop().await;
}

#[tokio::test]
async fn a_poisoned_chunk_never_exists_for_anyone() {
    let server = TestServer::start().await;
    let (id, _) = chunk(b"the right bytes");
    let (_, wrong) = chunk(b"the wrong bytes");
    let (_, right) = chunk(b"the right bytes");
    let twice = [right.clone(), right.clone()].concat();
    for poison in [
        wrong,
        twice,
        b"the right bytes".to_vec(),
        right[..right.len() - 1].to_vec(),
        Vec::new(),
    ] {
        let refused = server.client.put_chunk(id, &poison).await;
        problem(refused, StatusCode::UNPROCESSABLE_ENTITY, "invalid-chunk").await;
        assert_eq!(
            server.client.get(&chunk_path(id)).await.status(),
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            server.client.missing(&[id]).await,
            json!({ "missing": [id], "sizes": [null] })
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_bomb_is_refused_before_it_goes_off() {
    let limits = Limits {
        chunk_bytes: 1 << 20,
        ..Limits::default()
    };
    let server = TestServer::with_limits(limits).await;
    let (id, bomb) = chunk(&vec![0; 64 << 20]);
    assert!(bomb.len() < 16 << 10);
    problem(
        server.client.put_chunk(id, &bomb).await,
        StatusCode::PAYLOAD_TOO_LARGE,
        "too-large",
    )
    .await;
    let (id, largest) = chunk(&vec![0; 1 << 20]);
    assert_eq!(
        server.client.put_chunk(id, &largest).await.status(),
        StatusCode::CREATED
    );
    server.stop().await;
}

#[tokio::test]
async fn a_chunk_has_one_address() {
    let server = TestServer::start().await;
    let (id, stored) = chunk(b"bytes");
    let hex = id.to_string();
    for path in [
        format!("store/0000/{hex}.cacnk"),
        format!("store/{}/{hex}", &hex[..4]),
        format!("store/{}/{}.cacnk", &hex[..4], hex.to_uppercase()),
        format!("store/{}/{}.cacnk", &hex[..4], &hex[..63]),
    ] {
        let refused = server.client.send(Method::PUT, &path, stored.clone()).await;
        problem(refused, StatusCode::BAD_REQUEST, "bad-request").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn missing_chunks_are_told_in_the_order_asked_with_the_sizes_of_others() {
    let server = TestServer::start().await;
    let (here, stored) = chunk(b"uploaded");
    let (first, _) = chunk(b"not uploaded");
    let (second, _) = chunk(b"not uploaded either");
    server.client.put_chunk(here, &stored).await;
    let answer = json!({ "missing": [second, first], "sizes": [null, stored.len(), null] });
    assert_eq!(server.client.missing(&[second, here, first]).await, answer);
    let server = server.restart().await;
    assert_eq!(server.client.missing(&[second, here, first]).await, answer);
    server.stop().await;
}

#[tokio::test]
async fn too_many_chunks_at_once_cannot_be_asked_for() {
    let server = TestServer::start().await;
    let ids: Vec<ChunkId> = (0u32..4097).map(|n| chunk(&n.to_le_bytes()).0).collect();
    server.client.missing(&ids[..4096]).await;
    let question = json!({ "chunks": ids }).to_string();
    let refused = server
        .client
        .send(Method::POST, "api/v1/chunks/missing", question)
        .await;
    problem(refused, StatusCode::BAD_REQUEST, "bad-request").await;
    server.stop().await;
}

#[tokio::test]
async fn an_index_is_stored_if_it_parses_and_its_name_is_free() {
    let server = TestServer::start().await;
    let (first, second) = (Build::new("1", 1, 1), Build::new("2", 2, 2));
    let put = |name: &'static str, bytes: &[u8]| {
        let bytes = bytes.to_vec();
        server.client.send(Method::PUT, name, bytes)
    };
    assert_eq!(
        put("index/a.caidx", &first.index).await.status(),
        StatusCode::CREATED
    );
    assert_eq!(put("index/a.caidx", &first.index).await.status(), StatusCode::OK);
    problem(
        put("index/a.caidx", &second.index).await,
        StatusCode::CONFLICT,
        "exists",
    )
    .await;
    let refused = put("index/b.caidx", &second.index[..second.index.len() - 1]).await;
    problem(refused, StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported").await;
    assert_eq!(
        server.client.get("index/b.caidx").await.status(),
        StatusCode::NOT_FOUND
    );
    problem(
        put("index/b.txt", &second.index).await,
        StatusCode::BAD_REQUEST,
        "bad-request",
    )
    .await;
    assert_eq!(
        server.client.get("index/a.caidx").await.bytes().await.unwrap(),
        first.index
    );
    server.stop().await;
}

#[tokio::test]
async fn chunks_that_a_power_cut_tore_are_missing_again() {
    let server = TestServer::start().await;
    let (torn, torn_stored) = chunk(b"cut off by a power cut");
    let (whole, whole_stored) = chunk(b"written just before");
    let folder = server.stop().await;
    // What a crash leaves: chunks that the ledger does not know, one of them torn, and the mark.
    for (id, bytes) in [(torn, &torn_stored[..5]), (whole, &whole_stored[..])] {
        let path = folder.path().join(chunk_path(id));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
    }
    fs::write(folder.path().join("unclean"), b"").unwrap();
    let server = TestServer::open(folder, Limits::default()).await;
    let answer = json!({ "missing": [torn], "sizes": [null, whole_stored.len()] });
    assert_eq!(server.client.missing(&[torn, whole]).await, answer);
    assert_eq!(
        server.client.get(&chunk_path(torn)).await.status(),
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        server.client.put_chunk(torn, &torn_stored).await.status(),
        StatusCode::CREATED
    );
    assert!(server.fsck().await.dangling.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn clients_that_leave_in_the_middle_leave_nothing_half_done() {
    let server = TestServer::start().await;
    let plain: Vec<u8> = (0..200_000u32).flat_map(|n| (n / 3).to_le_bytes()).collect();
    let id = ChunkId::of(DigestAlgorithm::Sha512_256, &plain);
    let build = Build::new("1.0.0", 1, 1);
    server.client.put_chunks(&build).await;
    // The same chunk in several compressions, each by a client that leaves at another point of its way.
    for round in 0..40 {
        let stored = codec::compress(&plain, 1 + round % 12).unwrap();
        let upload = server.client.put_chunk(id, &stored);
        let publish = server.client.post_release(&build, "stable");
        let patience = Duration::from_micros(200 * u64::from(round.unsigned_abs()));
        let _ = timeout(patience, async { tokio::join!(upload, publish) }).await;
    }
    let folder = server.stop().await;
    let server = TestServer::open(folder, Limits::default()).await;
    let report = server.fsck().await;
    assert!(report.dangling.is_empty(), "{:?}", report.dangling);
    server.stop().await;
}

/// Fetches chunks in one answer, as players do.
async fn fetch(server: &TestServer, ids: &[ChunkId]) -> Vec<(ChunkId, Option<Vec<u8>>)> {
    let origin = HttpOrigin::new(&server.client.url, HttpOptions::default()).unwrap();
    let batches = HttpBatches::new(origin, StoreFormat::default());
    let mut batch = batches.open(ids.to_vec()).await.unwrap().expect("it is offered");
    let mut found = Vec::new();
    while let Some((id, stored)) = batch.next().await.unwrap() {
        found.push((id, stored.map(Vec::from)));
    }
    found
}

#[tokio::test]
async fn many_chunks_come_in_one_answer_in_the_order_asked() {
    let server = TestServer::start().await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.put_chunks(&build).await;
    // Larger than what is read and sent at a time, and does not compress.
    let large = (0..200_000u32).map(|n| ChunkId::of(DigestAlgorithm::Sha256, &n.to_le_bytes()).as_bytes()[0]);
    let (large_id, large) = chunk(&large.collect::<Vec<u8>>());
    server.client.put_chunk(large_id, &large).await;
    let (absent, _) = chunk(b"never uploaded");
    let mut expected: Vec<(ChunkId, Option<Vec<u8>>)> = vec![(absent, None)];
    for _ in 0..5 {
        expected.push((large_id, Some(large.clone())));
    }
    for (id, stored, _) in build.chunks.iter().rev() {
        expected.push((*id, Some(stored.to_vec())));
    }
    expected.push((absent, None));
    let ids: Vec<ChunkId> = expected.iter().map(|(id, _)| *id).collect();
    assert_eq!(fetch(&server, &ids).await, expected);
    let metrics = server.client.send(Method::GET, "api/v1/metrics", "").await;
    let metrics = metrics.text().await.unwrap();
    let chunks: usize = expected.iter().flat_map(|(_, stored)| stored).map(Vec::len).sum();
    let sent = chunks + 4 * expected.len();
    for line in [
        "vsekai_server_answers_total{kind=\"chunk-batch\",status=\"200\"} 1".to_owned(),
        format!("vsekai_server_body_bytes_total{{kind=\"chunk-batch\",status=\"200\"}} {sent}"),
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_request_for_many_chunks_is_bounded_and_must_make_sense() {
    let limits = Limits {
        chunk_fetch: 3,
        ..Limits::default()
    };
    let server = TestServer::with_limits(limits).await;
    let ask = |bytes: usize| {
        server
            .client
            .request(Method::POST, "api/v1/chunks/fetch")
            .body(vec![7; bytes])
    };
    for bytes in [0, 1, 31, 33, 95] {
        let refused = ask(bytes).send().await.unwrap();
        problem(refused, StatusCode::BAD_REQUEST, "bad-request").await;
    }
    let refused = ask(4 * 32).send().await.unwrap();
    problem(refused, StatusCode::PAYLOAD_TOO_LARGE, "too-large").await;
    assert_eq!(ask(3 * 32).send().await.unwrap().status(), StatusCode::OK);
    let get = server.client.get("api/v1/chunks/fetch").await;
    assert_eq!(get.status(), StatusCode::METHOD_NOT_ALLOWED);
    server.stop().await;
}
