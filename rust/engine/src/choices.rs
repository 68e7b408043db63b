// SPDX-License-Identifier: MIT
//! The player's say: preferences, skipped and pinned versions, and updates that go by them.

use vsekai_formats::release::Version;

use crate::bearable;
use crate::error::EngineError;
use crate::pace::{self, Surroundings, UnknownSurroundings};
use crate::plan::PlanSummary;
use crate::policy::{Decision, Offered, Wish};
use crate::preferences::Preferences;
use crate::record::Current;
use crate::status::UpdateOutcome;
use crate::updater::Updater;

impl Updater {
    /// Returns what the player has decided for this folder; decisions that cannot be read count as none, which is
    /// told.
    pub fn preferences(&self) -> Preferences {
        bearable::tell_of_trouble(&self.paths, &self.machine);
        Preferences::load(&self.paths)
    }

    /// Sets a preference by its name, durably; a running download goes by it within a second.
    ///
    /// # Errors
    /// There is no such preference, it cannot be that, or it cannot be written down.
    pub fn set_preference(&self, name: &str, value: &str) -> Result<Preferences, EngineError> {
        self.change(|preferences| Ok(preferences.with(name, value)?))
    }

    /// Sets a preference, or all of them, to what they are at first; skipped and pinned versions stay.
    ///
    /// # Errors
    /// There is no such preference, or it cannot be written down.
    pub fn reset_preferences(&self, name: Option<&str>) -> Result<Preferences, EngineError> {
        self.change(|preferences| {
            Ok(match name {
                Some(name) => preferences.without(name)?,
                None => Preferences {
                    skipped: preferences.skipped.clone(),
                    pinned: preferences.pinned.clone(),
                    ..Preferences::default()
                },
            })
        })
    }

    /// Skips a version from now on, or no longer.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn skip(&self, version: &Version, skip: bool) -> Result<Preferences, EngineError> {
        self.change(|preferences| {
            Ok(match skip {
                true => preferences.skipping(version),
                false => preferences.not_skipping(version),
            })
        })
    }

    /// Takes nothing but `version` from now on, the installed one if none is named; returns which.
    ///
    /// # Errors
    /// None is named and nothing is installed, or it cannot be written down.
    pub fn pin(&self, version: Option<&Version>) -> Result<Version, EngineError> {
        let version = match version {
            Some(version) => version.clone(),
            None => self.current()?.current.version,
        };
        self.change(|preferences| Ok(preferences.pinning(Some(version.clone()))))?;
        Ok(version)
    }

    /// Takes any version again; returns the one that was pinned.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn unpin(&self) -> Result<Option<Version>, EngineError> {
        let before = self.preferences().pinned;
        self.change(|preferences| Ok(preferences.pinning(None)))?;
        Ok(before)
    }

    /// Says what the player's preferences make of a plan.
    pub fn decide(&self, plan: &PlanSummary, wish: Wish, surroundings: &dyn Surroundings) -> Decision {
        let offered = Offered {
            version: plan.version.clone(),
            download_bytes: plan.download_bytes,
            left_before: plan.left_before,
            failed_starts: plan.failed_starts,
        };
        let situation = pace::situation(&self.paths, surroundings);
        Preferences::load(&self.paths).decide(&offered, &situation, wish)
    }

    /// Brings the folder to what the channel offers, whatever the preferences say about that.
    ///
    /// # Errors
    /// Nothing was changed: the version installed before is still the current one.
    pub async fn update(&self) -> Result<UpdateOutcome, EngineError> {
        self.update_if(Wish::Player, &UnknownSurroundings, true).await
    }

    /// The same if the player's preferences allow it now; otherwise says what they say.
    ///
    /// An update that nobody asked for waits where it is while the preferences hold it back: in quiet hours, over
    /// a metered connection, while the game runs.
    ///
    /// # Errors
    /// Nothing was changed: the version installed before is still the current one.
    pub async fn update_by_policy(
        &self,
        wish: Wish,
        surroundings: &dyn Surroundings,
    ) -> Result<UpdateOutcome, EngineError> {
        self.update_if(wish, surroundings, false).await
    }

    fn change(
        &self,
        change: impl FnOnce(&Preferences) -> Result<Preferences, EngineError>,
    ) -> Result<Preferences, EngineError> {
        bearable::put_aside(&self.paths, &self.machine);
        Preferences::change(&self.paths, change)
    }

    pub(crate) fn current(&self) -> Result<Current, EngineError> {
        let current = Current::load(&self.paths)?;
        current.ok_or_else(|| EngineError::NotInstalled {
            path: self.config.root.clone(),
        })
    }
}
