// SPDX-License-Identifier: MIT
//! Turns a folder into a published release.
//!
//! Three steps, each a function whose result is the input of the next:
//!
//! 1. [`scan()`] lists the folder and refuses what cannot be installed everywhere.
//! 2. [`build()`] reads every file once, cuts it into chunks and makes the release's documents.
//! 3. [`upload()`] sends what the server lacks, signs, and makes the release visible in one transaction.
//!
//! [`ceremony`] makes and changes the keys for that, [`channels`] changes what is offered to whom. Everything
//! is signed here, with keys that no server has.
//!
//! Invariant: nothing of a release is visible before every byte of it is on the server, and the same folder
//! gives the same bytes, whatever the machine, the number of processors or the order of the disk.

pub mod build;
pub mod ceremony;
pub mod channels;
pub mod error;
pub mod listing;
pub mod preview;
pub mod progress;
pub mod resources;
pub mod retire;
pub mod scan;
pub mod signing;
pub mod upload;

mod cut;
mod digest;
mod packer;
mod pointers;
mod program;
mod regions;
mod server;
mod source;
mod stream;
mod task;
mod view;

pub use build::{Release, ReleaseInfo, build};
pub use ceremony::{KeyChange, NewKey, TitleKeys, begin_title, change_keys, title_keys};
pub use channels::{ChannelChange, change_channel};
pub use error::{PublishError, PublishErrorKind};
pub use listing::{ListedRelease, list_releases};
pub use preview::{Preview, ReleaseDocuments, preview};
pub use progress::{Cancel, Observer, Phase, Progress, Unobserved};
pub use resources::{Change, ResourceChange, changed_resources};
pub use retire::{Retired, Retirement, retire};
pub use scan::{ScanOptions, ScannedTree, path_as_typed, scan};
pub use signing::Signing;
pub use upload::{Comparison, PublishReport, Server, compare, upload};
pub use view::read_root;
