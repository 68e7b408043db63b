// SPDX-License-Identifier: MIT
//! The HTTP edge: one file per endpoint, named after it. Only here do poem's types appear.

pub mod accept;
mod admin;
mod bearer;
mod body;
mod client_address;
mod collection;
mod connection;
pub mod desync;
mod get_audit;
mod get_chunk;
mod get_health;
mod get_index;
mod get_metadata;
mod get_release_file;
mod get_releases;
mod get_sizes;
mod get_target;
mod hold;
mod metrics;
mod online_keys;
mod post_fetch_chunks;
mod post_metadata;
mod post_missing_chunks;
mod post_release;
mod problem;
mod put_chunk;
mod put_index;
mod reply;
mod tokens;

use std::str::FromStr;
use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::error::ResponseError as _;
use poem::http::{HeaderValue, header};
use poem::{
    Body, Endpoint as _, EndpointExt as _, IntoResponse, Request, Response, Route, delete, get, post, put,
};
use serde::de::DeserializeOwned;
use vsekai_formats::ChunkId;
use vsekai_formats::release::Pinned;

use crate::limits::Limits;
use crate::service::{Service, ServiceError};
use body::Upload;
use metrics::{Kind, Metrics};
use problem::Problem;
use reply::{Caching, Representation, Source};

/// Returns the server's routes; `docs/protocol.md` describes them.
pub fn routes(service: Arc<Service>) -> BoxEndpoint<'static, Response> {
    let metrics = Arc::new(Metrics::default());
    let (counting, asked) = (metrics.clone(), service.clone());
    Route::new()
        .at(
            "/store/:folder/:file",
            get(get_chunk::get_chunk)
                .head(get_chunk::get_chunk)
                .put(put_chunk::put_chunk),
        )
        .at(
            "/index/:name",
            get(get_index::get_index)
                .head(get_index::get_index)
                .put(put_index::put_index),
        )
        .at(
            "/titles/:title/tuf/:file",
            get(get_metadata::get_metadata).head(get_metadata::get_metadata),
        )
        .at(
            "/titles/:title/tuf/targets/:file",
            get(get_target::get_target).head(get_target::get_target),
        )
        .at(
            "/titles/:title/releases/:platform/:version/:file",
            get(get_release_file::get_release_file).head(get_release_file::get_release_file),
        )
        .at(
            "/api/v1/chunks/missing",
            post(post_missing_chunks::post_missing_chunks),
        )
        .at("/api/v1/chunks/fetch", post(post_fetch_chunks::post_fetch_chunks))
        .at("/api/v1/releases", post(post_release::post_release))
        .at("/api/v1/titles/:title/releases", get(get_releases::get_releases))
        .at(
            "/api/v1/titles/:title/metadata",
            post(post_metadata::post_metadata),
        )
        .at(
            "/api/v1/titles/:title/online-keys",
            get(online_keys::get_online_keys).post(online_keys::post_online_key),
        )
        .at("/api/v1/health", get(get_health::get_health))
        .at("/api/v1/metrics", get(metrics::get_metrics))
        .at("/api/v1/audit", get(get_audit::get_audit))
        .at("/api/v1/sizes", get(get_sizes::get_sizes))
        .at(
            "/api/v1/collection",
            get(collection::get_collection).post(collection::post_collection),
        )
        .at("/api/v1/tokens", get(tokens::get_tokens).post(tokens::post_token))
        .at("/api/v1/tokens/:id", delete(tokens::delete_token))
        .at(
            "/api/v1/titles/:title/releases/:platform/:version/hold",
            put(hold::put_hold).delete(hold::delete_hold),
        )
        .nest("/admin", admin::routes())
        .data(service)
        .data(metrics)
        .catch_all_error(problem::from_router)
        .around(move |endpoint, request| {
            let asked = asked.clone();
            async move {
                match not_too_often(&asked, &request) {
                    Ok(()) => endpoint.call(request).await.map(IntoResponse::into_response),
                    Err(error) => Ok(Problem(error).as_response()),
                }
            }
        })
        .around(move |endpoint, request| {
            let counting = counting.clone();
            async move {
                let is_api = request.uri().path().starts_with("/api/");
                let mut response = metrics::counted(counting, endpoint, request).await;
                if is_api {
                    // Answers of the API are about this moment, and some hold secrets.
                    let kept = response.headers_mut().entry(header::CACHE_CONTROL);
                    kept.or_insert(HeaderValue::from_static("no-store"));
                }
                Ok(response)
            }
        })
        .map_to_response()
        .boxed()
}

/// Counts a request for the address it comes from.
fn not_too_often(service: &Service, request: &Request) -> Result<(), ServiceError> {
    let class = Kind::of(request.method(), request.uri().path()).class();
    let peer = request.remote_addr().as_socket_addr().map(|address| address.ip());
    let (Some(class), Some(peer)) = (class, peer) else {
        return Ok(());
    };
    let address = client_address::client_address(peer, request.headers(), service.limits());
    service
        .rates()
        .address(class, address)
        .map_err(ServiceError::too_soon)
}

impl Representation {
    /// Represents signed JSON, byte for byte.
    fn of_text(text: String, caching: Caching) -> Self {
        Self {
            tag: Pinned::of(text.as_bytes()).sha256.to_string(),
            source: Source::Bytes(text.into()),
            media_type: "application/json",
            caching,
        }
    }
}

/// Reads the id out of a chunk's address.
fn chunk_id(folder: &str, file: &str) -> Result<ChunkId, ServiceError> {
    let id = file
        .strip_suffix(".cacnk")
        .and_then(|id| id.parse::<ChunkId>().ok());
    let in_place = id.filter(|id| id.store_path(".cacnk") == format!("{folder}/{file}"));
    in_place.ok_or_else(|| {
        ServiceError::BadRequest("a chunk's address is <4 hex>/<64 hex>.cacnk, in lower case".to_owned())
    })
}

/// Reads part of a static file's address; what cannot be a name cannot be there.
fn named<T: FromStr>(text: &str, what: &str) -> Result<T, ServiceError> {
    text.parse()
        .map_err(|_| ServiceError::NotFound(format!("a {what} of that name")))
}

/// Reads a parameter of the API.
fn parameter<T: FromStr>(text: &str) -> Result<T, ServiceError>
where
    T::Err: std::fmt::Display,
{
    text.parse()
        .map_err(|error: T::Err| ServiceError::BadRequest(error.to_string()))
}

async fn json<T: DeserializeOwned>(body: Body, cap: usize, limits: &Limits) -> Result<T, ServiceError> {
    let bytes = Upload::new(body, "the request", cap, limits).read().await?;
    serde_json::from_slice(&bytes)
        .map_err(|error| ServiceError::BadRequest(format!("the request cannot be read: {error}")))
}
