// SPDX-License-Identifier: MIT
//! `GET store/<4 hex>/<64 hex>.cacnk`: a chunk as it is stored.

use std::sync::Arc;

use poem::http::header;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use vsekai_formats::ChunkId;

use super::problem::Problem;
use super::readers;
use super::reply::{Caching, Conditions, Representation, Source};
use crate::service::token::Verb;
use crate::service::{Audience, Service, ServiceError};

/// Serves a chunk.
#[utoipa::path(
    method(get, head), path = "/store/{folder}/{file}", tag = "files",
    security((), ("token" = ["read"])),
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
    let audience = service.audience_of_chunk(id);
    let missing = || ServiceError::NotFound(format!("chunk {id}"));
    let caching = match conditions.head && uploads(&service, request).await {
        // Stock publishers ask by HEAD which chunks they need not upload, so these are answered from the ledger.
        true if !service.has_chunk(id).await? => return Err(missing().into()),
        true if audience != Audience::Everybody => Caching::Private,
        true => Caching::Immutable,
        false => readers::admit_unseen(&service, request, &audience, missing).await?,
    };
    let source = match conditions.head {
        true => Source::Length(service.chunk_len(id).await?),
        false => Source::Bytes(service.read_chunk(id).await?),
    };
    Ok(representation(id, source, caching).respond(&conditions).await?)
}

/// Represents a chunk as it is stored.
pub(super) fn representation(id: ChunkId, source: Source, caching: Caching) -> Representation {
    Representation {
        source,
        tag: id.to_string(),
        media_type: "application/octet-stream",
        caching,
    }
}

/// Tells whether the sender of `request` may upload chunks, and so may know which are there.
async fn uploads(service: &Service, request: &Request) -> bool {
    // What everybody may read takes no token, so one that is good for nothing does no harm.
    request.headers().contains_key(header::AUTHORIZATION)
        && super::bearer::access(service, request)
            .await
            .is_ok_and(|access| access.require_somewhere(Verb::Upload).is_ok())
}
