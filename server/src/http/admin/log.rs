// SPDX-License-Identifier: MIT
//! `/admin/log`: who changed what.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::reply::{self, Refusal};
use super::visitor::{Form, Visitor};
use crate::admin::view;
use crate::service::Service;
use crate::service::audit::AuditQuery;

/// Shows a part of the log.
#[handler]
pub async fn get_log(
    service: Data<&Arc<Service>>,
    visitor: Visitor,
    request: &Request,
) -> Result<Response, Refusal> {
    let query = AuditQuery {
        before: Form::of_query(request).get("before").parse().ok(),
        limit: Some(LINES),
        ..AuditQuery::default()
    };
    let page = service.audit(&visitor.access, query).await?;
    Ok(reply::page(StatusCode::OK, view::log(&visitor.viewer(), &page)))
}

/// Lines on one page.
const LINES: usize = 100;
