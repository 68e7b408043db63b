// SPDX-License-Identifier: MIT
//! `/admin/storage`: what takes how much of the disk, and what would be collected.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::Data;
use poem::{Request, Response, handler};

use super::reply::{self, Refusal};
use super::visitor::{Form, Visitor};
use crate::admin::view;
use crate::db::now;
use crate::service::Service;
use crate::service::token::Verb;

/// Shows what was asked for; nothing that takes long without being asked.
#[handler]
pub async fn get_storage(
    service: Data<&Arc<Service>>,
    visitor: Visitor,
    request: &Request,
) -> Result<Response, Refusal> {
    let access = &visitor.access;
    access.require_everywhere(Verb::Admin)?;
    let form = Form::of_query(request);
    let sizes = match form.get("show") {
        "sizes" => Some(service.sizes(access).await?),
        _ => None,
    };
    let plan = match form.get("show") {
        "plan" => Some(service.plan_collection(access, now()).await?),
        _ => None,
    };
    let page = view::storage(&visitor.viewer(), sizes.as_ref(), plan.as_ref());
    Ok(reply::page(StatusCode::OK, page))
}
