// SPDX-License-Identifier: MIT
//! Errors as clients see them: `application/problem+json` (RFC 9457).

use std::time::Duration;

use poem::http::{StatusCode, header};
use poem::{Response, error::ResponseError};
use serde_json::{Value, json};

use crate::service::{ErrorKind, ServiceError};

/// A [`ServiceError`] on its way out.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Problem(#[from] pub ServiceError);

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        match self.0.kind() {
            ErrorKind::BadRequest => StatusCode::BAD_REQUEST,
            ErrorKind::Unauthorized => StatusCode::UNAUTHORIZED,
            ErrorKind::Forbidden => StatusCode::FORBIDDEN,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::TimedOut => StatusCode::REQUEST_TIMEOUT,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ErrorKind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            ErrorKind::TooMany => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn as_response(&self) -> Response {
        let mut members = json!({ "detail": self.0.outside(), "code": self.0.code() });
        if let ServiceError::MissingChunks { first, total } = &self.0 {
            members["missing"] = json!(first);
            members["missing_total"] = json!(total);
        }
        let mut response = problem(self.status(), members);
        note(&self.0, &mut response);
        response
    }
}

/// Lets the figures, the log and whoever has to wait know of `error`, whatever form it is told in.
pub fn note(error: &ServiceError, response: &mut Response) {
    if error.is_for_the_log() {
        tracing::error!(%error, "a request failed");
    }
    response.extensions_mut().insert(ProblemCode(error.code()));
    if let Some(wait) = error.wait() {
        ask_to_wait(response, wait);
    }
}

/// Lets whoever gets `response` know when it is worth asking again.
pub fn ask_to_wait(response: &mut Response, wait: Duration) {
    // Whole seconds, and never "at once": who is told 0 would ask again in vain.
    let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
    response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
}

/// The code of a problem, for figures.
#[derive(Clone, Copy, Debug)]
pub struct ProblemCode(pub &'static str);

/// Answers what never reached a handler: unknown addresses, wrong methods, parameters that do not parse.
pub async fn from_router(error: poem::Error) -> Response {
    let response = error.into_response();
    let is_problem = response.content_type() == Some(MEDIA_TYPE);
    match is_problem {
        true => response,
        false => problem(response.status(), json!({})),
    }
}

fn problem(status: StatusCode, members: Value) -> Response {
    let mut document = members;
    document["type"] = json!("about:blank");
    document["title"] = json!(status.canonical_reason().unwrap_or("Error"));
    document["status"] = json!(status.as_u16());
    let mut response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, MEDIA_TYPE)
        // An error is about this moment; a cache that kept it would hide what is published next.
        .header(header::CACHE_CONTROL, "no-store");
    if status == StatusCode::UNAUTHORIZED {
        response = response.header(header::WWW_AUTHENTICATE, "Bearer");
    }
    response.body(document.to_string())
}

const MEDIA_TYPE: &str = "application/problem+json";
