// SPDX-License-Identifier: MIT
//! The server's half: it judges what publishers sign, and signs two roles by itself, snapshot and timestamp.
//!
//! Everything here is pure: texts and the time in, texts or a verdict out. The server holds no key that could
//! make or change a release; all it can do with its own is to say which versions of what others signed belong
//! together, and for how long that is to be believed.

mod change;
mod error;
mod metadata;
mod rules;
mod signing;

pub use change::{Applied, Change, ListedTarget, listed};
pub use error::ChangeError;
pub use metadata::{Metadata, Verified};
pub use rules::{SEQUENCE, SPEC_VERSION, sequence_of};
pub use signing::{OnlineTexts, Periods, check_online, sign_snapshot, sign_timestamp};
