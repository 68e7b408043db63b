// SPDX-License-Identifier: MIT
//! Refused uploads over bare connections: when the answer comes, and what becomes of the connection.

use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;
use vsekai_formats::ChunkId;
use vsekai_server::Limits;

use crate::client::{TestServer, chunk_path};
use crate::limits::{PATIENCE, closed_in_time, connect, http2, large, quick, read_answer};

/// A request that is refused, whatever follows it.
fn refused_upload(len: u64) -> String {
    let path = chunk_path(ChunkId::from_bytes([7; 32]));
    format!("PUT /{path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len}\r\n\r\n")
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_body() {
    let server = TestServer::with_limits(Limits {
        stall_timeout: PATIENCE * 10,
        ..Limits::default()
    })
    .await;
    // No upload may be as long as the last one.
    for (len, ends) in [(1000, false), (4 << 20, true), (1 << 40, true)] {
        let mut stream = connect(&server).await;
        stream.write_all(refused_upload(len).as_bytes()).await.unwrap();
        let (head, body) = read_answer(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 401"), "{head}");
        assert_eq!(head.contains("\r\nconnection: close\r\n"), ends, "{head}");
        assert!(!body.is_empty(), "{head}");
    }
    let (client, connection) = http2(&server).await;
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let path = chunk_path(ChunkId::from_bytes([7; 32]));
    let request = http::Request::put(format!("http://x/{path}")).body(()).unwrap();
    let (answer, _body) = client.send_request(request, false).unwrap();
    let answer = timeout(PATIENCE, answer).await.expect("an answer in time");
    assert_eq!(answer.unwrap().status(), 401);
    connection.abort();
    server.stop().await;
}

#[tokio::test]
async fn who_reads_nothing_before_all_is_sent_is_told_of_a_refusal_all_the_same() {
    let server = TestServer::start().await;
    let mut stream = connect(&server).await;
    let head = refused_upload(large().len() as u64);
    let request = [head.as_bytes(), &large()].concat();
    stream.write_all(&request).await.expect("the server takes it all");
    let mut answer = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("the server closes").expect("it resets nothing");
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("\"code\":\"unauthorized\""), "{answer}");
    server.stop().await;
}

#[tokio::test]
async fn after_a_refusal_with_a_short_body_the_connection_is_kept_for_a_while() {
    let server = TestServer::with_limits(quick()).await;
    let mut stream = connect(&server).await;
    for _ in 0..2 {
        stream.write_all(refused_upload(1000).as_bytes()).await.unwrap();
        let (head, _) = read_answer(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 401"), "{head}");
        stream.write_all(&[7; 1000]).await.unwrap();
    }
    closed_in_time(&mut stream, Instant::now(), quick().idle_timeout).await;
    server.stop().await;
}
