// SPDX-License-Identifier: MIT
//! Publishing from the Godot editor, described in `docs/editor-plugin.md`: the class `VSekaiPublisher`, which the
//! dock in `addons/vsekai_publisher` talks to.
//!
//! The class holds no logic: it converts types and emits signals. What it talks to ([`desk`]) knows nothing of
//! Godot, because only the main thread may. Games never see this library: it is loaded by the dock alone.

mod desk;
mod export;
// The one `unsafe impl` of this library.
#[allow(unsafe_code)]
mod extension;
mod failure;
mod job;
mod lines;
mod local_server;
mod message;
mod player;
mod publisher;
mod releases;
mod target;
mod view;
