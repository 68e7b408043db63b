// SPDX-License-Identifier: MIT
//! `channel`, which V-Sekai's records call `mode`.

use serde_json::json;
use vsekai_formats::release::Platform;

use super::{Context, Finish};
use crate::args::{ChannelCommand, GlobalArgs};
use crate::error::CliError;

/// Shows or changes the channel.
pub(super) async fn run(
    context: &Context,
    global: &GlobalArgs,
    command: ChannelCommand,
) -> Result<Finish, CliError> {
    let updater = context.open(global)?;
    match command {
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
