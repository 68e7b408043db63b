// SPDX-License-Identifier: MIT
//! `GET api/v1/ready`: should clients be sent here?

use std::sync::Arc;

use poem::handler;
use poem::web::{Data, Json};
use serde::Serialize;

use super::problem::Problem;
use crate::service::Service;

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Readiness)]
pub(super) struct Answer {
    /// `ready`.
    status: String,
}

/// Says whether the server can do its work now: it is not stopping, and its database and its store answer.
#[utoipa::path(
    get, path = "/api/v1/ready", tag = "running",
    responses(
        (status = 200, description = "Clients can be sent here", body = Answer),
        (status = 503, description = "They should be sent elsewhere", content_type = "application/problem+json", body = super::describe::ProblemDocument),
    ),
)]
#[handler]
pub async fn get_ready(service: Data<&Arc<Service>>) -> Result<Json<Answer>, Problem> {
    service.ready().await?;
    Ok(Json(Answer {
        status: "ready".to_owned(),
    }))
}
