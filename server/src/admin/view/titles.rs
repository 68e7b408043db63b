// SPDX-License-Identifier: MIT
//! Titles, and one title with its channels and releases.

use maud::{Markup, html};
use vsekai_formats::release::ChannelPointer;

use super::format::{bytes, counted, number, time};
use super::layout::{columns, table};
use super::{Page, Place, Viewer};
use crate::service::overview::{ChannelView, ReleaseView, TitleOverview, TitleView};

/// The list of titles.
pub fn titles(viewer: &Viewer<'_>, titles: &[TitleOverview]) -> Markup {
    let page = Page {
        title: "Titles",
        place: Some(Place::Titles),
        viewer: Some(viewer),
    };
    let head = ["Title", "Channels", "Releases", "Signatures hold until"];
    page.around(html! {
        @if titles.is_empty() {
            p { "There is no title that this token can see. " code { "vsekai keys init" } " begins one." }
        } @else {
            (table("Titles on this server", html! {
                (columns(&head))
                tbody {
                    @for row in titles {
                        tr {
                            th scope="row" { a href={ "/admin/titles/" (row.title) } { (row.title) } }
                            td.number { (row.channels) }
                            td.number { (number(row.releases)) }
                            td { @if let Some(end) = row.first_end { (time(end)) } @else { "not signed" } }
                        }
                    }
                }
            }))
        }
    })
}

/// One title, with the page `page` of its releases, from 0; the last one if there are not so many.
pub fn title(viewer: &Viewer<'_>, view: &TitleView, page: usize, may_change_readers: bool) -> Markup {
    let page = page.min(view.releases.len().saturating_sub(1) / ROWS);
    let shown: Vec<&ReleaseView> = view.releases.iter().skip(page * ROWS).take(ROWS).collect();
    let surroundings = Page {
        title: view.title.as_str(),
        place: Some(Place::Titles),
        viewer: Some(viewer),
    };
    surroundings.around(html! {
        h2 { "Channels" }
        @if view.channels.is_empty() { p { "This title has no channel yet." } }
        @else { (channels(view, may_change_readers)) }
        h2 { "Releases" }
        @if view.releases.is_empty() { p { "Nothing has been published yet." } }
        @else {
            (releases(view, &shown))
            (pages(view, page))
            p.help {
                "Downloads count how often a release's list of chunks was fetched from this server. Players who are \
                served by mirrors, exports or caches are not among them."
            }
        }
    })
}

fn channels(view: &TitleView, may_change_readers: bool) -> Markup {
    let head = [
        "Channel",
        "Platform",
        "Offers",
        "Sequence",
        "State",
        "Readers",
        "Signature holds until",
    ];
    let readers = |channel: &ChannelView| {
        html! {
            (if channel.is_private { "with a token" } else { "everybody" })
            @if may_change_readers {
                " " a href={ "/admin/titles/" (view.title) "/channels/" (channel.name) "/readers" } {
                    "Change" span.unseen { " the readers of " (channel.name) }
                }
            }
        }
    };
    table(
        "What each channel offers",
        html! {
            (columns(&head))
            tbody {
                @for channel in &view.channels {
                    @if channel.pointers.is_empty() {
                        tr {
                            th scope="row" { (channel.name) }
                            td { "–" }
                            td { (if channel.is_private { "nothing that you may see" } else { "nothing yet" }) }
                            td {} td {}
                            td { (readers(channel)) }
                            td { (time(channel.ends)) }
                        }
                    }
                    @for pointer in &channel.pointers {
                        tr {
                            th scope="row" { (channel.name) }
                            td { (pointer.platform) }
                            td { (pointer.release.version) }
                            td.number { (number(pointer.release.sequence)) }
                            td { (state(pointer)) }
                            td { (readers(channel)) }
                            td { (time(channel.ends)) }
                        }
                    }
                }
            }
        },
    )
}

/// Says in words what is special about a pointer.
fn state(pointer: &ChannelPointer) -> String {
    let mut parts = Vec::new();
    if pointer.is_withdrawn(&pointer.release.manifest) {
        parts.push("withdrawn".to_owned());
    }
    if let Some(rollout) = &pointer.rollout {
        parts.push(match &rollout.previous {
            Some(previous) => format!(
                "{} of players, {} for the others",
                rollout.percent, previous.version
            ),
            None => format!("{} of players", rollout.percent),
        });
    }
    if pointer.pinned {
        parts.push("pinned".to_owned());
    }
    if !pointer.withdrawn.is_empty() {
        let count = pointer.withdrawn.len() as u64;
        parts.push(counted(count, "release withdrawn", "releases withdrawn"));
    }
    match parts.is_empty() {
        true => "for everybody".to_owned(),
        false => parts.join(", "),
    }
}

fn releases(view: &TitleView, shown: &[&ReleaseView]) -> Markup {
    let head = [
        "Version",
        "Platform",
        "Sequence",
        "Published",
        "Files",
        "Installed",
        "Download",
        "Downloads",
        "Channels",
    ];
    table(
        "Releases, newest first",
        html! {
            (columns(&head))
            tbody {
                @for ReleaseView { entry, downloads } in shown {
                    tr {
                        th scope="row" {
                            a href={ "/admin/titles/" (view.title) "/" (entry.platform) "/" (entry.version) } { (entry.version) }
                        }
                        td { (entry.platform) }
                        td.number { (number(entry.sequence)) }
                        td { (time(entry.published_at)) }
                        td.number { (number(entry.size.files)) }
                        td.number { (bytes(entry.size.installed_bytes)) }
                        td.number { (bytes(entry.size.download_bytes)) }
                        td.number { (number(*downloads)) }
                        td {
                            @for (place, channel) in entry.channels.iter().enumerate() {
                                @if place > 0 { ", " }
                                (channel)
                            }
                        }
                    }
                }
            }
        },
    )
}

fn pages(view: &TitleView, page: usize) -> Markup {
    let more = view.releases.len() > (page + 1) * ROWS;
    html! {
        @if page > 0 || more {
            nav.pages aria-label="Parts of the list" {
                @if page > 0 { a href={ "?page=" (page - 1) } rel="prev" { "Newer" } }
                @if more { a href={ "?page=" (page + 1) } rel="next" { "Older" } }
            }
        }
    }
}

/// Rows of a list of releases on one page.
const ROWS: usize = 100;
