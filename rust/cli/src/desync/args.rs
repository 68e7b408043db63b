// SPDX-License-Identifier: MIT
//! The command line of desync, as it was typed: the tool's own commands, the servers, and what is elsewhere.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{Args, Parser, Subcommand, ValueHint};
use vsekai_desync::DesyncCommand;
use vsekai_desync::args::{Digest, StoreArgs};

/// A whole command line.
#[derive(Debug, Parser)]
#[command(
    about = "Work with chunk stores, indexes and archives as desync and casync do",
    long_about = None,
    after_help = AFTER_HELP,
    subcommand_required = true,
    arg_required_else_help = true,
    args_override_self = true
)]
pub(super) struct Line {
    /// Configuration file [default: ~/.config/desync/config.json]
    #[arg(long, global = true, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = GLOBAL)]
    pub(super) config: Option<PathBuf>,
    /// Hash function of new indexes and of served stores; existing indexes name their own
    #[arg(long, global = true, value_name = "NAME", default_value = "sha512-256", help_heading = GLOBAL)]
    pub(super) digest: Digest,
    /// Print details, on standard error
    #[arg(long, global = true, help_heading = GLOBAL)]
    pub(super) verbose: bool,
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// A command that ends by itself.
    #[command(flatten)]
    Tool(Box<DesyncCommand>),
    /// Serve chunks over HTTP until stopped
    ChunkServer(Box<ChunkServerArgs>),
    /// Serve indexes over HTTP until stopped
    IndexServer(Box<IndexServerArgs>),
    /// Mount a file
    #[command(hide = true, disable_help_flag = true)]
    MountIndex(Elsewhere),
    /// Write a manual page for each command
    Manpage(ManpageArgs),
    /// Print a script that lets a shell complete commands and flags
    Completion(CompletionArgs),
}

/// `manpage`
#[derive(Debug, Args)]
pub(super) struct ManpageArgs {
    /// Folder to write to
    #[arg(value_hint = ValueHint::DirPath)]
    pub(super) folder: PathBuf,
    /// Section of the manual
    #[arg(long, value_name = "TEXT", default_value = "3")]
    pub(super) section: String,
    /// Title of the pages [default: each page's name]
    #[arg(long, value_name = "TEXT")]
    pub(super) title: Option<String>,
    /// What the pages come from
    #[arg(long, value_name = "TEXT")]
    pub(super) source: Option<String>,
    /// The manual's name
    #[arg(long, value_name = "TEXT")]
    pub(super) manual: Option<String>,
}

/// `completion`
#[derive(Debug, Args)]
pub(super) struct CompletionArgs {
    /// The shell
    pub(super) shell: clap_complete::Shell,
    /// Scripts have no other descriptions than the shell shows
    #[arg(long, hide = true)]
    pub(super) no_descriptions: bool,
}

/// Arguments of a command that this program does not have.
#[derive(Debug, Args)]
pub(super) struct Elsewhere {
    /// Anything.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    _arguments: Vec<OsString>,
}

/// How to serve.
#[derive(Clone, Debug, Args)]
#[cfg_attr(not(feature = "servers"), allow(dead_code))]
pub(super) struct ListenArgs {
    /// Address to listen on, such as :8080 or 127.0.0.1:8080; give it once for each
    #[arg(
        short = 'l',
        long,
        value_name = "[HOST]:PORT",
        value_delimiter = ',',
        default_value = ":http"
    )]
    pub(super) listen: Vec<String>,
    /// Certificate of this server and those between it and the authority, in PEM; makes it serve https
    #[arg(long, value_name = "FILE", requires = "key")]
    pub(super) cert: Option<PathBuf>,
    /// The certificate's key, in PEM
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(super) key: Option<PathBuf>,
    /// Ask clients for certificates
    #[arg(long, requires = "client_ca", requires = "cert")]
    pub(super) mutual_tls: bool,
    /// Authorities that clients' certificates must be of, in PEM
    #[arg(long, value_name = "FILE", requires = "mutual_tls")]
    pub(super) client_ca: Option<PathBuf>,
    /// The Authorization header that clients must send; others can read it in the list of processes
    /// [env: DESYNC_HTTP_AUTH]
    #[arg(long, value_name = "VALUE")]
    pub(super) authorization: Option<String>,
    /// Take uploads
    #[arg(short = 'w', long, alias = "writeable")]
    pub(super) writable: bool,
    /// File to add a line to for each request, - for standard error
    #[arg(long, value_name = "FILE")]
    pub(super) log: Option<PathBuf>,
}

/// `chunk-server`
#[derive(Debug, Args)]
#[cfg_attr(not(feature = "servers"), allow(dead_code))]
pub(super) struct ChunkServerArgs {
    /// Stores to serve, asked in order; "a|b" is a group of stores with the same chunks
    #[arg(
        short = 's',
        long = "store",
        value_name = "LOCATION",
        value_delimiter = ',',
        required_unless_present = "store_file"
    )]
    pub(super) stores: Vec<String>,
    /// Store to keep chunks in that came from the others
    #[arg(short = 'c', long, value_name = "LOCATION")]
    pub(super) cache: Option<String>,
    /// JSON file with "stores" and "cache" in place of -s and -c; read again at SIGHUP
    #[arg(long, value_name = "FILE", conflicts_with_all = ["stores", "cache"])]
    pub(super) store_file: Option<PathBuf>,
    /// Serve and take chunks without compression
    #[arg(short = 'u', long)]
    pub(super) uncompressed: bool,
    /// Chunks are always checked when they are read
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new(), hide = true)]
    pub(super) skip_verify_read: Option<bool>,
    /// Chunks are always checked when they are taken
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = BoolishValueParser::new(), hide = true)]
    pub(super) skip_verify_write: Option<bool>,
    /// Not supported
    #[arg(long, hide = true)]
    pub(super) encryption: bool,
    /// Not supported
    #[arg(long, hide = true, value_name = "HEX")]
    pub(super) encryption_key: Option<String>,
    /// Not supported
    #[arg(long, hide = true, value_name = "NAME")]
    pub(super) encryption_algorithm: Option<String>,
    /// How to serve.
    #[command(flatten)]
    pub(super) listen: ListenArgs,
    /// How stores are reached.
    #[command(flatten)]
    pub(super) options: StoreArgs,
}

/// `index-server`
#[derive(Debug, Args)]
#[cfg_attr(not(feature = "servers"), allow(dead_code))]
pub(super) struct IndexServerArgs {
    /// Where the indexes are: a folder or an address
    #[arg(short = 's', long, value_name = "LOCATION", required = true)]
    pub(super) store: String,
    /// How to serve.
    #[command(flatten)]
    pub(super) listen: ListenArgs,
    /// How the store is reached.
    #[command(flatten)]
    pub(super) options: StoreArgs,
}

const GLOBAL: &str = "Options of every command";

const AFTER_HELP: &str = "\
Examples:
  desync make -s store.castr game.caibx game.pck
  desync extract -s https://example.org/store --seed old.caibx game.caibx game.pck
  desync untar -i -s store.castr game.caidx folder
  desync chunk-server -s store.castr -l :8080

Exit codes: 0 done, 1 failed, 130 interrupted. Work that is not complete is never 0.";
