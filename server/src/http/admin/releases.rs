// SPDX-License-Identifier: MIT
//! `/admin/titles/<title>/<platform>/<version>` and what can be prepared there.

use std::sync::Arc;

use poem::http::StatusCode;
use poem::web::{Data, Path};
use poem::{Request, Response, handler};
use vsekai_formats::release::{ReleaseManifest, Slug, Version};

use super::reply::{self, Refusal};
use super::visitor::{Form, Visitor, base_address};
use crate::admin::view::{self, Comparison};
use crate::http::named;
use crate::service::overview::TitleView;
use crate::service::{Service, ServiceError};

type Address = Path<(String, String, String)>;

/// Shows a release and what it changes.
#[handler]
pub async fn get_release(
    service: Data<&Arc<Service>>,
    visitor: Visitor,
    address: Address,
    request: &Request,
) -> Result<Response, Refusal> {
    let (title, manifest) = find(&service, &visitor, &address).await?;
    let asked = Form::of_query(request).get("before").to_owned();
    let comparison = compare(&service, &visitor, &title, &manifest, &asked).await?;
    let page = view::release(&visitor.viewer(), &title, &manifest, comparison.as_ref());
    Ok(reply::page(StatusCode::OK, page))
}

/// Shows what promoting or withdrawing would do, and the command for it.
#[handler]
pub async fn get_prepared(
    service: Data<&Arc<Service>>,
    visitor: Visitor,
    address: Address,
    request: &Request,
) -> Result<Response, Refusal> {
    let (title, manifest) = find(&service, &visitor, &address).await?;
    let form = Form::of_query(request);
    let name: Slug = named(form.get("channel"), "channel")?;
    let channel = title.channels.iter().find(|channel| channel.name == name);
    let channel = channel.ok_or_else(|| ServiceError::NotFound(format!("the channel {name}")))?;
    let withdraw = match form.get("what") {
        "promote" => false,
        "withdraw" => true,
        _ => {
            let detail = "what should be done is not said".to_owned();
            return Err(ServiceError::BadRequest(detail).into());
        }
    };
    let server = base_address(request);
    let page = view::prepared(&visitor.viewer(), &manifest, channel, withdraw, &server);
    Ok(reply::page(StatusCode::OK, page))
}

async fn find(
    service: &Service,
    visitor: &Visitor,
    Path((title, platform, version)): &Address,
) -> Result<(TitleView, ReleaseManifest), ServiceError> {
    let title = service.title(&visitor.access, named(title, "title")?).await?;
    let (platform, version) = (named(platform, "platform")?, named(version, "version")?);
    let manifest = service.manifest(&visitor.access, title.title.clone(), platform, version);
    let manifest = manifest.await?;
    Ok((title, manifest))
}

/// Compares with the version asked for, or with the one before it: in a channel that lists it, or among all.
async fn compare(
    service: &Service,
    visitor: &Visitor,
    title: &TitleView,
    manifest: &ReleaseManifest,
    asked: &str,
) -> Result<Option<Comparison>, ServiceError> {
    let with = match asked {
        "" => before(title, manifest),
        asked => Some(named(asked, "version")?),
    };
    let Some(with) = with else { return Ok(None) };
    let changes = service.changes(
        &visitor.access,
        manifest.title.clone(),
        manifest.platform,
        with.clone(),
        manifest.version.clone(),
    );
    Ok(Some(Comparison {
        changes: changes.await?,
        with,
    }))
}

fn before(title: &TitleView, manifest: &ReleaseManifest) -> Option<Version> {
    let (platform, sequence) = (manifest.platform, manifest.sequence);
    let still_there = |version: &Version| {
        let mut rows = title.releases.iter();
        rows.any(|row| row.entry.platform == platform && row.entry.version == *version)
    };
    let lists_it = |listed: &&crate::service::overview::ListedRelease| {
        (listed.platform, listed.sequence) == (platform, sequence)
    };
    let in_channel = title
        .channels
        .iter()
        .filter(|channel| channel.listed.iter().any(|listed| lists_it(&listed)))
        .find_map(|channel| channel.before(platform, sequence))
        .map(|listed| listed.version.clone())
        .filter(still_there);
    in_channel.or_else(|| {
        let earlier = title
            .releases
            .iter()
            .filter(|row| row.entry.platform == platform && row.entry.sequence < sequence);
        let nearest = earlier.max_by_key(|row| row.entry.sequence)?;
        Some(nearest.entry.version.clone())
    })
}
