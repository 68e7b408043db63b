// SPDX-License-Identifier: MIT
//! Who changed what.

use maud::{Markup, html};

use super::format::time;
use super::layout::{columns, table};
use super::{Page, Place, Viewer};
use crate::service::audit::AuditPage;

/// A part of the log.
pub fn log(viewer: &Viewer<'_>, page: &AuditPage) -> Markup {
    let surroundings = Page {
        title: "Log",
        place: Some(Place::Log),
        viewer: Some(viewer),
    };
    surroundings.around(html! {
        @if page.entries.is_empty() { p { "Nothing has been changed yet." } }
        @else {
            (table("Changes, newest first", html! {
                (columns(&["When", "Who", "What", "Where", "Details"]))
                tbody {
                    @for entry in &page.entries {
                        tr {
                            td { (time(entry.at)) }
                            td { (entry.token_label) " " code { (entry.token_id) } }
                            th scope="row" { (entry.action) }
                            td { (place(&[&entry.title, &entry.channel, &entry.platform])) }
                            td { (details(entry)) }
                        }
                    }
                }
            }))
            @if let Some(next) = page.next {
                nav.pages aria-label="Parts of the log" {
                    a href={ "?before=" (next) } rel="next" { "Older" }
                }
            }
        }
    })
}

fn place(parts: &[&Option<String>]) -> String {
    let parts: Vec<&str> = parts.iter().filter_map(|part| part.as_deref()).collect();
    parts.join(" / ")
}

fn details(entry: &crate::db::audit::Entry) -> String {
    let version = match (&entry.previous_version, &entry.version) {
        (Some(before), Some(after)) if before != after => Some(format!("{before} → {after}")),
        (_, Some(version)) => Some(version.clone()),
        _ => None,
    };
    let parts: Vec<String> = [version, entry.subject.clone(), entry.detail.clone()]
        .into_iter()
        .flatten()
        .collect();
    parts.join(", ")
}
