// SPDX-License-Identifier: MIT
//! Clients that ask too often or upload too much, and those who speak for others.

use reqwest::{Method, Response, StatusCode};
use vsekai_server::Limits;
use vsekai_server::limits::ForwardedHeader;
use vsekai_server::rates::Rate;
use vsekai_store::http::{HttpOptions, ProxyChoice};
use vsekai_store::{ChunkStore as _, HttpOrigin, HttpStore, StoreFormat};

use crate::build::Build;
use crate::client::{TestServer, chunk_path, problem};

/// So few that a test is over before there is room for another.
pub const RARE: Rate = Rate {
    per_second: 1,
    burst: 3,
};

fn rarely() -> Limits {
    Limits {
        calls: Rate {
            per_second: 1,
            burst: 3,
        },
        ..Limits::default()
    }
}

impl TestServer {
    async fn health(&self, header: &str, value: &str) -> Response {
        let request = self.client.request(Method::GET, "api/v1/health");
        request.header(header, value).send().await.unwrap()
    }

    /// Asks until the answer is another than 200, and returns that; gives up after many.
    async fn ask_until_refused(&self, header: &str, value: impl Fn(usize) -> String) -> Option<Response> {
        for number in 0..200 {
            let answer = self.health(header, &value(number)).await;
            if answer.status() != StatusCode::OK {
                return Some(answer);
            }
        }
        None
    }
}

pub async fn told_to_wait(answer: Response, code: &str) {
    let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!(wait >= 1);
    problem(answer, StatusCode::TOO_MANY_REQUESTS, code).await;
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_when_to_go_on() {
    let server = TestServer::with_limits(rarely()).await;
    let refused = server.ask_until_refused("x", |_| String::new()).await.unwrap();
    told_to_wait(refused, "too-many").await;
    for _ in 0..20 {
        let read = server.client.get("titles/test-title/tuf/timestamp.json").await;
        assert_eq!(read.status(), StatusCode::OK, "players are not held back");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_stranger_cannot_pass_for_others() {
    let server = TestServer::with_limits(rarely()).await;
    for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
        let made_up = |number: usize| match header {
            "forwarded" => format!("for=192.0.2.{number}"),
            _ => format!("192.0.2.{number}"),
        };
        let refused = server.ask_until_refused(header, made_up).await;
        told_to_wait(refused.unwrap(), "too-many").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_trusted_proxy_speaks_for_its_clients_one_by_one() {
    let limits = Limits {
        trust_proxies: vec!["127.0.0.0/8".parse().unwrap()],
        forwarded_header: ForwardedHeader::XForwardedFor,
        connections_per_address: 1,
        ..rarely()
    };
    let server = TestServer::with_limits(limits).await;
    let others = server.ask_until_refused("x-forwarded-for", |number| format!("192.0.2.{number}"));
    assert!(others.await.is_none(), "each is counted alone");
    let one = server.ask_until_refused("x-forwarded-for", |_| "203.0.113.7".to_owned());
    told_to_wait(one.await.unwrap(), "too-many").await;
    // What a client wrote itself stands before what the proxy added.
    let spoofed = server.ask_until_refused("x-forwarded-for", |number| {
        format!("192.0.2.{number}, 203.0.113.8")
    });
    told_to_wait(spoofed.await.unwrap(), "too-many").await;
    let other_header = server.ask_until_refused("forwarded", |number| format!("for=192.0.2.{number}"));
    told_to_wait(other_header.await.unwrap(), "too-many").await;
    server.stop().await;
}

#[tokio::test]
async fn each_token_has_a_rate_of_its_own() {
    let limits = Limits {
        token_requests: RARE,
        ..Limits::default()
    };
    let server = TestServer::with_limits(limits).await;
    let build = Build::new("1.0.0", 1, 1);
    let (id, stored, _) = &build.chunks[0];
    let mut refused = None;
    for _ in 0..200 {
        let answer = server.client.put_chunk(*id, stored).await;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
    }
    told_to_wait(refused.unwrap(), "too-many").await;
    let other = server.token("*", "*", "upload").await;
    assert_eq!(other.put_chunk(*id, stored).await.status(), StatusCode::OK);
    server.stop().await;
}

#[tokio::test]
async fn a_token_uploads_so_much_a_day_also_across_a_restart() {
    let build = Build::new("1.0.0", 1, 1);
    let [(first, first_stored, _), (second, second_stored, _), ..] = &build.chunks[..] else {
        panic!("a build has chunks");
    };
    let limits = || Limits {
        upload_bytes_per_day: first_stored.len() as u64,
        ..Limits::default()
    };
    let server = TestServer::with_limits(limits()).await;
    let client = server.client.clone();
    assert_eq!(
        client.put_chunk(*first, first_stored).await.status(),
        StatusCode::CREATED
    );
    told_to_wait(client.put_chunk(*second, second_stored).await, "upload-quota").await;
    let folder = server.stop().await;
    let server = TestServer::open(folder, limits()).await;
    let same_token = crate::client::Client::new(server.running.url(), client.token);
    told_to_wait(same_token.put_chunk(*second, second_stored).await, "upload-quota").await;
    assert_eq!(
        server.client.get(&chunk_path(*second)).await.status(),
        StatusCode::NOT_FOUND
    );
    server.stop().await;
}

#[tokio::test]
async fn our_own_client_waits_and_gets_everything() {
    let limits = Limits {
        reads: Rate {
            per_second: 10,
            burst: 2,
        },
        ..Limits::default()
    };
    let server = TestServer::with_limits(limits).await;
    let build = Build::new("1.0.0", 1, 1);
    server.client.put_chunks(&build).await;
    let options = HttpOptions {
        proxy: ProxyChoice::Direct,
        ..HttpOptions::default()
    };
    let origin = HttpOrigin::new(&format!("{}/store/", server.running.url()), options).unwrap();
    let store = HttpStore::new(origin, StoreFormat::default());
    for (id, _, plain) in &build.chunks {
        let chunk = store.get(*id).await.unwrap();
        assert_eq!(chunk.plain().len() as u64, *plain);
    }
    server.stop().await;
}
