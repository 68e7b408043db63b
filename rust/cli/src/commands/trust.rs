// SPDX-License-Identifier: MIT
//! `trust`: whose releases are believed.

use serde_json::json;

use super::{Context, Finish};
use crate::args::{GlobalArgs, TrustCommand};
use crate::error::CliError;

/// Shows or resets what is trusted, without the network.
pub(super) fn run(context: &Context, global: &GlobalArgs, command: TrustCommand) -> Result<Finish, CliError> {
    let updater = context.open(global)?;
    match command {
        TrustCommand::Show => {
            let trusted = updater.trusted()?;
            match &trusted {
                None => context.output.line("Nothing is trusted yet"),
                Some(trusted) => {
                    context
                        .output
                        .line(&format!("Root trusted first: {}", trusted.anchor));
                    context.lines(trusted.roles.iter().map(|role| {
                        format!(
                            "{:<16} version {:<6} valid until {}",
                            role.role, role.version, role.expires
                        )
                    }));
                }
            }
            Finish::ok(&json!({ "trusted": trusted }))
        }
        TrustCommand::Reset => {
            updater.reset_trust()?;
            context.output.line("Forgotten; the next check begins anew");
            Finish::ok(&json!({}))
        }
    }
}
