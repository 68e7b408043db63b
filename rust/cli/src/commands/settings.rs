// SPDX-License-Identifier: MIT
//! `settings`, `skip`, `pin` and `unpin`.

use std::path::Path;

use serde_json::{Map, Value, json};
use vsekai_engine::status::CheckOutcome;
use vsekai_engine::{EngineError, Preferences};
use vsekai_formats::release::Version;

use super::update::with_server;
use super::{Context, Finish};
use crate::args::{GlobalArgs, PinArgs, SettingsCommand, SkipArgs};
use crate::error::CliError;
use crate::options;
use crate::units::{self, Rate};

/// Shows or changes settings.
pub(super) fn run(
    context: &Context,
    global: &GlobalArgs,
    command: Option<SettingsCommand>,
) -> Result<Finish, CliError> {
    let updater = context.open(global)?;
    let preferences = match command {
        None | Some(SettingsCommand::Show) => updater.preferences(),
        Some(SettingsCommand::Set(args)) if args.name == READ_TOKEN => {
            let [file] = args.value.as_slice() else {
                return Err(CliError::usage("read-token takes one file"));
            };
            updater.keep_read_token(Some(&options::read_token_in(Path::new(file))?))?;
            updater.preferences()
        }
        Some(SettingsCommand::Set(args)) => {
            updater.set_preference(&args.name, &value(&args.name, &args.value))?
        }
        Some(SettingsCommand::Reset(args)) if args.name.as_deref() == Some(READ_TOKEN) => {
            updater.keep_read_token(None)?;
            updater.preferences()
        }
        Some(SettingsCommand::Reset(args)) => updater.reset_preferences(args.name.as_deref())?,
    };
    let read_token_for = updater.read_token_for();
    show(context, &preferences, read_token_for.as_deref());
    Finish::ok(&as_json(&preferences, read_token_for.as_deref()))
}

/// Skips a version, or no longer.
pub(super) async fn skip(
    context: &Context,
    global: &GlobalArgs,
    args: &SkipArgs,
) -> Result<Finish, CliError> {
    let version = match &args.version {
        Some(version) => version.clone(),
        None => offered(context, global).await?,
    };
    let preferences = context.open(global)?.skip(&version, !args.undo)?;
    context.output.line(&match args.undo {
        false => format!("{version} is skipped; \"vsekai skip --undo {version}\" takes that back"),
        true => format!("{version} is not skipped any more"),
    });
    Finish::ok(&json!({ "version": version, "skipped": preferences.skipped }))
}

/// Stays at a version.
pub(super) fn pin(context: &Context, global: &GlobalArgs, args: &PinArgs) -> Result<Finish, CliError> {
    let version = context.open(global)?.pin(args.version.as_ref())?;
    context
        .output
        .line(&format!("Staying at {version}; \"vsekai unpin\" takes that back"));
    Finish::ok(&json!({ "pinned": version }))
}

/// Takes any version again.
pub(super) fn unpin(context: &Context, global: &GlobalArgs) -> Result<Finish, CliError> {
    let before = context.open(global)?.unpin()?;
    context.output.line(&match &before {
        Some(version) => format!("No longer staying at {version}"),
        None => "No version was pinned".to_owned(),
    });
    Finish::ok(&json!({ "pinned": null, "before": before }))
}

async fn offered(context: &Context, global: &GlobalArgs) -> Result<Version, CliError> {
    let config = with_server(options::install(global, &context.surroundings)?)?;
    match context.open_with(config)?.check().await? {
        CheckOutcome::Available { plan } => Ok(plan.version),
        CheckOutcome::UpToDate { version } => Err(EngineError::InvalidInput(format!(
            "{version} is installed, and the channel offers nothing else to skip"
        ))
        .into()),
    }
}

/// Turns sizes and speeds as people write them into bytes.
fn value(name: &str, words: &[String]) -> String {
    let text = words.join(" ");
    let counts_bytes = matches!(
        name,
        "metered-size" | "keep-size" | "rate-limit" | "while-playing"
    );
    match text.parse::<Rate>() {
        Ok(rate) if counts_bytes => rate.0.to_string(),
        _ => text,
    }
}

fn show(context: &Context, preferences: &Preferences, read_token_for: Option<&str>) {
    let row = |name: &str, value: &str| format!("{name:<14} {value}");
    let people = |name: &str, value: &str| -> String {
        match (name, value.parse::<u64>()) {
            ("metered-size" | "keep-size", Ok(count)) => units::bytes(count),
            ("rate-limit" | "while-playing", Ok(count)) => format!("{}/s", units::bytes(count)),
            _ => value.to_owned(),
        }
    };
    let entries = preferences.entries();
    context.lines(
        entries
            .iter()
            .map(|(name, value)| row(name, &people(name, value))),
    );
    if let Some(server) = read_token_for {
        context
            .output
            .line(&row(READ_TOKEN, &format!("kept for {server}")));
    }
    if let Some(pinned) = &preferences.pinned {
        context.output.line(&row("pinned", pinned.as_str()));
    }
    if !preferences.skipped.is_empty() {
        let skipped: Vec<&str> = preferences.skipped.iter().map(Version::as_str).collect();
        context.output.line(&row("skipped", &skipped.join(" ")));
    }
}

fn as_json(preferences: &Preferences, read_token_for: Option<&str>) -> Value {
    let entries = preferences.entries().into_iter();
    let settings: Map<String, Value> = entries
        .map(|(name, value)| (name.to_owned(), Value::String(value)))
        .collect();
    json!({
        "settings": settings,
        "read_token_for": read_token_for,
        "pinned": preferences.pinned,
        "skipped": preferences.skipped,
    })
}

/// The one setting that is a secret, and so is kept apart from the others.
const READ_TOKEN: &str = "read-token";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_speeds_are_taken_as_people_write_them() {
        let cases = [
            ("rate-limit", "2MB/s", "2000000"),
            ("rate-limit", "none", "none"),
            ("metered-size", "50MB", "50000000"),
            ("while-playing", "pause", "pause"),
            ("while-playing", "100KiB/s", "102400"),
            ("keep-versions", "3", "3"),
            ("mirrors", "https://a https://b", "https://a https://b"),
        ];
        for (name, text, taken) in cases {
            let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
            assert_eq!(value(name, &words), taken);
        }
    }
}
