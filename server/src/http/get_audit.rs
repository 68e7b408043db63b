// SPDX-License-Identifier: MIT
//! `GET api/v1/audit?before=<id>&title=<title>&limit=<n>`: who changed what.

use std::sync::Arc;

use poem::web::{Data, Json, Query};
use poem::{Request, handler};
use serde::Deserialize;

use super::problem::Problem;
use crate::service::Service;
use crate::service::audit::{AuditPage, AuditQuery};

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Lines before this one, to read on.
    before: Option<i64>,
    /// Lines about this title.
    title: Option<String>,
    /// At most so many lines, up to 500.
    limit: Option<usize>,
}

/// Reads a part of the log, newest lines first.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "running",
    params(Parameters),
    security(("token" = ["admin"])),
    responses((status = 200, description = "Lines of the log, newest first", body = AuditPage)),
)]
#[handler]
pub async fn get_audit(
    service: Data<&Arc<Service>>,
    Query(parameters): Query<Parameters>,
    request: &Request,
) -> Result<Json<AuditPage>, Problem> {
    let access = super::bearer::access(&service, request).await?;
    let title = parameters.title.as_deref().map(super::parameter).transpose()?;
    let query = AuditQuery {
        before: parameters.before,
        limit: parameters.limit,
        title,
    };
    Ok(Json(service.audit(&access, query).await?))
}
