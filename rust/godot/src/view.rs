// SPDX-License-Identifier: MIT
//! What the dictionaries of `VSekaiUpdater` hold: names and plain values, before Godot's types come in.

use vsekai_engine::{ErrorReport, GameExit, PlanSummary, Progress, Step, VerifyReport};

use crate::text::printable;

/// A value in a dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `bool`.
    Flag(bool),
    /// `int`.
    Number(i64),
    /// `String`.
    Text(String),
    /// `PackedStringArray`.
    List(Vec<String>),
}

/// A dictionary: names and values in the order people read them.
pub type Fields = Vec<(&'static str, Value)>;

/// What is installed, offered and running.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatusView {
    /// Whether a version is installed.
    pub installed: bool,
    /// The installed version, or nothing.
    pub version: String,
    /// The version a rollback would lead to, or nothing.
    pub previous_version: String,
    /// The channel that is followed.
    pub channel: String,
    /// The platform that is installed for.
    pub platform: String,
    /// The install folder.
    pub install_path: String,
    /// Bytes of the installed version.
    pub installed_bytes: u64,
    /// What was new in the installed version, in Markdown.
    pub notes: String,
    /// The version that the last check found, or nothing.
    pub offered_version: String,
    /// Whether a game started from here still runs.
    pub game_running: bool,
    /// The title.
    pub title: String,
    /// Base address of the server.
    pub server_url: String,
    /// Whether the installed version has a program for VR.
    pub has_vr: bool,
}

/// Returns the fields of `status_changed`.
pub fn status(view: &StatusView) -> Fields {
    vec![
        ("installed", Value::Flag(view.installed)),
        ("version", text(&view.version)),
        ("previous_version", text(&view.previous_version)),
        ("channel", text(&view.channel)),
        ("platform", text(&view.platform)),
        ("install_path", text(&view.install_path)),
        ("installed_bytes", number(view.installed_bytes)),
        ("notes", notes(&view.notes)),
        ("offered_version", text(&view.offered_version)),
        ("game_running", Value::Flag(view.game_running)),
        ("title", text(&view.title)),
        ("server_url", text(&view.server_url)),
        ("has_vr", Value::Flag(view.has_vr)),
    ]
}

/// Returns the fields of `plan_ready`.
pub fn plan(plan: &PlanSummary) -> Fields {
    let from = plan
        .from_version
        .as_ref()
        .map_or_else(String::new, ToString::to_string);
    vec![
        ("version", text(&plan.version.to_string())),
        ("from_version", text(&from)),
        ("notes", notes(&plan.notes)),
        ("download_bytes", number(plan.download_bytes)),
        ("write_bytes", number(plan.write_bytes)),
        ("disk_bytes", number(plan.disk_bytes)),
        ("reused_bytes", number(plan.reused_bytes)),
        ("files_added", number(plan.files_added)),
        ("files_changed", number(plan.files_changed)),
        ("files_removed", number(plan.files_removed)),
        ("installed_bytes", number(plan.installed_bytes)),
        ("left_before", Value::Flag(plan.left_before)),
    ]
}

/// Returns the fields of `progress_changed`.
pub fn progress(progress: &Progress) -> Fields {
    let step = match progress.step {
        Step::Download => "download",
        Step::Apply => "apply",
        Step::Verify => "verify",
    };
    vec![
        ("step", text(step)),
        ("done_bytes", number(progress.done_bytes)),
        ("total_bytes", number(progress.total_bytes)),
        ("bytes_per_second", number(progress.bytes_per_second)),
        (
            "seconds_left",
            progress.seconds_left.map_or(Value::Number(-1), number),
        ),
        ("network_bytes", number(progress.network_bytes)),
    ]
}

/// Returns the fields of `failed`.
pub fn error(report: &ErrorReport) -> Fields {
    vec![
        ("code", text(report.code.as_str())),
        ("message", text(&report.message)),
        ("hint", text(report.hint.as_deref().unwrap_or_default())),
        ("detail", notes(&report.detail)),
        ("retry", Value::Flag(report.retry)),
    ]
}

/// Returns the fields of `verified`.
pub fn verified(report: &VerifyReport) -> Fields {
    let paths = |paths: &[String]| {
        Value::List(
            paths
                .iter()
                .take(PATHS_LIMIT)
                .map(|path| printable(path, LINE_LIMIT))
                .collect(),
        )
    };
    vec![
        ("files", number(report.files)),
        ("bytes", number(report.bytes)),
        ("damaged", paths(&report.damaged)),
        ("extra", paths(&report.extra)),
    ]
}

/// Returns the arguments of `game_exited`.
pub fn game_exit(exit: &GameExit) -> (i64, bool) {
    (exit.code.map_or(-1, i64::from), exit.crashed)
}

/// Cleans `text` for one line of a dictionary.
fn text(text: &str) -> Value {
    Value::Text(printable(text, LINE_LIMIT).replace('\n', " "))
}

/// Cleans `text` of several lines.
fn notes(text: &str) -> Value {
    Value::Text(printable(text, NOTES_LIMIT))
}

/// Godot's integers are signed; no real figure comes near their end.
fn number(value: u64) -> Value {
    Value::Number(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Longest line handed to Godot, in characters; longer ones are cut and end in "…".
const LINE_LIMIT: usize = 4096;
/// Longest text of several lines, in characters.
const NOTES_LIMIT: usize = 65_536;
/// Most paths in a list; nobody reads on, and a list is copied on the main thread.
const PATHS_LIMIT: usize = 10_000;

#[cfg(test)]
mod tests {
    use vsekai_engine::ErrorCode;

    use super::*;

    fn plan_summary() -> PlanSummary {
        PlanSummary {
            version: "1.1".parse().unwrap(),
            from_version: None,
            notes: "new\u{1b}[0m".to_owned(),
            download_bytes: 1,
            download_chunks: 2,
            write_bytes: 3,
            disk_bytes: 4,
            reused_bytes: 5,
            installed_bytes: u64::MAX,
            files_added: 7,
            files_changed: 8,
            files_removed: 9,
            left_before: false,
        }
    }

    fn value(fields: &Fields, name: &str) -> Value {
        fields.iter().find(|(key, _)| *key == name).unwrap().1.clone()
    }

    #[test]
    fn every_name_is_in_the_documentation_under_its_signal() {
        let document = include_str!("../../../docs/godot-api.md");
        let progress_now = Progress {
            step: Step::Download,
            done_bytes: 0,
            total_bytes: 0,
            network_bytes: 0,
            bytes_per_second: 0,
            seconds_left: None,
        };
        let report = ErrorReport {
            code: ErrorCode::Offline,
            message: String::new(),
            hint: None,
            detail: String::new(),
            retry: true,
        };
        for (signal, fields) in [
            ("plan_ready", plan(&plan_summary())),
            ("progress_changed", progress(&progress_now)),
            ("status_changed", status(&StatusView::default())),
            ("failed", error(&report)),
            ("verified", verified(&VerifyReport::default())),
        ] {
            let row = document
                .lines()
                .find(|line| line.starts_with(&format!("| `{signal}` |")))
                .unwrap();
            for (name, _) in fields {
                assert!(
                    row.contains(&format!("`{name}")),
                    "{name} is not documented for {signal}"
                );
            }
        }
    }

    #[test]
    fn an_install_has_no_version_to_come_from_and_no_number_wraps() {
        let fields = plan(&plan_summary());
        assert_eq!(value(&fields, "from_version"), Value::Text(String::new()));
        assert_eq!(value(&fields, "installed_bytes"), Value::Number(i64::MAX));
        assert_eq!(value(&fields, "notes"), Value::Text("new[0m".to_owned()));
    }

    #[test]
    fn an_unknown_time_is_minus_one_and_a_killed_game_has_no_code() {
        let now = Progress {
            step: Step::Verify,
            done_bytes: 1,
            total_bytes: 2,
            network_bytes: 0,
            bytes_per_second: 0,
            seconds_left: None,
        };
        assert_eq!(value(&progress(&now), "seconds_left"), Value::Number(-1));
        assert_eq!(value(&progress(&now), "step"), Value::Text("verify".to_owned()));
        let killed = GameExit {
            code: None,
            signal: Some(9),
            crashed: true,
        };
        assert_eq!(game_exit(&killed), (-1, true));
    }
}
