// SPDX-License-Identifier: MIT
//! Chunks and documents over HTTP and HTTPS.
//!
//! Everything that arrives is counted while it is read and has a hard limit. Passing failures (a broken
//! connection, a cut-off body, status 429 or 5xx) are tried again by [`RetryPolicy`](crate::RetryPolicy).
//! Credentials go to the origin they were given for and nowhere else.

mod address;
pub(crate) mod answer;
pub mod batch;
mod body;
mod call;
mod client;
mod options;
mod origin;
mod store;

pub use address::OriginError;
pub use batch::{HttpBatch, HttpBatches};
pub use call::{HttpAnswer, HttpCall};
pub use options::{Auth, HttpOptions, ProxyChoice, Secret, ServerTrust};
pub use origin::HttpOrigin;
pub use reqwest::{Method, StatusCode};
pub use store::HttpStore;
