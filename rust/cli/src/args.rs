// SPDX-License-Identifier: MIT
//! The command line as it was typed: names, types and help texts, nothing resolved.
//!
//! `options.rs` turns this into what the commands work with.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use vsekai_formats::release::{Percent, Platform, Slug, Version};
use vsekai_trust::publisher::{KeyRole, PublicKey};

use crate::units::Rate;

/// Install, update and start V-Sekai.
#[derive(Debug, Parser)]
#[command(
    name = "vsekai",
    version,
    about = "Install, update and start V-Sekai",
    long_about = "Install, update and start V-Sekai.\n\n\
        An update is put together beside the installed version and takes its place only when every byte of it \
        is there and checked. An update that is interrupted leaves the game as it was and goes on where it \
        stopped the next time.",
    after_long_help = AFTER_HELP,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// Options every command takes.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options every command takes.
#[derive(Debug, Args)]
pub struct GlobalArgs {
    /// Folder of the install [env: VSEKAI_INSTALL_DIR] [default: a folder of your own, named after the title]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = INSTALL)]
    pub install_dir: Option<PathBuf>,
    /// Address of the update server, kept with the install [env: VSEKAI_SERVER]
    #[arg(long, global = true, value_name = "URL", value_hint = ValueHint::Url, help_heading = INSTALL)]
    pub server: Option<String>,
    /// Title to install or publish, kept with the install [default: vsekai]
    #[arg(long, global = true, value_name = "NAME", help_heading = INSTALL)]
    pub title: Option<Slug>,
    /// Channel to follow or publish to, kept with the install [default: stable]
    #[arg(long, global = true, value_name = "NAME", help_heading = INSTALL)]
    pub channel: Option<Slug>,
    /// The title's root, as its publisher gives it out; only what its keys signed is installed [env: VSEKAI_ROOT]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = INSTALL)]
    pub root: Option<PathBuf>,
    /// File with a token for the server's private channels, kept with the install [env: VSEKAI_READ_TOKEN, the token itself]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = INSTALL)]
    pub read_token_file: Option<PathBuf>,
    /// Allow a server on another machine without encryption (http) [env: VSEKAI_ALLOW_HTTP=1]
    #[arg(long, global = true, help_heading = NETWORK)]
    pub allow_http: bool,
    /// Highest download speed, such as 2MB/s, 500KiB/s or 16Mbit/s
    #[arg(long, global = true, value_name = "SPEED", help_heading = NETWORK)]
    pub rate_limit: Option<Rate>,
    /// Most requests at once [default: 48; publishing: 16]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256), help_heading = NETWORK)]
    pub connections: Option<u16>,
    /// Print events and the result as JSON, one object per line
    #[arg(long, global = true, help_heading = OUTPUT)]
    pub json: bool,
    /// Print nothing but errors
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = OUTPUT)]
    pub quiet: bool,
    /// Print details, also of errors
    #[arg(long, short, global = true, help_heading = OUTPUT)]
    pub verbose: bool,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto", help_heading = OUTPUT)]
    pub color: ColorWhen,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Install the game, or bring an install up to date
    Install(UpdateArgs),
    /// Bring the installed game up to date
    Update(UpdateNowArgs),
    /// Look for an update without changing anything
    Check(CheckArgs),
    /// Show what is installed
    Status,
    /// Start the installed game
    Launch(LaunchArgs),
    /// Check every installed byte
    Verify(VerifyArgs),
    /// Check every installed byte and fetch what is damaged again
    Repair,
    /// Go back to the version installed before, or to another one that is kept
    Rollback(RollbackArgs),
    /// List the versions that are kept, or remove one
    Versions {
        /// What to do with versions; without it they are listed.
        #[command(subcommand)]
        command: Option<VersionsCommand>,
    },
    /// Skip a version: it is not taken
    Skip(SkipArgs),
    /// Stay at a version: no other one is taken
    Pin(PinArgs),
    /// Take any version again
    Unpin,
    /// Show or change when updates are taken, how fast, and what is kept
    #[command(long_about = SETTINGS_LONG)]
    Settings {
        /// What to do with settings; without it they are shown.
        #[command(subcommand)]
        command: Option<SettingsCommand>,
    },
    /// Install with what another copy of the game has already
    #[command(long_about = ADOPT_LONG)]
    Adopt(AdoptArgs),
    /// Move the install to another folder or disk
    Move(MoveArgs),
    /// Remove the game; your own files are kept
    Uninstall(UninstallArgs),
    /// Show or change the channel that updates come from
    #[command(
        visible_alias = "mode",
        subcommand_required = true,
        arg_required_else_help = true
    )]
    Channel {
        /// What to do with channels.
        #[command(subcommand)]
        command: ChannelCommand,
    },
    /// Show or reset whose releases are trusted
    #[command(subcommand_required = true, arg_required_else_help = true)]
    Trust {
        /// What to do with it.
        #[command(subcommand)]
        command: TrustCommand,
    },
    /// Publish a folder as a release
    #[command(long_about = PUBLISH_LONG)]
    Publish(Box<PublishArgs>),
    /// Make and change the keys that sign a title's releases
    #[command(long_about = KEYS_LONG)]
    Keys(Box<KeysArgs>),
    /// Work with chunk stores, indexes and archives, as the tool desync does
    #[command(disable_help_flag = true, override_usage = "vsekai desync COMMAND")]
    Desync {
        /// The tool's command line; it is dealt with before this one.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
        arguments: Vec<OsString>,
    },
    /// Show the version of this program
    Version,
}

impl Command {
    /// Returns the command's name, as it stands in JSON results.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Install(_) => "install",
            Self::Update(_) => "update",
            Self::Check(_) => "check",
            Self::Status => "status",
            Self::Launch(_) => "launch",
            Self::Verify(_) => "verify",
            Self::Repair => "repair",
            Self::Rollback(_) => "rollback",
            Self::Versions { command: None } => "versions",
            Self::Versions {
                command: Some(VersionsCommand::Remove(_)),
            } => "versions remove",
            Self::Skip(_) => "skip",
            Self::Pin(_) => "pin",
            Self::Unpin => "unpin",
            Self::Settings {
                command: None | Some(SettingsCommand::Show),
            } => "settings",
            Self::Settings {
                command: Some(SettingsCommand::Set(_)),
            } => "settings set",
            Self::Settings {
                command: Some(SettingsCommand::Reset(_)),
            } => "settings reset",
            Self::Adopt(_) => "adopt",
            Self::Move(_) => "move",
            Self::Uninstall(_) => "uninstall",
            Self::Channel {
                command: ChannelCommand::List,
            } => "channel list",
            Self::Channel {
                command: ChannelCommand::Current,
            } => "channel current",
            Self::Channel {
                command: ChannelCommand::Switch(_),
            } => "channel switch",
            Self::Channel {
                command: ChannelCommand::Promote { .. },
            } => "channel promote",
            Self::Channel {
                command: ChannelCommand::Withdraw { .. },
            } => "channel withdraw",
            Self::Channel {
                command: ChannelCommand::Retire { .. },
            } => "channel retire",
            Self::Channel {
                command: ChannelCommand::Pin { .. },
            } => "channel pin",
            Self::Channel {
                command: ChannelCommand::Unpin { .. },
            } => "channel unpin",
            Self::Channel {
                command: ChannelCommand::Rollout { .. },
            } => "channel rollout",
            Self::Trust {
                command: TrustCommand::Show,
            } => "trust show",
            Self::Trust {
                command: TrustCommand::Reset,
            } => "trust reset",
            Self::Keys(args) => args.command.name(),
            Self::Publish(_) => "publish",
            Self::Desync { .. } => "desync",
            Self::Version => "version",
        }
    }
}

/// What to do with what is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum TrustCommand {
    /// Show whose releases are trusted, and until when what was signed is valid
    Show,
    /// Forget what is trusted, and begin anew with the root given by --root, or with the server's first one
    Reset,
}

/// Options of `install` and `update`.
#[derive(Debug, Args)]
pub struct UpdateArgs {
    /// Show what would be done, with sizes, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Also take a version that was published before the installed one
    #[arg(long)]
    pub allow_downgrade: bool,
}

/// Options of `update`.
#[derive(Debug, Args)]
pub struct UpdateNowArgs {
    /// Options of `install` too.
    #[command(flatten)]
    pub common: UpdateArgs,
    /// Go by the settings: ask first, quiet hours, metered connection, running game
    #[arg(long, conflicts_with = "anyway")]
    pub auto: bool,
    /// The connection costs by the byte
    #[arg(long, requires = "auto")]
    pub metered: bool,
    /// Also take a version that is skipped, not the pinned one, or did not start before
    #[arg(long)]
    pub anyway: bool,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// Look at sizes, modes and times only, and read no file
    #[arg(long)]
    pub quick: bool,
}

/// Options of `rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// The version to go back to [default: the one installed before]
    #[arg(value_name = "VERSION")]
    pub version: Option<String>,
}

/// What to do with versions.
#[derive(Debug, Subcommand)]
pub enum VersionsCommand {
    /// Remove a version that is kept
    Remove(RemoveArgs),
}

/// Options of `versions remove`.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// The version, or the name of its folder
    #[arg(value_name = "VERSION")]
    pub version: String,
}

/// Options of `skip`.
#[derive(Debug, Args)]
pub struct SkipArgs {
    /// The version [default: the one the channel offers]
    #[arg(value_name = "VERSION", required_if_eq("undo", "true"))]
    pub version: Option<Version>,
    /// Skip it no longer
    #[arg(long)]
    pub undo: bool,
}

/// Options of `pin`.
#[derive(Debug, Args)]
pub struct PinArgs {
    /// The version [default: the installed one]
    #[arg(value_name = "VERSION")]
    pub version: Option<Version>,
}

/// What to do with settings.
#[derive(Debug, Subcommand)]
pub enum SettingsCommand {
    /// Show every setting
    Show,
    /// Change a setting
    Set(SetArgs),
    /// Change a setting back to what it is at first, or all of them
    Reset(ResetArgs),
}

/// Options of `settings set`.
#[derive(Debug, Args)]
pub struct SetArgs {
    /// The setting
    #[arg(value_name = "NAME")]
    pub name: String,
    /// What it shall be; several values for lists
    #[arg(value_name = "VALUE", required = true, num_args = 1..)]
    pub value: Vec<String>,
}

/// Options of `settings reset`.
#[derive(Debug, Args)]
pub struct ResetArgs {
    /// The setting [default: all of them]
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// Options of `adopt`.
#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// Folder with a copy of the game; it is not changed
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
}

/// Options of `move`.
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// Folder to move to; empty or not there yet
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
}

/// Options of `uninstall`.
#[derive(Debug, Args)]
pub struct UninstallArgs {
    /// Also remove files of your own in the game's folder
    #[arg(long)]
    pub delete_user_files: bool,
}

/// Options of `check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Exit with 10 if an update is available
    #[arg(long)]
    pub exit_code: bool,
}

/// Options of `launch`.
#[derive(Debug, Args)]
pub struct LaunchArgs {
    /// Start the VR program instead of the desktop one
    #[arg(long)]
    pub vr: bool,
    /// Wait until the game ends; exit with 11 if it ends with an error
    #[arg(long)]
    pub wait: bool,
    /// Variable for the game's environment; give it once for each
    #[arg(long = "env", value_name = "NAME=VALUE", value_parser = variable)]
    pub variables: Vec<(String, String)>,
    /// Folder the game runs in [default: its own]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub working_dir: Option<PathBuf>,
    /// Arguments for the game, after --
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub arguments: Vec<String>,
}

/// What to do with channels.
#[derive(Debug, Subcommand)]
pub enum ChannelCommand {
    /// List the channels the server offers
    List,
    /// Show the channel the install follows
    Current,
    /// Follow another channel, from the next update on
    Switch(SwitchArgs),
    /// For publishers: offer a release that is published already
    Promote {
        /// The release's version
        #[arg(value_name = "VERSION")]
        version: Version,
        /// Offer it to this part of the players first, from 0 to 100
        #[arg(long, value_name = "PERCENT")]
        rollout: Option<Percent>,
        /// With which keys.
        #[command(flatten)]
        signing: ChannelSigningArgs,
    },
    /// For publishers: take a release back; players who have it go back to what is offered then
    Withdraw {
        /// The release's version
        #[arg(value_name = "VERSION")]
        version: Version,
        /// With which keys.
        #[command(flatten)]
        signing: ChannelSigningArgs,
    },
    /// For publishers: list old releases no more, so that the server may remove them
    Retire {
        /// The releases' versions
        #[arg(value_name = "VERSION", required_unless_present = "keep")]
        versions: Vec<Version>,
        /// All but so many of the newest for each platform, what is offered, and what is newer
        #[arg(long, value_name = "NUMBER", conflicts_with = "versions")]
        keep: Option<usize>,
        /// With which keys.
        #[command(flatten)]
        signing: ChannelSigningArgs,
    },
    /// For publishers: keep the channel where it is, whatever is published
    Pin {
        /// With which keys.
        #[command(flatten)]
        signing: ChannelSigningArgs,
    },
    /// For publishers: let the channel move again with what is published
    Unpin {
        /// With which keys.
        #[command(flatten)]
        signing: ChannelSigningArgs,
    },
    /// For publishers: offer the release of a rollout to another part of the players
    Rollout {
        /// The part, from 0 to 100
        #[arg(value_name = "PERCENT")]
        percent: Percent,
        /// With which keys.
        #[command(flatten)]
        signing: ChannelSigningArgs,
    },
}

/// Options of the changes of a channel that are signed.
#[derive(Debug, Args)]
pub struct ChannelSigningArgs {
    /// Change it for one platform [default: all it has]
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<Platform>,
    /// With which token.
    #[command(flatten)]
    pub token: TokenArgs,
    /// With which keys.
    #[command(flatten)]
    pub signing: SigningArgs,
}

/// The token of a publisher.
#[derive(Debug, Args)]
pub struct TokenArgs {
    /// The server's write token; others can read it in the list of processes [env: VSEKAI_TOKEN]
    #[arg(long, global = true, value_name = "TOKEN", conflicts_with = "token_file")]
    pub token: Option<String>,
    /// File with the server's write token
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,
}

/// The keys of a publisher, and how to open them.
#[derive(Debug, Args)]
pub struct SigningArgs {
    /// Folder of the title's keys [env: VSEKAI_KEYS] [default: a folder of your own, named after the title]
    #[arg(long, global = true, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = SIGNING)]
    pub keys: Option<PathBuf>,
    /// Environment variable that holds the passphrase of the key files [default: you are asked]
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "passphrase_fd", help_heading = SIGNING)]
    pub passphrase_env: Option<String>,
    /// File descriptor to read the passphrase of the key files from
    #[arg(long, global = true, value_name = "N", help_heading = SIGNING)]
    pub passphrase_fd: Option<u16>,
}

/// Options of `keys`.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct KeysArgs {
    /// With which token.
    #[command(flatten)]
    pub token: TokenArgs,
    /// With which keys.
    #[command(flatten)]
    pub signing: SigningArgs,
    /// Write new key files without encryption, for machines and for tests
    #[arg(long, global = true, conflicts_with_all = ["passphrase_env", "passphrase_fd"], help_heading = SIGNING)]
    pub no_passphrase: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What to do with keys. A role is root, targets, online (the server's) or a channel.
#[derive(Clone, Debug, Subcommand)]
pub enum KeysCommand {
    /// Begin a title: make its keys, sign its first metadata and send it
    Init {
        /// Its channels, with commas [default: the one of --channel]
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        channels: Vec<Slug>,
    },
    /// Show which keys sign what, and which of them are in the folder (*)
    Show,
    /// Make a key in the folder and show its public half, for others to add
    Generate {
        /// What it is for
        #[arg(value_name = "ROLE")]
        role: KeyRole,
    },
    /// Put a new key in the place of one
    Rotate {
        /// Whose
        #[arg(value_name = "ROLE")]
        role: KeyRole,
        /// The start of the old key's id, where the role has several
        #[arg(long, value_name = "ID")]
        key: Option<String>,
    },
    /// Ask for the signatures of several keys
    Threshold {
        /// Of which role
        #[arg(value_name = "ROLE")]
        role: KeyRole,
        /// How many
        #[arg(value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=64))]
        count: u16,
    },
    /// Add a key to a role
    Add {
        /// Which role
        #[arg(value_name = "ROLE")]
        role: KeyRole,
        /// The public half of somebody else's key [default: a new key is made]
        #[arg(value_name = "PUBLIC")]
        public: Option<PublicKey>,
    },
    /// Take a key away from a role
    Remove {
        /// Which role
        #[arg(value_name = "ROLE")]
        role: KeyRole,
        /// The start of the key's id
        #[arg(value_name = "ID")]
        key: String,
    },
    /// Add a channel with a key of its own
    Delegate {
        /// The channel
        #[arg(value_name = "CHANNEL")]
        channel: Slug,
    },
    /// Sign a role anew before its time is over
    Renew {
        /// Which role
        #[arg(value_name = "ROLE")]
        role: KeyRole,
    },
    /// Write the newest root to a file, to be exported with a launcher
    ExportRoot {
        /// The file
        #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
    /// Believe the root that the server shows, and show its digest to be compared
    FetchRoot,
}

impl KeysCommand {
    fn name(&self) -> &'static str {
        match self {
            Self::Init { .. } => "keys init",
            Self::Show => "keys show",
            Self::Generate { .. } => "keys generate",
            Self::Rotate { .. } => "keys rotate",
            Self::Threshold { .. } => "keys threshold",
            Self::Add { .. } => "keys add",
            Self::Remove { .. } => "keys remove",
            Self::Delegate { .. } => "keys delegate",
            Self::Renew { .. } => "keys renew",
            Self::ExportRoot { .. } => "keys export-root",
            Self::FetchRoot => "keys fetch-root",
        }
    }
}

/// Options of `channel switch`.
#[derive(Debug, Args)]
pub struct SwitchArgs {
    /// The channel to follow
    #[arg(value_name = "NAME", required_unless_present = "mode_name")]
    pub name: Option<Slug>,
    /// The channel to follow, as in "mode switch --mode_name NAME"
    #[arg(
        long = "mode_name",
        alias = "mode-name",
        value_name = "NAME",
        conflicts_with = "name"
    )]
    pub mode_name: Option<Slug>,
}

/// Options of `publish`.
#[derive(Debug, Args)]
pub struct PublishArgs {
    /// Folder to publish
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub folder: PathBuf,
    /// Version of the build; published versions never change
    #[arg(long, value_name = "VERSION")]
    pub version: Version,
    /// What the build runs on: linux-x86_64, linux-arm64, windows-x86_64 or macos-universal
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Platform,
    /// Program to start, below DIR [default: the only program found]
    #[arg(long, value_name = "PATH")]
    pub program: Option<String>,
    /// Argument for the program; give it once for each
    #[arg(long = "argument", value_name = "ARG", allow_hyphen_values = true)]
    pub arguments: Vec<String>,
    /// Program to start in VR, below DIR [default: the same one, if it has arguments of its own]
    #[arg(long, value_name = "PATH")]
    pub vr_program: Option<String>,
    /// Argument for the VR program; give it once for each
    #[arg(long = "vr-argument", value_name = "ARG", allow_hyphen_values = true)]
    pub vr_arguments: Vec<String>,
    /// What is new, in Markdown
    #[arg(long, value_name = "TEXT", conflicts_with = "notes_file")]
    pub notes: Option<String>,
    /// File that says what is new, in Markdown
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub notes_file: Option<PathBuf>,
    /// Oldest launcher that can install the build
    #[arg(long, value_name = "VERSION")]
    pub minimum_launcher: Option<Version>,
    /// Oldest update engine that can install the build
    #[arg(long, value_name = "VERSION")]
    pub minimum_engine: Option<Version>,
    /// File or folder below DIR that is the player's once it is there: updates and repairs leave it alone; give it once
    /// for each
    #[arg(long = "user-path", value_name = "PATH")]
    pub user_paths: Vec<String>,
    /// Offer it to this part of the players first, from 0 to 100
    #[arg(long, value_name = "PERCENT")]
    pub rollout: Option<Percent>,
    /// With which token.
    #[command(flatten)]
    pub token: TokenArgs,
    /// With which keys.
    #[command(flatten)]
    pub signing: SigningArgs,
    /// How hard to compress, from 1 to 19
    #[arg(long, value_name = "LEVEL", default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=19))]
    pub level: i32,
    /// Show what would be sent and send nothing
    #[arg(long)]
    pub dry_run: bool,
}

fn variable(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("a variable is given as NAME=VALUE".to_owned()),
    }
}

const SETTINGS_LONG: &str = "\
Show or change when updates are taken, how fast, and what is kept.

Settings:
  updates        automatic, ask or manual
  quiet-hours    when nothing is fetched by itself, such as 22:00-07:00, or none
  metered        whether the connection costs by the byte: auto, yes or no
  metered-size   largest update that is fetched over such a connection without asking
  rate-limit     highest download speed, such as 2MB/s, or none; works during a download
  while-playing  what becomes of a download while the game runs: pause, continue or a speed
  keep-versions  how many old versions are kept, from 0 to 20
  keep-size      how much they may take beyond the current version, or none
  failed-starts  after how many failed starts the last good version comes back; 0 for never
  start-seconds  within how many seconds a crash is a failed start
  mirrors        addresses to ask where the server does not help, or none
  read-token     file with a token for the server's private channels; it is kept, and never shown

\"vsekai update --auto\" and the launcher's window go by them.";

const ADOPT_LONG: &str = "Install with what another copy of the game has already.\n\n\
    Every file of the copy is checked against the offered release. What is the same is taken over, the rest is \
    fetched. The copy itself is not changed.";

const INSTALL: &str = "Install options";
const SIGNING: &str = "Signing options";
const NETWORK: &str = "Network options";
const OUTPUT: &str = "Output options";

const PUBLISH_LONG: &str = "Publish a folder as a release.\n\n\
    The folder is cut into chunks and only the chunks the server lacks are sent. The release is signed with the \
    channel's key, and players see it when all of it is there. Publishing again what was interrupted continues where it stopped; publishing again what \
    is published changes nothing.";

const KEYS_LONG: &str = "Make and change the keys that sign a title's releases.\n\n\
    Players believe a release only if it is signed by keys that the title's root names, and the server has none of \
    them. docs/keys.md says step by step how to begin, and what to do when a key is lost or stolen.";

const AFTER_HELP: &str = "\
Examples:
  vsekai install --server https://updates.example.org
  vsekai update
  vsekai launch
  vsekai update --dry-run
  vsekai channel switch nightly

Exit codes:
    0  done, or nothing to do
    1  failed
    2  the command line makes no sense
    3  the server cannot be reached, refuses, or does not have it
    4  the release or the installed files are damaged or were refused
    5  not enough space
    6  another launcher is working on the same install, or the game runs
    7  nothing is installed, or there is nothing to go back to
    8  the disk or its permissions do not allow it
    9  the game did not start
   10  an update is available (check --exit-code)
   11  the game ended with an error (launch --wait)
  130  cancelled

What each command does and what --json prints is described in docs/cli.md.";
