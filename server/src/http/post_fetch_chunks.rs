// SPDX-License-Identifier: MIT
//! `POST api/v1/chunks/fetch`: many chunks in one answer, for players far away. Takes a token where reading the chunks
//! one by one does.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use poem::http::{StatusCode, header};
use poem::web::Data;
use poem::{Body, Request, Response, handler};
use vsekai_formats::ChunkId;
use vsekai_store::http::batch::MEDIA_TYPE;

use super::body::Upload;
use super::metrics::Metrics;
use super::problem::Problem;
use crate::service::{Service, ServiceError};

/// Sends chunks as they are stored, in the order asked.
#[utoipa::path(
    post, path = "/api/v1/chunks/fetch", tag = "files",
    security((), ("token" = ["read"])),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "1 to 256 chunk ids of 32 bytes each"),
    responses((status = 200, description = "For each id a length (4 bytes, little-endian) and the chunk; ff ff ff ff for a missing one", content_type = "application/vnd.vsekai.chunks", body = Vec<u8>)),
)]
#[handler]
pub async fn post_fetch_chunks(
    service: Data<&Arc<Service>>,
    metrics: Data<&Arc<Metrics>>,
    request: &Request,
    body: Body,
) -> Result<Response, Problem> {
    let limits = service.limits();
    let cap = limits.chunk_fetch * ID_BYTES;
    let ids = ids(&Upload::new(body, "the request", cap, limits).read().await?)?;
    let ids = super::readers::readable(&service, request, ids).await?;
    let metrics = metrics.clone();
    let frames = frames(service.clone(), ids).inspect(move |frame| {
        // The answer has no length that could be counted when it starts.
        let sent = frame.as_ref().map_or(0, Bytes::len);
        metrics.count_batch_bytes(sent as u64);
    });
    Ok(Response::builder()
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, MEDIA_TYPE)
        .header(header::CACHE_CONTROL, "no-store")
        .body(Body::from_bytes_stream(frames)))
}

fn ids(body: &[u8]) -> Result<Vec<ChunkId>, ServiceError> {
    let (ids, rest) = body.as_chunks::<ID_BYTES>();
    match !ids.is_empty() && rest.is_empty() {
        true => Ok(ids.iter().copied().map(ChunkId::from_bytes).collect()),
        false => Err(ServiceError::BadRequest(
            "the body is chunk ids, 32 bytes each, one or more".to_owned(),
        )),
    }
}

/// Reads chunks a few at a time, as the client takes them: an answer under way holds no more than one lot in
/// memory and no file open.
fn frames(
    service: Arc<Service>,
    ids: Vec<Option<ChunkId>>,
) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    stream::try_unfold((service, ids, 0), |(service, ids, done)| async move {
        if done >= ids.len() {
            return Ok(None);
        }
        // An error can only be shown by breaking off: the head has been sent.
        let read = service.read_chunks(ids, done).await;
        let (ids, done, frames) = read.map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(Some((frames, (service, ids, done))))
    })
}

const ID_BYTES: usize = 32;
