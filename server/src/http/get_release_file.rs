// SPDX-License-Identifier: MIT
//! `GET titles/<title>/releases/<platform>/<version>/<file>`: a release's contents.

use std::sync::Arc;

use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use vsekai_formats::release::{Platform, Slug, Version};

use super::problem::Problem;
use super::readers;
use super::reply::{Conditions, Representation, Source};
use crate::service::releases::no_release;
use crate::service::{Service, ServiceError};

/// Serves `contents.json.zst`, byte for byte as published.
#[utoipa::path(
    method(get, head), path = "/titles/{title}/releases/{platform}/{version}/{file}", tag = "files",
    security((), ("token" = ["read"])),
    responses(
        (status = 200, description = "The file", content_type = "application/zstd", body = Vec<u8>),
        (status = 206, description = "The part asked for by Range", content_type = "application/zstd", body = Vec<u8>),
        (status = 304, description = "Nothing has changed"),
        (status = 416, description = "There is no such part"),
    ),
)]
#[handler]
pub async fn get_release_file(
    service: Data<&Arc<Service>>,
    Path((title, platform, version, file)): Path<(String, String, String, String)>,
    request: &Request,
) -> Result<Response, Problem> {
    let title: Slug = super::named(&title, "title")?;
    let platform: Platform = super::named(&platform, "platform")?;
    let version: Version = super::named(&version, "version")?;
    let audience = service.audience_of_release(&title, platform, &version);
    let missing = || no_release(&title, platform, &version);
    let caching = readers::admit_unseen(&service, request, &audience, missing).await?;
    let files = service.release_files(title, platform, version).await?;
    let (pinned, media_type) = match file.as_str() {
        // Not a Content-Encoding: the digest that pins it is that of the compressed bytes.
        "contents.json.zst" => (files.contents, "application/zstd"),
        _ => return Err(ServiceError::NotFound("a document of that name".to_owned()).into()),
    };
    let representation = Representation {
        tag: pinned.sha256.to_string(),
        source: Source::File {
            len: pinned.length,
            file: service.open_document(pinned).await?,
        },
        media_type,
        caching,
    };
    Ok(representation.respond(&Conditions::of(request)).await?)
}
