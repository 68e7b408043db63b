// SPDX-License-Identifier: MIT
//! A server in this process and a client for it.

use std::path::{Path, PathBuf};

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use vsekai_formats::ChunkId;
use vsekai_server::db::{Database, now, tokens};
use vsekai_server::fsck::{Depth, Report, check};
use vsekai_server::service::token::{Token, TokenRecord, TokenScope};
use vsekai_server::storage::database_path;
use vsekai_server::{Limits, RunningServer, Server, ServerConfig};
use vsekai_trust::online::Change;

use crate::build::{Build, TITLE};

/// A running server with a data folder of its own.
pub struct TestServer {
    pub folder: TempDir,
    pub running: RunningServer,
    pub client: Client,
}

impl TestServer {
    pub async fn start() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub async fn with_limits(limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::open(folder, limits).await
    }

    pub async fn open(folder: TempDir, limits: Limits) -> Self {
        Self::configured(folder, |config| config.limits = limits).await
    }

    /// Starts a server whose configuration `change` completes.
    pub async fn configured(folder: TempDir, change: impl FnOnce(&mut ServerConfig)) -> Self {
        let mut config = ServerConfig {
            dev_titles: vec![TITLE.parse().unwrap()],
            ..ServerConfig::local(folder.path())
        };
        change(&mut config);
        let running = Server::start(config).await.unwrap();
        let token = make_token(folder.path(), "*", "*", "*", None).await;
        let client = Client::new(running.url(), token).with_keys_in(folder.path());
        Self {
            folder,
            running,
            client,
        }
    }

    pub async fn restart(self) -> Self {
        let folder = self.stop().await;
        Self::open(folder, Limits::default()).await
    }

    /// Stops the server and returns its data folder.
    pub async fn stop(self) -> TempDir {
        self.running.stop().await.unwrap();
        self.folder
    }

    pub async fn fsck(&self) -> Report {
        check(self.folder.path(), Depth::Contents, &Limits::default())
            .await
            .unwrap()
    }

    pub async fn token(&self, title: &str, channel: &str, verbs: &str) -> Client {
        let token = make_token(self.folder.path(), title, channel, verbs, None).await;
        Client::new(self.running.url(), token).with_keys_in(self.folder.path())
    }
}

/// Adds a token to the data folder, as the program does beside a running server.
pub async fn make_token(
    data: &Path,
    title: &str,
    channel: &str,
    verbs: &str,
    expires_at: Option<i64>,
) -> String {
    let scope = TokenScope {
        title: title.parse().unwrap(),
        channel: channel.parse().unwrap(),
        verbs: verbs.parse().unwrap(),
    };
    let token = Token::random().unwrap();
    let record = TokenRecord::new(&token, "test".to_owned(), scope, now(), expires_at);
    let database = Database::open(&database_path(data)).await.unwrap();
    database
        .write("add a token", move |tx| tokens::insert(tx, &record))
        .await
        .unwrap();
    database.close().await.unwrap();
    token.reveal().to_owned()
}

/// A client with one token.
#[derive(Clone)]
pub struct Client {
    pub url: String,
    pub token: String,
    /// The data folder of the server, for the keys in it.
    pub data: Option<PathBuf>,
    http: reqwest::Client,
}

impl Client {
    pub fn new(url: String, token: String) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self {
            url,
            token,
            data: None,
            http,
        }
    }

    /// Signs with the keys in the data folder `data`.
    pub fn with_keys_in(self, data: &Path) -> Self {
        Self {
            data: Some(data.to_owned()),
            ..self
        }
    }

    /// Starts a request without a token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}/{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// Sends a request with the token.
    pub async fn send(&self, method: Method, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.request(method, path)
            .bearer_auth(&self.token)
            .body(body)
            .send()
            .await
            .unwrap()
    }

    pub async fn put_chunk(&self, id: ChunkId, stored: &[u8]) -> Response {
        self.send(Method::PUT, &chunk_path(id), stored.to_vec()).await
    }

    pub async fn put_chunks(&self, build: &Build) {
        for (id, stored, _) in &build.chunks {
            let status = self.put_chunk(*id, stored).await.status();
            assert!(matches!(status, StatusCode::CREATED | StatusCode::OK), "{status}");
        }
    }

    pub async fn post_release(&self, build: &Build, channel: &str) -> Response {
        let change = self.sign_release(build, channel).await.unwrap();
        self.post_signed(build, channel, &change).await
    }

    /// Publishes a build with metadata that was signed before.
    pub async fn post_signed(&self, build: &Build, channel: &str, change: &Change) -> Response {
        let (content_type, body) = build.multipart(change);
        self.request(Method::POST, &format!("api/v1/releases?channel={channel}"))
            .bearer_auth(&self.token)
            .header("content-type", content_type)
            .body(body)
            .send()
            .await
            .unwrap()
    }

    /// Uploads and publishes a build that the server accepts.
    pub async fn publish(&self, build: &Build, channel: &str) {
        self.put_chunks(build).await;
        let response = self.post_release(build, channel).await;
        let status = response.status();
        assert_eq!(status, StatusCode::CREATED, "{}", response.text().await.unwrap());
    }

    /// Gets what only holders of a token may see.
    pub async fn get_json(&self, path: &str) -> Value {
        let response = self.send(Method::GET, path, "").await;
        let status = response.status();
        let text = response.text().await.unwrap();
        assert_eq!(status, StatusCode::OK, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    pub async fn missing(&self, ids: &[ChunkId]) -> Value {
        let question = json!({ "chunks": ids }).to_string();
        let response = self.send(Method::POST, "api/v1/chunks/missing", question).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }
}

pub fn chunk_path(id: ChunkId) -> String {
    format!("store/{}", id.store_path(".cacnk"))
}

/// Checks an error answer and returns it.
pub async fn problem(response: Response, status: StatusCode, code: &str) -> Value {
    assert_eq!(response.status(), status);
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["code"], code, "{problem}");
    assert_eq!(problem["status"], status.as_u16());
    assert_eq!(problem["type"], "about:blank");
    problem
}
