// SPDX-License-Identifier: MIT
//! What a player can ask for, carried out with the engine.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use vsekai_engine::{
    CheckOutcome, EngineError, GameExit, LaunchEntry, LaunchOptions, RunningGame, UpdateOutcome, Updater,
    UserFiles, Wish,
};
use vsekai_formats::release::{Slug, Version};

use crate::message::Message;
use crate::shared::Shared;

/// An operation and what it needs to know.
#[derive(Clone, Debug)]
pub enum Command {
    /// Looks for an update; tells what the settings make of it.
    Check,
    /// Installs or updates.
    Update,
    /// The same if the settings allow it.
    UpdateBySettings,
    /// Checks every installed byte.
    Verify,
    /// Checks everything but the bytes.
    VerifyQuick,
    /// Fetches what is damaged.
    Repair,
    /// Makes the previous version the installed one.
    Rollback,
    /// Makes any version in the folder the installed one.
    RollbackTo(String),
    /// Skips a version from now on.
    SkipVersion(Version),
    /// Skips it no longer.
    UnskipVersion(Version),
    /// Takes no other version, the installed one if none is named.
    PinVersion(Option<Version>),
    /// Takes any version again.
    UnpinVersion,
    /// Lists the versions in the folder.
    ListVersions,
    /// Removes a version beside the installed one.
    RemoveVersion(String),
    /// Installs with what a copy of the game has already.
    Adopt(PathBuf),
    /// Moves the install.
    MoveTo(PathBuf),
    /// Removes the game.
    Uninstall(UserFiles),
    /// Starts the game.
    Launch {
        /// Arguments after those of the release.
        arguments: Vec<String>,
        /// Whether to start the VR program.
        vr: bool,
    },
    /// Keeps no token for private channels any more.
    ForgetReadToken,
    /// Asks the server for the channels.
    ListChannels,
    /// Follows another channel from the next check on.
    SwitchChannel(Slug),
}

impl Command {
    /// Returns the name of the method that starts it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Update => "update",
            Self::UpdateBySettings => "update_by_settings",
            Self::Verify => "verify",
            Self::VerifyQuick => "verify_quick",
            Self::Repair => "repair",
            Self::Rollback => "rollback",
            Self::RollbackTo(_) => "rollback_to",
            Self::SkipVersion(_) => "skip_version",
            Self::UnskipVersion(_) => "unskip_version",
            Self::PinVersion(_) => "pin_version",
            Self::UnpinVersion => "unpin_version",
            Self::ListVersions => "list_versions",
            Self::RemoveVersion(_) => "remove_version",
            Self::Adopt(_) => "adopt",
            Self::MoveTo(_) => "move_to",
            Self::Uninstall(_) => "uninstall",
            Self::Launch { .. } => "launch",
            Self::ForgetReadToken => "forget_read_token",
            Self::ListChannels => "list_channels",
            Self::SwitchChannel(_) => "switch_channel",
        }
    }
}

/// Carries out `command`; what it finds goes into `shared`.
///
/// # Errors
/// Those of the engine.
pub async fn perform(
    updater: Arc<Updater>,
    shared: Arc<Shared>,
    command: Command,
) -> Result<(), EngineError> {
    match command {
        Command::Check => {
            shared.network_known().await;
            match updater.check().await? {
                CheckOutcome::UpToDate { .. } => shared.set_offered(None),
                CheckOutcome::Available { plan } => {
                    let decision = updater.decide(&plan, Wish::Background, &*shared);
                    shared.messages.push(Message::Decided(decision));
                }
            }
        }
        Command::Update => {
            updater.update().await?;
            shared.set_offered(None);
        }
        Command::UpdateBySettings => {
            shared.network_known().await;
            match updater.update_by_policy(Wish::Background, &*shared).await? {
                UpdateOutcome::HeldBack { decision, .. } => {
                    shared.messages.push(Message::Decided(decision));
                }
                _ => shared.set_offered(None),
            }
        }
        Command::VerifyQuick => {
            let report = updater.verify_quick().await?;
            shared.messages.push(Message::Verified(report));
        }
        Command::Verify => {
            let report = updater.verify().await?;
            shared.messages.push(Message::Verified(report));
        }
        Command::Repair => {
            // A repair has a plan too, but it is no offer.
            shared.set_offering(false);
            let repaired = updater.repair().await;
            shared.set_offering(true);
            repaired?;
        }
        Command::Rollback => {
            let outcome = updater.rollback().await?;
            shared.messages.push(Message::Switched(outcome));
        }
        Command::RollbackTo(which) => {
            let outcome = updater.rollback_to(&which).await?;
            shared.messages.push(Message::Switched(outcome));
        }
        Command::SkipVersion(version) => {
            shared.choose(&updater, |updater| updater.skip(&version, true).map(drop))?;
        }
        Command::UnskipVersion(version) => {
            shared.choose(&updater, |updater| updater.skip(&version, false).map(drop))?;
        }
        Command::PinVersion(version) => {
            shared.choose(&updater, |updater| updater.pin(version.as_ref()).map(drop))?;
        }
        Command::UnpinVersion => {
            shared.choose(&updater, |updater| updater.unpin().map(drop))?;
        }
        Command::ListVersions => tell_versions(&updater, &shared)?,
        Command::RemoveVersion(which) => {
            updater.remove_version(&which).await?;
            tell_versions(&updater, &shared)?;
        }
        Command::Adopt(folder) => {
            updater.adopt(&folder).await?;
            shared.set_offered(None);
        }
        Command::MoveTo(folder) => {
            let report = updater.move_to(&folder).await?;
            shared.messages.push(Message::Moved(report));
        }
        Command::Uninstall(user_files) => {
            let report = updater.uninstall(user_files).await?;
            shared.set_offered(None);
            shared.messages.push(Message::Uninstalled(report));
        }
        Command::Launch { arguments, vr } => launch(&updater, shared, arguments, vr)?,
        Command::ForgetReadToken => tokio::task::block_in_place(|| updater.keep_read_token(None))?,
        Command::ListChannels => list_channels(&updater, &shared).await?,
        Command::SwitchChannel(name) => {
            updater.switch_channel(&name).await?;
            shared.set_offered(None);
        }
    }
    Ok(())
}

fn tell_versions(updater: &Updater, shared: &Shared) -> Result<(), EngineError> {
    let versions = tokio::task::block_in_place(|| updater.versions())?;
    shared.messages.push(Message::Versions(versions));
    Ok(())
}

/// Starts the game and leaves a task behind that tells when it ends.
fn launch(
    updater: &Arc<Updater>,
    shared: Arc<Shared>,
    arguments: Vec<String>,
    vr: bool,
) -> Result<(), EngineError> {
    let entry = if vr { LaunchEntry::Vr } else { LaunchEntry::Desktop };
    let options = LaunchOptions {
        entry,
        arguments,
        detach: true,
        ..LaunchOptions::default()
    };
    let game = tokio::task::block_in_place(|| updater.launch(&options))?;
    tokio::spawn(watch(game, updater.clone(), shared));
    Ok(())
}

/// Asks now and then whether the game has ended, instead of waiting: a wait cannot be given up when the
/// launcher quits before the game.
async fn watch(mut game: RunningGame, updater: Arc<Updater>, shared: Arc<Shared>) {
    let exit = loop {
        // What is learnt of a start is written down, which may wait for the disk.
        match tokio::task::block_in_place(|| game.try_wait()) {
            Ok(Some(exit)) => break exit,
            Ok(None) => tokio::time::sleep(GAME_POLL).await,
            Err(_) => {
                break GameExit {
                    code: None,
                    signal: None,
                    crashed: true,
                    seconds: 0,
                    crash_log: None,
                };
            }
        }
    };
    // A version that keeps failing may have been gone back from.
    if let Ok(status) = updater.status() {
        shared.set_status(&status);
    }
    shared.game_exited(exit);
}

async fn list_channels(updater: &Updater, shared: &Shared) -> Result<(), EngineError> {
    let view = updater.channels().await?;
    let names = view
        .channels
        .iter()
        .filter(|channel| channel.available || channel.name == view.current);
    let names = names.map(|channel| channel.name.to_string()).collect();
    shared.messages.push(Message::Channels {
        names,
        current: view.current.to_string(),
    });
    Ok(())
}

/// How often a running game is looked at.
const GAME_POLL: Duration = Duration::from_millis(200);
