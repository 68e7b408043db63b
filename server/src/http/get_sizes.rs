// SPDX-License-Identifier: MIT
//! `GET api/v1/sizes`: what takes how much of the disk.

use std::sync::Arc;

use poem::web::{Data, Json};
use poem::{Request, handler};

use super::problem::Problem;
use crate::service::Service;
use crate::service::sizes::SizeReport;

/// Measures titles, channels and releases.
#[utoipa::path(
    get, path = "/api/v1/sizes", tag = "running",
    security(("token" = ["observe"])),
    responses((status = 200, description = "Sizes in bytes", body = SizeReport)),
)]
#[handler]
pub async fn get_sizes(service: Data<&Arc<Service>>, request: &Request) -> Result<Json<SizeReport>, Problem> {
    let access = super::bearer::access(&service, request).await?;
    Ok(Json(service.sizes(&access).await?))
}
