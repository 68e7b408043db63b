// SPDX-License-Identifier: MIT
//! `POST api/v1/titles/<title>/channels/<channel>/promote`: point a channel at a release.

use std::sync::Arc;

use poem::web::{Data, Json, Path};
use poem::{Body, Request, handler};
use serde::{Deserialize, Serialize};
use vsekai_formats::release::{Platform, Version};

use super::problem::Problem;
use crate::service::Service;
use crate::service::token::Verb;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    platform: Platform,
    version: Version,
}

/// Points a channel at a release that exists and repeats where it points.
#[handler]
pub async fn post_promote(
    service: Data<&Arc<Service>>,
    Path((title, channel)): Path<(String, String)>,
    request: &Request,
    body: Body,
) -> Result<Json<Target>, Problem> {
    let access = super::bearer::access(&service, request).await?;
    access.require_somewhere(Verb::Promote)?;
    let (title, channel) = (super::parameter(&title)?, super::parameter(&channel)?);
    let target: Target = super::json(body, BODY_BYTES, service.limits()).await?;
    service
        .promote(&access, title, channel, target.platform, target.version.clone())
        .await?;
    Ok(Json(target))
}

const BODY_BYTES: usize = 4 << 10;
