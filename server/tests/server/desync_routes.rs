// SPDX-License-Identifier: MIT
//! The routes that stand in for `desync chunk-server` and `desync index-server`, under desync's own client.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fs_err as fs;
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use vsekai_formats::{ChunkId, DigestAlgorithm, codec};
use vsekai_server::Limits;
use vsekai_server::http::desync::{
    ChunkServer, Handshake, IndexServer, RunningRoutes, Stream, chunk_routes, index_routes,
};
use vsekai_store::{Chunk, ChunkStore, LocalIndexStore, LocalStore, StoreError, StoreFormat, WriteStore};
use vsekai_tests::noise;

use crate::build::Build;
use crate::client::Client;
use crate::interop::desync;
use crate::limits::PATIENCE;

const SECRET: &str = "Basic dXNlcjpwYXNzd29yZA==";

/// A chunk server and an index server over folders.
struct Servers {
    folder: TempDir,
    chunks: RunningRoutes,
    indexes: RunningRoutes,
}

impl Servers {
    async fn start(
        in_store: StoreFormat,
        on_wire: StoreFormat,
        writable: bool,
        secret: Option<&str>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(LocalStore::create(folder.path().join("store"), in_store).unwrap());
        fs::create_dir(folder.path().join("index")).unwrap();
        let chunks = chunk_routes(ChunkServer {
            store: store.clone() as Arc<dyn ChunkStore>,
            target: writable.then_some(store as Arc<dyn WriteStore>),
            format: on_wire,
            authorization: secret.map(str::to_owned),
            limits: Limits::default(),
        });
        let indexes = index_routes(IndexServer {
            store: Arc::new(LocalIndexStore::new(folder.path().join("index"))),
            writable,
            digest: Some(on_wire.digest),
            authorization: secret.map(str::to_owned),
            limits: Limits::default(),
        });
        let listen = "127.0.0.1:0".parse().unwrap();
        Self {
            folder,
            chunks: RunningRoutes::start(listen, chunks, Limits::default())
                .await
                .unwrap(),
            indexes: RunningRoutes::start(listen, indexes, Limits::default())
                .await
                .unwrap(),
        }
    }

    fn clients(&self) -> (Client, Client) {
        let client = |routes: &RunningRoutes| Client::new(routes.url(), String::new());
        (client(&self.chunks), client(&self.indexes))
    }

    async fn desync(
        &self,
        tool: &Path,
        uncompressed: bool,
        secret: Option<&str>,
        arguments: &[&str],
    ) -> Output {
        let options = serde_json::json!({
            "uncompressed": uncompressed, "http-auth": secret.unwrap_or_default(), "error-retry": 1
        });
        let config = serde_json::json!({
            "store-options": { self.chunks.url(): options, self.indexes.url(): options }
        });
        let path = self.folder.path().join("desync.json");
        fs::write(&path, config.to_string()).unwrap();
        let mut command = Command::new(tool);
        command.arg("--config").arg(path).args(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap())
            .await
            .unwrap()
    }
}

fn plain() -> StoreFormat {
    StoreFormat {
        compressed: false,
        ..StoreFormat::default()
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

async fn whole_round(tool: PathBuf, in_store: StoreFormat, on_wire: StoreFormat, secret: Option<&str>) {
    let servers = Servers::start(in_store, on_wire, true, secret).await;
    let work = tempfile::tempdir().unwrap();
    let (blob, out) = (work.path().join("blob"), work.path().join("out"));
    fs::write(&blob, [noise(1, 2_000_000), vec![0; 600_000]].concat()).unwrap();
    let tree = work.path().join("tree");
    let target = work.path().join("target");
    fs::create_dir_all(tree.join("folder")).unwrap();
    fs::create_dir(&target).unwrap();
    fs::write(tree.join("folder/file"), noise(2, 300_000)).unwrap();
    let cache = work.path().join("cache");
    fs::create_dir(&cache).unwrap();
    let store = servers.chunks.url();
    let (index, archive) = (
        format!("{}/blob.caibx", servers.indexes.url()),
        format!("{}/tree.caidx", servers.indexes.url()),
    );
    let rounds: [&[&str]; 7] = [
        &["make", "-s", &store, &index, text(&blob)],
        &["make", "-s", &store, &index, text(&blob)],
        &["verify-index", &index, text(&blob)],
        &["extract", "-s", &store, &index, text(&out)],
        &["cache", "-s", &store, "-c", text(&cache), &index],
        &["tar", "-i", "-s", &store, &archive, text(&tree)],
        &[
            "untar",
            "--no-same-owner",
            "-i",
            "-s",
            &store,
            &archive,
            text(&target),
        ],
    ];
    for arguments in rounds {
        let output = servers
            .desync(&tool, !on_wire.compressed, secret, arguments)
            .await;
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert!(fs::read(&blob).unwrap() == fs::read(&out).unwrap());
    assert!(fs::read(target.join("folder/file")).unwrap() == noise(2, 300_000));
    servers.chunks.stop().await;
    servers.indexes.stop().await;
}

#[tokio::test]
async fn desync_uses_them_as_its_own() {
    let Some(tool) = desync() else { return };
    whole_round(tool, StoreFormat::default(), StoreFormat::default(), None).await;
}

#[tokio::test]
async fn desync_uses_them_with_a_password() {
    let Some(tool) = desync() else { return };
    whole_round(tool, StoreFormat::default(), StoreFormat::default(), Some(SECRET)).await;
}

#[tokio::test]
async fn chunks_are_converted_between_store_and_wire() {
    let Some(tool) = desync() else { return };
    whole_round(tool.clone(), StoreFormat::default(), plain(), None).await;
    whole_round(tool, plain(), StoreFormat::default(), None).await;
}

#[tokio::test]
async fn answers_have_the_statuses_that_desync_gives() {
    let servers = Servers::start(StoreFormat::default(), StoreFormat::default(), true, None).await;
    let (chunks, indexes) = servers.clients();
    let id = ChunkId::of(DigestAlgorithm::Sha512_256, b"bytes");
    let (here, hex) = (id.store_path(".cacnk"), id.to_string());
    let stored = codec::compress(b"bytes", 3).unwrap();
    let wrong = codec::compress(b"other", 3).unwrap();
    let index = Build::new("1", 1, 1).index;
    let cases: Vec<(&Client, Method, String, Vec<u8>, u16)> = vec![
        (&chunks, Method::HEAD, here.clone(), vec![], 404),
        (&chunks, Method::GET, here.clone(), vec![], 404),
        (&chunks, Method::PUT, here.clone(), wrong, 400),
        (&chunks, Method::GET, here.clone(), vec![], 404),
        (&chunks, Method::PUT, here.clone(), stored.clone(), 200),
        (&chunks, Method::PUT, here.clone(), stored.clone(), 200),
        (&chunks, Method::HEAD, here.clone(), vec![], 200),
        (&chunks, Method::GET, format!("{here}?ignored=1"), vec![], 200),
        (&chunks, Method::DELETE, here.clone(), vec![], 405),
        (&chunks, Method::GET, format!("0000/{hex}.cacnk"), vec![], 400),
        (&chunks, Method::GET, format!("{}/{hex}", &hex[..4]), vec![], 400),
        (&chunks, Method::GET, "nothing".to_owned(), vec![], 400),
        (&indexes, Method::GET, "a.caidx".to_owned(), vec![], 404),
        (&indexes, Method::HEAD, "a.caidx".to_owned(), vec![], 404),
        (
            &indexes,
            Method::PUT,
            "a.caidx".to_owned(),
            b"no index".to_vec(),
            415,
        ),
        (&indexes, Method::PUT, "a.caidx".to_owned(), index.clone(), 200),
        (
            &indexes,
            Method::GET,
            "some/where/a.caidx".to_owned(),
            vec![],
            200,
        ),
        (&indexes, Method::HEAD, "a.caidx".to_owned(), vec![], 200),
        (&indexes, Method::GET, "..%2fstore".to_owned(), vec![], 400),
        (&indexes, Method::GET, String::new(), vec![], 400),
        (&indexes, Method::DELETE, "a.caidx".to_owned(), vec![], 405),
    ];
    for (client, method, path, body, status) in cases {
        let response = client
            .request(method.clone(), &path)
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status().as_u16(), status, "{method} {path}");
    }
    assert_eq!(chunks.get(&here).await.bytes().await.unwrap(), stored);
    assert_eq!(indexes.get("a.caidx").await.bytes().await.unwrap(), index);
}

#[tokio::test]
async fn servers_for_reading_refuse_uploads() {
    let servers = Servers::start(StoreFormat::default(), StoreFormat::default(), false, None).await;
    let (chunks, indexes) = servers.clients();
    let id = ChunkId::of(DigestAlgorithm::Sha512_256, b"bytes");
    let stored = codec::compress(b"bytes", 3).unwrap();
    let put = chunks.request(Method::PUT, &id.store_path(".cacnk")).body(stored);
    assert_eq!(put.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
    let put = indexes
        .request(Method::PUT, "a.caidx")
        .body(Build::new("1", 1, 1).index);
    assert_eq!(put.send().await.unwrap().status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn nothing_is_told_without_the_password() {
    let servers = Servers::start(StoreFormat::default(), StoreFormat::default(), true, Some(SECRET)).await;
    let (chunks, indexes) = servers.clients();
    for (client, path) in [(chunks, "abab/x"), (indexes, "a.caidx")] {
        for wrong in ["", "Basic", &SECRET[1..], "Basic dXNlcjpwYXNzd29yZA==x"] {
            let request = client.request(Method::GET, path).header("authorization", wrong);
            assert_eq!(
                request.send().await.unwrap().status(),
                StatusCode::UNAUTHORIZED,
                "{wrong}"
            );
        }
        let request = client.request(Method::GET, path).header("authorization", SECRET);
        assert_ne!(request.send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    }
}

#[tokio::test]
async fn a_damaged_chunk_is_not_passed_on() {
    let servers = Servers::start(StoreFormat::default(), StoreFormat::default(), true, None).await;
    let id = ChunkId::of(DigestAlgorithm::Sha512_256, b"bytes");
    let path = servers.folder.path().join("store").join(id.store_path(".cacnk"));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, codec::compress(b"other", 3).unwrap()).unwrap();
    let (chunks, _) = servers.clients();
    assert_eq!(
        chunks.get(&id.store_path(".cacnk")).await.status(),
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

/// A store that has its chunk for whoever the gate lets through.
#[derive(Debug)]
struct Gated {
    chunk: Chunk,
    asked: mpsc::UnboundedSender<()>,
    gate: Semaphore,
    waiting: AtomicUsize,
    /// How many waited at the same time at the most.
    most: AtomicUsize,
}

#[async_trait]
impl ChunkStore for Gated {
    async fn get(&self, _: ChunkId) -> Result<Chunk, StoreError> {
        let waiting = self.waiting.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(waiting, Ordering::SeqCst);
        self.asked.send(()).unwrap();
        self.gate.acquire().await.unwrap().forget();
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        Ok(self.chunk.clone())
    }

    async fn has(&self, _: ChunkId) -> Result<bool, StoreError> {
        Ok(true)
    }

    fn name(&self) -> String {
        "gated".to_owned()
    }
}

#[tokio::test]
async fn only_so_many_chunks_are_unpacked_at_a_time() {
    let (asked, mut asks) = mpsc::unbounded_channel();
    let store = Arc::new(Gated {
        chunk: Chunk::new(DigestAlgorithm::Sha512_256, "bytes"),
        asked,
        gate: Semaphore::new(0),
        waiting: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    });
    let limits = Limits {
        chunk_checks: 2,
        ..Limits::default()
    };
    let routes = chunk_routes(ChunkServer {
        store: store.clone(),
        target: None,
        format: StoreFormat::default(),
        authorization: None,
        limits: limits.clone(),
    });
    let server = RunningRoutes::start("127.0.0.1:0".parse().unwrap(), routes, limits)
        .await
        .unwrap();
    let client = Client::new(server.url(), String::new());
    let path = store.chunk.id().store_path(".cacnk");
    let downloads = join_all((0..6).map(|_| client.get(&path)));
    let opening = async {
        for _ in 0..2 {
            asks.recv().await.unwrap();
        }
        // Who needs no turn waits for none.
        let head = client.request(Method::HEAD, &path).send().await.unwrap();
        assert_eq!(head.status(), StatusCode::OK);
        store.gate.add_permits(6);
    };
    let (answers, ()) = futures::join!(downloads, opening);
    assert!(answers.iter().all(|answer| answer.status() == StatusCode::OK));
    assert_eq!(store.most.load(Ordering::SeqCst), 2);
    server.stop().await;
}

/// Begins an upload of a byte more than `begun`, which is all that is sent.
async fn begin_upload(server: &RunningRoutes, path: &str, begun: &[u8]) -> TcpStream {
    let address = server.url().replace("http://", "");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let len = begun.len() + 1;
    let head = format!("PUT /{path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // It may be refused before all of it is sent.
    let _ = stream.write_all(begun).await;
    stream
}

/// Begins uploads until there is no memory for that of `body` to `probe` any more, and ends them again until there is.
/// Returns how it ends then.
async fn fill_up(server: &RunningRoutes, path: &str, begun: &[u8], probe: (&str, &[u8])) -> StatusCode {
    let client = Client::new(server.url(), String::new());
    let (probe, body) = probe;
    let put = || async {
        let request = client.request(Method::PUT, probe).body(body.to_vec());
        request.send().await.unwrap()
    };
    let filling = async {
        let mut held = Vec::new();
        loop {
            held.push(begin_upload(server, path, begun).await);
            let refused = put().await;
            if refused.status() == StatusCode::SERVICE_UNAVAILABLE {
                assert!(refused.headers().contains_key("retry-after"));
                return held;
            }
        }
    };
    drop(timeout(PATIENCE, filling).await.expect("a refusal"));
    let emptying = async {
        loop {
            let status = put().await.status();
            if status != StatusCode::SERVICE_UNAVAILABLE {
                return status;
            }
        }
    };
    timeout(PATIENCE, emptying).await.expect("room")
}

#[tokio::test]
async fn uploads_have_so_much_memory_together_and_for_what_they_unpack_to() {
    let folder = tempfile::tempdir().unwrap();
    let format = StoreFormat::default().with_max_chunk(64 << 10);
    let store = Arc::new(LocalStore::create(folder.path(), format).unwrap());
    // As much as the largest upload takes, which is there in any case.
    let limits = Limits {
        upload_memory: 0,
        index_bytes: 64 << 10,
        stall_timeout: PATIENCE * 10,
        ..Limits::default()
    };
    let chunks = chunk_routes(ChunkServer {
        store: store.clone(),
        target: Some(store),
        format,
        authorization: None,
        limits: limits.clone(),
    });
    let indexes = index_routes(IndexServer {
        store: Arc::new(LocalIndexStore::new(folder.path())),
        writable: true,
        digest: None,
        authorization: None,
        limits: limits.clone(),
    });
    let listen = "127.0.0.1:0".parse().unwrap();
    let chunks = RunningRoutes::start(listen, chunks, limits.clone())
        .await
        .unwrap();
    let indexes = RunningRoutes::start(listen, indexes, limits).await.unwrap();

    let begun = noise(1, 40 << 10);
    let path = ChunkId::from_bytes([7; 32]).store_path(".cacnk");
    let zeros = Chunk::new(DigestAlgorithm::Sha512_256, vec![0; 64 << 10]);
    let bomb = zeros.encode(format).unwrap();
    assert!(bomb.len() < 1 << 10);
    let zeros = zeros.id().store_path(".cacnk");
    let taken = fill_up(&chunks, &path, &begun, (&zeros, &bomb)).await;
    assert_eq!(taken, StatusCode::OK);
    let wrong = fill_up(&chunks, &path, &begun, (&path, &begun)).await;
    assert_eq!(wrong, StatusCode::BAD_REQUEST);
    let wrong = fill_up(&indexes, "b.caidx", &begun, ("a.caidx", &begun)).await;
    assert_eq!(wrong, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    chunks.stop().await;
    indexes.stop().await;
}

fn no_routes() -> poem::endpoint::BoxEndpoint<'static, poem::Response> {
    index_routes(IndexServer {
        store: Arc::new(LocalIndexStore::new("/no/such/folder")),
        writable: false,
        digest: None,
        authorization: None,
        limits: Limits::default(),
    })
}

/// A handshake that waits for what the client never sends.
fn endless() -> Handshake {
    Arc::new(|stream| {
        Box::pin(async move {
            std::future::pending::<()>().await;
            Ok(Box::new(stream) as Box<dyn Stream>)
        })
    })
}

#[tokio::test]
async fn a_handshake_takes_no_longer_than_a_head_may() {
    let limits = Limits {
        head_timeout: Duration::from_millis(50),
        ..Limits::default()
    };
    let listen = "127.0.0.1:0".parse().unwrap();
    let server = RunningRoutes::start_tls(listen, endless(), no_routes(), limits)
        .await
        .unwrap();
    let address = server.url().replace("https://", "");
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    assert_eq!(client.read_to_end(&mut Vec::new()).await.unwrap(), 0);
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_stops_does_not_wait_for_handshakes() {
    let listen = "127.0.0.1:0".parse().unwrap();
    let limits = Limits {
        head_timeout: Duration::from_secs(3600),
        stop_grace: Duration::from_secs(3600),
        ..Limits::default()
    };
    let server = RunningRoutes::start_tls(listen, endless(), no_routes(), limits)
        .await
        .unwrap();
    let address = server.url().replace("https://", "");
    let mut client = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio::time::timeout(Duration::from_secs(60), server.stop())
        .await
        .expect("it waits");
    // Accepted and dropped, or never accepted: either way it is over.
    let mut rest = Vec::new();
    assert_eq!(client.read_to_end(&mut rest).await.unwrap_or_default(), 0);
}
