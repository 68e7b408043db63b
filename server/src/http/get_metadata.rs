// SPDX-License-Identifier: MIT
//! `GET titles/<title>/tuf/<file>`: signed metadata.

use std::sync::Arc;

use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use vsekai_formats::release::Slug;
use vsekai_trust::names;

use super::problem::Problem;
use super::readers;
use super::reply::{Caching, Conditions, Representation};
use crate::service::{Audience, Service, ServiceError};

/// Serves `timestamp.json`, which clients ask for anew each time, or `<version>.<role>.json`, which never
/// changes.
#[utoipa::path(
    method(get, head), path = "/titles/{title}/tuf/{file}", tag = "files",
    security((), ("token" = ["read"])),
    responses(
        (status = 200, description = "The file", content_type = "application/json", body = Object),
        (status = 206, description = "The part asked for by Range", content_type = "application/json", body = Vec<u8>),
        (status = 304, description = "Nothing has changed"),
        (status = 416, description = "There is no such part"),
    ),
)]
#[handler]
pub async fn get_metadata(
    service: Data<&Arc<Service>>,
    Path((title, file)): Path<(String, String)>,
    request: &Request,
) -> Result<Response, Problem> {
    let title: Slug = super::named(&title, "title")?;
    let (role, version, caching) = match file.as_str() {
        names::TIMESTAMP => ("timestamp", None, Caching::Revalidate),
        file => {
            let (version, role) =
                numbered(file).ok_or_else(|| ServiceError::NotFound("metadata of that name".to_owned()))?;
            (role, Some(version), Caching::Immutable)
        }
    };
    let audience = match role.parse() {
        Ok(channel) => service.audience_of_channel(&title, &channel),
        Err(_) => Audience::Everybody,
    };
    let caching = readers::admit(&service, request, &audience, caching).await?;
    let text = service.metadata(title, role.to_owned(), version).await?;
    let representation = Representation::of_text(text.0, caching);
    Ok(representation.respond(&Conditions::of(request)).await?)
}

/// Reads `<version>.<role>.json`; the timestamp has no such name.
fn numbered(file: &str) -> Option<(u64, &str)> {
    let (version, role) = file.strip_suffix(".json")?.split_once('.')?;
    let number: u64 = version.parse().ok()?;
    (number.to_string() == version && role != "timestamp").then_some((number, role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_and_a_role_are_read_out_of_a_name() {
        let cases = [
            ("1.root.json", Some((1, "root"))),
            ("12.night-ly_1.0.json", Some((12, "night-ly_1.0"))),
            ("01.root.json", None),
            ("+1.root.json", None),
            ("root.json", None),
            ("1.timestamp.json", None),
            ("1.root", None),
        ];
        for (file, found) in cases {
            assert_eq!(numbered(file), found, "{file}");
        }
    }
}
