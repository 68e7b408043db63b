// SPDX-License-Identifier: MIT
//! Asking the server for the documents of a release.
//!
//! The manifest that pins them is signed; every read is bounded before it starts.

use bytes::Bytes;
use vsekai_formats::release::{
    MAX_CONTENTS_STORED_BYTES, MAX_INDEX_BYTES, Pinned, ReleaseManifest, ReleaseRef, Slug, address,
};
use vsekai_store::{HttpOrigin, StoreError};
use vsekai_trust::client::VerifiedTitle;

use crate::error::EngineError;
use crate::record::Settings;
use crate::session::Session;

/// What a channel offers, verified as far as its manifest.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) channel: Slug,
    pub(crate) release: ReleaseRef,
    pub(crate) manifest: ReleaseManifest,
    pub(crate) manifest_bytes: Bytes,
}

/// The documents of an offer as they were served, each the one its manifest pins.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    pub(crate) contents: Bytes,
    pub(crate) index: Bytes,
}

/// Fetches the manifest of a release that the channel offers.
pub(crate) async fn offer(
    session: &Session,
    title: &mut VerifiedTitle,
    settings: &Settings,
    release: ReleaseRef,
) -> Result<Offer, EngineError> {
    let asked = title.manifest(&settings.channel, settings.platform, &release);
    let (manifest, manifest_bytes) = session.unless_cancelled(asked).await?;
    Ok(Offer {
        channel: settings.channel.clone(),
        release,
        manifest,
        manifest_bytes,
    })
}

/// A document that a manifest pins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    Contents,
    Index,
}

/// Fetches a document of an offer.
pub(crate) async fn document(
    session: &Session,
    origin: &HttpOrigin,
    manifest: &ReleaseManifest,
    which: Document,
) -> Result<Bytes, EngineError> {
    let ReleaseManifest {
        title,
        platform,
        version,
        ..
    } = manifest;
    match which {
        Document::Contents => {
            let address = address::contents(title, *platform, version);
            let (pin, limit) = (&manifest.contents, MAX_CONTENTS_STORED_BYTES);
            pinned(session, origin, &address, pin, limit, "list of files").await
        }
        Document::Index => {
            let name = address::index_name(title, *platform, version);
            let address = format!("{}/{name}", address::INDEX);
            let (pin, limit) = (&manifest.index, MAX_INDEX_BYTES);
            pinned(session, origin, &address, pin, limit, "chunk index").await
        }
    }
}

/// Fetches a document that must be the pinned one.
async fn pinned(
    session: &Session,
    origin: &HttpOrigin,
    address: &str,
    pin: &Pinned,
    limit: usize,
    what: &'static str,
) -> Result<Bytes, EngineError> {
    let Some(length) = usize::try_from(pin.length).ok().filter(|length| *length <= limit) else {
        return bad(
            what,
            format!("its length {} is over the limit of {limit} bytes", pin.length),
        );
    };
    // What a cache kept from an earlier upload of the same name is asked for once more, past the cache.
    let bytes = session
        .unless_cancelled(origin.get_bounded(address, length))
        .await;
    let bytes = match bytes {
        Ok(bytes) if !pin.matches(&bytes) => {
            session.unless_cancelled(origin.get_fresh(address, length)).await
        }
        other => other,
    };
    let bytes = named(bytes, what)?;
    match pin.matches(&bytes) {
        true => Ok(bytes),
        false => bad(what, "it is not the one that was announced"),
    }
}

/// Says in words what the server does not have.
fn named(result: Result<Bytes, EngineError>, what: &str) -> Result<Bytes, EngineError> {
    match result {
        Err(EngineError::Store(StoreError::Missing { .. })) => Err(EngineError::NotOffered {
            what: what.to_owned(),
        }),
        other => other,
    }
}

fn bad<T>(what: &str, reason: impl Into<String>) -> Result<T, EngineError> {
    Err(EngineError::BadDocument {
        what: what.to_owned(),
        reason: reason.into(),
    })
}
