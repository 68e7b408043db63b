// SPDX-License-Identifier: MIT
//! `GET titles/<title>/tuf/targets/<sha256>.<name>`: a signed target.

use std::sync::Arc;

use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use vsekai_formats::release::Slug;
use vsekai_trust::names::TargetName;

use super::problem::Problem;
use super::readers;
use super::reply::{Caching, Conditions, Representation, Source};
use crate::service::metadata::Target;
use crate::service::{Service, ServiceError};

/// Serves a channel pointer or a manifest, byte for byte as it was signed.
#[utoipa::path(
    method(get, head), path = "/titles/{title}/tuf/targets/{file}", tag = "files",
    security((), ("token" = ["read"])),
    responses(
        (status = 200, description = "The file", content_type = "application/json", body = Object),
        (status = 206, description = "The part asked for by Range", content_type = "application/json", body = Vec<u8>),
        (status = 304, description = "Nothing has changed"),
        (status = 416, description = "There is no such part"),
    ),
)]
#[handler]
pub async fn get_target(
    service: Data<&Arc<Service>>,
    Path((title, file)): Path<(String, String)>,
    request: &Request,
) -> Result<Response, Problem> {
    let missing = || ServiceError::NotFound("a target of that name".to_owned());
    let (sha256, name) = file.split_once('.').ok_or_else(missing)?;
    let title: Slug = super::named(&title, "title")?;
    let name: TargetName = super::named(name, "target")?;
    let sha256 = super::named(sha256, "target")?;
    let audience = service.audience_of_channel(&title, name.channel());
    let caching = readers::admit(&service, request, &audience, Caching::Immutable).await?;
    let representation = match service.target(title, name, sha256).await? {
        Target::Pointer(text) => Representation::of_text(text, caching),
        Target::Manifest(pinned) => Representation {
            tag: pinned.sha256.to_string(),
            source: Source::File {
                len: pinned.length,
                file: service.open_document(pinned).await?,
            },
            media_type: "application/json",
            caching,
        },
    };
    Ok(representation.respond(&Conditions::of(request)).await?)
}
