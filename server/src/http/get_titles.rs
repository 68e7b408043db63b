// SPDX-License-Identifier: MIT
//! `GET api/v1/titles`: the titles that a token is for.

use std::sync::Arc;

use poem::web::{Data, Json};
use poem::{Request, handler};
use serde::Serialize;

use super::problem::Problem;
use crate::service::Service;
use crate::service::overview::TitleOverview;

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TitleList)]
pub(super) struct Answer {
    titles: Vec<TitleOverview>,
}

/// Lists titles, in order of name.
#[utoipa::path(
    get, path = "/api/v1/titles", tag = "publishing",
    security(("token" = ["any"])),
    responses((status = 200, description = "The titles", body = Answer)),
)]
#[handler]
pub async fn get_titles(service: Data<&Arc<Service>>, request: &Request) -> Result<Json<Answer>, Problem> {
    let access = super::bearer::access(&service, request).await?;
    let titles = service.titles(&access).await?;
    Ok(Json(Answer { titles }))
}
