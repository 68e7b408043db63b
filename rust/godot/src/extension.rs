// SPDX-License-Identifier: MIT
//! The entry point that Godot loads.

use godot::global::godot_error;
use godot::init::{ExtensionLibrary, InitStage, gdextension};

use crate::worker::{CLOSE_LIMIT, stop_all};

struct VSekaiExtension;

// SAFETY: the trait's only demand is on those who use the registered classes from outside Rust. Our own part,
// that no thread of ours calls into an unloaded library, is kept by `on_stage_deinit`.
#[gdextension]
unsafe impl ExtensionLibrary for VSekaiExtension {
    fn on_stage_deinit(stage: InitStage) {
        if stage == InitStage::MainLoop {
            let left = stop_all(CLOSE_LIMIT);
            if left > 0 {
                godot_error!("V-Sekai: {left} threads did not end in time");
            }
        }
    }
}
