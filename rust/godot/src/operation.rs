// SPDX-License-Identifier: MIT
//! What a player can ask for, carried out with the engine.

use std::sync::Arc;
use std::time::Duration;

use vsekai_engine::{CheckOutcome, EngineError, GameExit, LaunchEntry, LaunchOptions, RunningGame, Updater};
use vsekai_formats::release::Slug;

use crate::message::{Message, Operation};
use crate::shared::Shared;

/// An operation and what it needs to know.
#[derive(Clone, Debug)]
pub enum Command {
    /// Looks for an update.
    Check,
    /// Installs or updates.
    Update,
    /// Checks every installed byte.
    Verify,
    /// Fetches what is damaged.
    Repair,
    /// Makes the previous version the installed one.
    Rollback,
    /// Starts the game.
    Launch {
        /// Arguments after those of the release.
        arguments: Vec<String>,
        /// Whether to start the VR program.
        vr: bool,
    },
    /// Asks the server for the channels.
    ListChannels,
    /// Follows another channel from the next check on.
    SwitchChannel(Slug),
}

impl Command {
    /// Returns which operation it starts.
    pub fn operation(&self) -> Operation {
        match self {
            Self::Check => Operation::Check,
            Self::Update => Operation::Update,
            Self::Verify => Operation::Verify,
            Self::Repair => Operation::Repair,
            Self::Rollback => Operation::Rollback,
            Self::Launch { .. } => Operation::Launch,
            Self::ListChannels => Operation::ListChannels,
            Self::SwitchChannel(_) => Operation::SwitchChannel,
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
            if let CheckOutcome::UpToDate { .. } = updater.check().await? {
                shared.set_offered(None);
            }
        }
        Command::Update => {
            updater.update().await?;
            shared.set_offered(None);
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
            updater.rollback().await?;
        }
        Command::Launch { arguments, vr } => launch(&updater, shared, arguments, vr)?,
        Command::ListChannels => list_channels(&updater, &shared).await?,
        Command::SwitchChannel(name) => {
            updater.switch_channel(&name).await?;
            shared.set_offered(None);
        }
    }
    Ok(())
}

/// Starts the game and leaves a task behind that tells when it ends.
fn launch(
    updater: &Updater,
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
    tokio::spawn(watch(game, shared));
    Ok(())
}

/// Asks now and then whether the game has ended, instead of waiting: a wait cannot be given up when the
/// launcher quits before the game.
async fn watch(mut game: RunningGame, shared: Arc<Shared>) {
    let exit = loop {
        match game.try_wait() {
            Ok(Some(exit)) => break exit,
            Ok(None) => tokio::time::sleep(GAME_POLL).await,
            Err(_) => {
                break GameExit {
                    code: None,
                    signal: None,
                    crashed: true,
                };
            }
        }
    };
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
