// SPDX-License-Identifier: MIT
//! Signed releases after The Update Framework (TUF).
//!
//! The crate's invariant: nothing is handed out that was not verified against the pinned root, and the
//! durable trusted state only ever moves from one complete verified state to a newer one.
//!
//! - [`names`]: where signed metadata and targets lie, and what they are called;
//! - [`client`]: what a player's side believes, and what it remembers;
//! - [`publisher`]: keys, the ceremony, and signing of releases and channels;
//! - [`online`]: the two roles a server signs by itself.

pub mod client;
pub mod error;
pub mod names;
pub mod online;
pub mod publisher;

pub use error::TrustError;
