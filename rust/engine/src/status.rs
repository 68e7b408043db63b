// SPDX-License-Identifier: MIT
//! What is installed, told without asking the network.

use std::path::PathBuf;

use serde::Serialize;
use vsekai_formats::release::{Platform, Slug, Version};

use crate::error::ErrorReport;
use crate::record::InstalledVersion;

/// An install folder at a glance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// The install folder.
    pub root: PathBuf,
    /// Base address of the update server, if one was ever named.
    pub server: Option<String>,
    /// The title.
    pub title: Option<Slug>,
    /// The channel followed.
    pub channel: Option<Slug>,
    /// The platform installed for.
    pub platform: Platform,
    /// What "Play" starts.
    pub installed: Option<InstalledVersion>,
    /// When that was installed, in seconds since 1970; 0 if that is not known.
    pub installed_at: u64,
    /// What a roll-back goes to.
    pub previous: Option<InstalledVersion>,
    /// What was wrong with a newer version that was given up for the installed one, if one was.
    pub gave_up: Option<String>,
    /// Release notes of the installed version, in Markdown.
    pub notes: String,
    /// Whether the installed version has a VR start program.
    pub has_vr: bool,
    /// Whether there is a token for the server's private channels.
    pub has_read_token: bool,
    /// Whether a game runs from this folder.
    pub game_running: bool,
    /// What the folder remembers and is damaged, cannot be read, or is a newer launcher's, each with what to do next;
    /// documents of the installed version too.
    pub damage: Vec<ErrorReport>,
}

/// A title's channels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelsView {
    /// The channel followed.
    pub current: Slug,
    /// Every channel of the title with the platforms it has builds for, by name.
    pub channels: Vec<ChannelView>,
}

/// One channel of a title.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelView {
    /// Its name.
    pub name: Slug,
    /// Platforms it has builds for.
    pub platforms: Vec<Platform>,
    /// Whether it has a build for this install's platform.
    pub available: bool,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum CheckOutcome {
    /// The channel offers what is installed.
    UpToDate {
        /// It.
        version: Version,
    },
    /// The channel offers something else.
    Available {
        /// What taking it would do.
        plan: crate::plan::PlanSummary,
    },
}

/// What an update did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum UpdateOutcome {
    /// Nothing: the channel offers what is installed.
    UpToDate {
        /// It.
        version: Version,
    },
    /// Nothing for now: the player's preferences hold it back, or want the player to be asked.
    HeldBack {
        /// What taking it would do.
        plan: crate::plan::PlanSummary,
        /// What they say.
        decision: crate::policy::Decision,
    },
    /// Something was installed where nothing was.
    Installed(Done),
    /// The installed version was replaced.
    Updated(Done),
}

/// Figures of an operation that put a version in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// The version now current.
    pub version: Version,
    /// The version current before, if any.
    pub from_version: Option<Version>,
    /// Bytes read from the network, documents included.
    pub network_bytes: u64,
    /// Bytes of chunks fetched, as served.
    pub chunk_bytes: u64,
    /// Chunks fetched.
    pub chunks: u64,
    /// Bytes that an earlier run had left ready, as served.
    pub resumed_bytes: u64,
    /// Bytes taken over from the installed version.
    pub reused_bytes: u64,
    /// Bytes of the new version.
    pub installed_bytes: u64,
    /// Files of the new version.
    pub files: u64,
}

/// What a repair did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RepairReport {
    /// Paths of the files that were damaged, in order.
    pub repaired: Vec<String>,
    /// What it took, if anything was damaged.
    pub done: Option<Done>,
}

/// What a roll-back, or going to any other version that is kept, did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RollbackOutcome {
    /// The version current before.
    pub from_version: Version,
    /// The version now current.
    pub version: Version,
    /// Whether that is the newer one of the two.
    pub newer: bool,
}
