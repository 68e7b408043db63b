// SPDX-License-Identifier: MIT
//! `GET` and `POST api/v1/titles/<title>/online-keys`: the server's own keys, for a root to name.

use std::sync::Arc;

use poem::web::{Data, Json, Path};
use poem::{Request, handler};
use serde::Serialize;

use super::problem::Problem;
use crate::service::Service;

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = OnlineKeys)]
pub(super) struct Answer {
    /// The public keys, 64 hexadecimal digits each.
    keys: Vec<String>,
}

/// Tells the public halves of the keys; the first one is made when it is asked for.
#[utoipa::path(
    get, path = "/api/v1/titles/{title}/online-keys", tag = "publishing",
    security(("token" = ["keys"])),
    responses((status = 200, description = "The keys", body = Answer)),
)]
#[handler]
pub async fn get_online_keys(
    service: Data<&Arc<Service>>,
    Path(title): Path<String>,
    request: &Request,
) -> Result<Json<Answer>, Problem> {
    answer(&service, request, &title, false).await
}

/// Makes another key, for a root that takes the place of the one before.
#[utoipa::path(
    post, path = "/api/v1/titles/{title}/online-keys", tag = "publishing",
    security(("token" = ["keys"])),
    responses((status = 200, description = "All keys, the new one among them", body = Answer)),
)]
#[handler]
pub async fn post_online_key(
    service: Data<&Arc<Service>>,
    Path(title): Path<String>,
    request: &Request,
) -> Result<Json<Answer>, Problem> {
    answer(&service, request, &title, true).await
}

async fn answer(
    service: &Arc<Service>,
    request: &Request,
    title: &str,
    another: bool,
) -> Result<Json<Answer>, Problem> {
    let access = super::bearer::access(service, request).await?;
    let keys = service
        .online_keys(&access, super::parameter(title)?, another)
        .await?;
    Ok(Json(Answer {
        keys: keys.iter().map(ToString::to_string).collect(),
    }))
}
