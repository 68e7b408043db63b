// SPDX-License-Identifier: MIT
//! Answers with pages, and the headers that keep browsers from doing anything else with them.

use maud::Markup;
use poem::error::ResponseError;
use poem::http::{StatusCode, header};
use poem::{Response, ResponseBuilder};

use crate::admin::view;
use crate::http::problem::{self, Problem};
use crate::service::ServiceError;

/// Answers with a page that nobody keeps.
pub fn page(status: StatusCode, markup: Markup) -> Response {
    guarded()
        .status(status)
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CACHE_CONTROL, "no-store")
        .body(markup.into_string())
}

/// Answers with a style sheet or picture.
pub fn asset(media_type: &str, text: &'static str) -> Response {
    guarded()
        .header(header::CONTENT_TYPE, media_type)
        .header(header::CACHE_CONTROL, "no-cache")
        .body(text)
}

/// Sends the browser to another of our pages, which it asks for with GET.
pub fn see_other(place: &str) -> Response {
    guarded()
        .status(StatusCode::SEE_OTHER)
        .header(header::LOCATION, place)
        .header(header::CACHE_CONTROL, "no-store")
        .finish()
}

/// Why a page is not shown.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Nobody is logged in.
    #[error("nobody is logged in")]
    LoggedOut {
        /// Whether somebody was.
        ended: bool,
    },
    /// The page itself failed.
    #[error(transparent)]
    Failed(Problem),
}

impl From<ServiceError> for Refusal {
    fn from(error: ServiceError) -> Self {
        Self::Failed(error.into())
    }
}

impl ResponseError for Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::LoggedOut { .. } => StatusCode::SEE_OTHER,
            Self::Failed(problem) => problem.status(),
        }
    }

    fn as_response(&self) -> Response {
        match self {
            Self::LoggedOut { ended: true } => see_other("/admin/login?ended=1"),
            Self::LoggedOut { ended: false } => see_other("/admin/login"),
            Self::Failed(Problem(error)) => {
                let mut response = failure(self.status(), &error.outside());
                problem::note(error, &mut response);
                response
            }
        }
    }
}

/// Answers what never reached a page with a page.
pub async fn from_router(error: poem::Error) -> Response {
    match error.is::<Refusal>() {
        true => error.into_response(),
        false => failure(error.status(), "there is no such page"),
    }
}

fn failure(status: StatusCode, detail: &str) -> Response {
    let heading = status.canonical_reason().unwrap_or("Error");
    page(status, view::problem(heading, detail))
}

fn guarded() -> ResponseBuilder {
    Response::builder()
        .header(header::CONTENT_SECURITY_POLICY, POLICY)
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::REFERRER_POLICY, "same-origin")
        .header("cross-origin-opener-policy", "same-origin")
        .header("cross-origin-resource-policy", "same-origin")
}

/// Nothing but our own style sheet and pictures; forms go nowhere else, and no other site shows our pages.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";
