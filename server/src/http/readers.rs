// SPDX-License-Identifier: MIT
//! Who may have what others may not: reading private channels.

use poem::Request;
use poem::http::header;
use vsekai_formats::ChunkId;

use super::bearer;
use super::reply::Caching;
use crate::service::{Access, Audience, Service, ServiceError};

/// Refuses what is not for the sender of `request`, where the address names the channel it is of; returns how the
/// answer may be kept, `public` if it is for everybody.
///
/// That a private channel is there is no secret, since signed metadata names it. So a refusal says what is lacking,
/// whether or not there is anything at the address.
///
/// # Errors
/// [`ServiceError::Unauthorized`] without a valid token, [`ServiceError::Forbidden`] with one for something else.
pub async fn admit(
    service: &Service,
    request: &Request,
    audience: &Audience,
    public: Caching,
) -> Result<Caching, ServiceError> {
    if *audience == Audience::Everybody {
        return Ok(public);
    }
    match bearer::access(service, request).await?.may_read(audience) {
        true => Ok(Caching::Private),
        false => Err(ServiceError::Forbidden("read a private channel".to_owned())),
    }
}

/// As [`admit`], where the address names no channel: whoever lacks the right is answered `missing`, as for what is not
/// there.
///
/// # Errors
/// `missing`; [`ServiceError::Unauthorized`] with a token that is not valid, whatever there is.
pub async fn admit_unseen(
    service: &Service,
    request: &Request,
    audience: &Audience,
    missing: impl FnOnce() -> ServiceError,
) -> Result<Caching, ServiceError> {
    if *audience == Audience::Everybody {
        return Ok(Caching::Immutable);
    }
    let access = access_if_given(service, request).await?;
    match access.is_some_and(|access| access.may_read(audience)) {
        true => Ok(Caching::Private),
        false => Err(missing()),
    }
}

/// Returns those of `ids` that the sender of `request` may read, `None` in place of the others.
///
/// # Errors
/// [`ServiceError::Unauthorized`] with a token that is not valid, if one of the chunks takes one.
pub async fn readable(
    service: &Service,
    request: &Request,
    ids: Vec<ChunkId>,
) -> Result<Vec<Option<ChunkId>>, ServiceError> {
    let audiences: Vec<Audience> = ids.iter().map(|id| service.audience_of_chunk(*id)).collect();
    let access = match audiences.iter().all(|audience| *audience == Audience::Everybody) {
        true => None,
        false => access_if_given(service, request).await?,
    };
    let may_read = |audience: &Audience| match &access {
        Some(access) => access.may_read(audience),
        None => *audience == Audience::Everybody,
    };
    let pairs = ids.into_iter().zip(&audiences);
    Ok(pairs
        .map(|(id, audience)| may_read(audience).then_some(id))
        .collect())
}

async fn access_if_given(service: &Service, request: &Request) -> Result<Option<Access>, ServiceError> {
    match request.headers().contains_key(header::AUTHORIZATION) {
        true => bearer::access(service, request).await.map(Some),
        false => Ok(None),
    }
}
