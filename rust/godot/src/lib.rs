// SPDX-License-Identifier: MIT
//! The update engine as Godot classes, described in `docs/godot-api.md`: `VSekaiUpdater`, `VSekaiCli` and
//! `VSekaiInstanceLock`.
//!
//! The classes hold no logic: they convert types and emit signals. What they talk to ([`session`], [`worker`])
//! knows nothing of Godot, because only the main thread may.

mod cli;
mod command_line;
mod convert;
// The one `unsafe impl` of the project.
#[allow(unsafe_code)]
mod extension;
mod instance;
mod message;
mod operation;
mod outbox;
mod session;
mod shared;
mod text;
mod updater;
mod view;
mod worker;
