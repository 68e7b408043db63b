// SPDX-License-Identifier: MIT
//! `GET` and `POST api/v1/collection`: what nothing keeps, shown or removed.

use std::sync::Arc;

use poem::web::{Data, Json};
use poem::{Request, handler};

use super::problem::Problem;
use crate::db::now;
use crate::service::Service;
use crate::service::collect::Collection;

/// Tells what would be collected, and why.
#[utoipa::path(
    get, path = "/api/v1/collection", tag = "running",
    security(("token" = ["admin"])),
    responses((status = 200, description = "What would be collected", body = Collection)),
)]
#[handler]
pub async fn get_collection(
    service: Data<&Arc<Service>>,
    request: &Request,
) -> Result<Json<Collection>, Problem> {
    let access = super::bearer::access(&service, request).await?;
    Ok(Json(service.plan_collection(&access, now()).await?))
}

/// Collects, and tells what.
#[utoipa::path(
    post, path = "/api/v1/collection", tag = "running",
    security(("token" = ["admin"])),
    responses((status = 200, description = "What was collected", body = Collection)),
)]
#[handler]
pub async fn post_collection(
    service: Data<&Arc<Service>>,
    request: &Request,
) -> Result<Json<Collection>, Problem> {
    let access = super::bearer::access(&service, request).await?;
    Ok(Json(service.collect(&access, now()).await?))
}
