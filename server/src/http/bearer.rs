// SPDX-License-Identifier: MIT
//! Tokens from the `Authorization` header, the only place they are accepted in.

use poem::Request;
use poem::http::header;

use crate::service::token::Token;
use crate::service::{Access, Service, ServiceError};

/// Finds out what the sender of `request` may do; call it before reading the body.
///
/// # Errors
/// [`ServiceError::Unauthorized`] without a valid token.
pub async fn access(service: &Service, request: &Request) -> Result<Access, ServiceError> {
    let value = request.headers().get(header::AUTHORIZATION);
    let text = value.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let (scheme, token) = text.split_once(' ').unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ServiceError::Unauthorized);
    }
    let token: Token = token.trim().parse().map_err(|_| ServiceError::Unauthorized)?;
    service.authenticate(&token).await
}
