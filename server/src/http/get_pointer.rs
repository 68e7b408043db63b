// SPDX-License-Identifier: MIT
//! `GET titles/<title>/channels/<channel>/<platform>.json`: what a channel offers.

use std::sync::Arc;

use poem::web::{Data, Path};
use poem::{Request, Response, handler};

use super::problem::Problem;
use super::reply::{Conditions, Representation};
use crate::service::Service;

/// Serves a channel's pointer.
#[handler]
pub async fn get_pointer(
    service: Data<&Arc<Service>>,
    Path((title, channel, file)): Path<(String, String, String)>,
    request: &Request,
) -> Result<Response, Problem> {
    let platform = file.strip_suffix(".json").unwrap_or_default();
    let pointer = service.pointer(
        super::named(&title, "title")?,
        super::named(&channel, "channel")?,
        super::named(platform, "platform")?,
    );
    Ok(Representation::of_document(&pointer.await?)?
        .respond(&Conditions::of(request))
        .await?)
}
