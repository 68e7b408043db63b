// SPDX-License-Identifier: MIT
//! `PUT index/<name>`: store an index.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Body, Request, handler};

use super::body::Upload;
use super::problem::Problem;
use crate::service::Service;
use crate::service::indexes::IndexName;
use crate::service::token::Verb;

/// Stores an index: 201 if its name is new, 200 if the same index has it.
#[utoipa::path(
    put, path = "/index/{name}", tag = "publishing",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    security(("token" = ["upload"])),
    responses((status = 201, description = "It is new"), (status = 200, description = "It was there")),
)]
#[handler]
pub async fn put_index(
    service: Data<&Arc<Service>>,
    Path(name): Path<String>,
    request: &Request,
    body: Body,
) -> Result<StatusCode, Problem> {
    let access = super::bearer::access(&service, request).await?;
    // Names are shared by all titles, so one title's token could take the name of another's next release.
    access.require_everywhere(Verb::Upload)?;
    let name = IndexName::parse(&name)?;
    let limits = service.limits();
    let bytes = Upload::new(body, "an index", limits.index_bytes, limits)
        .read_within(service.upload_room(&access))
        .await?;
    service.charge_upload(&access, bytes.len())?;
    Ok(match service.put_index(name, bytes).await? {
        true => StatusCode::CREATED,
        false => StatusCode::OK,
    })
}
