// SPDX-License-Identifier: MIT
//! The update engine as Godot classes, described in `docs/godot-api.md`: `VSekaiUpdater`, `VSekaiCli` and
//! `VSekaiInstanceLock`.
//!
//! The classes hold no logic: they convert types and emit signals. What they talk to ([`session`])
//! knows nothing of Godot, because only the main thread may.

mod cli;
mod command_line;
// The one `unsafe impl` of this library.
#[allow(unsafe_code)]
mod extension;
mod instance;
mod message;
mod network;
mod operation;
mod session;
mod shared;
mod updater;
mod view;

use vsekai_godot_common::{convert, fields, outbox, text, worker};
