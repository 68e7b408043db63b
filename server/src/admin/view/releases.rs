// SPDX-License-Identifier: MIT
//! One release: what it is, what it changes, and how channels are changed.
//!
//! What channels offer is signed with keys that are never on the server. So these pages show what would happen,
//! and the command that does it where the keys are.

use maud::{Markup, html};
use vsekai_formats::release::{ReleaseManifest, Version};

use super::format::{bytes, counted, number, time};
use super::layout::{columns, table};
use super::{Page, Place, Viewer};
use crate::service::changes::{Changes, Line, Tally};
use crate::service::overview::{ChannelView, ReleaseView, TitleView};

/// What a release is compared with.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The other release's version.
    pub with: Version,
    /// What is different.
    pub changes: Changes,
}

/// A release's page.
pub fn release(
    viewer: &Viewer<'_>,
    title: &TitleView,
    manifest: &ReleaseManifest,
    comparison: Option<&Comparison>,
) -> Markup {
    let heading = format!(
        "{} {} for {}",
        manifest.title, manifest.version, manifest.platform
    );
    let page = Page {
        title: &heading,
        place: Some(Place::Titles),
        viewer: Some(viewer),
    };
    let row = title
        .releases
        .iter()
        .find(|row| (row.entry.platform, row.entry.sequence) == (manifest.platform, manifest.sequence));
    page.around(html! {
        p { a href={ "/admin/titles/" (manifest.title) } { "All of " (manifest.title) } }
        (facts(manifest, row))
        @if !manifest.notes.is_empty() {
            h2 { "Notes" }
            pre.notes { (manifest.notes) }
        }
        h2 { "What it changes" }
        (choose_other(title, manifest, comparison))
        @match comparison {
            Some(comparison) => (changes(comparison)),
            None => p { "There is no earlier release to compare it with." },
        }
        h2 { "Change what channels offer" }
        (prepare(title, manifest))
    })
}

fn facts(manifest: &ReleaseManifest, row: Option<&ReleaseView>) -> Markup {
    let size = &manifest.size;
    html! {
        dl {
            dt { "Sequence" } dd { (number(manifest.sequence)) }
            @if let Some(row) = row {
                dt { "Published" } dd { (time(row.entry.published_at)) }
                dt { "Offered by" }
                dd {
                    @if row.entry.channels.is_empty() { "no channel" }
                    @for (place, channel) in row.entry.channels.iter().enumerate() {
                        @if place > 0 { ", " }
                        (channel)
                    }
                }
                dt { "Downloads" } dd { (number(row.downloads)) }
            }
            dt { "Installed" }
            dd { (counted(size.files, "file", "files")) ", " (bytes(size.installed_bytes)) }
            dt { "Whole download" }
            dd { (counted(size.chunks, "chunk", "chunks")) ", " (bytes(size.download_bytes)) }
            dt { "Starts" } dd { code { (manifest.launch.desktop.path) } }
            dt { "Index (SHA-256)" } dd { code.digest { (manifest.index.sha256) } }
        }
    }
}

fn choose_other(title: &TitleView, manifest: &ReleaseManifest, comparison: Option<&Comparison>) -> Markup {
    let others: Vec<&Version> = title
        .releases
        .iter()
        .filter(|row| row.entry.platform == manifest.platform && row.entry.version != manifest.version)
        .map(|row| &row.entry.version)
        .take(MOST_CHOICES)
        .collect();
    html! {
        @if !others.is_empty() {
            form.inline method="get" {
                label for="before" { "For players who have" }
                select id="before" name="before" {
                    @for version in others {
                        option value=(version) selected[comparison.is_some_and(|it| it.with == *version)] { (version) }
                    }
                }
                button { "Compare" }
            }
        }
    }
}

fn changes(comparison: &Comparison) -> Markup {
    let Comparison { with, changes } = comparison;
    let rows = [
        ("Added", changes.added),
        ("Changed", changes.changed),
        ("Removed", changes.removed),
        ("Same", changes.same),
    ];
    html! {
        (table(&format!("Files, compared with {with}"), html! {
            (columns(&["What", "Files", "Bytes installed"]))
            tbody {
                @for (name, Tally { files, bytes: size }) in rows {
                    tr {
                        th scope="row" { (name) }
                        td.number { (number(files)) }
                        td.number { (bytes(size)) }
                    }
                }
            }
        }))
        p {
            "Players download at most " strong { (bytes(changes.download_bytes)) } " in "
            (counted(changes.new_chunks, "chunk", "chunks")) "."
        }
        @if !changes.lines.is_empty() { (list(changes)) }
    }
}

fn list(changes: &Changes) -> Markup {
    let all = changes.added.files + changes.changed.files + changes.removed.files;
    let shown = changes.lines.len() as u64;
    let size = |size: Option<u64>| size.map_or_else(|| "–".to_owned(), bytes);
    html! {
        details {
            summary {
                "Changed files"
                @if shown < all { " (the first " (number(shown)) " of " (number(all)) ")" }
            }
            (table("Changed files", html! {
                (columns(&["Path", "Before", "After"]))
                tbody {
                    @for Line { path, before, after } in &changes.lines {
                        tr {
                            th scope="row" { code { (path.escape_debug().to_string()) } }
                            td.number { (size(*before)) }
                            td.number { (size(*after)) }
                        }
                    }
                }
            }))
        }
    }
}

fn prepare(title: &TitleView, manifest: &ReleaseManifest) -> Markup {
    let action = format!(
        "/admin/titles/{}/{}/{}/prepare",
        manifest.title, manifest.platform, manifest.version
    );
    html! {
        p.help {
            "Channels are signed with keys that are not on this server, so nothing changes here: the next page says what \
            would happen, and the command for the machine that has the keys."
        }
        form.inline method="get" action=(action) {
            label for="what" { "What to do" }
            select id="what" name="what" {
                option value="promote" { "Promote: offer it" }
                option value="withdraw" { "Withdraw: take it back" }
            }
            label for="channel" { "in channel" }
            select id="channel" name="channel" {
                @for channel in &title.channels { option { (channel.name) } }
            }
            button { "Show the command" }
        }
    }
}

/// What promoting or withdrawing would do, and the command for it.
pub fn prepared(
    viewer: &Viewer<'_>,
    manifest: &ReleaseManifest,
    channel: &ChannelView,
    withdraw: bool,
    server: &str,
) -> Markup {
    let verb = if withdraw { "withdraw" } else { "promote" };
    let heading = match withdraw {
        true => format!("Withdraw {} from {}", manifest.version, channel.name),
        false => format!("Promote {} to {}", manifest.version, channel.name),
    };
    let page = Page {
        title: &heading,
        place: Some(Place::Titles),
        viewer: Some(viewer),
    };
    let command = format!(
        "vsekai channel {verb} {} --title {} --channel {} --platform {} --server {server}",
        manifest.version, manifest.title, channel.name, manifest.platform
    );
    page.around(html! {
        p { (effect(manifest, channel, withdraw)) }
        p { "To confirm it, run this where the channel's keys are, with a token that allows " code { "promote" } " in "
            code { "VSEKAI_TOKEN" } ":" }
        pre.command { code { (command) } }
        p.help {
            "It takes effect at once, for players at their next check. The " a href="/admin/log" { "log" }
            " names the token that was used."
        }
        p {
            a href={ "/admin/titles/" (manifest.title) "/" (manifest.platform) "/" (manifest.version) } {
                "Back to the release"
            }
        }
    })
}

fn effect(manifest: &ReleaseManifest, channel: &ChannelView, withdraw: bool) -> String {
    let (version, platform) = (&manifest.version, manifest.platform);
    let offered = channel.pointer(platform).map(|pointer| &pointer.release);
    match (withdraw, offered) {
        (false, None) => format!(
            "{} offers nothing for {platform} yet; it would offer {version}.",
            channel.name
        ),
        (false, Some(offered)) if offered.version == *version => {
            format!("{} offers {version} for {platform} already.", channel.name)
        }
        (false, Some(offered)) => format!(
            "{} offers {} for {platform}; it would offer {version} instead.",
            channel.name, offered.version
        ),
        (true, Some(offered)) if offered.version == *version => {
            match channel.before(platform, manifest.sequence) {
                Some(before) => format!(
                    "{} would go back to {} for {platform}, and players who have {version} with it.",
                    channel.name, before.version
                ),
                None => format!(
                    "{} has no earlier release for {platform}, so it would offer nothing; players who have {version} keep it.",
                    channel.name
                ),
            }
        }
        (true, _) => format!(
            "{} does not offer {version} for {platform} now; players who still have it would go to what is offered.",
            channel.name
        ),
    }
}

/// Releases that can be chosen to compare with.
const MOST_CHOICES: usize = 200;
