// SPDX-License-Identifier: MIT
//! Many chunks in one answer, from servers that do not offer it or lie.

mod support;

use support::bad_server::{BadServer, End, Reply, closed_url};
use support::{chunk, small_format};
use vsekai_formats::{ChunkId, codec};
use vsekai_store::http::ProxyChoice;
use vsekai_store::http::batch::{ABSENT, MEDIA_TYPE, PATH};
use vsekai_store::{Chunk, HttpBatches, HttpOptions, HttpOrigin, StoreError};

fn batches(url: &str) -> HttpBatches {
    let options = HttpOptions {
        proxy: ProxyChoice::Direct,
        stall_timeout: std::time::Duration::from_millis(300),
        ..HttpOptions::default()
    };
    HttpBatches::new(HttpOrigin::new(url, options).unwrap(), small_format())
}

fn chunks() -> Vec<Chunk> {
    (0..5).map(|seed| chunk(seed, 3000)).collect()
}

fn ids() -> Vec<ChunkId> {
    chunks().iter().map(Chunk::id).collect()
}

/// The answer of an honest server.
fn honest() -> Vec<u8> {
    let mut body = Vec::new();
    for chunk in chunks() {
        let stored = codec::compress(chunk.plain(), 3).unwrap();
        body.extend(u32::try_from(stored.len()).unwrap().to_le_bytes());
        body.extend(stored);
    }
    body
}

fn answer(body: impl Into<Vec<u8>>) -> Reply {
    Reply::ok(body).header("content-type", MEDIA_TYPE)
}

/// Reads an answer to its end or first error; returns the chunks that came before.
async fn read(url: &str) -> (usize, Result<(), StoreError>) {
    let batches = batches(url);
    let mut batch = batches.open(ids()).await.unwrap().expect("it is offered");
    let mut came = 0;
    loop {
        match batch.next().await {
            Ok(Some((id, stored))) => {
                assert_eq!(id, ids()[came]);
                let stored = stored.expect("it is there");
                assert_eq!(*chunks()[came].plain(), codec::decompress(&stored, 3000).unwrap());
                came += 1;
            }
            Ok(None) => return (came, Ok(())),
            Err(error) => return (came, Err(error)),
        }
    }
}

#[tokio::test]
async fn asks_with_bare_ids_and_reads_what_comes() {
    let server = BadServer::start(|_, _| answer(honest())).await;
    assert!(matches!(read(&server.url("")).await, (5, Ok(()))));
    let request = &server.requests()[0];
    assert_eq!(
        (request.method.as_str(), request.target.as_str()),
        ("POST", &*format!("/{PATH}"))
    );
    let sent: Vec<u8> = ids().iter().flat_map(|id| *id.as_bytes()).collect();
    assert_eq!(request.body, sent);
}

#[tokio::test]
async fn a_server_without_the_route_is_no_failure() {
    for reply in [
        Reply::status(404),
        Reply::status(405),
        Reply::status(413),
        Reply::status(403),
        Reply::status(302).header("location", "/elsewhere"),
        // A page for every address.
        Reply::ok("<html>").header("content-type", "text/html"),
        Reply::ok(honest()),
    ] {
        let server = BadServer::start(move |_, _| reply.clone()).await;
        assert!(batches(&server.url("")).open(ids()).await.unwrap().is_none());
        assert_eq!(server.count(), 1);
    }
}

#[tokio::test]
async fn a_server_that_is_busy_or_gone_is_one() {
    for reply in [
        Reply::status(503),
        Reply::status(429),
        Reply::status(500).ending(End::HangUp),
    ] {
        let server = BadServer::start(move |_, _| reply.clone()).await;
        assert!(batches(&server.url("")).open(ids()).await.is_err());
        assert_eq!(
            server.count(),
            1,
            "not repeated: the chunks are asked for one by one"
        );
    }
    assert!(batches(&closed_url().await).open(ids()).await.is_err());
}

#[tokio::test]
async fn what_came_before_a_break_counts() {
    let third = honest().len() / 5 * 3;
    for end in [End::Close, End::Stall] {
        let server = BadServer::start(move |_, _| answer(honest()).cut(third).ending(end)).await;
        let (came, error) = read(&server.url("")).await;
        assert!((2..=3).contains(&came), "{came}");
        assert!(matches!(error, Err(StoreError::Unreachable { .. })), "{error:?}");
    }
    // Broken off in good order, as far as HTTP can tell.
    let server = BadServer::start(move |_, _| answer(&honest()[..third])).await;
    assert!(matches!(
        read(&server.url("")).await,
        (2..=3, Err(StoreError::Invalid { .. }))
    ));
}

#[tokio::test]
async fn lengths_are_not_believed_and_nothing_follows_the_last_chunk() {
    let longer = [honest(), vec![0]].concat();
    let server = BadServer::start(move |_, _| answer(longer.clone())).await;
    assert!(matches!(
        read(&server.url("")).await,
        (5, Err(StoreError::Invalid { .. }))
    ));
    for length in [
        ABSENT - 1,
        1 << 30,
        u32::try_from(small_format().max_stored()).unwrap() + 1,
    ] {
        let server =
            BadServer::start(move |_, _| answer([length.to_le_bytes().to_vec(), honest()].concat())).await;
        let (came, error) = read(&server.url("")).await;
        assert_eq!(came, 0);
        assert!(
            matches!(error, Err(StoreError::Invalid { .. })),
            "{length}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_chunk_that_the_server_lacks_is_said_to_be_absent() {
    let body = [ABSENT.to_le_bytes(); 5].concat();
    let server = BadServer::start(move |_, _| answer(body.clone())).await;
    let batches = batches(&server.url(""));
    let mut batch = batches.open(ids()).await.unwrap().unwrap();
    for id in ids() {
        assert_eq!(batch.next().await.unwrap(), Some((id, None)));
    }
    assert_eq!(batch.next().await.unwrap(), None);
}
