// SPDX-License-Identifier: MIT
//! Looking after an install: its versions, its place on the disk, its end.

use std::path::Path;

use crate::error::EngineError;
use crate::event::Event;
use crate::lock::InstallLock;
use crate::pace::UnknownSurroundings;
use crate::policy::Wish;
use crate::record::{Current, InstalledVersion};
use crate::relocate::{self, MoveReport};
use crate::run::Run;
use crate::starts::StartLog;
use crate::state::Input;
use crate::status::{Done, RollbackOutcome};
use crate::trust;
use crate::uninstall::{self, UninstallReport, UserFiles};
use crate::updater::Updater;
use crate::verify::VerifyReport;
use crate::versions::{self, Removal, Sound, VersionView};

impl Updater {
    /// Lists the versions in the folder, the current one first, then the newest first.
    ///
    /// # Errors
    /// The folder's records are there but cannot be read.
    pub fn versions(&self) -> Result<Vec<VersionView>, EngineError> {
        versions::list(&self.paths)
    }

    /// Makes the previous version the current one again, without the network unless documents of it are damaged: those
    /// are fetched again first.
    ///
    /// # Errors
    /// There is no previous version, files of it are damaged or missing ([`EngineError::DamagedVersion`]), or its damaged
    /// documents cannot be fetched; nothing was changed.
    pub async fn rollback(&self) -> Result<RollbackOutcome, EngineError> {
        self.go_back(None).await
    }

    /// Does the same with any version in the folder, named by its label or by its folder.
    ///
    /// # Errors
    /// As there, or there is no such version.
    pub async fn rollback_to(&self, which: &str) -> Result<RollbackOutcome, EngineError> {
        self.go_back(Some(which)).await
    }

    /// Removes a version beside the current one, named by its label or by its folder.
    ///
    /// Its folder goes at once, or as soon as no game runs from it any more.
    ///
    /// # Errors
    /// There is no such version, or it is the current one.
    pub async fn remove_version(&self, which: &str) -> Result<Removal, EngineError> {
        let _one = self.one_at_a_time.lock().await;
        self.begin()?;
        let removed = tokio::task::block_in_place(|| {
            let _lock = InstallLock::take(&self.paths)?;
            versions::remove(&self.paths, which)
        });
        self.told(removed)
    }

    /// Checks everything about the installed version but the bytes of its files; reads none of them.
    ///
    /// # Errors
    /// Nothing is installed, or its records are damaged; damaged files are no error but in the report.
    pub async fn verify_quick(&self) -> Result<VerifyReport, EngineError> {
        let _one = self.one_at_a_time.lock().await;
        self.session()?;
        let report = self.told(tokio::task::block_in_place(|| self.quick_report()))?;
        self.machine.tell(Event::Verified(report.clone()));
        Ok(report)
    }

    /// Removes the install: its versions, its records, and nothing that is not the engine's.
    ///
    /// The updater is of no more use until something is installed again.
    ///
    /// # Errors
    /// A game runs from it, another launcher works on it, or the player's files cannot be kept. What was not
    /// removed is removed by calling again.
    pub async fn uninstall(&self, user_files: UserFiles) -> Result<UninstallReport, EngineError> {
        let _one = self.one_at_a_time.lock().await;
        self.begin()?;
        self.told(tokio::task::block_in_place(|| {
            uninstall::uninstall(&self.paths, user_files)
        }))
    }

    /// Moves the install to the folder `to`, which must be empty or not there, on this disk or another one.
    ///
    /// Afterwards this updater's folder holds nothing but a note of where the install went; open another updater.
    ///
    /// # Errors
    /// A game runs from it, another launcher works on it, there is no room, files are damaged, or the player
    /// cancelled. The install is complete at its old place or, if only tidying up failed, at its new one.
    pub async fn move_to(&self, to: &Path) -> Result<MoveReport, EngineError> {
        let _one = self.one_at_a_time.lock().await;
        let session = self.begin()?;
        self.told(tokio::task::block_in_place(|| {
            relocate::relocate(&self.paths, to, &session)
        }))
    }

    /// Installs what the channel offers, with every file and part of a file that `folder` has already.
    ///
    /// The folder, which may be any copy of the game, is read and never changed. What it has where the release leaves
    /// the place to the player is copied; what it has beyond that and the game stays there.
    ///
    /// # Errors
    /// Something is installed already, the folder cannot be read, or the installation fails as an update can.
    pub async fn adopt(&self, folder: &Path) -> Result<Done, EngineError> {
        let _one = self.one_at_a_time.lock().await;
        let session = self.begin()?;
        let adopted = async {
            if let Some(current) = Current::load(&self.paths)? {
                return Err(EngineError::InvalidInput(format!(
                    "{} is installed in {} already",
                    current.current.version,
                    self.config.root.display()
                )));
            }
            self.machine.apply(Input::Check)?;
            let settings = self.settings()?;
            let (address, mut title, pointer) = self.pointer(&session, &settings).await?;
            let Some(release) = pointer.offer_for(&self.install).cloned() else {
                let what = trust::not_offered(&settings);
                return Err(EngineError::NotOffered { what });
            };
            let (offer, documents) = self
                .offer(&session, &settings, &address, &mut title, &release)
                .await?;
            let run = tokio::task::block_in_place(|| {
                Run::adopt(&self.config, &self.paths, offer, documents, folder, &session)
            })?;
            let newer = self.planned(run, settings, Some(title))?;
            self.execute(&session, newer, Wish::Player, &UnknownSurroundings)
                .await
        };
        let adopted = Box::pin(adopted).await;
        self.settle(adopted)
    }

    async fn go_back(&self, which: Option<&str>) -> Result<RollbackOutcome, EngineError> {
        let _one = self.one_at_a_time.lock().await;
        let session = self.begin()?;
        let rolled_back = async {
            let current = self.current()?;
            self.mend(&session, version_to_go_back_to(&current, which)?)
                .await?;
            tokio::task::block_in_place(|| -> Result<RollbackOutcome, EngineError> {
                let _lock = InstallLock::take(&self.paths)?;
                // Decided anew under the lock: somebody may have been quicker.
                let current = self.current()?;
                let to = version_to_go_back_to(&current, which)?;
                let sound = Sound::find(&self.paths, to)?;
                // The player wants it, so it gets a new chance.
                StartLog::change_if_there(&self.paths, |log| log.forgive(to))?;
                let outcome = versions::go_back(&self.paths, &self.machine, &current, &sound)?;
                self.machine.apply(Input::RollBack)?;
                Ok(outcome)
            })
        };
        let rolled_back = Box::pin(rolled_back).await;
        self.told(rolled_back)
    }

    fn quick_report(&self) -> Result<VerifyReport, EngineError> {
        let current = self.current()?;
        self.place_of(&current.current)?.quick_report()
    }
}

fn version_to_go_back_to<'a>(
    current: &'a Current,
    which: Option<&str>,
) -> Result<&'a InstalledVersion, EngineError> {
    match which {
        Some(which) => versions::find(current, which),
        None => current.previous.as_ref().ok_or(EngineError::NothingToRollBackTo),
    }
}
