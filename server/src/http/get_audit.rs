// SPDX-License-Identifier: MIT
//! `GET api/v1/audit?before=<id>&title=<title>&limit=<n>`: who changed what.

use std::sync::Arc;

use poem::web::{Data, Json, Query};
use poem::{Request, handler};
use serde::Deserialize;

use super::problem::Problem;
use crate::service::Service;
use crate::service::audit::{AuditPage, AuditQuery};

#[derive(Deserialize)]
struct Parameters {
    before: Option<i64>,
    title: Option<String>,
    limit: Option<usize>,
}

/// Reads a part of the log, newest lines first.
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
