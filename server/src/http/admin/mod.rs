// SPDX-License-Identifier: MIT
//! The admin page over HTTP: `/admin/`. Plain forms, no scripts; the pages themselves are in [`crate::admin::view`].

mod channels;
mod log;
mod login;
mod releases;
mod reply;
mod storage;
mod titles;
mod tokens;
mod visitor;

use std::sync::Arc;

use poem::{IntoEndpoint, Response, Route, get, handler, post};

use crate::admin::{Attempts, Sessions, view};

/// What the admin page remembers.
#[derive(Debug, Default)]
pub struct AdminState {
    sessions: Sessions,
    attempts: Attempts,
}

/// Returns the routes below `/admin`.
pub fn routes() -> impl IntoEndpoint<Endpoint: poem::Endpoint<Output = Response> + 'static> {
    use poem::EndpointExt as _;
    Route::new()
        .at("/", get(titles::get_titles))
        .at("/login", get(login::get_login).post(login::post_login))
        .at("/logout", post(login::post_logout))
        .at("/titles/:title", get(titles::get_title))
        .at(
            "/titles/:title/channels/:channel/readers",
            get(channels::get_readers).post(channels::post_readers),
        )
        .at("/titles/:title/:platform/:version", get(releases::get_release))
        .at(
            "/titles/:title/:platform/:version/prepare",
            get(releases::get_prepared),
        )
        .at("/tokens", get(tokens::get_tokens).post(tokens::post_token))
        .at(
            "/tokens/:id/revoke",
            get(tokens::get_revoke).post(tokens::post_revoke),
        )
        .at("/log", get(log::get_log))
        .at("/storage", get(storage::get_storage))
        .at("/style.css", get(get_style))
        .at("/mark.svg", get(get_mark))
        .data(Arc::new(AdminState::default()))
        .catch_all_error(reply::from_router)
}

#[handler]
fn get_style() -> Response {
    reply::asset("text/css; charset=utf-8", view::STYLE)
}

#[handler]
fn get_mark() -> Response {
    reply::asset("image/svg+xml", view::MARK)
}
