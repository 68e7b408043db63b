// SPDX-License-Identifier: MIT
//! `PUT store/<4 hex>/<64 hex>.cacnk`: store a chunk.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Body, Request, handler};

use super::body::Upload;
use super::problem::Problem;
use crate::service::Service;
use crate::service::chunks::ChunkUpload;
use crate::service::token::Verb;

/// Stores a chunk: 201 if it is new, 200 if it was there.
#[utoipa::path(
    put, path = "/store/{folder}/{file}", tag = "publishing",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    security(("token" = ["upload"])),
    responses((status = 201, description = "It is new"), (status = 200, description = "It was there")),
)]
#[handler]
pub async fn put_chunk(
    service: Data<&Arc<Service>>,
    Path((folder, file)): Path<(String, String)>,
    request: &Request,
    body: Body,
) -> Result<StatusCode, Problem> {
    let access = super::bearer::access(&service, request).await?;
    access.require_somewhere(Verb::Upload)?;
    let id = super::chunk_id(&folder, &file)?;
    let limits = service.limits();
    let stored = Upload::new(body, "a chunk", limits.chunk_stored_bytes(), limits)
        .read_within(service.upload_room(&access))
        .await?;
    service.charge_upload(&access, stored.len())?;
    Ok(match service.put_chunk(id, stored).await? {
        ChunkUpload::New => StatusCode::CREATED,
        ChunkUpload::Known => StatusCode::OK,
    })
}
