// SPDX-License-Identifier: MIT
//! What the dictionaries of `VSekaiPublisher` hold: names and plain values, before Godot's types come in.

use vsekai_engine::PlanSummary;
use vsekai_formats::release::Slug;
use vsekai_godot_common::fields::{Fields, LIST_LIMIT, Value, line, lines, number};
use vsekai_publish::{Change, ListedRelease, Preview, PublishReport, Release, ResourceChange};

use crate::failure::Failure;
use crate::message::{LocalAddress, Progress};

/// Returns the fields of `server_changed`.
pub fn server(address: Option<&LocalAddress>) -> Fields {
    let path = |path: fn(&LocalAddress) -> &std::path::Path| {
        line(&address.map_or_else(String::new, |address| path(address).display().to_string()))
    };
    vec![
        ("running", Value::Flag(address.is_some())),
        ("url", line(address.map_or("", |address| &address.url))),
        ("data_folder", path(|address| &address.data)),
        ("keys_folder", path(|address| &address.keys)),
        ("token_file", path(|address| &address.token_file)),
    ]
}

/// Returns the fields of `progress_changed`.
pub fn progress(progress: Progress) -> Fields {
    vec![
        ("step", line(progress.step)),
        ("done", number(progress.done)),
        ("total", number(progress.total)),
    ]
}

/// Returns the fields of `failed`.
pub fn failure(failure: &Failure) -> Fields {
    vec![
        ("code", line(failure.code)),
        ("message", line(&failure.message)),
        ("hint", line(&failure.hint)),
        ("detail", lines(&failure.detail)),
    ]
}

/// Returns the fields of `previewed`.
pub fn preview(
    preview: &Preview,
    install: &PlanSummary,
    updates: &[PlanSummary],
    resources: &[ResourceChange],
) -> Fields {
    let manifest = &preview.release.manifest;
    let last = preview.earlier.first();
    vec![
        ("version", line(manifest.version.as_str())),
        ("platform", line(manifest.platform.as_str())),
        ("program", line(manifest.launch.desktop.path.as_str())),
        ("files", number(manifest.size.files)),
        ("installed_bytes", number(manifest.size.installed_bytes)),
        ("chunks", number(preview.comparison.chunks)),
        ("new_chunks", number(preview.comparison.new_chunks)),
        ("new_bytes", number(preview.new_bytes)),
        ("install_bytes", number(install.download_bytes)),
        ("updates", Value::Table(updates.iter().map(update).collect())),
        (
            "compared_with",
            line(last.map_or("", |last| last.manifest.version.as_str())),
        ),
        ("changed_resources", number(resources.len() as u64)),
        (
            "resources",
            Value::Table(resources.iter().take(LIST_LIMIT).map(resource).collect()),
        ),
    ]
}

fn update(plan: &PlanSummary) -> Fields {
    let from = plan.from_version.as_ref();
    vec![
        ("from_version", line(from.map_or("", |from| from.as_str()))),
        ("download_bytes", number(plan.download_bytes)),
        ("reused_bytes", number(plan.reused_bytes)),
        ("files_added", number(plan.files_added)),
        ("files_changed", number(plan.files_changed)),
        ("files_removed", number(plan.files_removed)),
    ]
}

fn resource(change: &ResourceChange) -> Fields {
    let kind = match change.change {
        Change::Added => "added",
        Change::Changed => "changed",
        Change::Removed => "removed",
    };
    vec![
        ("pack", line(change.pack.as_str())),
        ("path", line(&change.path)),
        ("name", line(source_name(&change.path))),
        ("change", line(kind)),
        ("bytes", number(change.bytes)),
    ]
}

/// Returns what a developer calls a resource that Godot imported or converted: `icon.png` for
/// `.godot/imported/icon.png-0123456789abcdef0123456789abcdef.ctex`, `main.scn` for
/// `.godot/exported/1/export-0123456789abcdef0123456789abcdef-main.scn`; other paths as they are.
fn source_name(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let named = match path {
        path if path.starts_with(".godot/imported/") => name.rsplit_once('-').map(|(name, _)| name),
        path if path.starts_with(".godot/exported/") => {
            let rest = name.strip_prefix("export-");
            rest.and_then(|rest| rest.split_once('-')).map(|(_, name)| name)
        }
        _ => None,
    };
    named.unwrap_or(path)
}

/// Returns the fields of `published`.
pub fn published(release: &Release, channel: &Slug, report: &PublishReport) -> Fields {
    vec![
        ("created", Value::Flag(report.created)),
        ("version", line(release.info().version.as_str())),
        ("platform", line(release.platform().as_str())),
        ("channel", line(channel.as_str())),
        ("sequence", number(report.sequence)),
        ("new_bytes", number(report.new_bytes)),
        ("new_chunks", number(report.new_chunks)),
        ("install_bytes", number(report.download_bytes)),
    ]
}

/// Returns the fields of one of the `releases_listed`.
pub fn listed(release: &ListedRelease) -> Fields {
    vec![
        ("channel", line(release.channel.as_str())),
        ("platform", line(release.platform.as_str())),
        ("version", line(release.version.as_str())),
        ("sequence", number(release.sequence)),
        (
            "offered_percent",
            number(release.offered.map_or(0, |part| u64::from(part.get()))),
        ),
        ("withdrawn", Value::Flag(release.withdrawn)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_called_what_developers_call_them() {
        let hash = "0123456789abcdef0123456789abcdef";
        for (path, name) in [
            (format!(".godot/imported/my-icon.png-{hash}.ctex"), "my-icon.png"),
            (
                format!(".godot/exported/133/export-{hash}-my-main.scn"),
                "my-main.scn",
            ),
            ("world/ground.gdc".to_owned(), "world/ground.gdc"),
            (".godot/uid_cache.bin".to_owned(), ".godot/uid_cache.bin"),
        ] {
            assert_eq!(source_name(&path), name);
        }
    }
}
