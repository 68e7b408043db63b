// SPDX-License-Identifier: MIT
//! The S3 store against a real S3 server.

#![cfg(feature = "s3")]

mod support;

use std::time::{Duration, Instant};

use bytes::Bytes;
use fs_err as fs;
use futures::TryStreamExt as _;
use futures::future::join_all;
use support::bad_server::{BadServer, End, Reply};
use support::{chunk, conformance, small_format};
use vsekai_store::config::{Config, S3Credentials};
use vsekai_store::s3::{FileHeaders, S3Store};
use vsekai_store::{
    Chunk, ChunkStore as _, HttpOptions, IndexName, IndexStore as _, Location, PruneStore as _, RetryPolicy,
    Secret, StoreError, StoreErrorClass, StoreFormat, StoreOpener, Throttle, WriteStore as _,
};
use vsekai_tests::s3::{ACCESS, S3, SECRET};
use vsekai_tests::tool;
use xtask::tools::Tool;

struct World {
    server: S3,
    folder: tempfile::TempDir,
}

impl World {
    /// Starts a server with the bucket `bucket`, if s3s-fs is here.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bucket")).unwrap();
        let server = S3::serving(folder.path())?;
        Some(Self { server, folder })
    }

    fn url(&self, place: &str) -> String {
        format!("s3+{}/{place}", self.server.address())
    }

    fn store(&self, place: &str, secret: &str, format: StoreFormat) -> S3Store {
        store(&self.url(place), secret, format)
    }
}

fn store(url: &str, secret: &str, format: StoreFormat) -> S3Store {
    store_with(url, secret, format, &options())
}

fn store_with(url: &str, secret: &str, format: StoreFormat, options: &HttpOptions) -> S3Store {
    let Location::S3(location) = Location::parse(url).unwrap() else {
        panic!("{url} is not S3");
    };
    let credentials = S3Credentials {
        access_key: Some(ACCESS.to_owned()),
        secret_key: Some(Secret::from(secret)),
        ..S3Credentials::default()
    };
    S3Store::new(&location, &credentials, options, format).unwrap()
}

fn options() -> HttpOptions {
    HttpOptions {
        retry: RetryPolicy {
            attempts: 2,
            base: Duration::from_millis(5),
            ..RetryPolicy::default()
        },
        ..HttpOptions::default()
    }
}

#[tokio::test]
async fn keeps_the_promises_of_a_store() {
    let Some(world) = World::start() else { return };
    for (prefix, compressed) in [("bucket", true), ("bucket/some/prefix", false)] {
        let format = StoreFormat {
            compressed,
            ..small_format()
        };
        conformance::check_writing(&world.store(prefix, SECRET, format)).await;
    }
}

#[tokio::test]
async fn finds_damage_and_mends_it() {
    let Some(world) = World::start() else { return };
    let store = world.store("bucket/p", SECRET, small_format());
    let root = world.folder.path().join("bucket/p");
    let plant = |id: vsekai_formats::ChunkId, bytes: &[u8]| {
        let path = root.join(id.store_path(".cacnk"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    };
    conformance::check_damage(&store, &plant, true).await;
}

#[tokio::test]
async fn lists_and_removes_its_chunks_and_nothing_else() {
    let Some(world) = World::start() else { return };
    let store = world.store("bucket/p", SECRET, small_format());
    let chunks: Vec<Chunk> = (0..5).map(|seed| chunk(seed, 100)).collect();
    for chunk in &chunks {
        store.put(chunk).await.unwrap();
    }
    let foreign = world.folder.path().join("bucket/p/0000/README");
    fs::create_dir_all(foreign.parent().unwrap()).unwrap();
    fs::write(&foreign, b"x").unwrap();
    world
        .store("bucket/pp", SECRET, small_format())
        .put(&chunk(99, 100))
        .await
        .unwrap();
    conformance::check_pruning(&store, &chunks).await;
    assert!(foreign.exists());
}

#[tokio::test]
async fn a_wrong_key_is_refused() {
    let Some(world) = World::start() else { return };
    let wrong = world.store("bucket", "wrong", small_format());
    let outcome = wrong.get(chunk(1, 10).id()).await;
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
    assert!(wrong.has(chunk(1, 10).id()).await.is_err());
    assert!(wrong.put(&chunk(1, 10)).await.is_err());
}

#[tokio::test]
async fn a_missing_bucket_is_not_a_missing_chunk() {
    let answer = "<?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code></Error>";
    let server = BadServer::start(move |_, _| Reply {
        body: answer.into(),
        ..Reply::status(404)
    })
    .await;
    let store = store(
        &server.url("nowhere").replace("http", "s3+http"),
        SECRET,
        small_format(),
    );
    for outcome in [
        store.get(chunk(1, 10).id()).await.map(drop),
        store.put(&chunk(1, 10)).await,
    ] {
        match outcome {
            Err(StoreError::Refused { reason, .. }) => assert!(reason.contains("bucket"), "{reason}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_answer_that_may_pass_is_told_from_one_that_stays() {
    for (status, asked, passes) in [
        (503, 2, true),
        (500, 2, true),
        (429, 2, true),
        (501, 2, false),
        (403, 1, false),
        (400, 1, false),
    ] {
        let answer = "<Error><Code>SlowDown</Code></Error>";
        let server = BadServer::start(move |_, _| Reply {
            body: answer.into(),
            ..Reply::status(status)
        })
        .await;
        let url = server.url("b").replace("http", "s3+http");
        let error = store(&url, SECRET, small_format())
            .get(chunk(1, 10).id())
            .await
            .unwrap_err();
        assert!(error.to_string().contains(&status.to_string()), "{error}");
        assert_eq!(error.class() == StoreErrorClass::Retry, passes, "{error:?}");
        let told = match &error {
            StoreError::Unavailable { status, .. } => Some(*status),
            StoreError::Refused { status, .. } => *status,
            _ => None,
        };
        assert_eq!(told, Some(status), "{error}");
        assert_eq!(server.count(), asked, "{error}");
    }
}

#[tokio::test]
async fn a_bucket_is_tried_again_also_where_no_wait_is_wanted() {
    for base in [Duration::ZERO, Duration::from_millis(5)] {
        let server = BadServer::start(|_, _| Reply::status(503)).await;
        let impatient = HttpOptions {
            retry: RetryPolicy {
                attempts: 4,
                base,
                max_delay: Duration::ZERO,
                ..RetryPolicy::default()
            },
            ..options()
        };
        let url = server.url("b").replace("http", "s3+http");
        let store = store_with(&url, SECRET, small_format(), &impatient);
        let outcome = store.get(chunk(1, 10).id()).await;
        assert!(
            matches!(outcome, Err(StoreError::Unavailable { .. })),
            "{base:?}: {outcome:?}"
        );
        assert_eq!(server.count(), 4, "{base:?}");
    }
}

#[tokio::test]
async fn no_more_requests_than_allowed_are_under_way_and_a_listing_lets_others_through() {
    let server = BadServer::start(|_, _| Reply::ok("x").ending(End::StallHead)).await;
    let stalling = HttpOptions {
        max_connections: 3,
        stall_timeout: Duration::from_millis(200),
        retry: RetryPolicy::NEVER,
        ..options()
    };
    let url = server.url("b").replace("http", "s3+http");
    let store = store_with(&url, SECRET, small_format(), &stalling);
    let start = Instant::now();
    join_all((0..9).map(|seed| store.has(chunk(seed, 10).id()))).await;
    // Three rounds of three, each ended by the stall limit.
    assert!(start.elapsed() >= Duration::from_millis(600));
    assert_eq!(server.count(), 9);

    let Some(world) = World::start() else { return };
    let one = HttpOptions {
        max_connections: 1,
        ..options()
    };
    let store = store_with(&world.url("bucket"), SECRET, small_format(), &one);
    for seed in 0..3 {
        store.put(&chunk(seed, 100)).await.unwrap();
    }
    let mut listed = store.chunks();
    while let Some(found) = listed.try_next().await.unwrap() {
        store.remove(found.id).await.unwrap();
    }
    assert!(store.ids().await.unwrap().is_empty());
}

#[tokio::test]
async fn removing_a_chunk_takes_one_request() {
    let id = chunk(1, 10).id();
    for (status, is_gone) in [(204, true), (404, true), (403, false)] {
        let server = BadServer::start(move |_, _| Reply::status(status)).await;
        let url = server.url("b").replace("http", "s3+http");
        let outcome = store(&url, SECRET, small_format()).remove(id).await;
        assert_eq!(outcome.is_ok(), is_gone, "{status}: {outcome:?}");
        let [request] = &server.requests()[..] else {
            panic!("{status}: {} requests", server.count());
        };
        assert_eq!(request.method, "DELETE");
        assert_eq!(request.target, format!("/b/{}", id.store_path(".cacnk")));
    }
}

#[tokio::test]
async fn a_bucket_that_knows_no_conditions_gets_a_file_all_the_same() {
    let server = BadServer::start(|_, request| match request.header("if-none-match") {
        Some(_) => Reply::status(501),
        None => Reply::status(200).header("etag", "\"e\""),
    })
    .await;
    let url = server.url("b").replace("http", "s3+http");
    let headers = FileHeaders {
        content_type: "text/plain",
        cache_control: "no-store",
    };
    let bucket = store(&url, SECRET, small_format());
    assert!(bucket.create_file("f", headers, "content".into()).await.unwrap());
    let last = server.requests().pop().unwrap();
    assert_eq!((last.method.as_str(), &last.body[..]), ("PUT", &b"content"[..]));
}

#[tokio::test]
async fn stored_bytes_are_passed_on_as_they_are() {
    let Some(world) = World::start() else { return };
    let store = world.store("bucket/p", SECRET, small_format());
    let chunk = chunk(1, 20_000);
    assert!(store.stored_len(chunk.id()).await.unwrap_err().is_missing());
    store.put(&chunk).await.unwrap();
    let stored = store.read_stored(chunk.id()).await.unwrap();
    assert_eq!(store.stored_len(chunk.id()).await.unwrap(), stored.len() as u64);
    let read = Chunk::decode("the bucket", chunk.id(), small_format(), stored).unwrap();
    assert_eq!(read.plain(), chunk.plain());
}

#[tokio::test]
async fn a_body_that_breaks_off_is_fetched_again_and_an_endless_one_is_cut() {
    let body = chunk(1, 50_000);
    let stored = vsekai_formats::codec::compress(body.plain(), 3).unwrap();
    let served = stored.clone();
    let server = BadServer::start(move |number, _| match number {
        0 => Reply::ok(served.clone()).cut(served.len() / 2),
        _ => Reply::ok(served.clone()),
    })
    .await;
    let near = store(
        &server.url("b").replace("http", "s3+http"),
        SECRET,
        small_format(),
    );
    assert_eq!(near.get(body.id()).await.unwrap().plain(), body.plain());
    let server = BadServer::start(|_, _| Reply::ok(vec![1; 4 << 20])).await;
    let far = store(
        &server.url("b").replace("http", "s3+http"),
        SECRET,
        small_format(),
    );
    let outcome = far.get(body.id()).await;
    assert!(matches!(outcome, Err(StoreError::Invalid { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_damaged_chunk_is_fetched_once_more() {
    let right = chunk(1, 1000);
    let frame = |chunk: &Chunk| vsekai_formats::codec::compress(chunk.plain(), 3).unwrap();
    let (good, bad) = (frame(&right), frame(&chunk(2, 1000)));
    for together in [false, true] {
        let (good, bad) = (good.clone(), bad.clone());
        let flaky = BadServer::start(move |number, _| match number {
            0 => Reply::ok(bad.clone()),
            _ => Reply::ok(good.clone()),
        })
        .await;
        let stubborn = BadServer::start(|_, _| Reply::ok("junk")).await;
        let mut outcomes = Vec::new();
        for server in [&flaky, &stubborn] {
            let url = server.url("b").replace("http", "s3+http");
            let bucket = store(&url, SECRET, small_format());
            outcomes.push(match together {
                false => bucket.get(right.id()).await,
                true => bucket.get_each(&[right.id()]).await.remove(0),
            });
            assert_eq!(server.count(), 2);
        }
        assert_eq!(outcomes[0].as_ref().unwrap().plain(), right.plain());
        assert!(
            matches!(outcomes[1], Err(StoreError::Invalid { .. })),
            "{outcomes:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_unreachable() {
    let Some(world) = World::start() else { return };
    let store = world.store("bucket", SECRET, small_format());
    drop(world);
    let outcome = store.get(chunk(1, 10).id()).await;
    assert!(
        matches!(outcome, Err(StoreError::Unreachable { .. })),
        "{outcome:?}"
    );
    assert!(!outcome.unwrap_err().to_string().contains(SECRET));
}

#[tokio::test]
async fn indexes_lie_beside_the_chunks() {
    let Some(world) = World::start() else { return };
    let store = world.store("bucket/p", SECRET, small_format());
    let name = IndexName::parse("a.caibx").unwrap();
    assert!(store.get_index(&name, 100).await.unwrap_err().is_missing());
    store
        .put_index(&name, Bytes::from_static(b"index"))
        .await
        .unwrap();
    assert!(store.has_index(&name).await.unwrap());
    assert_eq!(store.get_index(&name, 5).await.unwrap(), "index");
    assert!(matches!(
        store.get_index(&name, 4).await,
        Err(StoreError::Invalid { .. })
    ));
    assert_eq!(
        fs::read(world.folder.path().join("bucket/p/a.caibx")).unwrap(),
        b"index"
    );
}

#[tokio::test]
async fn bytes_are_counted_and_locations_open_with_the_configurations_credentials() {
    let Some(world) = World::start() else { return };
    let json = format!(
        r#"{{"s3-credentials": {{"{}": {{"access-key": "{ACCESS}", "secret-key": "{SECRET}"}}}}}}"#,
        world.server.address()
    );
    let throttle = Throttle::unlimited();
    let opener = StoreOpener {
        config: Config::parse(json.as_bytes()).unwrap(),
        http: HttpOptions {
            throttle: throttle.clone(),
            ..options()
        },
        ..StoreOpener::default()
    };
    let body = chunk(3, 5000);
    let url = world.url("bucket/q");
    opener.open_writable(&url).unwrap().put(&body).await.unwrap();
    assert_eq!(throttle.received(), 0);
    let store = opener.open(&url).unwrap();
    assert_eq!(store.get(body.id()).await.unwrap().plain(), body.plain());
    assert!(throttle.received() > 1000);
    assert_eq!(
        opener.open_prunable(&url).unwrap().ids().await.unwrap(),
        [body.id()]
    );
}

#[tokio::test]
async fn desync_and_we_share_a_bucket() {
    let Some(world) = World::start() else { return };
    let Some(desync) = tool(Tool::Desync) else { return };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("blob"), chunk(7, 1_000_000).plain()).unwrap();
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(&desync)
            .args(arguments)
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .env("S3_ACCESS_KEY", ACCESS)
            .env("S3_SECRET_KEY", SECRET)
            .env("S3_REGION", "us-east-1")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    run(&["make", "-s", &world.url("bucket/theirs"), "blob.caibx", "blob"]);
    let theirs = world.store("bucket/theirs", SECRET, StoreFormat::default());
    let ours = world.store("bucket/ours", SECRET, StoreFormat::default());
    for id in theirs.ids().await.unwrap() {
        ours.put(&theirs.get(id).await.unwrap()).await.unwrap();
    }
    run(&["extract", "-s", &world.url("bucket/ours"), "blob.caibx", "out"]);
    assert_eq!(
        fs::read(folder.path().join("out")).unwrap(),
        chunk(7, 1_000_000).plain().as_ref()
    );
}
