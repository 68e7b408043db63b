// SPDX-License-Identifier: MIT
//! `GET api/v1/health`: is the server there?

use poem::handler;
use poem::web::Json;
use serde_json::{Value, json};

/// Says that the server answers, and its version.
#[utoipa::path(
    get, path = "/api/v1/health", tag = "running",
    responses((status = 200, description = "The server answers", body = super::describe::Health)),
)]
#[handler]
pub fn get_health() -> Json<Value> {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}
