// SPDX-License-Identifier: MIT
//! `status`.

use vsekai_engine::{ErrorCode, ErrorReport, InstalledVersion, Status};

use super::{Context, Finish};
use crate::args::GlobalArgs;
use crate::error::{self, CliError};
use crate::{report, units};

/// Shows what is installed, without the network.
pub(super) fn run(context: &Context, global: &GlobalArgs) -> Result<Finish, CliError> {
    let status = context.open(global)?.status()?;
    let status = Status {
        damage: status.damage.into_iter().map(in_commands).collect(),
        ..status
    };
    let mut lines = Vec::new();
    let mut row = |name: &str, value: String| lines.push(format!("{:<11} {value}", format!("{name}:")));
    match &status.installed {
        Some(installed) => {
            row("Installed", installed.version.to_string());
            if let Some(day) = units::day(status.installed_at) {
                row("Since", day);
            }
            row("Size", size(installed));
        }
        None => row("Installed", "nothing".to_owned()),
    }
    if let Some(previous) = &status.previous {
        row("Previous", previous.version.to_string());
    }
    if let Some(gave_up) = &status.gave_up {
        row("Given up", gave_up.clone());
    }
    if status.game_running {
        row("Running", "yes".to_owned());
    }
    if let Some(title) = &status.title {
        row("Title", title.to_string());
    }
    if let Some(channel) = &status.channel {
        row("Channel", channel.to_string());
    }
    row("Platform", status.platform.to_string());
    if let Some(server) = &status.server {
        row("Server", without_secrets(server));
    }
    row("Folder", status.root.display().to_string());
    for damage in &status.damage {
        let name = match damage.code {
            ErrorCode::Damaged => "Damaged",
            // The system does not give it out now, or it takes a newer launcher.
            _ => "Unread",
        };
        row(name, damage.message.clone());
    }
    lines.extend(report::notes(&status.notes));
    context.lines(lines);
    let hints = status.damage.iter().filter_map(|damage| damage.hint.as_ref());
    let mut hints: Vec<&String> = hints.collect();
    // Records of one kind have the same.
    hints.dedup();
    for hint in hints {
        context.output.note(&format!("hint: {hint}"));
    }
    Finish::ok(&Status {
        server: status.server.as_deref().map(without_secrets),
        ..status
    })
}

/// Returns the report with a next step that can be typed.
fn in_commands(report: ErrorReport) -> ErrorReport {
    ErrorReport {
        hint: error::hint_of(&report),
        ..report
    }
}

fn size(installed: &InstalledVersion) -> String {
    format!(
        "{} in {}",
        units::bytes(installed.installed_bytes),
        units::count(installed.files, "file")
    )
}

/// An address may carry a password or a signed query, which nobody needs to see.
fn without_secrets(address: &str) -> String {
    let address = address.split(['?', '#']).next().unwrap_or_default();
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
            format!("{scheme}://{host}{path}")
        }
        None => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_passwords_and_queries() {
        let cases = [
            (
                "https://user:secret@example.org/a@b?token=1#x",
                "https://example.org/a@b",
            ),
            ("https://example.org", "https://example.org"),
            ("example.org?token=1", "example.org"),
        ];
        for (address, shown) in cases {
            assert_eq!(without_secrets(address), shown);
        }
    }
}
