// SPDX-License-Identifier: MIT
//! Chunks that are answered past the router: nobody can tell, and every promise holds.

use std::time::Instant;

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use vsekai_formats::{ChunkId, DigestAlgorithm, codec};
use vsekai_server::Limits;
use vsekai_server::rates::Rate;

use crate::client::{TestServer, chunk_path};
use crate::limits::{
    PATIENCE, closed_in_time, connect, not_taken, quick, read_answer, read_head, read_to_close,
};
use crate::rates::{RARE, told_to_wait};

/// Larger than all buffers between two sockets, if the receiving one's is small.
const LARGE: usize = 12 << 20;

/// Uploads a chunk of `len` bytes that do not compress; returns it as it is stored.
async fn upload(server: &TestServer, len: usize) -> (ChunkId, Vec<u8>) {
    let mut state = len as u64 | 1 << 32;
    let noise = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    });
    let plain: Vec<u8> = noise.take(len).collect();
    let id = ChunkId::of(DigestAlgorithm::Sha512_256, &plain);
    let stored = codec::compress(&plain, 1).unwrap();
    let answer = server.client.put_chunk(id, &stored).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    (id, stored)
}

fn request(method: &str, id: ChunkId, more: &str) -> String {
    format!("{method} /{} HTTP/1.1\r\nhost: x\r\n{more}\r\n", chunk_path(id))
}

fn get(id: ChunkId) -> String {
    request("GET", id, "")
}

async fn ask(stream: &mut TcpStream, request: &str) -> (String, Vec<u8>) {
    stream.write_all(request.as_bytes()).await.unwrap();
    read_answer(stream).await
}

/// What does not change from one second to the next.
fn without_time(head: &str) -> Vec<&str> {
    let lines = head.split("\r\n");
    lines
        .map(|line| match line.starts_with("date: ") {
            true => "date",
            false => line,
        })
        .collect()
}

/// A client that takes little at a time.
async fn connect_narrowly(server: &TestServer) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(8 << 10).unwrap();
    socket.connect(server.running.address()).await.unwrap()
}

#[tokio::test]
async fn nobody_can_tell_who_answers() {
    let server = TestServer::start().await;
    for len in [1, 300, 15_000, 17_000, 60_000, 3 << 20] {
        let (id, stored) = upload(&server, len).await;
        let (here, body) = ask(&mut connect(&server).await, &get(id)).await;
        assert!(body == stored, "{len}");
        // A header that nobody knows, so the router answers.
        let usual = request("GET", id, "x-other: 1\r\n");
        let (there, body) = ask(&mut connect(&server).await, &usual).await;
        assert!(body == stored, "{len}");
        assert_eq!(without_time(&here), without_time(&there));
        let mut stream = connect(&server).await;
        stream
            .write_all(request("HEAD", id, "").as_bytes())
            .await
            .unwrap();
        let head = read_head(&mut stream).await;
        assert_eq!(without_time(&here), without_time(&head));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_head_in_drips_and_heads_in_one_go_are_answered_in_order() {
    let server = TestServer::start().await;
    let (small, stored_small) = upload(&server, 100).await;
    let (large, stored_large) = upload(&server, 100_000).await;
    let mut stream = connect(&server).await;
    stream.set_nodelay(true).unwrap();
    for byte in get(small).into_bytes() {
        stream.write_all(&[byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(read_answer(&mut stream).await.1 == stored_small);
    let (first, second) = (get(small), get(large));
    let health = "GET /api/v1/health HTTP/1.1\r\nhost: x\r\n\r\n";
    let all = format!("{first}{second}{first}{health}{second}");
    stream.write_all(all.as_bytes()).await.unwrap();
    for expected in [&stored_small, &stored_large, &stored_small] {
        assert!(read_answer(&mut stream).await.1 == *expected);
    }
    let (head, _) = read_answer(&mut stream).await;
    assert!(
        head.starts_with("HTTP/1.1 200") && head.contains("no-store"),
        "{head}"
    );
    assert!(read_answer(&mut stream).await.1 == stored_large);
    server.stop().await;
}

#[tokio::test]
async fn other_requests_on_the_same_connection_are_answered_as_ever() {
    let server = TestServer::start().await;
    let (id, stored) = upload(&server, 50_000).await;
    let mut stream = connect(&server).await;
    assert!(ask(&mut stream, &get(id)).await.1 == stored);
    let (head, body) = ask(&mut stream, &request("GET", id, "range: bytes=10-19\r\n")).await;
    assert!(head.starts_with("HTTP/1.1 206"), "{head}");
    assert_eq!(body, stored[10..20]);
    let known = format!("if-none-match: \"{id}\"\r\n");
    stream
        .write_all(request("GET", id, &known).as_bytes())
        .await
        .unwrap();
    assert!(read_head(&mut stream).await.starts_with("HTTP/1.1 304"));
    let (head, _) = ask(&mut stream, &get(ChunkId::from_bytes([7; 32]))).await;
    assert!(head.starts_with("HTTP/1.1 404"), "{head}");
    assert!(ask(&mut stream, &get(id)).await.1 == stored);
    let (_, body) = ask(&mut stream, &request("GET", id, "connection: close\r\n")).await;
    assert!(body == stored);
    assert_eq!(read_to_close(&mut stream).await, "");
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_spoke_http_1_does_not_go_on_with_http_2() {
    let server = TestServer::with_limits(quick()).await;
    let (id, stored) = upload(&server, 500).await;
    for garbage in ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\0\0\0\r\n\r\n"] {
        let mut stream = connect(&server).await;
        assert!(ask(&mut stream, &get(id)).await.1 == stored);
        stream.write_all(garbage.as_bytes()).await.unwrap();
        let answer = read_to_close(&mut stream).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400") || answer.starts_with("HTTP/1.1 505"),
            "{answer}"
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_had_its_chunk_is_kept_for_a_while() {
    let server = TestServer::with_limits(quick()).await;
    let (id, stored) = upload(&server, 500).await;
    let mut stream = connect(&server).await;
    for _ in 0..2 {
        assert!(ask(&mut stream, &get(id)).await.1 == stored);
    }
    let started = Instant::now();
    let said = closed_in_time(&mut stream, started, quick().idle_timeout).await;
    assert_eq!(said, "");
    let mut stream = connect(&server).await;
    assert!(ask(&mut stream, &get(id)).await.1 == stored);
    let started = Instant::now();
    stream.write_all(b"GET /store/").await.unwrap();
    let said = closed_in_time(&mut stream, started, quick().head_timeout).await;
    assert_eq!(said, "");
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_take_its_chunk_is_given_up() {
    let limits = Limits {
        connections_per_address: 1,
        ..quick()
    };
    let server = TestServer::start().await;
    let (id, stored) = upload(&server, LARGE).await;
    let server = TestServer::open(server.stop().await, limits).await;
    let mut stream = connect_narrowly(&server).await;
    stream.write_all(get(id).as_bytes()).await.unwrap();
    not_taken(&server, &mut stream, stored.len()).await;
    server.stop().await;
}

#[tokio::test]
async fn a_stopping_server_sends_the_chunk_under_way_and_closes_idle_connections() {
    let server = TestServer::with_limits(Limits {
        stop_grace: PATIENCE,
        stall_timeout: PATIENCE,
        idle_timeout: PATIENCE,
        ..quick()
    });
    let server = server.await;
    let (small, stored_small) = upload(&server, 100).await;
    let (large, stored) = upload(&server, LARGE).await;
    let mut idle = connect(&server).await;
    assert!(ask(&mut idle, &get(small)).await.1 == stored_small);
    let mut stream = connect_narrowly(&server).await;
    stream.write_all(get(large).as_bytes()).await.unwrap();
    read_head(&mut stream).await;
    let address = server.running.address();
    let TestServer { folder, running, .. } = server;
    let finish = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        assert_eq!(read_to_close(&mut idle).await, "");
        let mut body = Vec::new();
        stream.read_to_end(&mut body).await.unwrap();
        assert!(body == stored, "{} of {}", body.len(), stored.len());
    };
    let (stopped, ()) = timeout(PATIENCE, async { tokio::join!(running.stop(), finish) })
        .await
        .unwrap();
    stopped.unwrap();
    drop(folder);
}

#[tokio::test]
async fn who_asks_for_chunks_too_often_is_told_so() {
    let limits = Limits {
        reads: RARE,
        ..Limits::default()
    };
    let server = TestServer::with_limits(limits).await;
    let (id, _) = upload(&server, 100).await;
    let mut answered = 0;
    let refused = loop {
        let answer = server.client.get(&chunk_path(id)).await;
        if answer.status() != StatusCode::OK {
            break answer;
        }
        answered += 1;
        assert!(answered < 200, "nobody counts");
    };
    assert!(answered >= 3, "{answered}");
    told_to_wait(refused, "too-many").await;
    server.stop().await;
}

#[tokio::test]
async fn a_request_that_the_lane_leaves_to_the_router_is_counted_once() {
    let limits = Limits {
        reads: Rate {
            per_second: 1,
            burst: 4,
        },
        ..Limits::default()
    };
    let server = TestServer::with_limits(limits).await;
    for number in 0..4 {
        let absent = get(ChunkId::from_bytes([number; 32]));
        let (head, _) = ask(&mut connect(&server).await, &absent).await;
        assert!(head.starts_with("HTTP/1.1 404"), "{number}: {head}");
    }
    server.stop().await;
}

/// Tells whether a file was opened.
#[cfg(target_os = "linux")]
struct Watch(rustix::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Watch {
    fn on(path: &std::path::Path) -> Self {
        use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
        let events = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        add_watch(&events, path, WatchFlags::OPEN).unwrap();
        Self(events)
    }

    /// Tells whether it was since the last question.
    fn was_opened(&self) -> bool {
        match rustix::io::read(&self.0, &mut [0; 4096]) {
            Ok(events) => events > 0,
            Err(error) => {
                assert_eq!(error, rustix::io::Errno::AGAIN);
                false
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_client_over_its_rate_is_refused_before_its_chunk_is_looked_at() {
    for more in ["", "x-other: 1\r\n"] {
        let limits = Limits {
            reads: RARE,
            ..Limits::default()
        };
        let server = TestServer::with_limits(limits).await;
        let (id, _) = upload(&server, 20_000).await;
        let file = server.folder.path().join("store").join(id.store_path(".cacnk"));
        let watch = Watch::on(&file);
        for number in 0.. {
            assert!(number < 200, "nobody counts");
            let (head, _) = ask(&mut connect(&server).await, &request("GET", id, more)).await;
            if head.starts_with("HTTP/1.1 429") {
                assert!(!watch.was_opened(), "{more}");
                break;
            }
            assert!(head.starts_with("HTTP/1.1 200") && watch.was_opened(), "{head}");
        }
        server.stop().await;
    }
}

/// Returns the server's figures.
async fn figures(server: &TestServer) -> String {
    let observer = server.token("*", "*", "observe").await;
    let text = observer.send(reqwest::Method::GET, "api/v1/metrics", "").await;
    text.text().await.unwrap()
}

/// Checks how many chunks went past the router, and how.
#[cfg(target_os = "linux")]
async fn assert_past_router(server: &TestServer, copied: u64, by_sendfile: u64) {
    let text = figures(server).await;
    for (way, count) in [("copy", copied), ("sendfile", by_sendfile), ("disk", 0)] {
        let line = format!("vsekai_server_chunks_past_router_total{{way=\"{way}\"}} {count}\n");
        assert!(text.contains(&line), "{line}{text}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn chunks_for_everybody_go_past_the_router_and_large_ones_by_sendfile() {
    let server = TestServer::start().await;
    let (small, stored_small) = upload(&server, 500).await;
    let (large, stored_large) = upload(&server, 60_000).await;
    let mut stream = connect(&server).await;
    for (id, stored) in [
        (small, &stored_small),
        (large, &stored_large),
        (small, &stored_small),
    ] {
        assert!(ask(&mut stream, &get(id)).await.1 == *stored);
    }
    assert_past_router(&server, 2, 1).await;
    for more in ["x-other: 1\r\n", ""] {
        assert!(ask(&mut stream, &request("GET", large, more)).await.1 == stored_large);
    }
    assert_past_router(&server, 2, 1).await;
    server.stop().await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_trusted_proxy_s_clients_get_their_chunks_past_the_router_each_counted_alone() {
    let limits = Limits {
        trust_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        reads: RARE,
        connections_per_address: 1,
        ..Limits::default()
    };
    let server = TestServer::with_limits(limits).await;
    let (id, stored) = upload(&server, 20_000).await;
    let (mut proxy, mut other) = (connect(&server).await, connect(&server).await);
    let by_proxy = |client: &str| {
        let added = format!("x-forwarded-for: {client}\r\nx-forwarded-proto: https\r\n");
        request("GET", id, &added)
    };
    for number in 0..100 {
        let client = format!("192.0.2.{number}");
        assert!(ask(&mut proxy, &by_proxy(&client)).await.1 == stored);
    }
    let mut answered = 100;
    loop {
        // What the client wrote itself stands before what the proxy added.
        let client = format!("192.0.2.{answered}, 203.0.113.7");
        let (head, _) = ask(&mut other, &by_proxy(&client)).await;
        if head.starts_with("HTTP/1.1 429") {
            break;
        }
        answered += 1;
        assert!(answered < 200, "nobody counts");
    }
    assert_past_router(&server, 0, answered).await;
    server.stop().await;
}

#[tokio::test]
async fn every_chunk_and_its_client_are_counted_once() {
    let server = TestServer::start().await;
    let (id, stored) = upload(&server, 5000).await;
    let mut stream = connect(&server).await;
    let mut bytes = 0;
    for version in ["7.0.0", "7.0.0", "7.0.1"] {
        let request = request("GET", id, &format!("user-agent: vsekai/{version}\r\n"));
        bytes += ask(&mut stream, &request).await.1.len();
    }
    // The router answers from here on.
    for more in [
        "x-other: 1\r\nuser-agent: vsekai/7.0.1\r\n",
        "user-agent: vsekai/7.0.1\r\n",
    ] {
        bytes += ask(&mut stream, &request("GET", id, more)).await.1.len();
    }
    assert_eq!(bytes, stored.len() * 5);
    let text = figures(&server).await;
    for line in [
        "vsekai_server_answers_total{kind=\"chunk\",status=\"200\"} 5\n".to_owned(),
        format!("vsekai_server_body_bytes_total{{kind=\"chunk\",status=\"200\"}} {bytes}\n"),
        "vsekai_server_client_requests_total{client=\"vsekai\",version=\"7.0.0\"} 2\n".to_owned(),
        "vsekai_server_client_requests_total{client=\"vsekai\",version=\"7.0.1\"} 3\n".to_owned(),
    ] {
        assert!(text.contains(&line), "{line}{text}");
    }
    server.stop().await;
}
