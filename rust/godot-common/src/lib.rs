// SPDX-License-Identifier: MIT
//! What the GDExtensions share: [`worker`], threads that end before the library is unloaded; [`outbox`], the way
//! from them to the main thread; [`fields`] and [`text`], values that are safe to show; [`convert`], those values
//! as Godot's.
//!
//! Invariant: nothing but [`convert`] knows of Godot, because only the main thread may.

pub mod convert;
pub mod fields;
pub mod outbox;
pub mod text;
pub mod worker;
