// SPDX-License-Identifier: MIT
//! `POST api/v1/chunks/missing`: which of these chunks have to be uploaded?

use std::sync::Arc;

use poem::web::{Data, Json};
use poem::{Body, Request, handler};
use serde::Deserialize;
use vsekai_formats::ChunkId;

use super::metrics::Metrics;
use super::problem::Problem;
use crate::service::chunks::MissingChunks;
use crate::service::token::Verb;
use crate::service::{Service, ServiceError};

#[derive(Deserialize, utoipa::ToSchema)]
#[schema(as = ChunkQuestion)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    /// Chunk ids, 64 hexadecimal digits each.
    #[schema(value_type = Vec<String>)]
    chunks: Vec<ChunkId>,
}

/// Tells which chunks are missing, and how long the others are in the store.
#[utoipa::path(
    post, path = "/api/v1/chunks/missing", tag = "publishing",
    request_body = Question,
    security(("token" = ["upload"])),
    responses((status = 200, description = "Which are missing, and how long the others are", body = MissingChunks)),
)]
#[handler]
pub async fn post_missing_chunks(
    service: Data<&Arc<Service>>,
    metrics: Data<&Arc<Metrics>>,
    request: &Request,
    body: Body,
) -> Result<Json<MissingChunks>, Problem> {
    let access = super::bearer::access(&service, request).await?;
    access.require_somewhere(Verb::Upload)?;
    let most = service.limits().chunk_query;
    let question: Question = super::json(body, most * BYTES_PER_ID + 1024, service.limits()).await?;
    if question.chunks.len() > most {
        let detail = format!("at most {most} chunks can be asked for at once");
        return Err(ServiceError::BadRequest(detail).into());
    }
    let answer = service.missing_chunks(question.chunks).await?;
    metrics.count_asked(&answer);
    Ok(Json(answer))
}

/// 64 digits, two quotes, a comma, and some white space.
const BYTES_PER_ID: usize = 80;
