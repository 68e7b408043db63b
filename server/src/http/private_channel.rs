// SPDX-License-Identifier: MIT
//! `PUT` and `DELETE api/v1/titles/<title>/channels/<channel>/private`: who may read a channel.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, handler};

use super::problem::Problem;
use crate::db::private::Channel;
use crate::service::Service;

/// Lets nobody but holders of a token read the channel.
#[utoipa::path(
    put, path = "/api/v1/titles/{title}/channels/{channel}/private", tag = "publishing",
    security(("token" = ["keys"])),
    responses((status = 204, description = "It is read with a token alone")),
)]
#[handler]
pub async fn put_private(
    service: Data<&Arc<Service>>,
    Path(address): Path<(String, String)>,
    request: &Request,
) -> Result<StatusCode, Problem> {
    change(&service, request, &address, true).await
}

/// Lets everybody read the channel.
#[utoipa::path(
    delete, path = "/api/v1/titles/{title}/channels/{channel}/private", tag = "publishing",
    security(("token" = ["keys"])),
    responses((status = 204, description = "Everybody can read it")),
)]
#[handler]
pub async fn delete_private(
    service: Data<&Arc<Service>>,
    Path(address): Path<(String, String)>,
    request: &Request,
) -> Result<StatusCode, Problem> {
    change(&service, request, &address, false).await
}

async fn change(
    service: &Service,
    request: &Request,
    (title, name): &(String, String),
    private: bool,
) -> Result<StatusCode, Problem> {
    let access = super::bearer::access(service, request).await?;
    let channel = Channel {
        title: super::parameter(title)?,
        name: super::parameter(name)?,
    };
    service.set_private(&access, channel, private).await?;
    Ok(StatusCode::NO_CONTENT)
}
