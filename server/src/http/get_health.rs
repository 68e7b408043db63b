// SPDX-License-Identifier: MIT
//! `GET api/v1/health`: is the server there?

use poem::handler;
use poem::web::Json;
use serde_json::{Value, json};

/// Says that the server answers, and its version.
#[handler]
pub fn get_health() -> Json<Value> {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}
