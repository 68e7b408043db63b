// SPDX-License-Identifier: MIT
//! `GET`, `HEAD` and `PUT` of an index by its name over any index store.

use std::fmt;
use std::sync::Arc;

use poem::endpoint::{BoxEndpoint, make};
use poem::http::{Method, StatusCode};
use poem::{EndpointExt as _, Request, Response};
use vsekai_formats::DigestAlgorithm;
use vsekai_formats::index::{Index, IndexLimits};
use vsekai_store::{IndexName, IndexStore};

use super::memory::Memory;
use super::{Answer, is_authorized};
use crate::http::body::Upload;
use crate::http::client_address;
use crate::limits::Limits;

/// What to serve, and how.
pub struct IndexServer {
    /// Where indexes are.
    pub store: Arc<dyn IndexStore>,
    /// Whether uploads are taken.
    pub writable: bool,
    /// The digest that indexes must use; `None` takes both.
    pub digest: Option<DigestAlgorithm>,
    /// The `Authorization` value that clients must send, if any.
    pub authorization: Option<String>,
    /// The bounds put on clients and on indexes.
    pub limits: Limits,
}

/// Returns routes that stock desync takes for its own index server.
pub fn index_routes(server: IndexServer) -> BoxEndpoint<'static, Response> {
    let memory = Memory::new(&server.limits, server.limits.index_bytes);
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

impl IndexServer {
    async fn answer(&self, request: Request, memory: &Memory) -> Answer {
        if !is_authorized(self.authorization.as_deref(), request.headers()) {
            return Answer::text(StatusCode::UNAUTHORIZED, "Unauthorized");
        }
        // The name is the last component; desync ignores what stands before it, and so do its users' scripts.
        let name = request.uri().path().rsplit('/').next().unwrap_or_default();
        let Some(name) = decoded(name).and_then(|name| IndexName::parse(&name).ok()) else {
            return Answer::text(StatusCode::BAD_REQUEST, "this is not a name for an index");
        };
        match *request.method() {
            Method::GET => self.get(&name, memory).await,
            Method::HEAD => self.head(&name).await,
            Method::PUT => self.put(&name, request, memory).await,
            _ => Answer::text(StatusCode::METHOD_NOT_ALLOWED, "only GET, HEAD and PUT"),
        }
    }

    async fn get(&self, name: &IndexName, memory: &Memory) -> Answer {
        let _turn = memory.turn().await;
        let bytes = match self.store.get_index(name, self.limits.index_bytes).await {
            Ok(bytes) => bytes,
            Err(error) if error.is_missing() => {
                return Answer::text(StatusCode::NOT_FOUND, "index not found");
            }
            Err(error) => {
                tracing::error!(%error, "an index store failed");
                return Answer::text(StatusCode::BAD_REQUEST, "the index cannot be read");
            }
        };
        match self.check(&bytes) {
            Ok(()) => Answer::bytes(bytes, memory).await,
            Err(reason) => Answer::text(StatusCode::BAD_REQUEST, reason),
        }
    }

    async fn head(&self, name: &IndexName) -> Answer {
        match self.store.has_index(name).await {
            Ok(true) => Answer::empty(StatusCode::OK),
            Ok(false) => Answer::empty(StatusCode::NOT_FOUND),
            Err(error) => {
                tracing::error!(%error, "an index store failed");
                Answer::empty(StatusCode::BAD_REQUEST)
            }
        }
    }

    async fn put(&self, name: &IndexName, mut request: Request, memory: &Memory) -> Answer {
        if !self.writable {
            return Answer::text(StatusCode::BAD_REQUEST, "this server does not take uploads");
        }
        let share = memory.upload(client_address::of(&request, &self.limits));
        let upload = Upload::new(
            request.take_body(),
            "an index",
            self.limits.index_bytes,
            &self.limits,
        );
        let bytes = match upload.read_within(share).await {
            Ok(bytes) => bytes,
            Err(error) => return Answer::upload_error(&error),
        };
        if let Err(reason) = self.check(&bytes) {
            return Answer::text(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason);
        }
        match self.store.put_index(name, bytes).await {
            Ok(()) => Answer::empty(StatusCode::OK),
            Err(error) => Answer::store_error(&error),
        }
    }

    fn check(&self, bytes: &[u8]) -> Result<(), String> {
        let index = Index::from_bytes(bytes, &IndexLimits::default());
        let index = index.map_err(|error| format!("the index cannot be read: {error}"))?;
        match self.digest {
            Some(digest) if digest != index.digest => Err("the index uses the other digest".to_owned()),
            _ => Ok(()),
        }
    }
}

impl fmt::Debug for IndexServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IndexServer({})", self.store.place())
    }
}

/// Undoes percent-encoding; `None` if what comes out is not text.
fn decoded(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let mut byte = [0u8];
                hex::decode_to_slice([*high, *low], &mut byte).ok()?;
                bytes.extend(byte);
                rest = after;
            }
            _ => bytes.push(*first),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_percent_decoded_before_they_are_judged() {
        assert_eq!(decoded("a%20b.caidx").as_deref(), Some("a b.caidx"));
        assert_eq!(decoded("%2e%2e%2fx").as_deref(), Some("../x"));
        assert!(IndexName::parse(&decoded("%2e%2e%2fx").unwrap()).is_err());
        assert_eq!(decoded("%zz"), None);
        assert_eq!(decoded("%ff"), None);
        assert_eq!(decoded("100%").as_deref(), Some("100%"));
    }
}
