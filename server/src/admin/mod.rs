// SPDX-License-Identifier: MIT
//! The admin page, without HTTP: who is logged in, what is shown, and how.
//!
//! Pages are plain HTML and work without scripts. They show what the service layer tells the token that somebody
//! logged in with, so nobody sees or does more here than with the same token elsewhere.

pub mod attempts;
pub mod session;
pub mod view;

pub use attempts::Attempts;
pub use session::Sessions;
