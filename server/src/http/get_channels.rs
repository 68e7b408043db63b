// SPDX-License-Identifier: MIT
//! `GET titles/<title>/channels.json`: a title's channels.

use std::sync::Arc;

use poem::web::{Data, Path};
use poem::{Request, Response, handler};

use super::problem::Problem;
use super::reply::{Conditions, Representation};
use crate::service::Service;

/// Serves the list of a title's channels.
#[handler]
pub async fn get_channels(
    service: Data<&Arc<Service>>,
    Path(title): Path<String>,
    request: &Request,
) -> Result<Response, Problem> {
    let list = service.channels(super::named(&title, "title")?).await?;
    Ok(Representation::of_document(&list)?
        .respond(&Conditions::of(request))
        .await?)
}
