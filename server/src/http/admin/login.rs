// SPDX-License-Identifier: MIT
//! `/admin/login` and `/admin/logout`.

use std::sync::Arc;
use std::time::Duration;

use poem::error::ResponseError as _;
use poem::http::{HeaderValue, StatusCode, header};
use poem::web::Data;
use poem::{Body, Request, Response, handler};

use super::AdminState;
use super::reply::{self, Refusal};
use super::visitor::{self, Form, Visitor};
use crate::admin::view::{self, LoginProblem};
use crate::db::now;
use crate::http::{client_address, problem};
use crate::service::token::Token;
use crate::service::{Service, ServiceError};

/// Shows the log-in page.
#[handler]
pub async fn get_login(service: Data<&Arc<Service>>, request: &Request) -> Response {
    let ended = Form::of_query(request).get("ended") == "1";
    let problem = match visitor::is_private(request, service.limits()) {
        false => Some(LoginProblem::NotEncrypted),
        true => ended.then_some(LoginProblem::Ended),
    };
    reply::page(StatusCode::OK, view::login(problem))
}

/// Begins a session.
#[handler]
pub async fn post_login(
    service: Data<&Arc<Service>>,
    state: Data<&Arc<AdminState>>,
    request: &Request,
    body: Body,
) -> Response {
    match log_in(&service, &state, request, body).await {
        Ok(Ok(secret)) => with_cookie(
            reply::see_other("/admin/"),
            &visitor::cookie_for(&secret, request),
        ),
        Ok(Err(problem)) => refuse(problem),
        Err(error) => Refusal::from(error).as_response(),
    }
}

/// Ends the session.
#[handler]
pub async fn post_logout(
    service: Data<&Arc<Service>>,
    state: Data<&Arc<AdminState>>,
    visitor: Visitor,
    request: &Request,
    body: Body,
) -> Result<Response, Refusal> {
    // Another site must not be able to log people out, either.
    visitor.form(request, body, &service).await?;
    if let Some(secret) = visitor::cookie(request) {
        state.sessions.end(secret, now());
    }
    let login = reply::see_other("/admin/login");
    Ok(with_cookie(login, &visitor::no_cookie(request)))
}

async fn log_in(
    service: &Service,
    state: &AdminState,
    request: &Request,
    body: Body,
) -> Result<Result<String, LoginProblem>, ServiceError> {
    if !visitor::is_private(request, service.limits()) {
        return Ok(Err(LoginProblem::NotEncrypted));
    }
    let (address, time) = (client_address::of(request, service.limits()), now());
    if let Some(seconds) = state.attempts.wait(address, time) {
        return Ok(Err(LoginProblem::Wait { seconds }));
    }
    let form = visitor::read_form(request, body, service).await?;
    let token = form.get("token").parse::<Token>();
    let access = match &token {
        Ok(token) => service.authenticate(token).await,
        Err(_) => Err(ServiceError::Unauthorized),
    };
    match (token, access) {
        (Ok(token), Ok(_)) => Ok(Ok(state.sessions.begin(token, time)?)),
        (_, Err(ServiceError::Unauthorized)) | (Err(_), _) => {
            state.attempts.note_failure(address, time);
            Ok(Err(LoginProblem::Refused))
        }
        (_, Err(error)) => Err(error),
    }
}

/// Shows the log-in page again, with what was wrong.
fn refuse(refused: LoginProblem) -> Response {
    let (status, error) = match refused {
        LoginProblem::Refused | LoginProblem::Ended => (StatusCode::UNAUTHORIZED, ServiceError::Unauthorized),
        LoginProblem::Wait { seconds } => (
            StatusCode::TOO_MANY_REQUESTS,
            ServiceError::too_soon(Duration::from_secs(seconds)),
        ),
        LoginProblem::NotEncrypted => (
            StatusCode::FORBIDDEN,
            ServiceError::Forbidden("log in without encryption".to_owned()),
        ),
    };
    let mut response = reply::page(status, view::login(Some(refused)));
    problem::note(&error, &mut response);
    response
}

fn with_cookie(mut response: Response, cookie: &str) -> Response {
    // Hexadecimal digits and our own words always make a header.
    if let Ok(value) = HeaderValue::from_str(cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}
