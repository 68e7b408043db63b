// SPDX-License-Identifier: MIT
//! Clients that are slow, large, many or gone.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{interval, timeout};
use vsekai_formats::index::Index;
use vsekai_formats::{ChunkId, DigestAlgorithm, codec, flags};
use vsekai_server::Limits;

use crate::build::multipart;
use crate::client::{Client, TestServer, chunk_path, problem};

/// Longest any of these tests waits for the server to act.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How late a busy machine may be.
const SLACK: Duration = Duration::from_secs(5);

/// Short times, yet long enough for a busy machine to do what an honest client does.
pub fn quick() -> Limits {
    Limits {
        head_timeout: Duration::from_millis(1500),
        idle_timeout: Duration::from_millis(2500),
        stall_timeout: Duration::from_millis(1500),
        stop_grace: Duration::from_millis(1500),
        connections_per_address: 512,
        ..Limits::default()
    }
}

pub async fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.running.address()).await.unwrap()
}

/// Reads until the server closes the connection; returns what it sent.
pub async fn read_to_close(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    // A reset is a close too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("the server closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Waits until the server closes the connection, about `expected` after `started`; returns what it said.
pub async fn closed_in_time(stream: &mut TcpStream, started: Instant, expected: Duration) -> String {
    let said = read_to_close(stream).await;
    let took = started.elapsed();
    assert!(took >= expected / 2 && took < expected + SLACK, "{took:?}");
    said
}

/// Reads an answer that was asked for, but its body of `len` bytes only once the server has given up on that.
pub async fn not_taken(server: &TestServer, stream: &mut TcpStream, len: usize) {
    read_head(stream).await;
    wait_for_a_place(server).await;
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(rest.len() < len);
}

#[tokio::test]
async fn a_client_that_says_nothing_is_closed() {
    let server = TestServer::with_limits(quick()).await;
    let started = Instant::now();
    let mut stream = connect(&server).await;
    let said = closed_in_time(&mut stream, started, quick().head_timeout).await;
    assert_eq!(said, "");
    server.stop().await;
}

#[tokio::test]
async fn a_head_that_drips_is_closed() {
    let server = TestServer::with_limits(quick()).await;
    for beginning in ["GET /api/v1/health HTTP/1.1\r\nx: ", "PRI * HTTP/2.0\r\n", "P"] {
        let started = Instant::now();
        let mut stream = connect(&server).await;
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.split();
        let drip = async {
            let mut ticks = interval(Duration::from_millis(50));
            while write.write_all(b"x").await.is_ok() {
                ticks.tick().await;
            }
        };
        let mut bytes = Vec::new();
        tokio::select! {
            _ = read.read_to_end(&mut bytes) => {}
            () = drip => {}
        }
        let took = started.elapsed();
        assert!(took < quick().head_timeout + SLACK, "{beginning}: {took:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_request_for_a_while() {
    let server = TestServer::with_limits(quick()).await;
    let mut stream = connect(&server).await;
    let ask = b"HEAD /absent HTTP/1.1\r\nhost: x\r\n\r\n";
    for _ in 0..2 {
        stream.write_all(ask).await.unwrap();
        let mut answer = [0u8; 12];
        timeout(PATIENCE, stream.read_exact(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&answer, b"HTTP/1.1 404");
        read_head(&mut stream).await;
    }
    let started = Instant::now();
    closed_in_time(&mut stream, started, quick().idle_timeout).await;
    server.stop().await;
}

/// Returns the id of `plain` as a chunk, the head of its upload with `more` headers, and the body.
fn upload_of(server: &TestServer, plain: &[u8], more: &str) -> (ChunkId, String, Vec<u8>) {
    let id = ChunkId::of(DigestAlgorithm::Sha512_256, plain);
    let stored = codec::compress(plain, 3).unwrap();
    let head = format!(
        "PUT /{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n{more}\r\n",
        chunk_path(id),
        server.client.token,
        stored.len()
    );
    (id, head, stored)
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_an_upload_too() {
    let server = TestServer::with_limits(quick()).await;
    let (_, head, stored) = upload_of(&server, b"the only thing that this client ever sends", "");
    let mut stream = connect(&server).await;
    let request = [head.as_bytes(), &stored].concat();
    stream.write_all(&request).await.unwrap();
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 201"), "{head}");
    closed_in_time(&mut stream, Instant::now(), quick().idle_timeout).await;
    server.stop().await;
}

#[tokio::test]
async fn a_second_head_that_drips_is_closed_too() {
    let limits = Limits {
        idle_timeout: Duration::from_secs(60),
        ..quick()
    };
    let server = TestServer::with_limits(limits).await;
    let mut stream = connect(&server).await;
    stream
        .write_all(b"HEAD /x HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    read_head(&mut stream).await;
    let started = Instant::now();
    stream.write_all(b"GET ").await.unwrap();
    closed_in_time(&mut stream, started, quick().head_timeout).await;
    server.stop().await;
}

pub async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, stream.read_u8())
            .await
            .expect("an answer in time")
            .unwrap();
        head.push(byte);
    }
    String::from_utf8(head).unwrap()
}

/// Reads the head of an answer, and the body that it announces.
pub async fn read_answer(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let head = read_head(stream).await;
    let len = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; len.unwrap_or("0").parse().unwrap()];
    let read = timeout(PATIENCE, stream.read_exact(&mut body)).await;
    read.expect("an answer in time").unwrap();
    (head, body)
}

#[tokio::test]
async fn a_head_beyond_the_limit_is_refused() {
    let server = TestServer::with_limits(quick()).await;
    let mut stream = connect(&server).await;
    let head = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(quick().head_bytes));
    let _ = stream.write_all(head.as_bytes()).await;
    let answer = read_to_close(&mut stream).await;
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
        "{answer}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_body_over_the_cap_gets_413_whatever_its_length_claims() {
    let limits = Limits {
        chunk_bytes: 100_000,
        ..Limits::default()
    };
    let server = TestServer::with_limits(limits.clone()).await;
    let path = chunk_path(ChunkId::from_bytes([7; 32]));
    let one_more = vec![0u8; limits.chunk_stored_bytes() + 1];
    let stated = server.client.send(Method::PUT, &path, one_more.clone()).await;
    problem(stated, StatusCode::PAYLOAD_TOO_LARGE, "too-large").await;
    let pieces = one_more
        .chunks(1000)
        .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
        .collect::<Vec<_>>();
    let unstated = reqwest::Body::wrap_stream(futures::stream::iter(pieces));
    let unstated = server.client.send(Method::PUT, &path, unstated).await;
    problem(unstated, StatusCode::PAYLOAD_TOO_LARGE, "too-large").await;
    let question = "x".repeat(4096 * 80 + 1025);
    let question = server
        .client
        .send(Method::POST, "api/v1/chunks/missing", question)
        .await;
    problem(question, StatusCode::PAYLOAD_TOO_LARGE, "too-large").await;
    server.stop().await;
}

#[tokio::test]
async fn who_finds_no_memory_for_an_upload_is_told_to_come_again() {
    let server = TestServer::with_limits(Limits {
        upload_memory: 128 << 10,
        ..Limits::default()
    })
    .await;
    let plain = b"a small one";
    let small_id = ChunkId::of(DigestAlgorithm::Sha512_256, plain);
    let small = codec::compress(plain, 1).unwrap();
    let chunk = chunk_path(ChunkId::from_bytes([7; 32]));
    for (method, path) in [
        (Method::PUT, chunk.as_str()),
        (Method::PUT, "index/large.caidx"),
        (Method::POST, "api/v1/titles/test-title/metadata"),
    ] {
        let refused = server.client.send(method, path, large()).await;
        assert!(refused.headers().contains_key("retry-after"), "{path}");
        problem(refused, StatusCode::SERVICE_UNAVAILABLE, "unavailable").await;
        let answer = server.client.put_chunk(small_id, &small).await;
        assert!(
            answer.status().is_success(),
            "the room is there again: {answer:?}"
        );
    }
    // The second one never gets to its first part.
    for release in [[large_part("index"), b"\r\n--x--\r\n".to_vec()].concat(), large()] {
        let refused = post_parts(&server, FORM, release).await;
        assert!(refused.headers().contains_key("retry-after"));
        problem(refused, StatusCode::SERVICE_UNAVAILABLE, "unavailable").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn one_token_leaves_memory_for_the_uploads_of_others() {
    let server = TestServer::with_limits(small_uploads()).await;
    let other = server.token("*", "*", "upload").await;
    let path = chunk_path(ChunkId::from_bytes([7; 32]));
    let begun = vec![7_u8; 60 << 10];
    let hold_all = async {
        loop {
            let request = format!("PUT /{path}");
            let held = begin_upload(&server, &request, begun.len() + 1, &begun).await;
            let second = server.client.send(Method::PUT, &path, vec![7_u8; 8 << 10]).await;
            // Else the second one came first.
            if second.status() == StatusCode::SERVICE_UNAVAILABLE {
                return (held, second);
            }
        }
    };
    let (held, second) = timeout(PATIENCE, hold_all).await.expect("a refusal");
    assert!(second.headers().contains_key("retry-after"));
    problem(second, StatusCode::SERVICE_UNAVAILABLE, "unavailable").await;
    let answer = other.send(Method::PUT, &path, begun).await;
    problem(answer, StatusCode::UNPROCESSABLE_ENTITY, "invalid-chunk").await;
    drop(held);
    server.stop().await;
}

#[tokio::test]
async fn a_release_without_memory_gives_back_what_it_had_and_gets_its_answer_at_once() {
    let server = TestServer::with_limits(Limits {
        upload_memory: 64 << 10,
        stall_timeout: PATIENCE * 10,
        ..Limits::default()
    })
    .await;
    let release = large_part("index");
    let (begun, rest) = release.split_at(100 << 10);
    let request = "POST /api/v1/releases?channel=stable";
    let mut stream = begin_upload(&server, request, release.len(), begun).await;
    let path = chunk_path(ChunkId::from_bytes([7; 32]));
    let has_room = async {
        loop {
            let answer = server.client.send(Method::PUT, &path, vec![7_u8; 60 << 10]).await;
            if answer.status() != StatusCode::SERVICE_UNAVAILABLE {
                return answer;
            }
        }
    };
    let answer = timeout(PATIENCE, has_room).await.expect("room");
    problem(answer, StatusCode::UNPROCESSABLE_ENTITY, "invalid-chunk").await;
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 503"), "{head}");
    assert!(head.contains("\r\nretry-after: "), "{head}");
    stream.write_all(rest).await.unwrap();
    server.stop().await;
}

#[tokio::test]
async fn whoever_may_not_upload_is_told_so_however_much_it_is() {
    let server = TestServer::start().await;
    let chunk = chunk_path(ChunkId::from_bytes([7; 32]));
    let nobody = Client::new(server.running.url(), String::new());
    let promoter = server.token("*", "*", "promote").await;
    for (client, path, status, code) in [
        (&nobody, &*chunk, StatusCode::UNAUTHORIZED, "unauthorized"),
        (&promoter, &*chunk, StatusCode::FORBIDDEN, "forbidden"),
        (
            &server.client,
            "store/7/7",
            StatusCode::BAD_REQUEST,
            "bad-request",
        ),
    ] {
        problem(client.send(Method::PUT, path, large()).await, status, code).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_is_too_long_is_told_so_though_it_is_far_too_long() {
    let server = TestServer::with_limits(Limits {
        chunk_bytes: 100_000,
        ..Limits::default()
    })
    .await;
    let path = chunk_path(ChunkId::from_bytes([7; 32]));
    let refused = server.client.send(Method::PUT, &path, large()).await;
    problem(refused, StatusCode::PAYLOAD_TOO_LARGE, "too-large").await;
    server.stop().await;
}

#[tokio::test]
async fn whoever_asks_before_sending_and_is_refused_sends_nothing() {
    let server = TestServer::start().await;
    let mut stream = connect(&server).await;
    let head = format!(
        "PUT /{} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\nexpect: 100-continue\r\n\r\n",
        chunk_path(ChunkId::from_bytes([7; 32])),
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 401"), "{head}");
    server.stop().await;
}

#[tokio::test]
async fn a_release_of_unknown_parts_is_told_so_however_long_it_is() {
    let server = TestServer::start().await;
    let refused = post_parts(&server, FORM, large_part("other")).await;
    problem(refused, StatusCode::BAD_REQUEST, "bad-request").await;
    server.stop().await;
}

#[tokio::test]
async fn a_release_is_read_though_all_of_its_parts_are_as_long_as_they_may_be() {
    let limits = small_uploads();
    let server = TestServer::with_limits(limits.clone()).await;
    for (more, status, code) in [
        (0, StatusCode::UNPROCESSABLE_ENTITY, "invalid-release"),
        (1, StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
    ] {
        let parts = limits.release_parts().map(|len| vec![7_u8; len + more]);
        let [manifest, contents, index, metadata] = &parts;
        let (content_type, body) = multipart(&[
            ("manifest", manifest),
            ("contents", contents),
            ("index", index),
            ("metadata", metadata),
        ]);
        problem(post_parts(&server, &content_type, body).await, status, code).await;
    }
    server.stop().await;
}

/// So much that a client which is not listened to any more cannot send it all.
pub fn large() -> Vec<u8> {
    vec![7; 4 << 20]
}

/// The media type of [`large_part`].
const FORM: &str = "multipart/form-data; boundary=x";

/// A part of a release, of which more would have to follow.
fn large_part(name: &str) -> Vec<u8> {
    let head = format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
    [head.as_bytes(), &large()].concat()
}

/// Limits with which two tokens have memory for the largest upload each, but no token for two of them.
fn small_uploads() -> Limits {
    Limits {
        upload_memory: 128 << 10,
        chunk_bytes: 60 << 10,
        index_bytes: 16 << 10,
        manifest_bytes: 16 << 10,
        contents_stored_bytes: 16 << 10,
        metadata_bytes: 16 << 10,
        ..Limits::default()
    }
}

/// Begins an upload of `len` bytes, of which only `begun` is sent.
async fn begin_upload(server: &TestServer, request: &str, len: usize, begun: &[u8]) -> TcpStream {
    let mut stream = connect(server).await;
    let head = format!(
        "{request} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: {FORM}\r\n\
         content-length: {len}\r\n\r\n",
        server.client.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(begun).await.unwrap();
    stream
}

/// Sends what should be the parts of a release.
async fn post_parts(server: &TestServer, media_type: &str, body: Vec<u8>) -> reqwest::Response {
    let request = server
        .client
        .request(Method::POST, "api/v1/releases?channel=stable")
        .bearer_auth(&server.client.token)
        .header("content-type", media_type)
        .body(body);
    request.send().await.unwrap()
}

#[tokio::test]
async fn an_endless_body_is_cut_off() {
    let server = TestServer::with_limits(small_uploads()).await;
    let mut stream = connect(&server).await;
    let head = format!(
        "PUT /{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ntransfer-encoding: chunked\r\n\r\n",
        chunk_path(ChunkId::from_bytes([7; 32])),
        server.client.token
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let piece = format!("1000\r\n{}\r\n", "z".repeat(4096));
    let (mut read, mut write) = stream.split();
    let endless = async {
        let mut sent = 0u64;
        while write.write_all(piece.as_bytes()).await.is_ok() {
            sent += 4096;
        }
        sent
    };
    let mut answer = Vec::new();
    let (sent, _) = timeout(PATIENCE, async {
        tokio::join!(endless, read.read_to_end(&mut answer))
    })
    .await
    .unwrap();
    // What the server did not read waits in the buffers of both sockets.
    assert!(sent < 16 << 20, "{sent}");
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_stalls_is_given_up() {
    let server = TestServer::with_limits(quick()).await;
    let mut stream = connect(&server).await;
    let head = format!(
        "PUT /{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 1000\r\n\r\nhalf",
        chunk_path(ChunkId::from_bytes([7; 32])),
        server.client.token
    );
    let started = Instant::now();
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = closed_in_time(&mut stream, started, quick().stall_timeout).await;
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_given_up() {
    let limits = Limits {
        connections_per_address: 1,
        ..quick()
    };
    let server = TestServer::with_limits(limits).await;
    let index = large_index();
    let response = server
        .client
        .send(Method::PUT, "index/large.caidx", index.clone())
        .await;
    assert_eq!(response.status(), StatusCode::CREATED);
    let url = server.running.address();
    let token = server.client.token.clone();
    let folder = server.stop().await;
    let server = TestServer::open(
        folder,
        Limits {
            connections_per_address: 1,
            ..quick()
        },
    )
    .await;
    assert_ne!((url, &token), (server.running.address(), &server.client.token));

    let mut stream = connect(&server).await;
    stream
        .write_all(b"GET /index/large.caidx HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    not_taken(&server, &mut stream, index.len()).await;
    server.stop().await;
}

/// Waits until the server has given up on the client that has the only place.
async fn wait_for_a_place(server: &TestServer) {
    let second = async {
        loop {
            let mut stream = connect(server).await;
            stream
                .write_all(b"HEAD /x HTTP/1.1\r\nhost: x\r\n\r\n")
                .await
                .ok();
            let mut answer = [0u8; 8];
            if stream.read_exact(&mut answer).await.is_ok() {
                return answer;
            }
        }
    };
    assert_eq!(
        &timeout(PATIENCE, second).await.expect("a free place"),
        b"HTTP/1.1"
    );
}

/// An index larger than all buffers between two sockets.
fn large_index() -> Vec<u8> {
    let digest = DigestAlgorithm::Sha512_256;
    let mut index = Index::new(flags::for_catar(digest), digest, (16 << 10, 64 << 10, 256 << 10));
    for number in 0..500_000u64 {
        let mut id = [0u8; 32];
        id[..8].copy_from_slice(&number.to_le_bytes());
        index.push(ChunkId::from_bytes(id), 20_000);
    }
    index.to_bytes()
}

#[tokio::test]
async fn one_address_cannot_take_all_connections() {
    let limits = Limits {
        connections_per_address: 2,
        head_timeout: Duration::from_secs(60),
        ..quick()
    };
    let server = TestServer::with_limits(limits).await;
    let _first = connect(&server).await;
    let mut second = connect(&server).await;
    second
        .write_all(b"HEAD /x HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    read_head(&mut second).await;
    let mut third = connect(&server).await;
    assert_eq!(read_to_close(&mut third).await, "");
    server.stop().await;
}

#[tokio::test]
async fn many_slow_clients_do_not_keep_a_good_one_waiting() {
    let limits = Limits {
        head_timeout: Duration::from_secs(60),
        ..quick()
    };
    let server = TestServer::with_limits(limits).await;
    let plain = b"a chunk for everyone";
    let id = ChunkId::of(DigestAlgorithm::Sha512_256, plain);
    server
        .client
        .put_chunk(id, &codec::compress(plain, 3).unwrap())
        .await;
    let mut slow = Vec::new();
    for _ in 0..300 {
        let mut stream = connect(&server).await;
        stream.write_all(b"GET /slow HTTP/1.1\r\n").await.unwrap();
        slow.push(stream);
    }
    for _ in 0..50 {
        let started = Instant::now();
        assert_eq!(server.client.get(&chunk_path(id)).await.status(), StatusCode::OK);
        assert!(started.elapsed() < SLACK, "{:?}", started.elapsed());
    }
    drop(slow);
    server.stop().await;
}

#[tokio::test]
async fn a_stopping_server_answers_what_is_under_way() {
    let server = TestServer::with_limits(Limits {
        stop_grace: PATIENCE,
        stall_timeout: PATIENCE,
        ..quick()
    });
    let server = server.await;
    let plain = b"uploaded while the server is asked to stop";
    let (id, head, stored) = upload_of(&server, plain, "expect: 100-continue\r\n");
    let mut stream = connect(&server).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body only once it is in the middle of the request.
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 100"));
    let address = server.running.address();
    let idle = connect(&server).await;
    let TestServer { folder, running, .. } = server;
    let finish = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        stream.write_all(&stored).await.unwrap();
        let answer = read_to_close(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        drop(idle);
    };
    let (stopped, ()) = timeout(PATIENCE, async { tokio::join!(running.stop(), finish) })
        .await
        .unwrap();
    stopped.unwrap();
    let server = TestServer::open(folder, Limits::default()).await;
    assert_eq!(server.client.get(&chunk_path(id)).await.status(), StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn a_client_cannot_keep_a_server_from_stopping() {
    let limits = Limits {
        head_timeout: Duration::from_secs(600),
        ..quick()
    };
    let server = TestServer::with_limits(limits).await;
    let mut stream = connect(&server).await;
    stream.write_all(b"GET /never HTTP/1.1\r\n").await.unwrap();
    let mut other = connect(&server).await;
    other
        .write_all(b"HEAD /x HTTP/1.1\r\nhost: x\r\n\r\n")
        .await
        .unwrap();
    read_head(&mut other).await;
    let started = Instant::now();
    server.stop().await;
    assert!(
        started.elapsed() < quick().stop_grace + SLACK,
        "{:?}",
        started.elapsed()
    );
}

#[tokio::test]
async fn http_2_is_served_on_the_same_port() {
    let server = TestServer::start().await;
    let client = reqwest::Client::builder()
        .http2_prior_knowledge()
        .no_proxy()
        .build()
        .unwrap();
    let url = format!("{}/api/v1/health", server.running.url());
    let requests = (0..100).map(|_| client.get(&url).send());
    for response in futures::future::join_all(requests).await {
        let response = response.unwrap();
        assert_eq!(response.version(), reqwest::Version::HTTP_2);
        assert_eq!(response.status(), StatusCode::OK);
    }
    drop(client);
    server.stop().await;
}

/// Begins HTTP/2 with the server; requests go out while the second value is polled.
pub async fn http2(
    server: &TestServer,
) -> (
    h2::client::SendRequest<bytes::Bytes>,
    h2::client::Connection<TcpStream, bytes::Bytes>,
) {
    h2::client::handshake(connect(server).await).await.unwrap()
}

fn ask(name: &str, value: &str) -> http::Request<()> {
    let request = http::Request::get("http://x/api/v1/health").header(name, value);
    request.body(()).unwrap()
}

#[tokio::test]
async fn http_2_has_so_many_streams_and_so_long_heads() {
    let server = TestServer::with_limits(quick()).await;
    let (client, connection) = http2(&server).await;
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let (answer, _) = client.send_request(ask("x", "y"), true).unwrap();
    assert_eq!(answer.await.unwrap().status(), 200);
    // The server has said so by now, so this client keeps to it.
    assert_eq!(client.current_max_send_streams(), quick().http2_streams as usize);
    let mut client = client.ready().await.unwrap();
    let long = "y".repeat(quick().head_bytes + 1);
    let outcome = match client.send_request(ask("x", &long), true) {
        Ok((answer, _)) => answer.await.map(|answer| answer.status().as_u16()),
        Err(error) => Err(error),
    };
    assert!(!matches!(outcome, Ok(200)), "{outcome:?}");
    connection.abort();
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_taken_back_by_the_thousand_keep_nobody_waiting() {
    let server = TestServer::with_limits(quick()).await;
    let (client, connection) = http2(&server).await;
    let connection = tokio::spawn(connection);
    let flood = async {
        let mut client = client;
        for _ in 0..20_000 {
            let Ok(mut ready) = client.ready().await else {
                return "closed";
            };
            let Ok((_, mut stream)) = ready.send_request(ask("x", "y"), false) else {
                return "closed";
            };
            stream.send_reset(h2::Reason::CANCEL);
            client = ready;
        }
        "answered"
    };
    let good = async {
        for _ in 0..20 {
            let answer = timeout(PATIENCE, server.client.get("api/v1/health")).await;
            assert_eq!(answer.expect("an answer in time").status(), StatusCode::OK);
        }
    };
    let (_, ()) = timeout(PATIENCE, async { tokio::join!(flood, good) })
        .await
        .unwrap();
    connection.abort();
    server.stop().await;
}
