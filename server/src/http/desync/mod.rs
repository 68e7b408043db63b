// SPDX-License-Identifier: MIT
//! Servers that behave as `desync chunk-server` and `desync index-server` do, over any store.
//!
//! They are apart from the update server's own routes: other addresses, answers in plain text, one literal
//! `Authorization` value instead of tokens. Three differences are on purpose: a chunk is always verified, when
//! it comes in and when it goes out, what was stored survives a power cut, and all requests together have so much
//! memory and no more.

mod chunk_server;
mod index_server;
mod memory;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderMap, StatusCode, header};
use poem::{Body, Response};
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use vsekai_store::StoreError;

use super::{accept, problem};
use crate::limits::Limits;
use crate::server::StartError;
use crate::service::ServiceError;
use crate::service::error::UNAVAILABLE_FOR;
use memory::Memory;

pub use super::accept::{Handshake, Stream};
pub use chunk_server::{ChunkServer, chunk_routes};
pub use index_server::{IndexServer, index_routes};

/// Routes served at an address of their own until they are stopped.
#[derive(Debug)]
pub struct RunningRoutes {
    address: SocketAddr,
    scheme: &'static str,
    stop: CancellationToken,
    accepting: JoinHandle<()>,
}

impl RunningRoutes {
    /// Serves `routes` at `listen`; when this returns, clients can connect. Port 0 takes a free one.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(
        listen: SocketAddr,
        routes: BoxEndpoint<'static, Response>,
        limits: Limits,
    ) -> Result<Self, StartError> {
        Self::start_after(listen, None, routes, limits).await
    }

    /// As [`RunningRoutes::start`], over TLS or whatever else `handshake` does with connections.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start_tls(
        listen: SocketAddr,
        handshake: Handshake,
        routes: BoxEndpoint<'static, Response>,
        limits: Limits,
    ) -> Result<Self, StartError> {
        Self::start_after(listen, Some(handshake), routes, limits).await
    }

    async fn start_after(
        listen: SocketAddr,
        handshake: Option<Handshake>,
        routes: BoxEndpoint<'static, Response>,
        limits: Limits,
    ) -> Result<Self, StartError> {
        let failed = |source| StartError::Listen {
            address: listen,
            source,
        };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let stop = CancellationToken::new();
        let scheme = if handshake.is_some() { "https" } else { "http" };
        let limits = Arc::new(limits);
        let serving = accept::serve_after(listener, handshake, routes.into(), limits, stop.clone());
        let accepting = tokio::spawn(serving);
        Ok(Self {
            address,
            scheme,
            stop,
            accepting,
        })
    }

    /// Returns the base address, without a slash at its end.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Stops accepting and answers what is under way within the grace time.
    pub async fn stop(self) {
        self.stop.cancel();
        // The loop itself does not fail; a panic in it has been reported by the runtime.
        let _ = self.accepting.await;
    }
}

/// An answer to a request: the status and what to say, or the bytes asked for.
struct Answer {
    status: StatusCode,
    body: Body,
    media_type: &'static str,
    /// When it is worth asking again, if that is known.
    wait: Option<Duration>,
}

impl Answer {
    /// Answers with `bytes` once there is room for them in `memory`, or says that there is none.
    async fn bytes(bytes: Bytes, memory: &Memory) -> Self {
        match memory.to_send(bytes).await {
            Some(bytes) => Self {
                body: bytes.into(),
                media_type: "application/octet-stream",
                ..Self::empty(StatusCode::OK)
            },
            None => Self::busy(),
        }
    }

    fn empty(status: StatusCode) -> Self {
        Self {
            status,
            body: Body::empty(),
            media_type: "text/plain; charset=utf-8",
            wait: None,
        }
    }

    fn text(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            body: text.into().into(),
            ..Self::empty(status)
        }
    }

    /// Turns a store's error into an answer; details of other than missing things go to the log.
    fn store_error(error: &StoreError) -> Self {
        if error.is_missing() {
            return Self::text(StatusCode::NOT_FOUND, "not found");
        }
        tracing::error!(%error, "a store failed");
        Self::text(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the store failed; the server's log says why",
        )
    }

    fn upload_error(error: &ServiceError) -> Self {
        let status = match error {
            ServiceError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            ServiceError::Stalled => StatusCode::REQUEST_TIMEOUT,
            // It speaks of tokens, which nobody has here.
            ServiceError::Unavailable(_) => return Self::busy(),
            _ => StatusCode::BAD_REQUEST,
        };
        Self::text(status, error.outside())
    }

    /// Says that other requests take all the memory there is.
    fn busy() -> Self {
        Self {
            wait: Some(UNAVAILABLE_FOR),
            ..Self::text(
                StatusCode::SERVICE_UNAVAILABLE,
                "other requests take all the memory that there is for them; try again later",
            )
        }
    }

    fn into_response(self) -> Response {
        let mut response = Response::builder()
            .status(self.status)
            .header(header::CONTENT_TYPE, self.media_type)
            .body(self.body);
        if let Some(wait) = self.wait {
            problem::ask_to_wait(&mut response, wait);
        }
        response
    }
}

/// Tells whether the request carries the whole `Authorization` value that is asked for.
fn is_authorized(wanted: Option<&str>, headers: &HeaderMap) -> bool {
    let Some(wanted) = wanted else { return true };
    let given = headers
        .get(header::AUTHORIZATION)
        .map_or(&b""[..], |value| value.as_bytes());
    given.ct_eq(wanted.as_bytes()).into()
}
