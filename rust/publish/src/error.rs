// SPDX-License-Identifier: MIT
//! What can go wrong with a publication, in words a publisher can act on.

use std::path::PathBuf;

use vsekai_formats::name::NameError;
use vsekai_formats::release::{Platform, ProgramFormat, Slug, Version};
use vsekai_formats::user_paths::UserPathError;
use vsekai_store::StoreError;
use vsekai_trust::TrustError;
use vsekai_trust::publisher::KeyError;

use crate::server::{PUBLISH_RELEASE, UPLOAD_CHUNK};

/// A failed publication. Nothing of it is visible to players.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// A file operation failed; the source names the path.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// The file error, with its path.
        source: std::io::Error,
    },
    /// The folder to publish is not a folder.
    #[error("{} is not a folder", path.display())]
    NotAFolder {
        /// The path given.
        path: PathBuf,
    },
    /// A name is not text.
    #[error("the name of {} is not valid Unicode", path.display())]
    NotUnicode {
        /// The file or folder, as far as it can be shown.
        path: PathBuf,
    },
    /// A name or link that not every system can hold safely.
    #[error("{0}")]
    BadName(#[from] NameError),
    /// A link that leads out of the folder.
    #[error("\"{path}\" links to \"{target}\", which is not certain to lie inside the folder")]
    BadLink {
        /// The link, below the folder.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// A socket, device or pipe.
    #[error("\"{path}\" is {what}; only files, folders and links can be published")]
    SpecialFile {
        /// Path inside the folder.
        path: String,
        /// What it is, with article.
        what: &'static str,
    },
    /// A link in a build for a system whose players may not create links.
    #[error("\"{path}\" is a symbolic link, and Windows lets only administrators create those")]
    LinkOnWindows {
        /// Path inside the folder.
        path: String,
    },
    /// Something that cannot be left to the player.
    #[error(transparent)]
    UserPath(#[from] UserPathError),
    /// There is no file to publish.
    #[error("{} holds no files; publishing it would empty every player's install", path.display())]
    EmptyTree {
        /// The folder.
        path: PathBuf,
    },
    /// The program named on the command line is not there.
    #[error("the start program \"{path}\" is not among the files of {}", root.display())]
    MissingProgram {
        /// The program named.
        path: String,
        /// The folder.
        root: PathBuf,
    },
    /// The start program is for another system.
    #[error("\"{path}\" is {found}, but the build is for {expected}")]
    WrongPlatform {
        /// The program.
        path: String,
        /// What its first bytes say.
        found: ProgramFormat,
        /// The platform published for.
        expected: Platform,
    },
    /// No file looks like the start program.
    #[error("no start program for {expected} was found in {}{}", root.display(), describe_others(others))]
    NoProgram {
        /// The folder.
        root: PathBuf,
        /// The platform published for.
        expected: Platform,
        /// Programs for other systems that were found instead.
        others: Vec<(String, ProgramFormat)>,
    },
    /// More than one file could be the start program.
    #[error("several files could be the start program: {}", quote_all(candidates))]
    AmbiguousProgram {
        /// Their paths.
        candidates: Vec<String>,
    },
    /// A file is not what it was when the folder was scanned.
    #[error("\"{path}\" changed while it was being published")]
    Changed {
        /// Path inside the folder.
        path: String,
    },
    /// A document is larger than clients read.
    #[error("the release is too large: its {what} takes {bytes} bytes, and clients read at most {limit}")]
    TooLarge {
        /// Which document.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The address of the server is not one.
    #[error("the server's address cannot be used: {reason}")]
    BadServer {
        /// What is wrong with it.
        reason: String,
    },
    /// The server did not answer.
    #[error("cannot {action}: {reason}")]
    Unreachable {
        /// What was being done.
        action: &'static str,
        /// What the network said.
        reason: String,
    },
    /// The server answered, however often it was asked, that it cannot do it now: it is busy or has trouble.
    #[error("cannot {action} at the moment: {reason}")]
    Unavailable {
        /// What was being done.
        action: &'static str,
        /// What the server said.
        reason: String,
    },
    /// The server refuses the token.
    #[error("cannot {action}: the server does not accept the token ({reason})")]
    Unauthorized {
        /// What was being done.
        action: &'static str,
        /// What the server said.
        reason: String,
    },
    /// The server refuses for a reason of its own.
    #[error("cannot {action}: the server refused with status {status} ({reason})")]
    Refused {
        /// What was being done.
        action: &'static str,
        /// The HTTP status.
        status: u16,
        /// What the server said.
        reason: String,
    },
    /// The server's answer makes no sense.
    #[error("cannot {action}: the server's answer is not valid ({reason})")]
    BadAnswer {
        /// What was being done.
        action: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The version is published already, with another content.
    #[error("version {version} for {platform} is published already with {difference}")]
    VersionExists {
        /// The version.
        version: Version,
        /// The platform.
        platform: Platform,
        /// In what it differs.
        difference: &'static str,
    },
    /// Someone else published in the meantime.
    #[error("another version for {platform} was published at the same time")]
    Overtaken {
        /// The platform.
        platform: Platform,
    },
    /// The server keeps losing chunks.
    #[error("the server still lacks {count} chunks after they were uploaded")]
    ChunksLost {
        /// How many.
        count: usize,
    },
    /// A key, or what would be signed with it.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What the server says is signed is refused.
    #[error("what the server says is signed cannot be believed: {0}")]
    Trust(#[source] TrustError),
    /// Nothing is signed for the title yet.
    #[error("nothing is signed for {title} on this server yet")]
    NotBegun {
        /// The title.
        title: Slug,
    },
    /// The title has begun, with other keys.
    #[error("{title} has begun on this server already, with other keys than those in the folder")]
    BegunAlready {
        /// The title.
        title: Slug,
    },
    /// The folder of keys has no root to verify with.
    #[error("there is no root in {}", path.display())]
    NoRoot {
        /// The file that it would be.
        path: PathBuf,
    },
    /// There is no such channel.
    #[error("there is no channel {channel}; the title has {}", names(there))]
    NoChannel {
        /// The channel.
        channel: Slug,
        /// Those there are.
        there: Vec<Slug>,
    },
    /// A channel that offers nothing.
    #[error("channel {channel} offers nothing{}", for_platform(platform))]
    EmptyChannel {
        /// The channel.
        channel: Slug,
        /// The platform, if one was asked for.
        platform: Option<Platform>,
    },
    /// No channel lists such a release.
    #[error("no version {version} is published{}", for_platform(platform))]
    NoRelease {
        /// The version.
        version: Version,
        /// The platform, if one was asked for.
        platform: Option<Platform>,
    },
    /// A release cannot be listed no more while it, or an older one, is what a channel offers.
    #[error("version {version} is what {channel} offers, or newer than that")]
    StillOffered {
        /// The channel.
        channel: Slug,
        /// The release.
        version: Version,
    },
    /// Taking a release back would leave nothing.
    #[error("{version} cannot be taken back: channel {channel} has no other release to offer")]
    NothingLeft {
        /// The channel.
        channel: Slug,
        /// The release.
        version: Version,
    },
    /// Someone else kept changing the same.
    #[error("what is signed was changed by someone else at the same time")]
    ChangedMeanwhile,
    /// A chunk store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The publisher cancelled.
    #[error("cancelled")]
    Cancelled,
    /// A defect of this program.
    #[error("internal error: {0}")]
    Internal(String),
}

/// What kind of thing went wrong, for exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishErrorKind {
    /// The caller named something that is not there or cannot be.
    Usage,
    /// The folder cannot be published as it is.
    Input,
    /// The server cannot be reached or failed.
    Server,
    /// The server refused.
    Refused,
    /// The local disk failed.
    Disk,
    /// The publisher cancelled.
    Cancelled,
    /// A defect of this program.
    Internal,
}

impl PublishErrorKind {
    /// Returns its name for programs; the update engine gives the same kinds the same names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "invalid-input",
            Self::Input => "bad-release",
            Self::Server => "server",
            Self::Refused => "refused",
            Self::Disk => "disk",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

impl PublishError {
    /// Returns what kind of thing went wrong.
    pub fn kind(&self) -> PublishErrorKind {
        use PublishErrorKind::{Cancelled, Disk, Input, Internal, Refused, Server, Usage};
        match self {
            Self::NotAFolder { .. }
            | Self::MissingProgram { .. }
            | Self::UserPath(_)
            | Self::BadServer { .. }
            | Self::NoRoot { .. }
            | Self::NoChannel { .. }
            | Self::EmptyChannel { .. }
            | Self::NoRelease { .. }
            | Self::NothingLeft { .. }
            | Self::StillOffered { .. } => Usage,
            Self::Io { .. } | Self::Key(KeyError::Io { .. }) => Disk,
            Self::Key(_) => Usage,
            Self::Trust(TrustError::Io { .. } | TrustError::DiskFull { .. }) => Disk,
            Self::Trust(_) | Self::NotBegun { .. } | Self::BegunAlready { .. } | Self::ChangedMeanwhile => {
                Refused
            }
            Self::Unreachable { .. }
            | Self::Unavailable { .. }
            | Self::BadAnswer { .. }
            | Self::ChunksLost { .. } => Server,
            Self::Unauthorized { .. }
            | Self::Refused { .. }
            | Self::VersionExists { .. }
            | Self::Overtaken { .. } => Refused,
            Self::Store(StoreError::Io { .. }) => Disk,
            Self::Store(StoreError::Refused { .. }) => Refused,
            Self::Store(_) => Server,
            Self::Cancelled => Cancelled,
            Self::Internal(_) => Internal,
            _ => Input,
        }
    }

    /// Returns what the publisher can do next, one sentence without a full stop.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::MissingProgram { .. } => {
                "Give the path as it stands below the folder, with / between names"
            }
            Self::NoProgram { others, .. } if !others.is_empty() => {
                "Choose the --platform these programs are for, or name the right one with --program PATH"
            }
            Self::NoProgram { .. } | Self::AmbiguousProgram { .. } => {
                "Name the start program with --program PATH"
            }
            Self::WrongPlatform { .. } => "Check that the right export was put into the folder",
            Self::BadName(_) => "Rename it; players on every system must be able to hold the file",
            Self::BadLink { .. } => {
                "Use a relative link that leads straight to a file or folder of the build"
            }
            Self::UserPath(_) => "Name a folder or file that holds nothing but what players change",
            Self::LinkOnWindows { .. } => "Put a copy of the file in its place",
            Self::SpecialFile { .. } => "Remove it from the folder",
            Self::EmptyTree { .. } => "Check that the export was written to this folder",
            Self::Changed { .. } => "Wait until nothing writes to the folder, then publish again",
            Self::Unauthorized { .. } => "Give the server's write token with --token-file or VSEKAI_TOKEN",
            Self::NotBegun { .. } => "Begin the title with: vsekai keys init",
            Self::BegunAlready { .. } => "Use the folder of keys that the title began with, or another title",
            Self::NoRoot { .. } => {
                "Name the folder of the title's keys with --keys DIR, or begin the title with: vsekai keys init"
            }
            Self::NoChannel { .. } => "Whoever has the targets key adds one with: vsekai keys delegate NAME",
            Self::StillOffered { .. } => "Promote or publish a newer release first",
            Self::ChangedMeanwhile => "Do it again; what others signed is taken into account then",
            Self::Key(KeyError::PassphraseNeeded { .. }) => {
                "Give the passphrase with --passphrase-env NAME or --passphrase-fd N"
            }
            Self::Key(KeyError::TooFewKeys { .. }) => {
                "Name the folder that holds them with --keys DIR; \"vsekai keys show\" lists whose keys there are"
            }
            Self::Trust(TrustError::State { .. }) => {
                "If you know why, remove the folder \"trusted\" of your keys; what is signed is then verified anew \
                 from root.json on"
            }
            Self::VersionExists { .. } => "Published versions never change; choose a new --version",
            Self::Overtaken { .. } | Self::ChunksLost { .. } => {
                "Publish again; what was uploaded is kept on the server"
            }
            Self::Unreachable { action, .. } if is_upload(action) => {
                "Check the server address and the network, then publish again; what was uploaded is kept"
            }
            Self::Unreachable { .. } | Self::Store(StoreError::Unreachable { .. }) => {
                "Check the server address and the network, then do it again"
            }
            Self::Unavailable { action, .. } if is_upload(action) => {
                "The server is busy or has trouble; publish again later, what was uploaded is kept"
            }
            Self::Unavailable { .. } | Self::Store(StoreError::Unavailable { .. }) => {
                "The server is busy or has trouble; do it again later"
            }
            Self::BadServer { .. } => "Give an address such as https://updates.example.org",
            Self::TooLarge { .. } => "Pack small files into one, for instance a Godot .pck",
            _ => return None,
        })
    }
}

/// Names what is being done when a file operation fails.
pub(crate) trait During<T> {
    /// Completes the sentence "cannot ...".
    fn during(self, action: &'static str) -> Result<T, PublishError>;
}

impl<T> During<T> for std::io::Result<T> {
    fn during(self, action: &'static str) -> Result<T, PublishError> {
        self.map_err(|source| PublishError::Io { action, source })
    }
}

fn is_upload(action: &str) -> bool {
    [UPLOAD_CHUNK, PUBLISH_RELEASE].contains(&action)
}

fn describe_others(others: &[(String, ProgramFormat)]) -> String {
    let list: Vec<String> = others
        .iter()
        .take(SHOWN)
        .map(|(path, format)| format!("\"{path}\" is {format}"))
        .collect();
    match list.is_empty() {
        true => String::new(),
        false => format!("; {}", list.join(", ")),
    }
}

fn quote_all(paths: &[String]) -> String {
    let list: Vec<String> = paths
        .iter()
        .take(SHOWN)
        .map(|path| format!("\"{path}\""))
        .collect();
    match paths.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", list.join(", ")),
        _ => list.join(", "),
    }
}

fn names(channels: &[Slug]) -> String {
    let names: Vec<&str> = channels.iter().map(Slug::as_str).collect();
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    }
}

fn for_platform(platform: &Option<Platform>) -> String {
    platform.map_or_else(String::new, |platform| format!(" for {platform}"))
}

/// Paths named in one message.
const SHOWN: usize = 8;
