// SPDX-License-Identifier: MIT
//! Asking the server: what a channel offers, and the documents of a release.
//!
//! Every document but the first is pinned by the one before it; every read is bounded before it starts.

use bytes::Bytes;
use vsekai_formats::release::{
    ChannelList, ChannelPointer, MAX_CONTENTS_STORED_BYTES, MAX_INDEX_BYTES, MAX_MANIFEST_BYTES,
    MAX_POINTER_BYTES, Pinned, ReleaseManifest, SCHEMA, address,
};
use vsekai_store::{HttpOrigin, StoreError};

use crate::error::EngineError;
use crate::record::Settings;
use crate::release;
use crate::session::Session;

/// What a channel offers, verified as far as its manifest.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) pointer: ChannelPointer,
    pub(crate) manifest: ReleaseManifest,
    pub(crate) manifest_bytes: Bytes,
}

/// The documents of an offer as they were served, each the one its manifest pins.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    pub(crate) contents: Bytes,
    pub(crate) index: Bytes,
}

/// Asks what the channel offers.
pub(crate) async fn offer(
    session: &Session,
    origin: &HttpOrigin,
    settings: &Settings,
) -> Result<Offer, EngineError> {
    let Settings {
        title,
        channel,
        platform,
        ..
    } = settings;
    let address = address::pointer(title, channel, *platform);
    let what = || format!("build of \"{title}\" for {platform} in the channel \"{channel}\"");
    let bytes = get_fresh(session, origin, &address, what).await?;
    let pointer: ChannelPointer = parse(&bytes, "channel pointer")?;
    let same = pointer.title == *title && pointer.channel == *channel && pointer.platform == *platform;
    if pointer.schema != SCHEMA || !same {
        return bad(
            "channel pointer",
            "it speaks of another title, channel, platform or form",
        );
    }
    let address = address::manifest(title, *platform, &pointer.release.version);
    let manifest_bytes = pinned(
        session,
        origin,
        &address,
        &pointer.release.manifest,
        MAX_MANIFEST_BYTES,
        "release manifest",
    )
    .await?;
    let manifest = release::parse_manifest(&manifest_bytes)?;
    let same = manifest.title == *title
        && manifest.platform == *platform
        && manifest.version == pointer.release.version
        && manifest.sequence == pointer.release.sequence;
    match same {
        true => Ok(Offer {
            pointer,
            manifest,
            manifest_bytes,
        }),
        false => bad(
            "release manifest",
            "it speaks of another build than the channel does",
        ),
    }
}

/// Fetches the documents of an offer.
pub(crate) async fn documents(
    session: &Session,
    origin: &HttpOrigin,
    manifest: &ReleaseManifest,
) -> Result<Documents, EngineError> {
    let ReleaseManifest {
        title,
        platform,
        version,
        ..
    } = manifest;
    let contents = address::contents(title, *platform, version);
    let index = format!(
        "{}/{}",
        address::INDEX,
        address::index_name(title, *platform, version)
    );
    let contents = pinned(
        session,
        origin,
        &contents,
        &manifest.contents,
        MAX_CONTENTS_STORED_BYTES,
        "list of files",
    );
    let index = pinned(
        session,
        origin,
        &index,
        &manifest.index,
        MAX_INDEX_BYTES,
        "chunk index",
    );
    let (contents, index) = futures::try_join!(contents, index)?;
    Ok(Documents { contents, index })
}

/// Asks which channels a title has.
pub(crate) async fn channels(
    session: &Session,
    origin: &HttpOrigin,
    settings: &Settings,
) -> Result<ChannelList, EngineError> {
    let title = &settings.title;
    let what = || format!("title \"{title}\"");
    let bytes = get_fresh(session, origin, &address::channels(title), what).await?;
    let list: ChannelList = parse(&bytes, "list of channels")?;
    match list.schema == SCHEMA && list.title == *title {
        true => Ok(list),
        false => bad("list of channels", "it speaks of another title or form"),
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
    let bytes = named(bytes, || what.to_owned())?;
    match pin.matches(&bytes) {
        true => Ok(bytes),
        false => bad(what, "it is not the one that was announced"),
    }
}

/// Fetches a document that changes, past every cache.
async fn get_fresh(
    session: &Session,
    origin: &HttpOrigin,
    address: &str,
    what: impl Fn() -> String,
) -> Result<Bytes, EngineError> {
    named(
        session
            .unless_cancelled(origin.get_fresh(address, MAX_POINTER_BYTES))
            .await,
        what,
    )
}

/// Says in words what the server does not have.
fn named(result: Result<Bytes, EngineError>, what: impl Fn() -> String) -> Result<Bytes, EngineError> {
    match result {
        Err(EngineError::Store(StoreError::Missing { .. })) => Err(EngineError::NotOffered { what: what() }),
        other => other,
    }
}

fn parse<T: for<'de> serde::Deserialize<'de>>(bytes: &[u8], what: &str) -> Result<T, EngineError> {
    serde_json::from_slice(bytes).map_err(|error| EngineError::BadDocument {
        what: what.to_owned(),
        reason: error.to_string(),
    })
}

fn bad<T>(what: &str, reason: impl Into<String>) -> Result<T, EngineError> {
    Err(EngineError::BadDocument {
        what: what.to_owned(),
        reason: reason.into(),
    })
}
