// SPDX-License-Identifier: MIT
//! One form for every error: a sentence, a way out, details and an exit code.

use serde::Serialize;
use vsekai_engine::error::causes;
use vsekai_engine::{EngineError, ErrorCode, ErrorReport};
use vsekai_publish::PublishError;

use crate::exit;

/// An error as it is printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CliError {
    /// A stable name of the kind.
    pub(crate) code: &'static str,
    /// One sentence without a full stop.
    pub(crate) message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
    /// More, for a report.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) detail: String,
    /// Whether trying again can help.
    pub(crate) retry: bool,
    /// Whether a repair mends it.
    pub(crate) repair: bool,
    /// The exit code.
    #[serde(skip)]
    pub(crate) exit: u8,
}

impl CliError {
    /// The command line makes no sense.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::InvalidInput.as_str(),
            message: message.into(),
            hint: None,
            detail: String::new(),
            retry: false,
            repair: false,
            exit: exit::USAGE,
        }
    }

    /// A defect of this program.
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        EngineError::Internal(message.into()).into()
    }

    /// The user did not want to wait.
    pub(crate) fn cancelled() -> Self {
        EngineError::Cancelled.into()
    }

    /// Adds what to do next.
    pub(crate) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }
}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        let report = error.report();
        let hint = match error {
            // A chunk that no server has is not a matter of names.
            EngineError::Store(_) if report.code == ErrorCode::NotFound => report.hint,
            _ => hint_of(&report),
        };
        Self {
            code: report.code.as_str(),
            hint,
            detail: report.detail,
            message: report.message,
            retry: report.retry,
            repair: report.repair,
            exit: exit::of_engine(report.code),
        }
    }
}

/// Returns what to do next, in commands where the engine speaks of buttons.
pub(crate) fn hint_of(report: &ErrorReport) -> Option<String> {
    let command = match report.repair {
        true => Some("Fetch what is damaged again with: vsekai repair"),
        false => hint(report.code),
    };
    command.map(str::to_owned).or_else(|| report.hint.clone())
}

fn hint(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::NotInstalled => "Install with: vsekai install --server URL",
        ErrorCode::Launch => "Check the files with: vsekai verify",
        ErrorCode::DamagedVersion => {
            "The installed version is as it was; see the others with: vsekai versions, and remove the damaged one with: vsekai versions remove VERSION"
        }
        ErrorCode::LauncherTooOld => "Update this program first",
        ErrorCode::Cancelled => "The installed version is as it was, and what was downloaded is kept",
        ErrorCode::Private => {
            "If the channel is private, ask its publisher for a read token, then: vsekai settings set read-token FILE"
        }
        ErrorCode::NotFound => "See what the server offers with: vsekai channel list",
        _ => return None,
    })
}

impl From<PublishError> for CliError {
    fn from(error: PublishError) -> Self {
        use vsekai_publish::PublishErrorKind::{Cancelled, Disk, Server};
        let kind = error.kind();
        let hint = match kind {
            Cancelled => Some("Nothing was published, and what was sent is kept on the server"),
            _ => error.hint(),
        };
        Self {
            code: kind.as_str(),
            message: error.to_string(),
            hint: hint.map(str::to_owned),
            detail: causes(&error),
            retry: matches!(kind, Server | Disk | Cancelled),
            repair: false,
            exit: exit::of_publish(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_record_is_not_blamed_on_a_download() {
        let hint = hint_of_damage(EngineError::BadRecord {
            what: "record of starts".to_owned(),
            reason: "it is cut off".to_owned(),
        });
        assert!(hint.contains("in the install folder is damaged"), "{hint}");
        let hint = hint_of_damage(EngineError::LostRecord {
            what: "record of starts".to_owned(),
            reason: "it is cut off".to_owned(),
        });
        assert!(hint.contains("put aside"), "{hint}");
    }

    #[test]
    fn a_damaged_document_that_can_be_fetched_is_a_matter_for_repair() {
        let hint = hint_of_damage(EngineError::DamagedDocument {
            what: "list of files".to_owned(),
            reason: "it is cut off".to_owned(),
        });
        assert_eq!(hint, "Fetch what is damaged again with: vsekai repair");
    }

    fn hint_of_damage(error: EngineError) -> String {
        let damaged = CliError::from(error);
        assert_eq!(damaged.code, "damaged");
        assert!(!damaged.retry);
        damaged.hint.unwrap()
    }
}
