// SPDX-License-Identifier: MIT
//! `channel`, which V-Sekai's records call `mode`.

use serde_json::json;
use vsekai_formats::release::{ChannelPointer, Platform};
use vsekai_publish::{ChannelChange, Retirement, change_channel};

use super::publish::destination;
use super::{Context, Finish};
use crate::args::{ChannelCommand, ChannelSigningArgs, GlobalArgs};
use crate::error::CliError;
use crate::{options, passphrase};

/// Shows or changes the channel.
pub(super) async fn run(
    context: &Context,
    global: &GlobalArgs,
    command: ChannelCommand,
) -> Result<Finish, CliError> {
    if let Some((args, change)) = signed_change(&command) {
        return sign(context, global, args, &change).await;
    }
    if let ChannelCommand::Retire {
        versions,
        keep,
        signing,
    } = &command
    {
        let retirement = match keep {
            Some(newest) => Retirement::AllBut(*newest),
            None => Retirement::Versions(versions.clone()),
        };
        return retire(context, global, signing, &retirement).await;
    }
    let updater = context.open(global)?;
    match command {
        ChannelCommand::Promote { .. }
        | ChannelCommand::Retire { .. }
        | ChannelCommand::Withdraw { .. }
        | ChannelCommand::Pin { .. }
        | ChannelCommand::Unpin { .. }
        | ChannelCommand::Rollout { .. } => Err(CliError::internal("a signed change was not recognised")),
        ChannelCommand::List => {
            let view = updater.channels().await?;
            for channel in &view.channels {
                let mark = if channel.name == view.current { "*" } else { " " };
                let platforms: Vec<&str> = channel.platforms.iter().map(Platform::as_str).collect();
                context.output.line(&format!(
                    "{mark} {:<16} {}",
                    channel.name.as_str(),
                    platforms.join(" ")
                ));
            }
            Finish::ok(&view)
        }
        ChannelCommand::Current => {
            let channel = updater.status()?.channel;
            if let Some(channel) = &channel {
                context.output.line(channel.as_str());
            }
            Finish::ok(&json!({ "current": channel }))
        }
        ChannelCommand::Switch(args) => {
            let name = args.name.or(args.mode_name);
            let name = name.ok_or_else(|| CliError::usage("no channel is named"))?;
            updater.switch_channel(&name).await?;
            context.output.line(&format!(
                "Following {name}; \"vsekai update\" brings its newest version"
            ));
            Finish::ok(&json!({ "current": name }))
        }
    }
}

/// Returns what is to be changed for all players, who do not see the difference between that and a release.
fn signed_change(command: &ChannelCommand) -> Option<(&ChannelSigningArgs, ChannelChange)> {
    Some(match command {
        ChannelCommand::Promote {
            version,
            rollout,
            signing,
        } => {
            let (version, rollout) = (version.clone(), *rollout);
            (signing, ChannelChange::Promote { version, rollout })
        }
        ChannelCommand::Withdraw { version, signing } => {
            let version = version.clone();
            (signing, ChannelChange::Withdraw { version })
        }
        ChannelCommand::Pin { signing } => (signing, ChannelChange::Pin),
        ChannelCommand::Unpin { signing } => (signing, ChannelChange::Unpin),
        ChannelCommand::Rollout { percent, signing } => {
            (signing, ChannelChange::Rollout { percent: *percent })
        }
        ChannelCommand::Retire { .. }
        | ChannelCommand::List
        | ChannelCommand::Current
        | ChannelCommand::Switch(_) => return None,
    })
}

async fn sign(
    context: &Context,
    global: &GlobalArgs,
    args: &ChannelSigningArgs,
    change: &ChannelChange,
) -> Result<Finish, CliError> {
    let (title, channel) = (options::title(global)?, options::channel(global)?);
    let server = destination(context, global, &args.token)?;
    let folder = options::key_folder(&args.signing, &title, &context.surroundings)?;
    let signing = passphrase::signing(folder, &args.signing, &context.surroundings)?;
    let after = change_channel(&server, &signing, &title, &channel, args.platform, change).await?;
    context.lines(after.iter().map(describe));
    Finish::ok(&json!({ "title": title, "channel": channel, "pointers": after }))
}

async fn retire(
    context: &Context,
    global: &GlobalArgs,
    args: &ChannelSigningArgs,
    retirement: &Retirement,
) -> Result<Finish, CliError> {
    let (title, channel) = (options::title(global)?, options::channel(global)?);
    let server = destination(context, global, &args.token)?;
    let folder = options::key_folder(&args.signing, &title, &context.surroundings)?;
    let signing = passphrase::signing(folder, &args.signing, &context.surroundings)?;
    let retiring = vsekai_publish::retire(&server, &signing, &title, &channel, args.platform, retirement);
    let retired = retiring.await?;
    let lines = retired.iter().map(|release| {
        let (version, platform) = (&release.version, release.platform);
        format!("{channel} lists {version} for {platform} no more")
    });
    context.lines(lines);
    if retired.is_empty() {
        context.output.line("Nothing to retire");
    }
    Finish::ok(&json!({ "title": title, "channel": channel, "retired": retired }))
}

fn describe(pointer: &ChannelPointer) -> String {
    let mut line = format!(
        "{} offers {} for {}",
        pointer.channel, pointer.release.version, pointer.platform
    );
    if let Some(rollout) = &pointer.rollout {
        line += &format!(" to {} of the players", rollout.percent);
        if let Some(previous) = &rollout.previous {
            line += &format!(", {} to the others", previous.version);
        }
    }
    if pointer.pinned {
        line += ", pinned";
    }
    line
}
