// SPDX-License-Identifier: MIT
//! `/admin/titles/<title>/channels/<channel>/readers`: making a channel private or public.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Body, Request, Response, handler};
use vsekai_formats::release::Slug;

use super::reply::{self, Refusal};
use super::visitor::Visitor;
use crate::admin::view;
use crate::db::private::Channel;
use crate::http::named;
use crate::service::token::Verb;
use crate::service::{Service, ServiceError};

/// Asks once more.
#[handler]
pub async fn get_readers(
    service: Data<&Arc<Service>>,
    visitor: Visitor,
    Path((title, name)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let title: Slug = named(&title, "title")?;
    visitor.access.require_whole_title(Verb::Keys, &title)?;
    let name: Slug = named(&name, "channel")?;
    let view = service.title(&visitor.access, title).await?;
    let channel = view.channels.iter().find(|channel| channel.name == name);
    let channel = channel.ok_or_else(|| ServiceError::NotFound(format!("the channel {name}")))?;
    let page = view::confirm_readers(&visitor.viewer(), &view.title, channel);
    Ok(reply::page(StatusCode::OK, page))
}

/// Makes the channel what the form says.
#[handler]
pub async fn post_readers(
    service: Data<&Arc<Service>>,
    visitor: Visitor,
    Path((title, name)): Path<(String, String)>,
    request: &Request,
    body: Body,
) -> Result<Response, Refusal> {
    let form = visitor.form(request, body, &service).await?;
    let private = match form.get("private") {
        "yes" => true,
        "no" => false,
        _ => {
            let detail = "whether the channel shall be private is not said".to_owned();
            return Err(ServiceError::BadRequest(detail).into());
        }
    };
    let channel = Channel {
        title: named(&title, "title")?,
        name: named(&name, "channel")?,
    };
    let place = format!("/admin/titles/{}", channel.title);
    service.set_private(&visitor.access, channel, private).await?;
    Ok(reply::see_other(&place))
}
