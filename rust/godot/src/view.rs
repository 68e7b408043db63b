// SPDX-License-Identifier: MIT
//! What the dictionaries of `VSekaiUpdater` hold: names and plain values, before Godot's types come in.

use vsekai_engine::policy::Reason;
use vsekai_engine::{
    Decision, ErrorReport, GameExit, MoveReport, NetworkKind, PlanSummary, Preferences, Progress,
    RollbackOutcome, UninstallReport, VerifyReport, VersionRole, VersionView,
};

use crate::fields::{Fields, Value, line as text, lines as notes, list, number};
use crate::message::Judgement;

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
    /// The folder of the installed version, or nothing.
    pub version_path: String,
    /// Bytes of the installed version.
    pub installed_bytes: u64,
    /// When it was installed, in seconds since 1970; 0 if that is not known.
    pub installed_at: u64,
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
    /// What was wrong with a newer version that was given up, or nothing.
    pub gave_up: String,
    /// Whether there is a token for the server's private channels.
    pub has_read_token: bool,
    /// What the folder remembers and is damaged, cannot be read, or is a newer launcher's, each with what to do next.
    pub damage: Vec<String>,
    /// Whether a repair mends any of it.
    pub repair: bool,
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
        ("version_path", text(&view.version_path)),
        ("installed_bytes", number(view.installed_bytes)),
        ("installed_at", number(view.installed_at)),
        ("notes", notes(&view.notes)),
        ("offered_version", text(&view.offered_version)),
        ("game_running", Value::Flag(view.game_running)),
        ("title", text(&view.title)),
        ("server_url", text(&view.server_url)),
        ("has_vr", Value::Flag(view.has_vr)),
        ("gave_up", text(&view.gave_up)),
        ("has_read_token", Value::Flag(view.has_read_token)),
        ("damage", list(&view.damage)),
        ("repair", Value::Flag(view.repair)),
    ]
}

/// Returns the fields of `plan_ready`.
pub fn plan(plan: &PlanSummary, judgement: Option<&Judgement>) -> Fields {
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
        ("staged_bytes", number(plan.staged_bytes)),
        ("network_bytes", number(plan.network_bytes)),
        ("files_added", number(plan.files_added)),
        ("files_changed", number(plan.files_changed)),
        ("files_removed", number(plan.files_removed)),
        ("files_moved", number(plan.files_moved)),
        ("installed_bytes", number(plan.installed_bytes)),
        ("left_before", Value::Flag(plan.left_before)),
        ("failed_starts", number(u64::from(plan.failed_starts))),
    ]
    .into_iter()
    .chain(judged(judgement))
    .collect()
}

/// What the player's settings make of a plan; where nobody can tell, nothing stands in its way.
fn judged(judgement: Option<&Judgement>) -> Fields {
    let decision = judgement.map_or(&Decision::Take, |judgement| &judgement.decision);
    vec![
        ("decision", text(decision.as_str())),
        (
            "decision_reason",
            text(decision.reason().map_or("", Reason::code)),
        ),
        ("decision_until", until(decision)),
        (
            "pinned_version",
            text(judgement.map_or("", |judgement| &judgement.pinned)),
        ),
    ]
}

/// Returns the fields of `progress_changed`.
pub fn progress(progress: &Progress) -> Fields {
    vec![
        ("step", text(progress.step.as_str())),
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
        ("repair", Value::Flag(report.repair)),
    ]
}

/// Returns the fields of `verified`.
pub fn verified(report: &VerifyReport) -> Fields {
    vec![
        ("files", number(report.files)),
        ("bytes", number(report.bytes)),
        ("damaged", list(&report.damaged)),
        ("modified", list(&report.modified)),
        ("extra", list(&report.extra)),
    ]
}

/// Returns the fields of `decided`.
pub fn decision(decision: &Decision) -> Fields {
    vec![
        ("action", text(decision.as_str())),
        ("reason", text(decision.reason().map_or("", Reason::code))),
        ("until", until(decision)),
        ("message", text(&decision.to_string())),
    ]
}

/// The time of the day at which the decision no longer holds, or nothing.
fn until(decision: &Decision) -> Value {
    let until = decision.reason().and_then(Reason::until);
    text(&until.map_or_else(String::new, |until| until.to_string()))
}

/// Returns the argument of `network_changed`.
pub const fn network(kind: NetworkKind) -> &'static str {
    match kind {
        NetworkKind::Unknown => "unknown",
        NetworkKind::Unmetered => "unmetered",
        NetworkKind::Metered => "metered",
    }
}

/// Returns the fields of `preferences_changed`: every setting by its name, then what is skipped and pinned.
pub fn preferences(preferences: &Preferences) -> Fields {
    let entries = preferences.entries().into_iter();
    let mut fields: Fields = entries.map(|(name, value)| (name, text(&value))).collect();
    let pinned = preferences.pinned.as_ref();
    let skipped = preferences.skipped.iter().map(ToString::to_string).collect();
    fields.push((
        "pinned",
        text(&pinned.map_or_else(String::new, ToString::to_string)),
    ));
    fields.push(("skipped", Value::List(skipped)));
    fields
}

/// Returns the fields of one of the `versions_listed`.
pub fn version(version: &VersionView) -> Fields {
    let role = match version.role {
        VersionRole::Current => "current",
        VersionRole::Previous => "previous",
        VersionRole::Kept => "kept",
    };
    let left = match (&version.given_up, version.left_before) {
        (Some(_), _) => "failed-starts",
        (None, true) => "player",
        (None, false) => "",
    };
    vec![
        ("version", text(version.version.as_str())),
        ("name", text(&version.name)),
        ("role", text(role)),
        ("current", Value::Flag(version.role == VersionRole::Current)),
        ("channel", text(version.channel.as_str())),
        ("installed_bytes", number(version.installed_bytes)),
        ("own_bytes", number(version.own_bytes)),
        ("installed_at", number(version.installed_at)),
        ("pinned", Value::Flag(version.pinned)),
        ("left", text(left)),
        ("in_use", Value::Flag(version.in_use)),
        ("started_well", Value::Flag(version.started_well)),
        ("failed_starts", number(u64::from(version.failed_starts))),
        (
            "last_start",
            text(version.last_start.as_deref().unwrap_or_default()),
        ),
        ("given_up", text(version.given_up.as_deref().unwrap_or_default())),
    ]
}

/// Returns the fields of `switched`.
pub fn switched(outcome: &RollbackOutcome) -> Fields {
    vec![
        ("from_version", text(outcome.from_version.as_str())),
        ("version", text(outcome.version.as_str())),
        ("newer", Value::Flag(outcome.newer)),
    ]
}

/// Returns the fields of `uninstalled`.
pub fn uninstalled(report: &UninstallReport) -> Fields {
    let kept = report.kept_in.as_ref();
    vec![
        ("removed_bytes", number(report.removed_bytes)),
        ("user_files", list(&report.user_files)),
        (
            "kept_in",
            text(&kept.map_or_else(String::new, |path| path.display().to_string())),
        ),
        ("left", list(&report.left)),
    ]
}

/// Returns the fields of `moved`.
pub fn moved(report: &MoveReport) -> Fields {
    vec![
        ("from", text(&report.from.display().to_string())),
        ("to", text(&report.to.display().to_string())),
        ("bytes", number(report.bytes)),
        ("left", list(&report.left)),
    ]
}

/// Returns the arguments of `game_exited`.
pub fn game_exit(exit: &GameExit) -> (i64, bool) {
    (exit.code.map_or(-1, i64::from), exit.crashed)
}

#[cfg(test)]
mod tests {
    use vsekai_engine::{ErrorCode, Step};

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
            staged_bytes: 0,
            network_bytes: 6,
            installed_bytes: u64::MAX,
            files_added: 7,
            files_changed: 8,
            files_removed: 9,
            files_moved: 10,
            left_before: false,
            failed_starts: 0,
        }
    }

    fn version_view() -> VersionView {
        VersionView {
            version: "1.1".parse().unwrap(),
            name: "1.1-folder".to_owned(),
            role: VersionRole::Kept,
            channel: "stable".parse().unwrap(),
            installed_bytes: 1,
            own_bytes: 1,
            installed_at: 1,
            pinned: false,
            left_before: false,
            in_use: false,
            started_well: true,
            failed_starts: 0,
            last_start: None,
            given_up: None,
        }
    }

    fn rollback_outcome() -> RollbackOutcome {
        RollbackOutcome {
            from_version: "1.1".parse().unwrap(),
            version: "1.0".parse().unwrap(),
            newer: false,
        }
    }

    fn move_report() -> MoveReport {
        MoveReport {
            from: "/from".into(),
            to: "/to".into(),
            bytes: 1,
            left: vec![],
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
            repair: false,
        };
        for (signal, fields) in [
            ("plan_ready", plan(&plan_summary(), None)),
            ("progress_changed", progress(&progress_now)),
            ("status_changed", status(&StatusView::default())),
            ("failed", error(&report)),
            ("verified", verified(&VerifyReport::default())),
            ("decided", decision(&Decision::Take)),
            ("preferences_changed", preferences(&Preferences::default())),
            ("versions_listed", version(&version_view())),
            ("switched", switched(&rollback_outcome())),
            ("uninstalled", uninstalled(&UninstallReport::default())),
            ("moved", moved(&move_report())),
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
        let fields = plan(&plan_summary(), None);
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
            seconds: 1,
            crash_log: None,
        };
        assert_eq!(game_exit(&killed), (-1, true));
    }
}
