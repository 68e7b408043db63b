// SPDX-License-Identifier: MIT
//! What a player's side believes, and what it remembers.
//!
//! [`TrustedSet`] is the workflow of The Update Framework and touches nothing; [`refresh`] feeds it from a
//! server and [`TrustedState`] keeps what came out. What a caller gets is a [`VerifiedTitle`]: the channels,
//! pointers and manifests that the publisher signed, and nothing else.

mod anchor;
mod fetch;
mod set;
mod state;
mod title;
mod verify;

pub use anchor::Anchor;
pub use fetch::{Fetched, Folder, Repository, Target};
pub use set::{Announced, TrustedSet, Verified};
pub use state::{Remembered, RoleState, TrustedState};
pub use title::{ChannelTargets, Notice, TrustClient, VerifiedTitle};
