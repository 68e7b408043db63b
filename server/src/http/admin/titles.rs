// SPDX-License-Identifier: MIT
//! `/admin/` and `/admin/titles/<title>`.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};

use super::reply::{self, Refusal};
use super::visitor::{Form, Visitor};
use crate::admin::view;
use crate::http::named;
use crate::service::Service;
use crate::service::token::Verb;

/// Shows the titles.
#[handler]
pub async fn get_titles(service: Data<&Arc<Service>>, visitor: Visitor) -> Result<Response, Refusal> {
    let titles = service.titles(&visitor.access).await?;
    Ok(reply::page(
        StatusCode::OK,
        view::titles(&visitor.viewer(), &titles),
    ))
}

/// Shows a title.
#[handler]
pub async fn get_title(
    service: Data<&Arc<Service>>,
    visitor: Visitor,
    Path(title): Path<String>,
    request: &Request,
) -> Result<Response, Refusal> {
    let title = service.title(&visitor.access, named(&title, "title")?).await?;
    let page = Form::of_query(request).get("page").parse().unwrap_or_default();
    let may_change_readers = visitor.access.require_whole_title(Verb::Keys, &title.title);
    let page = view::title(&visitor.viewer(), &title, page, may_change_readers.is_ok());
    Ok(reply::page(StatusCode::OK, page))
}
