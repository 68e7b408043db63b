// SPDX-License-Identifier: MIT
//! `GET api/v1/titles/<title>/platforms/<platform>`: where publishing stands.

use std::sync::Arc;

use poem::web::{Data, Json, Path};
use poem::{Request, handler};
use serde::Serialize;
use vsekai_formats::release::{Slug, Version};

use super::problem::Problem;
use crate::service::Service;

#[derive(Serialize)]
struct Answer {
    latest_sequence: u64,
    latest_version: Option<Version>,
}

/// Tells the latest sequence and version, 0 and null where nothing is published.
#[handler]
pub async fn get_latest(
    service: Data<&Arc<Service>>,
    Path((title, platform)): Path<(String, String)>,
    request: &Request,
) -> Result<Json<Answer>, Problem> {
    let access = super::bearer::access(&service, request).await?;
    let title: Slug = super::parameter(&title)?;
    access.require_title(&title)?;
    let latest = service.latest(title, super::parameter(&platform)?).await?;
    Ok(Json(Answer {
        latest_sequence: latest.as_ref().map_or(0, |latest| latest.sequence),
        latest_version: latest.map(|latest| latest.version),
    }))
}
