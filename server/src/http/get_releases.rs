// SPDX-License-Identifier: MIT
//! `GET api/v1/titles/<title>/releases`: what has been published.

use std::sync::Arc;

use poem::web::{Data, Json, Path};
use poem::{Request, handler};
use serde::Serialize;
use vsekai_formats::release::Slug;

use super::problem::Problem;
use crate::db::releases::ReleaseEntry;
use crate::service::Service;

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = ReleaseList)]
pub(super) struct Answer {
    #[schema(value_type = String)]
    title: Slug,
    releases: Vec<ReleaseEntry>,
}

/// Lists a title's releases, newest first within each platform.
#[utoipa::path(
    get, path = "/api/v1/titles/{title}/releases", tag = "publishing",
    security(("token" = ["any"])),
    responses((status = 200, description = "The releases", body = Answer)),
)]
#[handler]
pub async fn get_releases(
    service: Data<&Arc<Service>>,
    Path(title): Path<String>,
    request: &Request,
) -> Result<Json<Answer>, Problem> {
    let access = super::bearer::access(&service, request).await?;
    let title: Slug = super::parameter(&title)?;
    let releases = service.list(&access, &title).await?;
    Ok(Json(Answer { title, releases }))
}
