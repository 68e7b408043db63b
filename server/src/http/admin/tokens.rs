// SPDX-License-Identifier: MIT
//! `/admin/tokens`: the list, new ones, and ending one.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Body, Request, Response, handler};

use super::reply::{self, Refusal};
use super::visitor::{Form, Visitor};
use crate::admin::view;
use crate::db::now;
use crate::http::parameter;
use crate::service::token::{TokenRecord, TokenScope};
use crate::service::{ErrorKind, Service, ServiceError};

/// Shows the tokens.
#[handler]
pub async fn get_tokens(service: Data<&Arc<Service>>, visitor: Visitor) -> Result<Response, Refusal> {
    Ok(list(&service, &visitor, StatusCode::OK, None).await?)
}

/// Makes a token and shows it, once.
#[handler]
pub async fn post_token(
    service: Data<&Arc<Service>>,
    visitor: Visitor,
    request: &Request,
    body: Body,
) -> Result<Response, Refusal> {
    let form = visitor.form(request, body, &service).await?;
    match create(&service, &visitor, &form).await {
        Ok(page) => Ok(page),
        Err(error) if error.kind() == ErrorKind::BadRequest => Ok(list(
            &service,
            &visitor,
            StatusCode::BAD_REQUEST,
            Some(&error.outside()),
        )
        .await?),
        Err(error) => Err(error.into()),
    }
}

/// Asks once more before a token is ended.
#[handler]
pub async fn get_revoke(
    service: Data<&Arc<Service>>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let record = find(&service, &visitor, &id).await?;
    let page = view::confirm_revoke(&visitor.viewer(), &record);
    Ok(reply::page(StatusCode::OK, page))
}

/// Ends a token.
#[handler]
pub async fn post_revoke(
    service: Data<&Arc<Service>>,
    visitor: Visitor,
    Path(id): Path<String>,
    request: &Request,
    body: Body,
) -> Result<Response, Refusal> {
    visitor.form(request, body, &service).await?;
    service.revoke_token(&visitor.access, id).await?;
    Ok(reply::see_other("/admin/tokens"))
}

async fn list(
    service: &Service,
    visitor: &Visitor,
    status: StatusCode,
    problem: Option<&str>,
) -> Result<Response, ServiceError> {
    let records = service.list_tokens(&visitor.access).await?;
    Ok(reply::page(
        status,
        view::tokens(&visitor.viewer(), &records, now(), problem),
    ))
}

async fn create(service: &Service, visitor: &Visitor, form: &Form) -> Result<Response, ServiceError> {
    let verbs = form.all("verb").join(",");
    if verbs.is_empty() {
        return Err(ServiceError::BadRequest(
            "choose what the token allows".to_owned(),
        ));
    }
    let scope = TokenScope {
        title: parameter(form.get("title"))?,
        channel: parameter(form.get("channel"))?,
        verbs: parameter(&verbs)?,
    };
    let end = match form.get("days") {
        "" => None,
        days => Some(now() + i64::from(parameter::<u16>(days)?.max(1)) * SECONDS_PER_DAY),
    };
    let label = form.get("label").to_owned();
    let (token, record) = service.create_token(&visitor.access, label, scope, end).await?;
    let page = view::created(&visitor.viewer(), token.reveal(), &record);
    Ok(reply::page(StatusCode::CREATED, page))
}

async fn find(service: &Service, visitor: &Visitor, id: &str) -> Result<TokenRecord, ServiceError> {
    let records = service.list_tokens(&visitor.access).await?;
    let found = records
        .into_iter()
        .find(|record| record.id == id && record.is_active(now()));
    found.ok_or_else(|| ServiceError::NotFound("a token of that id that is still good".to_owned()))
}

const SECONDS_PER_DAY: i64 = 24 * 60 * 60;
