// SPDX-License-Identifier: MIT
//! `PUT` and `DELETE api/v1/titles/<title>/releases/<platform>/<version>/hold`: keep a release whatever the rules say.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Body, Request, handler};
use serde::Deserialize;

use super::problem::Problem;
use crate::service::releases::ReleaseName;
use crate::service::{Service, ServiceError};

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = HoldWish)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    #[serde(default)]
    reason: String,
}

type Name = (String, String, String);

/// Holds a release.
#[utoipa::path(
    put, path = "/api/v1/titles/{title}/releases/{platform}/{version}/hold", tag = "publishing",
    request_body = Wish,
    security(("token" = ["promote"])),
    responses((status = 204, description = "It is held")),
)]
#[handler]
pub async fn put_hold(
    service: Data<&Arc<Service>>,
    Path(name): Path<Name>,
    request: &Request,
    body: Body,
) -> Result<StatusCode, Problem> {
    let access = super::bearer::access(&service, request).await?;
    let name = release(&name)?;
    let wish: Wish = super::json(body, MAX_BYTES, service.limits()).await?;
    service.hold_release(&access, name, wish.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Leaves a release to the rules again.
#[utoipa::path(
    delete, path = "/api/v1/titles/{title}/releases/{platform}/{version}/hold", tag = "publishing",
    security(("token" = ["promote"])),
    responses((status = 204, description = "It is held no more")),
)]
#[handler]
pub async fn delete_hold(
    service: Data<&Arc<Service>>,
    Path(name): Path<Name>,
    request: &Request,
) -> Result<StatusCode, Problem> {
    let access = super::bearer::access(&service, request).await?;
    service.let_go_release(&access, release(&name)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn release((title, platform, version): &Name) -> Result<ReleaseName, ServiceError> {
    Ok(ReleaseName {
        title: super::parameter(title)?,
        platform: super::parameter(platform)?,
        version: super::parameter(version)?,
    })
}

const MAX_BYTES: usize = 4096;
