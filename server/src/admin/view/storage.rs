// SPDX-License-Identifier: MIT
//! What takes how much of the disk, and what nothing keeps.

use maud::{Markup, html};

use super::format::{bytes, counted, number};
use super::layout::{columns, table};
use super::{Page, Place, Viewer};
use crate::retention::Verdict;
use crate::service::collect::Collection;
use crate::service::sizes::{SizeReport, TitleSize};

/// Sizes, and what a collection would remove, each if it was asked for.
pub fn storage(viewer: &Viewer<'_>, sizes: Option<&SizeReport>, plan: Option<&Collection>) -> Markup {
    let page = Page {
        title: "Storage",
        place: Some(Place::Storage),
        viewer: Some(viewer),
    };
    page.around(html! {
        p.help { "Both take a while on a server with many releases, since every list of chunks is read." }
        form.inline method="get" {
            button name="show" value="sizes" { "Measure what is stored" }
            button name="show" value="plan" { "Show what would be collected" }
        }
        @if let Some(sizes) = sizes { (measured(sizes)) }
        @if let Some(plan) = plan { (planned(plan)) }
    })
}

fn measured(report: &SizeReport) -> Markup {
    html! {
        h2 { "What is stored" }
        p {
            (counted(report.chunks.count, "chunk", "chunks")) ", " strong { (bytes(report.chunks.bytes)) }
            "; " (bytes(report.plain_bytes)) " before compression. Without sharing, releases would need "
            (format!("{:.1}", report.dedup_ratio)) " times as much."
        }
        p { "No release needs " (counted(report.unreleased.count, "chunk", "chunks")) " of them, " (bytes(report.unreleased.bytes)) "." }
        @for title in &report.titles { (of_title(title)) }
    }
}

fn of_title(title: &TitleSize) -> Markup {
    table(
        &format!("{}: {}", title.title, bytes(title.size.bytes)),
        html! {
            (columns(&["Version", "Platform", "Sequence", "Stored", "Its own"]))
            tbody {
                @for release in title.releases.iter().rev().take(ROWS) {
                    tr {
                        th scope="row" { (release.version) }
                        td { (release.platform) }
                        td.number { (number(release.sequence)) }
                        td.number { (bytes(release.size.bytes)) }
                        td.number { (bytes(release.size.own_bytes)) }
                    }
                }
            }
        },
    )
}

fn planned(plan: &Collection) -> Markup {
    let gone = plan
        .releases
        .iter()
        .filter(|release| release.verdict == Verdict::Collected);
    let count = plan.collected_releases() as u64;
    html! {
        h2 { "What would be collected" }
        p role="status" {
            (counted(count, "release", "releases")) " and "
            (counted(plan.chunks.count, "chunk", "chunks")) " would go, " strong { (bytes(plan.freed_bytes())) } ". "
            (counted(plan.waiting_chunks.count, "more chunk waits", "more chunks wait")) " for the end of the grace."
        }
        @if count > 0 {
            (table("Releases that would go", html! {
                (columns(&["Version", "Title", "Platform", "Frees", "Why"]))
                tbody {
                    @for release in gone.take(ROWS) {
                        tr {
                            th scope="row" { (release.version) }
                            td { (release.title) }
                            td { (release.platform) }
                            td.number { (bytes(release.own_bytes)) }
                            td { (release.reasons.join("; ")) }
                        }
                    }
                }
            }))
        }
        p.help {
            "Nothing was removed. The server collects by itself, as " code { "[retention]" } " says, and at once on "
            code { "POST /api/v1/collection" } "."
        }
    }
}

/// Rows of a list of releases.
const ROWS: usize = 200;
