// SPDX-License-Identifier: MIT
//! `GET store/<4 hex>/<64 hex>.cacnk`: a chunk as it is stored.

use std::sync::Arc;

use poem::web::{Data, Path};
use poem::{Request, Response, handler};

use super::problem::Problem;
use super::reply::{Caching, Conditions, Representation, Source};
use crate::service::{Service, ServiceError};

/// Serves a chunk. It is not verified again: every client does that.
#[handler]
pub async fn get_chunk(
    service: Data<&Arc<Service>>,
    Path((folder, file)): Path<(String, String)>,
    request: &Request,
) -> Result<Response, Problem> {
    let id = super::chunk_id(&folder, &file)?;
    let stored = service.store().get_stored(id).await.map_err(ServiceError::from)?;
    let representation = Representation {
        source: Source::File {
            file: stored.file,
            len: stored.len,
        },
        tag: id.to_string(),
        media_type: "application/octet-stream",
        caching: Caching::Immutable,
    };
    Ok(representation.respond(&Conditions::of(request)).await?)
}
