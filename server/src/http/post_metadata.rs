// SPDX-License-Identifier: MIT
//! `POST api/v1/titles/<title>/metadata`: put signed metadata in force.

use std::sync::Arc;

use poem::web::{Data, Json, Path};
use poem::{Body, Request, handler};
use serde::Serialize;
use vsekai_trust::online::Change;

use super::body::Upload;
use super::problem::Problem;
use crate::service::Service;
use crate::service::token::Verb;

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Accepted)]
pub(super) struct Answer {
    accepted: bool,
}

/// Judges metadata that a publisher signed and puts it in force with a new snapshot and timestamp.
#[utoipa::path(
    post, path = "/api/v1/titles/{title}/metadata", tag = "publishing",
    request_body = super::describe::Change,
    security(("token" = ["promote", "keys"])),
    responses((status = 200, description = "It is in force", body = Answer)),
)]
#[handler]
pub async fn post_metadata(
    service: Data<&Arc<Service>>,
    Path(title): Path<String>,
    request: &Request,
    body: Body,
) -> Result<Json<Answer>, Problem> {
    let access = super::bearer::access(&service, request).await?;
    if access.require_somewhere(Verb::Keys).is_err() {
        access.require_somewhere(Verb::Promote)?;
    }
    let title = super::parameter(&title)?;
    let limits = service.limits();
    let body = Upload::new(body, "the signed metadata", limits.metadata_bytes, limits)
        .read_within(service.upload_room(&access))
        .await?;
    let change: Change = super::parsed(&body)?;
    service.change_metadata(access, title, change).await?;
    Ok(Json(Answer { accepted: true }))
}
