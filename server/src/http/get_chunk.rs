// SPDX-License-Identifier: MIT
//! `GET store/<4 hex>/<64 hex>.cacnk`: a chunk as it is stored.

use std::sync::Arc;

use poem::web::{Data, Path};
use poem::{Request, Response, handler};

use super::problem::Problem;
use super::reply::{Caching, Conditions, Representation, Source};
use crate::service::{Service, ServiceError};

/// Serves a chunk.
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
