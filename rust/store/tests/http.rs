// SPDX-License-Identifier: MIT
//! The HTTP store against a server that misbehaves.

mod support;

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use support::bad_server::{BadServer, End, Reply, closed_url};
use support::stores::{Files, answer, file_server};
use support::{MAX_CHUNK, chunk, conformance, small_format};
use vsekai_formats::codec;
use vsekai_store::http::{HttpCall, Method, OriginError, ProxyChoice};
use vsekai_store::{
    Auth, Chunk, ChunkStore, HttpOptions, HttpOrigin, HttpStore, RetryPolicy, Secret, StoreError,
    StoreFormat, Throttle, WriteStore,
};

/// Options whose waits between attempts are short, so that tests of failures are quick.
fn options() -> HttpOptions {
    HttpOptions {
        retry: RetryPolicy {
            attempts: 4,
            base: Duration::from_millis(2),
            max_delay: Duration::from_millis(5),
            max_retry_after: Duration::from_secs(2),
        },
        proxy: ProxyChoice::Direct,
        ..HttpOptions::default()
    }
}

fn origin(url: &str) -> HttpOrigin {
    HttpOrigin::new(url, options()).unwrap()
}

fn store(url: &str) -> HttpStore {
    HttpStore::new(origin(url), small_format())
}

fn frame(chunk: &Chunk) -> Vec<u8> {
    codec::compress(chunk.plain(), 3).unwrap()
}

#[tokio::test]
async fn keeps_the_promises_of_a_store() {
    for compressed in [true, false] {
        let server = file_server(Files::default()).await;
        let format = StoreFormat {
            compressed,
            ..small_format()
        };
        let store = HttpStore::new(origin(&server.url("some/store")), format);
        conformance::check_writing(&store).await;
    }
}

#[tokio::test]
async fn finds_damage_and_mends_it() {
    let files = Files::default();
    let server = file_server(files.clone()).await;
    let store = store(&server.url(""));
    let plant = |id: vsekai_formats::ChunkId, bytes: &[u8]| {
        let path = format!("/{}", id.store_path(".cacnk"));
        files.lock().unwrap().insert(path, Bytes::copy_from_slice(bytes));
    };
    conformance::check_damage(&store, &plant, true).await;
}

#[tokio::test]
async fn a_server_that_fails_half_of_the_time_is_good_enough() {
    let chunks: Vec<Chunk> = (0..40).map(|seed| chunk(seed, 3000)).collect();
    let files = Files::default();
    for chunk in &chunks {
        let path = format!("/{}", chunk.id().store_path(".cacnk"));
        files.lock().unwrap().insert(path, frame(chunk).into());
    }
    let served = files.clone();
    let server = BadServer::start(move |number, request| match number % 2 {
        0 => Reply::status(503),
        _ => answer(&served, request),
    })
    .await;
    let store = store(&server.url(""));
    for chunk in &chunks {
        assert_eq!(store.get(chunk.id()).await.unwrap().plain(), chunk.plain());
    }
    assert_eq!(server.count(), 80);
}

#[tokio::test]
async fn a_server_that_always_fails_is_given_up_after_the_last_attempt() {
    let server = BadServer::start(|_, _| Reply::status(500)).await;
    let outcome = store(&server.url("")).get(chunk(1, 10).id()).await;
    assert!(
        matches!(outcome, Err(StoreError::Unavailable { .. })),
        "{outcome:?}"
    );
    assert_eq!(server.count(), 4);
}

#[tokio::test]
async fn retry_after_is_waited_for_and_no_longer_than_allowed() {
    let body = chunk(1, 10);
    let stored = frame(&body);
    let server = BadServer::start(move |number, _| match number {
        0 => Reply::status(429).header("retry-after", "1"),
        _ => Reply::ok(stored.clone()),
    })
    .await;
    let start = Instant::now();
    store(&server.url("")).get(body.id()).await.unwrap();
    let waited = start.elapsed();
    assert!(
        waited >= Duration::from_secs(1) && waited < Duration::from_millis(1100) + SLACK,
        "{waited:?}"
    );

    let busy = BadServer::start(|_, _| Reply::status(429).header("retry-after", "3600")).await;
    match store(&busy.url("")).get(body.id()).await {
        Err(StoreError::Unavailable { retry_after, .. }) => {
            assert_eq!(retry_after, Some(Duration::from_secs(3600)));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(busy.count(), 1);
}

#[tokio::test]
async fn a_body_cut_anywhere_is_fetched_again() {
    let body = chunk(1, 50_000);
    let stored = frame(&body);
    for tenth in 0..10 {
        let (served, at) = (stored.clone(), stored.len() * tenth / 10);
        let server = BadServer::start(move |number, _| match number {
            0 | 1 => Reply::ok(served.clone()).cut(at),
            _ => Reply::ok(served.clone()),
        })
        .await;
        let found = store(&server.url("")).get(body.id()).await.unwrap();
        assert_eq!(found.plain(), body.plain());
        assert_eq!(server.count(), 3);
    }
}

#[tokio::test]
async fn a_body_always_cut_says_how_far_it_came() {
    let server = BadServer::start(|_, _| Reply::ok(vec![1; 1000]).cut(250)).await;
    let error = origin(&server.url(""))
        .get_bounded("document", 5000)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("250 of 1000 bytes"), "{error}");
    assert!(matches!(error, StoreError::Unreachable { .. }));
}

#[tokio::test]
async fn a_long_body_goes_out_whole_and_with_its_length() {
    let server = BadServer::start(|_, _| Reply::status(201)).await;
    let body: Vec<u8> = (0..300_000_u32).map(|number| (number % 251) as u8).collect();
    let origin = origin(&server.url(""));
    let sent = origin.put("document", None, body.clone().into());
    sent.await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].body == body);
    assert_eq!(requests[0].header("content-length"), Some("300000"));
    assert_eq!(requests[0].header("transfer-encoding"), None);
}

#[tokio::test]
async fn a_silent_server_is_left_after_the_stall_limit() {
    for reply in [
        Reply::ok(vec![1; 1000]).cut(500).ending(End::Stall),
        Reply::status(200).ending(End::StallHead),
    ] {
        let server = BadServer::start(move |_, _| reply.clone()).await;
        let start = Instant::now();
        let options = HttpOptions {
            stall_timeout: STALL,
            ..options()
        };
        let origin = HttpOrigin::new(&server.url(""), options).unwrap();
        let outcome = origin.get_bounded("document", 5000).await;
        assert!(
            matches!(outcome, Err(StoreError::Unreachable { .. })),
            "{outcome:?}"
        );
        assert_eq!(server.count(), 4);
        assert!(start.elapsed() >= 4 * STALL);
        assert!(start.elapsed() < 4 * STALL + SLACK);
    }
}

#[tokio::test]
async fn one_request_takes_no_longer_than_the_total_limit() {
    let server = BadServer::start(|_, _| Reply::status(200).ending(End::StallHead)).await;
    let options = HttpOptions {
        stall_timeout: Duration::from_secs(60),
        total_timeout: Some(Duration::from_millis(100)),
        retry: RetryPolicy::NEVER,
        ..options()
    };
    let origin = HttpOrigin::new(&server.url(""), options).unwrap();
    let error = origin.get_bounded("document", 10).await.unwrap_err();
    assert!(error.to_string().contains("too long"), "{error}");
}

#[tokio::test]
async fn a_wrong_length_is_never_believed() {
    let body = chunk(1, 50_000);
    let stored = frame(&body);
    let shorter = Reply {
        announced: Some(stored.len() / 2),
        ..Reply::ok(stored.clone())
    };
    let longer = Reply {
        announced: Some(stored.len() * 2),
        ..Reply::ok(stored.clone())
    };
    let huge = Reply {
        announced: Some(usize::MAX / 2),
        ..Reply::ok(stored.clone())
    };
    for (reply, requests) in [(shorter, 2), (longer, 4), (huge, 2)] {
        let server = BadServer::start(move |_, _| reply.clone()).await;
        let outcome = store(&server.url("")).get(body.id()).await;
        assert!(matches!(
            outcome,
            Err(StoreError::Invalid { .. } | StoreError::Unreachable { .. })
        ));
        assert_eq!(server.count(), requests, "{outcome:?}");
    }
    let unannounced = Reply {
        unannounced: true,
        ..Reply::ok(stored)
    };
    let server = BadServer::start(move |_, _| unannounced.clone()).await;
    assert!(store(&server.url("")).get(body.id()).await.is_ok());
}

#[tokio::test]
async fn an_endless_body_is_cut_at_the_limit() {
    let endless = Reply {
        unannounced: true,
        ..Reply::ok(vec![1; 8 << 20])
    };
    let server = BadServer::start(move |_, _| endless.clone()).await;
    let throttle = Throttle::unlimited();
    let options = HttpOptions {
        throttle: throttle.clone(),
        ..options()
    };
    let origin = HttpOrigin::new(&server.url(""), options).unwrap();
    let error = origin.get_bounded("document", 10_000).await.unwrap_err();
    assert!(
        error.to_string().contains("longer than the allowed 10000 bytes"),
        "{error}"
    );
    assert!(
        throttle.received() < 10_000 + (1 << 20),
        "{}",
        throttle.received()
    );
}

#[tokio::test]
async fn a_login_page_is_told_in_plain_words() {
    let page = "<!DOCTYPE html><title>Hotel</title>";
    for reply in [
        Reply::ok(page).header("content-type", "text/html"),
        Reply::ok(page).header("content-type", "application/octet-stream"),
    ] {
        let server = BadServer::start(move |_, _| reply.clone()).await;
        let chunk_error = store(&server.url("")).get(chunk(1, 10).id()).await.unwrap_err();
        let document_error = origin(&server.url(""))
            .get_bounded("x.json", 1000)
            .await
            .unwrap_err();
        for error in [chunk_error, document_error] {
            assert!(matches!(error, StoreError::Invalid { .. }));
            assert!(error.to_string().contains("login page"), "{error}");
        }
    }
}

#[tokio::test]
async fn a_damaged_chunk_is_fetched_once_more_past_the_caches() {
    let (right, wrong) = (chunk(1, 1000), chunk(2, 1000));
    let (good, bad) = (frame(&right), frame(&wrong));
    let server = BadServer::start(move |_, request| match request.header("cache-control") {
        Some("no-cache") => Reply::ok(good.clone()),
        _ => Reply::ok(bad.clone()),
    })
    .await;
    assert_eq!(
        store(&server.url("")).get(right.id()).await.unwrap().plain(),
        right.plain()
    );
    assert_eq!(server.count(), 2);

    let stubborn = BadServer::start(|_, _| Reply::ok("junk")).await;
    let outcome = store(&stubborn.url("")).get(right.id()).await;
    assert!(matches!(outcome, Err(StoreError::Invalid { .. })));
    assert_eq!(stubborn.count(), 2);
}

#[tokio::test]
async fn three_redirects_are_followed_and_no_more() {
    let server = BadServer::start(|_, request| {
        let left: u32 = request.target.trim_start_matches('/').parse().unwrap();
        match left {
            0 => Reply::ok("there"),
            _ => Reply::status(302).header("location", format!("/{}", left - 1)),
        }
    })
    .await;
    assert_eq!(
        origin(&server.url("")).get_bounded("3", 10).await.unwrap(),
        "there"
    );
    let outcome = origin(&server.url("")).get_bounded("4", 10).await;
    assert!(matches!(outcome, Err(StoreError::Refused { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_redirect_loop_ends() {
    let server = BadServer::start(|_, _| Reply::status(301).header("location", "/a")).await;
    let outcome = store(&server.url("")).get(chunk(1, 10).id()).await;
    assert!(matches!(outcome, Err(StoreError::Refused { .. })), "{outcome:?}");
    assert_eq!(server.count(), 4);
}

#[tokio::test]
async fn credentials_stay_with_their_origin() {
    let elsewhere = BadServer::start(|_, _| Reply::ok("there")).await;
    let target = elsewhere.url("moved");
    let home = BadServer::start(move |_, _| Reply::status(307).header("location", target.clone())).await;
    let auths = [
        Auth::Bearer(Secret::from("token")),
        Auth::Header(Secret::from("literal")),
        Auth::Basic {
            user: "user".to_owned(),
            password: Secret::from("password"),
        },
    ];
    for auth in auths {
        let options = HttpOptions {
            auth,
            cookie: Some(Secret::from("session=1")),
            ..options()
        };
        let origin = HttpOrigin::new(&home.url(""), options).unwrap();
        assert_eq!(origin.get_bounded("x", 10).await.unwrap(), "there");
    }
    let sent: Vec<_> = home
        .requests()
        .iter()
        .map(|r| r.header("authorization").unwrap().to_owned())
        .collect();
    assert_eq!(sent, ["Bearer token", "literal", "Basic dXNlcjpwYXNzd29yZA=="]);
    assert!(
        home.requests()
            .iter()
            .all(|request| request.header("cookie") == Some("session=1"))
    );
    for request in elsewhere.requests() {
        assert_eq!(request.header("authorization"), None);
        assert_eq!(request.header("cookie"), None);
    }
}

#[tokio::test]
async fn credentials_are_not_sent_again_after_a_detour() {
    let name = Arc::new(OnceLock::<[String; 2]>::new());
    let names = name.clone();
    let server = BadServer::start(move |number, _| {
        let [home, other] = names.get().unwrap();
        match number {
            0 => Reply::status(302).header("location", format!("{other}b")),
            1 => Reply::status(302).header("location", format!("{home}c")),
            _ => Reply::ok("there"),
        }
    })
    .await;
    name.set([server.url(""), server.other_url("")]).unwrap();
    let options = HttpOptions {
        auth: Auth::Bearer(Secret::from("token")),
        ..options()
    };
    let origin = HttpOrigin::new(&server.url(""), options).unwrap();
    origin.get_bounded("a", 10).await.unwrap();
    let sent: Vec<bool> = server
        .requests()
        .iter()
        .map(|request| request.header("authorization").is_some())
        .collect();
    assert_eq!(sent, [true, false, false]);
}

#[tokio::test]
async fn redirects_to_other_schemes_and_uploads_that_are_redirected_are_refused() {
    for target in ["ftp://127.0.0.1/x", "file:///etc/passwd", "http://", ""] {
        let server = BadServer::start(move |_, _| Reply::status(302).header("location", target)).await;
        let origin = origin(&server.url(""));
        if target.is_empty() {
            // An empty address is the same one again: a loop.
            assert!(origin.get_bounded("x", 10).await.is_err());
            continue;
        }
        let outcome = origin.get_bounded("x", 10).await;
        assert!(
            matches!(outcome, Err(StoreError::Refused { .. })),
            "{target}: {outcome:?}"
        );
        assert_eq!(server.count(), 1);
    }
    let server = BadServer::start(|_, _| Reply::status(307).header("location", "/elsewhere")).await;
    let outcome = store(&server.url("")).put(&chunk(1, 10)).await;
    assert!(matches!(outcome, Err(StoreError::Refused { .. })), "{outcome:?}");
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_refused_connection_is_unreachable() {
    let error = store(&closed_url().await)
        .get(chunk(1, 10).id())
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unreachable { .. }));
    assert!(error.to_string().contains("no connection"), "{error}");
}

#[tokio::test]
async fn a_server_that_hangs_up_is_tried_again() {
    let server = BadServer::start(|number, _| match number {
        0 | 1 => Reply::default().ending(End::HangUp),
        _ => Reply::ok("there"),
    })
    .await;
    assert_eq!(
        origin(&server.url("")).get_bounded("x", 10).await.unwrap(),
        "there"
    );
}

#[tokio::test]
async fn forbidden_is_missing_for_strangers_and_refused_for_others() {
    let server = BadServer::start(|_, _| Reply::status(403)).await;
    let id = chunk(1, 10).id();
    assert!(store(&server.url("")).get(id).await.unwrap_err().is_missing());
    assert!(!store(&server.url("")).has(id).await.unwrap());
    let known = HttpOptions {
        auth: Auth::Bearer(Secret::from("token")),
        ..options()
    };
    let known = HttpStore::new(HttpOrigin::new(&server.url(""), known).unwrap(), small_format());
    let signed = store(&format!("{}?signature=x", server.url("")));
    for store in [known, signed] {
        let outcome = store.get(id).await;
        assert!(
            matches!(
                outcome,
                Err(StoreError::Refused {
                    credentials: true,
                    ..
                })
            ),
            "{outcome:?}"
        );
        assert!(store.has(id).await.is_err());
    }
}

#[tokio::test]
async fn a_signature_in_the_base_address_is_part_of_every_request_and_of_no_message() {
    let body = chunk(1, 1000);
    let stored = frame(&body);
    let expected = format!(
        "/bucket/store/{}?sig=s%2Fecret&e=1",
        body.id().store_path(".cacnk")
    );
    let server = BadServer::start(move |_, request| match request.target == expected {
        true => Reply::ok(stored.clone()),
        false => Reply::status(500),
    })
    .await;
    for base in [
        "bucket/store?sig=s%2Fecret&e=1",
        "bucket/store/?sig=s%2Fecret&e=1#f",
    ] {
        let store = store(&server.url(base));
        store.get(body.id()).await.unwrap();
        let error = store.get(chunk(2, 10).id()).await.unwrap_err();
        assert!(
            !format!("{error} {error:?} {store:?} {}", store.name()).contains("ecret"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_path_cannot_leave_the_base_address() {
    let server = BadServer::start(|_, _| Reply::ok("x")).await;
    let origin = origin(&server.url("base"));
    for path in [
        "../up",
        "//evil/x",
        "a/../../b",
        "http://evil/x",
        "a?b#c",
        "%2e%2e/x",
        "..",
    ] {
        origin.get_bounded(path, 10).await.unwrap();
    }
    for request in server.requests() {
        assert!(request.target.starts_with("/base"), "{}", request.target);
        assert!(!request.target.contains(".."), "{}", request.target);
        assert!(!request.target.contains('?'), "{}", request.target);
    }
}

#[tokio::test]
async fn uploads_send_the_stored_form_and_accept_what_servers_answer() {
    for status in [200, 201, 204] {
        let server = BadServer::start(move |_, _| Reply::status(status)).await;
        let body = chunk(1, 1000);
        store(&server.url("s")).put(&body).await.unwrap();
        let request = &server.requests()[0];
        assert_eq!(
            (request.method.as_str(), request.body.len()),
            ("PUT", frame(&body).len())
        );
        assert_eq!(
            request.header("content-length"),
            Some(frame(&body).len().to_string().as_str())
        );
    }
    let refusing = BadServer::start(|_, _| {
        Reply {
            body: b"read-only".to_vec(),
            ..Reply::status(400)
        }
        .header("content-type", "text/plain")
    })
    .await;
    let error = store(&refusing.url("")).put(&chunk(1, 10)).await.unwrap_err();
    assert!(
        error.to_string().contains("status 400 Bad Request: read-only"),
        "{error}"
    );
    assert_eq!(refusing.count(), 1);
}

#[tokio::test]
async fn calls_return_any_answer_and_repeat_only_what_may_be_repeated() {
    let server = BadServer::start(|_, request| match request.target.as_str() {
        "/api/x?a=1%262" => Reply::status(409).header("content-type", "application/problem+json"),
        _ => Reply::status(502),
    })
    .await;
    let origin = origin(&server.url("api"));
    let mut call = HttpCall::new(Method::POST, "x").with_body("application/json", "{}");
    call.query = vec![("a".to_owned(), "1&2".to_owned())];
    let answer = origin.call(&call).await.unwrap();
    assert_eq!(answer.status.as_u16(), 409);
    assert_eq!(server.requests()[0].body, b"{}");
    assert_eq!(
        server.requests()[0].header("content-type"),
        Some("application/json")
    );
    call = HttpCall::new(Method::POST, "y");
    call.repeatable = false;
    assert!(matches!(
        origin.call(&call).await,
        Err(StoreError::Unavailable { .. })
    ));
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn addresses_without_encryption_need_leave_unless_they_are_this_machine() {
    let far = "http://user:pass@downloads.example/store?sig=x";
    match HttpOrigin::new(far, options()) {
        Err(OriginError::NotEncrypted(name)) => assert_eq!(name, "http://downloads.example/store"),
        other => panic!("{other:?}"),
    }
    let allowed = HttpOptions {
        allow_http: true,
        ..options()
    };
    HttpOrigin::new(far, allowed).unwrap();
    for near in [
        "http://localhost:1/",
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
        "https://downloads.example",
    ] {
        HttpOrigin::new(near, options()).unwrap();
    }
    for wrong in ["ftp://x/", "x", "http://", "http://user:pass@/"] {
        let error = HttpOrigin::new(wrong, options()).unwrap_err();
        assert!(matches!(error, OriginError::Address(_)), "{wrong}: {error}");
        assert!(!error.to_string().contains("pass"), "{error}");
    }
}

#[tokio::test]
async fn credentials_in_the_address_are_used_and_not_shown() {
    let server = BadServer::start(|_, _| Reply::ok("x")).await;
    let url = server.url("s").replace("http://", "http://us%40er:hidden@");
    let origin = origin(&url);
    origin.get_bounded("x", 10).await.unwrap();
    assert_eq!(
        server.requests()[0].header("authorization"),
        Some("Basic dXNAZXI6aGlkZGVu")
    );
    assert!(!format!("{origin:?}").contains("hidden"), "{origin:?}");
}

#[tokio::test]
async fn a_token_that_no_header_can_carry_is_refused_without_being_shown() {
    let options = HttpOptions {
        auth: Auth::Bearer(Secret::from("to\nken")),
        ..options()
    };
    let error = HttpOrigin::new("http://localhost/", options).unwrap_err();
    assert!(!error.to_string().contains("ken\""), "{error}");
    assert!(matches!(error, OriginError::Header("token")));
}

#[tokio::test]
async fn no_more_requests_than_allowed_are_under_way() {
    let server = BadServer::start(|_, _| Reply::ok("x").cut(0).ending(End::Stall)).await;
    let options = HttpOptions {
        max_connections: 3,
        stall_timeout: Duration::from_millis(200),
        retry: RetryPolicy::NEVER,
        ..options()
    };
    let origin = HttpOrigin::new(&server.url(""), options).unwrap();
    let requests = futures::future::join_all((0..9).map(|_| origin.get_bounded("x", 10)));
    let start = Instant::now();
    requests.await;
    // Three rounds of three, each ended by the stall limit.
    assert!(start.elapsed() >= Duration::from_millis(600));
    assert_eq!(server.count(), 9);
}

#[tokio::test]
async fn a_pause_holds_the_body_and_loses_nothing() {
    let body = chunk(1, MAX_CHUNK);
    let stored = frame(&body);
    let server = BadServer::start(move |_, _| Reply::ok(stored.clone())).await;
    let throttle = Throttle::unlimited();
    let options = HttpOptions {
        throttle: throttle.clone(),
        total_timeout: Some(Duration::from_secs(5)),
        ..options()
    };
    let store = HttpStore::new(HttpOrigin::new(&server.url(""), options).unwrap(), small_format());
    throttle.pause();
    let mut request = Box::pin(store.get(body.id()));
    let held = tokio::time::timeout(Duration::from_millis(400), &mut request).await;
    assert!(held.is_err(), "a paused request went on");
    assert_eq!(throttle.received(), 0);
    throttle.resume();
    assert_eq!(request.await.unwrap().plain(), body.plain());
    assert_eq!(throttle.received(), frame(&body).len() as u64);
}

#[tokio::test]
async fn bytes_are_limited_as_told() {
    let server = BadServer::start(|_, _| Reply::ok(vec![1; 300_000])).await;
    let throttle = Throttle::new(1_000_000);
    let options = HttpOptions {
        throttle: throttle.clone(),
        ..options()
    };
    let origin = HttpOrigin::new(&server.url(""), options).unwrap();
    let start = Instant::now();
    for _ in 0..3 {
        origin.get_bounded("x", 1_000_000).await.unwrap();
    }
    let seconds = start.elapsed().as_secs_f64();
    assert!((0.55..5.0).contains(&seconds), "{seconds}");
    assert_eq!(throttle.received(), 900_000);
}

const STALL: Duration = Duration::from_millis(300);

/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(5);
