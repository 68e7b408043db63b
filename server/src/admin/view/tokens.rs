// SPDX-License-Identifier: MIT
//! Tokens: the list, a new one, and ending one.

use maud::{Markup, html};

use super::format::time;
use super::layout::{columns, table};
use super::{Page, Place, Viewer};
use crate::service::token::{TokenRecord, Verb};

/// The list of tokens, and a form for a new one. `problem` says why the last one was not made.
pub fn tokens(viewer: &Viewer<'_>, records: &[TokenRecord], now: i64, problem: Option<&str>) -> Markup {
    page(viewer, "Tokens").around(html! {
        @if let Some(problem) = problem { p.problem role="alert" { (super::sentence(problem)) } }
        (table("Tokens, oldest first", html! {
            (columns(&["Id", "Name", "Title", "Channel", "Allows", "Made", "State", "Action"]))
            tbody {
                @for record in records {
                    tr {
                        th scope="row" { code { (record.id) } }
                        td { (record.label) }
                        td { (record.scope.title) }
                        td { (record.scope.channel) }
                        td { (record.scope.verbs) }
                        td { (time(record.created_at)) }
                        td { (state(record, now)) }
                        td {
                            @if record.is_active(now) {
                                a href={ "/admin/tokens/" (record.id) "/revoke" } {
                                    "Revoke" span.unseen { " " (record.id) }
                                }
                            }
                        }
                    }
                }
            }
        }))
        h2 { "New token" }
        (form(viewer))
    })
}

fn form(viewer: &Viewer<'_>) -> Markup {
    html! {
        form method="post" action="/admin/tokens" {
            (viewer.form_field())
            label for="label" { "Name" }
            input id="label" name="label" required maxlength="200" autocomplete="off" aria-describedby="label-help";
            p.help id="label-help" { "What it is for, as it stands in lists and in the log." }
            label for="title" { "Title" }
            input id="title" name="title" required value="*" autocomplete="off" aria-describedby="title-help";
            p.help id="title-help" { "One title, or " code { "*" } " for all." }
            label for="channel" { "Channel" }
            input id="channel" name="channel" required value="*" autocomplete="off" aria-describedby="channel-help";
            p.help id="channel-help" { "One channel, or " code { "*" } " for all." }
            fieldset {
                legend { "Allows" }
                @for verb in Verb::ALL {
                    label.choice {
                        input type="checkbox" name="verb" value=(verb) checked[verb == Verb::Publish];
                        " " (verb)
                    }
                }
            }
            label for="days" { "Days until it ends" }
            input id="days" name="days" type="number" min="1" max="36500" value="365" aria-describedby="days-help";
            p.help id="days-help" { "Leave it empty for a token that does not end by itself." }
            button { "Make the token" }
        }
    }
}

/// The one time a token is shown.
pub fn created(viewer: &Viewer<'_>, token: &str, record: &TokenRecord) -> Markup {
    page(viewer, "New token").around(html! {
        p role="status" {
            "This is the token " code { (record.id) } ", \"" (record.label) "\". It is shown only now: the server does not \
            keep it."
        }
        pre.command { code id="token" { (token) } }
        p { a href="/admin/tokens" { "To the list" } }
    })
}

/// Asks once more before a token is ended.
pub fn confirm_revoke(viewer: &Viewer<'_>, record: &TokenRecord) -> Markup {
    page(viewer, "Revoke a token").around(html! {
        p {
            "The token " code { (record.id) } ", \"" (record.label) "\", will be refused from the next request on. This \
            cannot be undone."
        }
        @if record.id == viewer.token_id { p.problem { "It is the one you are logged in with: you will be logged out." } }
        form method="post" action={ "/admin/tokens/" (record.id) "/revoke" } {
            (viewer.form_field())
            button.danger { "Revoke it" }
            " " a href="/admin/tokens" { "Keep it" }
        }
    })
}

fn state(record: &TokenRecord, now: i64) -> Markup {
    html! {
        @match (record.revoked_at, record.expires_at) {
            (Some(at), _) => { "revoked " (time(at)) }
            (None, Some(end)) if end <= now => { "expired " (time(end)) }
            (None, Some(end)) => { "good until " (time(end)) }
            (None, None) => { "good" }
        }
    }
}

fn page<'a>(viewer: &'a Viewer<'a>, title: &'a str) -> Page<'a> {
    Page {
        title,
        place: Some(Place::Tokens),
        viewer: Some(viewer),
    }
}
