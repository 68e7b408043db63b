// SPDX-License-Identifier: MIT
//! Small records whose loss is bearable: damaged, they count as not there, and their files are put aside.
//!
//! Reading changes nothing. Whoever is about to work on the folder or to start the game puts aside first, and says what
//! was lost.

use std::path::PathBuf;

use crate::disk;
use crate::error::EngineError;
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

    /// Says what holds in place of what was lost.
    const fn instead(self) -> &'static str {
        match self {
            Self::Preferences => "All settings are as they are at first",
            Self::Starts => "How earlier starts went is forgotten",
            Self::ReadToken => "Private channels need their read token again",
        }
    }

    /// Returns what is wrong with the record, if it is damaged.
    ///
    /// # Errors
    /// It cannot be read now.
    pub(crate) fn damage(self, paths: &InstallPaths) -> Result<Option<EngineError>, EngineError> {
        let read = match self {
            Self::Preferences => Preferences::read(paths).map(drop),
            Self::Starts => StartLog::read(paths).map(drop),
            Self::ReadToken => read_token::read(paths).map(drop),
        };
        match read {
            Ok(()) => Ok(None),
            Err(error @ EngineError::LostRecord { .. }) => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }

    /// Puts the record's file aside, durably, if it is damaged; returns what there is to say of that.
    fn put_aside(self, paths: &InstallPaths) -> Result<Option<String>, EngineError> {
        // What cannot be read now need not be damaged; that is told by whoever needs it.
        if !matches!(self.damage(paths), Ok(Some(_))) {
            return Ok(None);
        }
        let path = self.path(paths);
        let _turn = Turn::wait(&record::turns(&path))?;
        // Somebody may have been quicker.
        let Some(damage) = self.damage(paths)? else {
            return Ok(None);
        };
        let aside = disk::set_aside(&path)?;
        let (instead, aside) = (self.instead(), aside.display());
        Ok(Some(format!("{instead}: {damage}; the file is kept as {aside}")))
    }
}

/// Puts damaged records aside that an install can do without, and says what was lost with each.
pub(crate) fn put_aside(paths: &InstallPaths, machine: &Machine) {
    for record in Bearable::ALL {
        match record.put_aside(paths) {
            Ok(told) => tell(machine, told),
            // It counts as lost all the same.
            Err(error) => tell(machine, Some(format!("A record cannot be put aside: {error}"))),
        }
    }
}

/// Says what damaged records are going to be lost; changes nothing.
pub(crate) fn tell_of_damage(paths: &InstallPaths, machine: &Machine) {
    for record in Bearable::ALL {
        // What cannot be read now is told by whoever needs it.
        let damage = record.damage(paths).ok().flatten();
        tell(
            machine,
            damage.map(|damage| format!("{}: {damage}", record.instead())),
        );
    }
}

fn tell(machine: &Machine, message: Option<String>) {
    if let Some(message) = message {
        machine.notice("damaged-record", message);
    }
}
