// SPDX-License-Identifier: MIT
//! The exit codes, a contract with scripts: `vsekai --help` and `docs/cli.md` list them.

use vsekai_engine::ErrorCode;
use vsekai_publish::PublishErrorKind;

/// Done, or nothing to do.
pub const OK: u8 = 0;
/// Failed for a reason without a code of its own.
pub const FAILURE: u8 = 1;
/// The command line makes no sense.
pub const USAGE: u8 = 2;
/// The server cannot be reached, refuses, or does not have it.
pub const SERVER: u8 = 3;
/// The release or the installed files are damaged or were refused.
pub const DAMAGED: u8 = 4;
/// Not enough space.
pub const DISK_FULL: u8 = 5;
/// Another launcher is working on the same install, or the game runs.
pub const LOCKED: u8 = 6;
/// Nothing is installed, or there is nothing to go back to.
pub const NOT_INSTALLED: u8 = 7;
/// The disk or its permissions do not allow it.
pub const DISK: u8 = 8;
/// The game did not start.
pub const LAUNCH: u8 = 9;
/// An update is available (`check --exit-code`).
pub const UPDATE_AVAILABLE: u8 = 10;
/// The game ended with an error (`launch --wait`).
pub const GAME_FAILED: u8 = 11;
/// Cancelled by the player.
pub const CANCELLED: u8 = 130;

/// Returns the exit code for an error of the engine.
pub fn of_engine(code: ErrorCode) -> u8 {
    match code {
        ErrorCode::Offline
        | ErrorCode::Server
        | ErrorCode::Refused
        | ErrorCode::Private
        | ErrorCode::NotFound => SERVER,
        ErrorCode::Damaged
        | ErrorCode::DamagedVersion
        | ErrorCode::Untrusted
        | ErrorCode::Expired
        | ErrorCode::RolledBack
        | ErrorCode::Clock
        | ErrorCode::TrustState
        | ErrorCode::WrongPlatform
        | ErrorCode::BadRelease
        | ErrorCode::LauncherTooOld => DAMAGED,
        ErrorCode::DiskFull => DISK_FULL,
        ErrorCode::Locked | ErrorCode::GameRunning => LOCKED,
        ErrorCode::NotInstalled | ErrorCode::NoPrevious => NOT_INSTALLED,
        ErrorCode::Permission | ErrorCode::Disk => DISK,
        ErrorCode::Launch => LAUNCH,
        ErrorCode::InvalidInput => USAGE,
        ErrorCode::Cancelled => CANCELLED,
        ErrorCode::Internal => FAILURE,
    }
}

/// Returns the exit code for an error of publishing.
pub fn of_publish(kind: PublishErrorKind) -> u8 {
    match kind {
        PublishErrorKind::Usage => USAGE,
        PublishErrorKind::Input => DAMAGED,
        PublishErrorKind::Server | PublishErrorKind::Refused => SERVER,
        PublishErrorKind::Disk => DISK,
        PublishErrorKind::Cancelled => CANCELLED,
        PublishErrorKind::Internal => FAILURE,
    }
}
