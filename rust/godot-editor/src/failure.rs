// SPDX-License-Identifier: MIT
//! One form for every error: a stable name, a sentence, a way out, and details.

use vsekai_engine::error::causes;
use vsekai_engine::{EngineError, ErrorCode};
use vsekai_publish::PublishError;
use vsekai_server::StartError;
use vsekai_trust::publisher::KeyError;

/// An error as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A stable name of the kind.
    pub code: &'static str,
    /// One sentence without a full stop.
    pub message: String,
    /// What to do next, or nothing.
    pub hint: String,
    /// More, for a report.
    pub detail: String,
}

impl Failure {
    /// Something the developer typed or chose makes no sense.
    pub fn input(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            hint: hint.into(),
            ..Self::new(ErrorCode::InvalidInput, message)
        }
    }

    /// Nobody wants to go on.
    pub fn cancelled() -> Self {
        Self::new(ErrorCode::Cancelled, "cancelled")
    }

    /// A defect of this library.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Internal, message)
    }

    /// A program or server on this machine does not do what it should.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code: code.as_str(),
            message: message.into(),
            hint: String::new(),
            detail: String::new(),
        }
    }

    /// Tells whether somebody wanted it to end.
    pub fn is_cancelled(&self) -> bool {
        self.code == ErrorCode::Cancelled.as_str()
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        Self {
            code: error.kind().as_str(),
            message: error.to_string(),
            hint: hint(&error).unwrap_or_default().to_owned(),
            detail: causes(&error),
        }
    }
}

/// The way out where a player's token is missing or is not taken.
const TYPE_READ_TOKEN: &str = "Type the read token that players of this channel have";

/// The way out where a token is missing or is not taken.
pub const CHOOSE_TOKEN: &str = "Choose the file with the server's write token";

/// Hints that name fields of the dock, where those of the command line name its options.
fn hint(error: &PublishError) -> Option<&'static str> {
    Some(match error {
        PublishError::Unauthorized { .. } => CHOOSE_TOKEN,
        PublishError::NotBegun { .. } | PublishError::NoRoot { .. } => {
            "Choose the folder of the title's keys. A title begins with: vsekai keys init"
        }
        PublishError::VersionExists { .. } => "Published versions never change; give the build a new version",
        PublishError::Key(KeyError::PassphraseNeeded { .. }) => "Type the passphrase of the keys",
        PublishError::Key(KeyError::TooFewKeys { .. }) => {
            "Choose the folder that holds the keys of this channel"
        }
        PublishError::NoProgram { .. } | PublishError::AmbiguousProgram { .. } => {
            "Choose the preset whose build is to be published, and export again"
        }
        other => return other.hint(),
    })
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let report = error.report();
        let hint = match report.code {
            ErrorCode::Private => TYPE_READ_TOKEN.to_owned(),
            _ => report.hint.unwrap_or_default(),
        };
        Self {
            code: report.code.as_str(),
            message: report.message,
            hint,
            detail: report.detail,
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self {
            hint: "Another editor may use the same server; stop it there, or choose another title".to_owned(),
            detail: causes(&error),
            ..Self::new(
                ErrorCode::Server,
                format!("the local server does not start: {error}"),
            )
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(ErrorCode::Disk, error.to_string())
    }
}
