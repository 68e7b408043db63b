// SPDX-License-Identifier: MIT
//! `GET index/<name>`: an index.

use std::sync::Arc;

use poem::web::{Data, Path};
use poem::{Request, Response, handler};

use super::problem::Problem;
use super::readers;
use super::reply::{Conditions, Representation, Source};
use crate::service::{Service, ServiceError, indexes::IndexName};

/// Serves an index.
#[utoipa::path(
    method(get, head), path = "/index/{name}", tag = "files",
    security((), ("token" = ["read"])),
    responses(
        (status = 200, description = "The file", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 206, description = "The part asked for by Range", content_type = "application/octet-stream", body = Vec<u8>),
        (status = 304, description = "Nothing has changed"),
        (status = 416, description = "There is no such part"),
    ),
)]
#[handler]
pub async fn get_index(
    service: Data<&Arc<Service>>,
    Path(name): Path<String>,
    request: &Request,
) -> Result<Response, Problem> {
    let missing = || ServiceError::NotFound("an index of that name".to_owned());
    let name = IndexName::parse(&name).map_err(|_| missing())?;
    let audience = service.audience_of_index(name.as_str());
    let caching = readers::admit_unseen(&service, request, &audience, missing).await?;
    let pinned = service.find_index(&name).await?;
    let representation = Representation {
        tag: pinned.sha256.to_string(),
        source: Source::File {
            len: pinned.length,
            file: service.open_index(pinned).await?,
        },
        media_type: "application/octet-stream",
        caching,
    };
    let conditions = Conditions::of(request);
    if conditions.asks_for_all() {
        service.note_download(&name);
    }
    Ok(representation.respond(&conditions).await?)
}
