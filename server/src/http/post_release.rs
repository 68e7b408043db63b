// SPDX-License-Identifier: MIT
//! `POST api/v1/releases?channel=<channel>`: publish a release.

use std::sync::Arc;

use bytes::Bytes;
use multer::{Constraints, Field, Multipart, SizeLimit};
use poem::http::StatusCode;
use poem::web::{Data, Json, Query};
use poem::{Body, Request, handler};
use serde::{Deserialize, Serialize};
use vsekai_formats::release::Slug;

use super::body::Upload;
use super::problem::Problem;
use crate::limits::{AROUND_RELEASE_PARTS, Limits, RELEASE_PARTS};
use crate::room::{Gathering, Share};
use crate::service::releases::ReleaseUpload;
use crate::service::token::Verb;
use crate::service::{Service, ServiceError};

#[derive(Deserialize)]
struct Parameters {
    channel: String,
}

#[derive(Serialize, utoipa::ToSchema)]
#[schema(as = Published)]
pub(super) struct Answer {
    created: bool,
}

/// Makes a release visible: 201 if it is new, 200 if the same one was there.
#[utoipa::path(
    post, path = "/api/v1/releases", tag = "publishing",
    params(("channel" = String, Query, description = "The channel whose role lists the release")),
    request_body(content = super::describe::Release, content_type = "multipart/form-data"),
    security(("token" = ["publish"])),
    responses((status = 201, description = "The release is new", body = Answer), (status = 200, description = "The same release was there", body = Answer)),
)]
#[handler]
pub async fn post_release(
    service: Data<&Arc<Service>>,
    Query(parameters): Query<Parameters>,
    request: &Request,
    body: Body,
) -> Result<(StatusCode, Json<Answer>), Problem> {
    let access = super::bearer::access(&service, request).await?;
    access.require_somewhere(Verb::Publish)?;
    let channel: Slug = super::parameter(&parameters.channel)?;
    let content_type = request.content_type().unwrap_or_default();
    let share = service.upload_room(&access);
    let upload = read_parts(content_type, body, service.limits(), share).await?;
    service.charge_upload(&access, upload.bytes())?;
    let created = service.publish(access, channel, upload).await?;
    let status = if created {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    Ok((status, Json(Answer { created })))
}

async fn read_parts(
    content_type: &str,
    body: Body,
    limits: &Limits,
    share: Share,
) -> Result<ReleaseUpload, ServiceError> {
    let boundary = multer::parse_boundary(content_type)
        .map_err(|_| ServiceError::Unsupported("a release comes as multipart/form-data".to_owned()))?;
    let sizes = PARTS
        .iter()
        .zip(limits.release_parts())
        .fold(SizeLimit::new(), |sizes, (part, cap)| {
            sizes.for_field(*part, cap as u64)
        });
    let constraints = Constraints::new()
        .size_limit(sizes)
        .allowed_fields(PARTS.to_vec());
    let stream = Upload::new(body, "a release", limits.release_bytes(), limits)
        .into_stream(share.clone(), AROUND_RELEASE_PARTS);
    let mut parts = Multipart::with_constraints(stream, boundary, constraints);
    let mut found: [Option<Bytes>; PARTS.len()] = [const { None }; PARTS.len()];
    while let Some(field) = parts.next_field().await.map_err(refused)? {
        let position = PARTS.iter().position(|part| field.name() == Some(*part));
        let Some(slot) = position.and_then(|position| found.get_mut(position)) else {
            return Err(ServiceError::BadRequest(
                "a part of the release has no known name".to_owned(),
            ));
        };
        if slot.replace(read_part(field, share.clone()).await?).is_some() {
            return Err(ServiceError::BadRequest(
                "a part of the release came twice".to_owned(),
            ));
        }
    }
    match found {
        [Some(manifest), Some(contents), Some(index), Some(metadata)] => Ok(ReleaseUpload {
            manifest,
            contents,
            index,
            metadata,
        }),
        _ => Err(ServiceError::BadRequest(
            "a release has the parts manifest, contents, index and metadata".to_owned(),
        )),
    }
}

/// Reads a part, for nearly all of which `share` has room already: that of what was read of the body.
async fn read_part(mut field: Field<'_>, share: Share) -> Result<Bytes, ServiceError> {
    let mut gathering = Gathering::within(share);
    while let Some(piece) = field.chunk().await.map_err(refused)? {
        gathering.push(piece)?;
    }
    Ok(gathering.finish())
}

fn refused(error: multer::Error) -> ServiceError {
    match error {
        multer::Error::StreamReadFailed(source) => match source.downcast::<ServiceError>() {
            Ok(error) => *error,
            Err(_) => ServiceError::Broken,
        },
        multer::Error::FieldSizeExceeded { limit, .. } => ServiceError::TooLarge {
            what: "a part of the release",
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        },
        other => ServiceError::BadRequest(format!("the parts of the release cannot be read: {other}")),
    }
}

const PARTS: [&str; RELEASE_PARTS] = ["manifest", "contents", "index", "metadata"];
