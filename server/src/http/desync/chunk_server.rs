// SPDX-License-Identifier: MIT
//! `GET`, `HEAD` and `PUT` of `/<4 hex>/<64 hex><extension>` over any chunk store.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use poem::endpoint::{BoxEndpoint, make};
use poem::http::{Method, StatusCode};
use poem::{EndpointExt as _, Request, Response};
use vsekai_formats::ChunkId;
use vsekai_store::{Chunk, ChunkStore, StoreError, StoreFormat, WriteStore};

use super::memory::Memory;
use super::{Answer, is_authorized};
use crate::http::body::Upload;
use crate::http::client_address;
use crate::limits::Limits;

/// What to serve, and how.
pub struct ChunkServer {
    /// Where chunks come from.
    pub store: Arc<dyn ChunkStore>,
    /// Where chunks go to; `None` refuses uploads.
    pub target: Option<Arc<dyn WriteStore>>,
    /// The form of chunks on the wire, whatever it is in the store, and their largest size.
    pub format: StoreFormat,
    /// The `Authorization` value that clients must send, if any.
    pub authorization: Option<String>,
    /// The bounds put on clients; the largest chunk is that of `format`. Of them, `chunk_checks` counts the chunks that
    /// are unpacked at a time on their way in and out.
    pub limits: Limits,
}

/// Returns routes that stock desync takes for its own chunk server.
pub fn chunk_routes(server: ChunkServer) -> BoxEndpoint<'static, Response> {
    let format = server.format;
    let memory = Memory::new(
        &server.limits,
        format.max_stored().saturating_add(format.max_chunk),
    );
    let shared = Arc::new((server, memory));
    make(move |request| {
        let shared = shared.clone();
        async move {
            let (server, memory) = &*shared;
            server.answer(request, memory).await.into_response()
        }
    })
    .map_to_response()
    .boxed()
}

impl ChunkServer {
    async fn answer(&self, request: Request, memory: &Memory) -> Answer {
        if !is_authorized(self.authorization.as_deref(), request.headers()) {
            return Answer::text(StatusCode::UNAUTHORIZED, "Unauthorized");
        }
        let Some(id) = self.chunk_id(request.uri().path()) else {
            let form = format!("an address is /<4 hex>/<64 hex>{}", self.format.extension());
            return Answer::text(StatusCode::BAD_REQUEST, form);
        };
        match *request.method() {
            Method::GET => self.get(id, memory).await,
            Method::HEAD => self.head(id).await,
            Method::PUT => self.put(id, request, memory).await,
            _ => Answer::text(StatusCode::METHOD_NOT_ALLOWED, "only GET, HEAD and PUT"),
        }
    }

    async fn get(&self, id: ChunkId, memory: &Memory) -> Answer {
        // Until there is room for what is sent, so that only so many chunks are there that wait for it.
        let _turn = memory.turn().await;
        let chunk = match self.store.get(id).await {
            Ok(chunk) => chunk,
            Err(error) if error.is_missing() => {
                return Answer::text(StatusCode::NOT_FOUND, format!("chunk {id} not found"));
            }
            Err(error) => return Answer::store_error(&error),
        };
        let format = self.format;
        match compute(move || chunk.encode(format)).await {
            Ok(bytes) => Answer::bytes(bytes, memory).await,
            Err(error) => Answer::store_error(&error),
        }
    }

    async fn head(&self, id: ChunkId) -> Answer {
        match self.store.has(id).await {
            Ok(true) => Answer::empty(StatusCode::OK),
            Ok(false) => Answer::empty(StatusCode::NOT_FOUND),
            Err(error) => Answer::store_error(&error),
        }
    }

    async fn put(&self, id: ChunkId, mut request: Request, memory: &Memory) -> Answer {
        let Some(target) = &self.target else {
            return Answer::text(StatusCode::BAD_REQUEST, "this server does not take uploads");
        };
        let share = memory.upload(client_address::of(&request, &self.limits));
        let upload = Upload::new(
            request.take_body(),
            "a chunk",
            self.format.max_stored(),
            &self.limits,
        );
        let stored: Bytes = match upload.read_within(share.clone()).await {
            Ok(stored) => stored,
            Err(error) => return Answer::upload_error(&error),
        };
        let (format, len) = (self.format, stored.len());
        let chunk = {
            let _turn = memory.turn().await;
            compute(move || Chunk::decode("the upload", id, format, stored)).await
        };
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error @ StoreError::Invalid { .. }) => {
                return Answer::text(StatusCode::BAD_REQUEST, error.to_string());
            }
            Err(error) => return Answer::store_error(&error),
        };
        // A few bytes may unpack to many, and storing them takes longer than that.
        if share.grow(len + chunk.plain().len()).is_err() {
            return Answer::busy();
        }
        let stored = async {
            target.put(&chunk).await?;
            target.sync().await
        };
        match stored.await {
            Ok(()) => Answer::empty(StatusCode::OK),
            Err(error) => Answer::store_error(&error),
        }
    }

    fn chunk_id(&self, path: &str) -> Option<ChunkId> {
        let path = path.strip_prefix('/')?;
        let (_, file) = path.split_once('/')?;
        let id: ChunkId = file.strip_suffix(self.format.extension())?.parse().ok()?;
        (id.store_path(self.format.extension()) == path).then_some(id)
    }
}

impl fmt::Debug for ChunkServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChunkServer({})", self.store.name())
    }
}

async fn compute<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    let outcome = tokio::task::spawn_blocking(work).await;
    outcome.unwrap_or_else(|error| Err(StoreError::io("convert chunk", std::io::Error::other(error))))
}
