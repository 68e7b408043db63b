// SPDX-License-Identifier: MIT
//! The HTTP edge: one file per endpoint, named after it. Only here do poem's types appear.

pub mod accept;
mod admin;
mod bearer;
mod body;
mod client_address;
mod collection;
mod connection;
pub(crate) mod describe;
pub mod desync;
mod docs;
mod get_audit;
mod get_chunk;
mod get_health;
mod get_index;
mod get_metadata;
mod get_ready;
mod get_release_file;
mod get_releases;
mod get_sizes;
mod get_target;
mod get_titles;
mod hold;
#[cfg(target_os = "linux")]
mod lane;
mod metrics;
mod online_keys;
mod post_fetch_chunks;
mod post_metadata;
mod post_missing_chunks;
mod post_release;
mod private_channel;
mod problem;
mod put_chunk;
mod put_index;
mod readers;
mod reply;
mod tokens;

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::error::ResponseError as _;
use poem::http::{HeaderValue, Method, header};
use poem::{Body, Endpoint as _, EndpointExt as _, IntoResponse, Request, Response, Route, RouteMethod};
use serde::de::DeserializeOwned;
use vsekai_formats::ChunkId;
use vsekai_formats::release::Pinned;

use crate::limits::Limits;
use crate::service::{Service, ServiceError};
use accept::Routes;
use body::Upload;
use connection::AlreadyCounted;
use metrics::{Kind, Metrics};
use problem::Problem;
use reply::{Caching, Representation, Source};

/// Returns the server's routes; `docs/openapi.json` and `docs/protocol.md` describe them.
pub fn routes(service: Arc<Service>) -> Routes {
    let metrics = Arc::new(Metrics::default());
    let routes = Routes::from(endpoint(service.clone(), metrics.clone()));
    #[cfg(target_os = "linux")]
    let routes = routes.with_lane(lane::Lane::new(&service, &metrics));
    routes
}

fn endpoint(service: Arc<Service>, metrics: Arc<Metrics>) -> BoxEndpoint<'static, Response> {
    let (counting, asked) = (metrics.clone(), service.clone());
    routed(table())
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

/// A method of an address, and what answers it.
type Row = (Method, &'static str, BoxEndpoint<'static, Response>);

/// Returns every method of every address.
fn table() -> Vec<Row> {
    macro_rules! rows {
        ($($method:ident $path:literal $handler:expr;)*) => {
            vec![$((Method::$method, $path, $handler.map_to_response().boxed())),*]
        };
    }
    rows! {
        GET "/store/:folder/:file" get_chunk::get_chunk;
        HEAD "/store/:folder/:file" get_chunk::get_chunk;
        PUT "/store/:folder/:file" put_chunk::put_chunk;
        GET "/index/:name" get_index::get_index;
        HEAD "/index/:name" get_index::get_index;
        PUT "/index/:name" put_index::put_index;
        GET "/titles/:title/tuf/:file" get_metadata::get_metadata;
        HEAD "/titles/:title/tuf/:file" get_metadata::get_metadata;
        GET "/titles/:title/tuf/targets/:file" get_target::get_target;
        HEAD "/titles/:title/tuf/targets/:file" get_target::get_target;
        GET "/titles/:title/releases/:platform/:version/:file" get_release_file::get_release_file;
        HEAD "/titles/:title/releases/:platform/:version/:file" get_release_file::get_release_file;
        POST "/api/v1/chunks/missing" post_missing_chunks::post_missing_chunks;
        POST "/api/v1/chunks/fetch" post_fetch_chunks::post_fetch_chunks;
        POST "/api/v1/releases" post_release::post_release;
        GET "/api/v1/titles" get_titles::get_titles;
        GET "/api/v1/titles/:title/releases" get_releases::get_releases;
        POST "/api/v1/titles/:title/metadata" post_metadata::post_metadata;
        GET "/api/v1/titles/:title/online-keys" online_keys::get_online_keys;
        POST "/api/v1/titles/:title/online-keys" online_keys::post_online_key;
        PUT "/api/v1/titles/:title/releases/:platform/:version/hold" hold::put_hold;
        DELETE "/api/v1/titles/:title/releases/:platform/:version/hold" hold::delete_hold;
        PUT "/api/v1/titles/:title/channels/:channel/private" private_channel::put_private;
        DELETE "/api/v1/titles/:title/channels/:channel/private" private_channel::delete_private;
        GET "/api/v1/health" get_health::get_health;
        GET "/api/v1/ready" get_ready::get_ready;
        GET "/api/v1/metrics" metrics::get_metrics;
        GET "/api/v1/audit" get_audit::get_audit;
        GET "/api/v1/sizes" get_sizes::get_sizes;
        GET "/api/v1/collection" collection::get_collection;
        POST "/api/v1/collection" collection::post_collection;
        GET "/api/v1/tokens" tokens::get_tokens;
        POST "/api/v1/tokens" tokens::post_token;
        DELETE "/api/v1/tokens/:id" tokens::delete_token;
        GET "/api/v1/openapi.json" describe::get_description;
        GET "/docs" docs::get_docs;
        GET "/docs/style.css" docs::get_style;
    }
}

fn routed(table: Vec<Row>) -> Route {
    let mut methods: BTreeMap<&str, RouteMethod> = BTreeMap::new();
    for (method, path, endpoint) in table {
        let others = methods.remove(path).unwrap_or_default();
        methods.insert(path, others.method(method, endpoint));
    }
    let addresses = methods.into_iter();
    addresses.fold(Route::new(), |route, (path, methods)| route.at(path, methods))
}

/// Counts a request for the address it comes from, unless that was done.
fn not_too_often(service: &Service, request: &Request) -> Result<(), ServiceError> {
    if request.extensions().get::<AlreadyCounted>().is_some() {
        return Ok(());
    }
    let Some(class) = Kind::of(request.method(), request.uri().path()).class() else {
        return Ok(());
    };
    let address = client_address::of(request, service.limits());
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

/// What a chunk's address ends with.
const CHUNK_EXTENSION: &str = ".cacnk";

/// Reads the id out of a chunk's address.
fn chunk_id(folder: &str, file: &str) -> Result<ChunkId, ServiceError> {
    let hex = file
        .strip_suffix(CHUNK_EXTENSION)
        .filter(|hex| hex.starts_with(folder) && folder.len() == 4)
        .filter(|hex| !hex.bytes().any(|byte| byte.is_ascii_uppercase()));
    hex.and_then(|hex| hex.parse().ok()).ok_or_else(|| {
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
    parsed(&Upload::new(body, "the request", cap, limits).read().await?)
}

/// Reads the body of a request.
fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, ServiceError> {
    serde_json::from_slice(body)
        .map_err(|error| ServiceError::BadRequest(format!("the request cannot be read: {error}")))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_route_is_described_and_nothing_else() {
        let routed: BTreeSet<(String, String)> = table()
            .into_iter()
            .map(|(method, path, _)| {
                let parts = path.split('/').map(|part| match part.strip_prefix(':') {
                    Some(name) => format!("{{{name}}}"),
                    None => part.to_owned(),
                });
                let path = parts.collect::<Vec<_>>().join("/");
                (path, method.as_str().to_lowercase())
            })
            .collect();
        let document = serde_json::to_value(&*describe::DESCRIPTION).unwrap();
        let mut described = BTreeSet::new();
        for (path, methods) in document["paths"].as_object().unwrap() {
            let methods = methods.as_object().unwrap().keys();
            described.extend(methods.map(|method| (path.clone(), method.clone())));
        }
        assert_eq!(described, routed);
    }
}
