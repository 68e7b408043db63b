// SPDX-License-Identifier: MIT
//! What was written to a site, so that the next run need not look at it, and what nobody needs any more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use vsekai_formats::release::Pinned;

use super::{Kind, Place, SiteError};

/// What the writers of a site know about it.
///
/// An index stands here once its chunks are durable, so they need not be looked for again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    schema: u32,
    /// Every file but chunks and timestamps.
    pub(super) documents: BTreeMap<String, Pinned>,
    /// Files that nobody needs, with the time they were first seen so, in seconds since 1970-01-01 UTC.
    pub(super) unneeded: BTreeMap<String, i64>,
}

impl Record {
    /// Reads the record of `place`; an empty one if there is none.
    pub(super) async fn read(place: &Place) -> Result<Self, SiteError> {
        let Some(bytes) = place.read(PATH, MAX_BYTES).await? else {
            return Ok(Self {
                schema: SCHEMA,
                ..Self::default()
            });
        };
        let record: Option<Self> = serde_json::from_slice(&bytes).ok();
        let known = record.filter(|record| record.schema == SCHEMA);
        known.ok_or_else(|| SiteError::Damaged {
            place: place.name(),
            path: PATH.to_owned(),
        })
    }

    pub(super) async fn write(&self, place: &Place) -> Result<(), SiteError> {
        let bytes = serde_json::to_vec(self)
            .map_err(|error| crate::service::ServiceError::Internal(format!("write {PATH}: {error}")))?;
        place.put(PATH, Kind::Record, bytes.into()).await
    }
}

const PATH: &str = ".vsekai-site.json";
const SCHEMA: u32 = 1;
/// About two million files.
const MAX_BYTES: usize = 512 << 20;
