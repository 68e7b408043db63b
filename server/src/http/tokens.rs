// SPDX-License-Identifier: MIT
//! `GET` and `POST api/v1/tokens`, `DELETE api/v1/tokens/<id>`: who may do what.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::{Data, Json, Path};
use poem::{Body, Request, handler};
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use crate::db::now;
use crate::service::token::{TokenRecord, TokenScope};
use crate::service::{Service, ServiceError};

/// A token in a list; the token itself is stored nowhere.
#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TokenListed)]
pub(super) struct Listed {
    id: String,
    label: String,
    title: String,
    channel: String,
    verbs: String,
    created_at: i64,
    expires_at: Option<i64>,
    revoked_at: Option<i64>,
    active: bool,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TokenList)]
pub(super) struct List {
    tokens: Vec<Listed>,
}

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = TokenWanted)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    label: String,
    title: String,
    channel: String,
    verbs: String,
    #[serde(default)]
    expires_at: Option<i64>,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = TokenMade)]
pub(super) struct Made {
    /// The token, shown this once.
    token: String,
    #[serde(flatten)]
    listed: Listed,
}

/// Lists every token there ever was.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "running",
    security(("token" = ["admin"])),
    responses((status = 200, description = "The tokens", body = List)),
)]
#[handler]
pub async fn get_tokens(service: Data<&Arc<Service>>, request: &Request) -> Result<Json<List>, Problem> {
    let access = super::bearer::access(&service, request).await?;
    let tokens = service.list_tokens(&access).await?;
    Ok(Json(List {
        tokens: tokens.into_iter().map(listed).collect(),
    }))
}

/// Makes a token.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "running",
    request_body = Wanted,
    security(("token" = ["admin"])),
    responses((status = 201, description = "The token, shown this once", body = Made)),
)]
#[handler]
pub async fn post_token(
    service: Data<&Arc<Service>>,
    request: &Request,
    body: Body,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let access = super::bearer::access(&service, request).await?;
    let wanted: Wanted = super::json(body, MAX_BYTES, service.limits()).await?;
    let scope = TokenScope {
        title: super::parameter(&wanted.title)?,
        channel: super::parameter(&wanted.channel)?,
        verbs: wanted.verbs.parse().map_err(ServiceError::from)?,
    };
    let made = service.create_token(&access, wanted.label, scope, wanted.expires_at);
    let (token, record) = made.await?;
    let made = Made {
        token: token.reveal().to_owned(),
        listed: listed(record),
    };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Ends a token.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = "running",
    security(("token" = ["admin"])),
    responses((status = 204, description = "It has ended")),
)]
#[handler]
pub async fn delete_token(
    service: Data<&Arc<Service>>,
    Path(id): Path<String>,
    request: &Request,
) -> Result<StatusCode, Problem> {
    let access = super::bearer::access(&service, request).await?;
    service.revoke_token(&access, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn listed(record: TokenRecord) -> Listed {
    Listed {
        active: record.is_active(now()),
        id: record.id,
        label: record.label,
        title: record.scope.title.to_string(),
        channel: record.scope.channel.to_string(),
        verbs: record.scope.verbs.to_string(),
        created_at: record.created_at,
        expires_at: record.expires_at,
        revoked_at: record.revoked_at,
    }
}

const MAX_BYTES: usize = 4096;
