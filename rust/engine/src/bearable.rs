// SPDX-License-Identifier: MIT
//! Small records whose loss is bearable: while they cannot be read they count as not there, and never stop a start of the
//! game.
//!
//! Reading changes nothing. Whoever is about to work on the folder or to start the game puts damaged ones aside first, and
//! says what was lost. One that only cannot be read now stays where it is: whoever would have to write over it fails.

use std::path::PathBuf;

use crate::disk;
use crate::error::EngineError;
use crate::event::NoticeCode;
use crate::lock::Turn;
use crate::paths::InstallPaths;
use crate::preferences::Preferences;
use crate::read_token;
use crate::record;
use crate::session::Machine;
use crate::starts::StartLog;

/// A record that an install can do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bearable {
    Preferences,
    Starts,
    ReadToken,
}

impl Bearable {
    pub(crate) const ALL: [Self; 3] = [Self::Preferences, Self::Starts, Self::ReadToken];

    fn path(self, paths: &InstallPaths) -> PathBuf {
        match self {
            Self::Preferences => paths.preferences(),
            Self::Starts => paths.start_log(),
            Self::ReadToken => paths.read_token(),
        }
    }

    /// Says what holds in place of what cannot be read.
    const fn instead(self) -> &'static str {
        match self {
            Self::Preferences => "All settings are as they are at first",
            Self::Starts => "How earlier starts went is not known",
            Self::ReadToken => "Private channels need their read token again",
        }
    }

    /// Returns why the record cannot be read: [`EngineError::LostRecord`] if it is damaged.
    pub(crate) fn trouble(self, paths: &InstallPaths) -> Option<EngineError> {
        let read = match self {
            Self::Preferences => Preferences::read(paths).map(drop),
            Self::Starts => StartLog::read(paths).map(drop),
            Self::ReadToken => read_token::read(paths).map(drop),
        };
        read.err()
    }

    /// Says what holds while the record cannot be read, and why.
    fn tell(self, trouble: &EngineError, machine: &Machine) {
        let code = match trouble {
            EngineError::LostRecord { .. } => NoticeCode::DamagedRecord,
            _ => NoticeCode::UnreadRecord,
        };
        machine.notice(code, format!("{}: {trouble}", self.instead()));
    }

    /// Puts the record's file aside, durably, if it is damaged; returns where it is kept.
    fn put_aside(self, paths: &InstallPaths) -> Result<Option<PathBuf>, EngineError> {
        let path = self.path(paths);
        let _turn = Turn::wait(&record::turns(&path))?;
        // Somebody may have been quicker.
        match self.trouble(paths) {
            Some(EngineError::LostRecord { .. }) => disk::set_aside(&path).map(Some),
            _ => Ok(None),
        }
    }
}

/// Puts damaged records aside that an install can do without, and says what was lost with each, or cannot be read now.
pub(crate) fn put_aside(paths: &InstallPaths, machine: &Machine) {
    for record in Bearable::ALL {
        let Some(trouble) = record.trouble(paths) else {
            continue;
        };
        if !matches!(trouble, EngineError::LostRecord { .. }) {
            record.tell(&trouble, machine);
            continue;
        }
        let message = match record.put_aside(paths) {
            Ok(Some(aside)) => {
                let (instead, aside) = (record.instead(), aside.display());
                format!("{instead}: {trouble}; the file is kept as {aside}")
            }
            Ok(None) => continue,
            // It counts as lost all the same.
            Err(error) => format!("A record cannot be put aside: {error}"),
        };
        machine.notice(NoticeCode::DamagedRecord, message);
    }
}

/// Says which records cannot be read, and what holds in their place; changes nothing.
pub(crate) fn tell_of_trouble(paths: &InstallPaths, machine: &Machine) {
    for record in Bearable::ALL {
        if let Some(trouble) = record.trouble(paths) {
            record.tell(&trouble, machine);
        }
    }
}
