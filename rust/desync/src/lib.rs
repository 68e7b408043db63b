// SPDX-License-Identifier: MIT
//! The commands of desync on V-Sekai's formats and stores.
//!
//! [`run`] does one command with desync's names, flags and outputs. The library prints only to the streams it
//! is given and never ends the process. A command that is interrupted or fails is an error, publishes nothing
//! incomplete, and leaves behind only whole chunks.

pub mod args;
pub mod env;
pub mod error;

mod assemble;
mod behind;
mod clone;
mod commands;
mod files;
mod progress;
mod recent;
mod seeds;
mod session;
mod transfer;
mod tree;
mod writer;

pub use args::{DesyncArgs, DesyncCli, DesyncCommand};
pub use env::{Cancel, Env};
pub use error::DesyncError;
pub use session::{Session, read_small};

/// Does one command.
///
/// Needs a Tokio runtime with time and I/O. [`Cancel::cancel`] makes it return soon.
///
/// # Errors
/// The command did not do all it was asked for; [`DesyncError::exit_code`] is what to exit with.
pub async fn run(args: DesyncArgs, mut env: Env) -> Result<(), DesyncError> {
    let cancel = env.cancel.clone();
    let work = async move {
        let session = Session::new(args.config.clone(), args.digest.into(), &env)?;
        commands::run(args, &session, &mut env).await
    };
    let outcome = tokio::select! {
        outcome = work => outcome,
        () = cancel.cancelled() => Err(DesyncError::Interrupted),
    };
    match cancel.is_cancelled() && outcome.is_err() {
        true => Err(DesyncError::Interrupted),
        false => outcome,
    }
}
