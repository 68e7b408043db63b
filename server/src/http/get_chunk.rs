// SPDX-License-Identifier: MIT
//! `GET store/<4 hex>/<64 hex>.cacnk`: a chunk as it is stored.

use std::sync::Arc;

use poem::http::header;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use vsekai_formats::ChunkId;

use super::problem::Problem;
use super::reply::{Caching, Conditions, Representation, Source};
use crate::service::token::Verb;
use crate::service::{Service, ServiceError};

/// Serves a chunk.
#[utoipa::path(
    method(get, head), path = "/store/{folder}/{file}", tag = "files",
    responses(
        (status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "The part asked for by Range", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304, description = "Nothing has changed"),
        (status = 416, description = "There is no such part"),
    ),
)]
#[handler]
pub async fn get_chunk(
    service: Data<&Arc<Service>>,
    Path((folder, file)): Path<(String, String)>,
    request: &Request,
) -> Result<Response, Problem> {
    let id = super::chunk_id(&folder, &file)?;
    let conditions = Conditions::of(request);
    let source = match conditions.head {
        true => {
            say_if_relied_on(&service, request, id).await?;
            let stored = service.store().get_stored(id).await.map_err(ServiceError::from)?;
            Source::File {
                file: stored.file,
                len: stored.len,
            }
        }
        false => Source::Bytes(service.read_chunk(id).await?),
    };
    let representation = Representation {
        source,
        tag: id.to_string(),
        media_type: "application/octet-stream",
        caching: Caching::Immutable,
    };
    Ok(representation.respond(&conditions).await?)
}

/// Stock publishers ask by HEAD which chunks they need not upload, so these are answered from the ledger.
async fn say_if_relied_on(service: &Service, request: &Request, id: ChunkId) -> Result<(), Problem> {
    if !request.headers().contains_key(header::AUTHORIZATION) {
        return Ok(());
    }
    // Reading takes no token, so one that is good for nothing does no harm.
    let access = super::bearer::access(service, request).await;
    let uploads = access.is_ok_and(|access| access.require_somewhere(Verb::Upload).is_ok());
    match uploads && !service.has_chunk(id).await? {
        false => Ok(()),
        true => Err(ServiceError::NotFound(format!("chunk {id}")).into()),
    }
}
