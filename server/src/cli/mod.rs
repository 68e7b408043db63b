// SPDX-License-Identifier: MIT
//! Arguments, settings and commands of the program `vsekai-server`.

mod audit;
mod backup;
mod bucket;
mod channel;
mod export;
mod fsck;
mod gc;
mod mirror;
mod place;
#[cfg(test)]
mod reference;
mod restore;
mod serve;
mod settings;
mod sizes;
mod token;

use std::io::IsTerminal as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Deserialize;
use tracing_subscriber::EnvFilter;
use vsekai_formats::release::Slug;
use vsekai_server::StartError;
use vsekai_server::service::ServiceError;
use vsekai_server::site::SiteError;
use vsekai_server::storage::StorageError;

use bucket::BucketArguments;
use settings::Settings;

/// Serves releases, channels and chunks to launchers, desync and casync, and takes them from publishers.
#[derive(Debug, Parser)]
#[command(version, after_help = EXAMPLES)]
pub struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(flatten)]
    serve: ServeOptions,
    #[command(subcommand)]
    command: Option<Command>,
}

/// Options of every command. A flag wins over the environment, the environment over the file.
#[derive(Debug, Args)]
struct Options {
    /// The data folder; made if it is not there
    #[arg(long, global = true, value_name = "DIR", env = "VSEKAI_SERVER_DATA")]
    data: Option<PathBuf>,
    /// Keep chunks in a bucket: s3://BUCKET/PREFIX or s3+https://HOST/BUCKET/PREFIX [default: the data folder]
    #[arg(long, global = true, value_name = "PLACE", env = "VSEKAI_SERVER_CHUNKS")]
    chunks: Option<String>,
    #[command(flatten)]
    buckets: BucketArguments,
    /// A configuration file (TOML): data, chunks, s3_endpoint, s3_region, s3_credentials, listen, log_format, tls_cert, tls_key, dev, dev_titles, and the tables [limits], [signing] and [retention]
    #[arg(long, global = true, value_name = "FILE", env = "VSEKAI_SERVER_CONFIG")]
    config: Option<PathBuf>,
    /// Form of the log on standard error
    #[arg(long, global = true, value_name = "FORMAT", env = "VSEKAI_SERVER_LOG_FORMAT")]
    log_format: Option<LogFormat>,
    /// What to log: error, warn, info, debug, trace, or a filter such as vsekai_server=debug
    #[arg(long, global = true, value_name = "FILTER", env = "VSEKAI_SERVER_LOG")]
    log: Option<String>,
}

/// Options of `serve`.
#[derive(Debug, Args)]
struct ServeOptions {
    /// The address to listen on; port 0 takes a free one [default: 127.0.0.1:7780]
    #[arg(long, value_name = "ADDRESS", env = "VSEKAI_SERVER_LISTEN")]
    listen: Option<SocketAddr>,
    /// Serve over TLS with the certificate in this file (PEM), which is read again when it changes; takes --tls-key
    #[arg(
        long,
        value_name = "FILE",
        env = "VSEKAI_SERVER_TLS_CERT",
        requires = "tls_key"
    )]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key (PEM)
    #[arg(
        long,
        value_name = "FILE",
        env = "VSEKAI_SERVER_TLS_KEY",
        requires = "tls_cert"
    )]
    tls_key: Option<PathBuf>,
    /// A reverse proxy, or a network of them, whose word about the address of a client is taken; give it once for each
    #[arg(
        long = "trust-proxy",
        value_name = "CIDR",
        env = "VSEKAI_SERVER_TRUST_PROXIES",
        value_delimiter = ','
    )]
    trust_proxies: Vec<String>,
    /// Write the base address to this file once clients can connect
    #[arg(long, value_name = "FILE", env = "VSEKAI_SERVER_READY_FILE")]
    ready_file: Option<PathBuf>,
    /// For development: keep a token for everything in DIR/dev-token and the keys of --dev-title in DIR/dev-keys
    #[arg(long, env = "VSEKAI_SERVER_DEV")]
    dev: bool,
    /// With --dev, a title to make keys for; give it once for each [default: vsekai]
    #[arg(
        long = "dev-title",
        value_name = "NAME",
        env = "VSEKAI_SERVER_DEV_TITLES",
        value_delimiter = ','
    )]
    dev_titles: Vec<Slug>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until asked to stop (the default)
    Serve,
    /// Make, list and end tokens
    #[command(subcommand)]
    Token(token::Command),
    /// Say which channels are read with a token alone
    #[command(subcommand)]
    Channel(channel::Command),
    /// Copy the data folder, beside a running server
    Backup(backup::Arguments),
    /// Make the data folder what a backup is; no server may be running on it
    Restore(restore::Arguments),
    /// Look for anything missing or damaged in the data folder
    Fsck(fsck::Arguments),
    /// Remove what nothing keeps any more, or tell what that is
    Gc(gc::Arguments),
    /// Show who changed what, newest first
    Audit(audit::Arguments),
    /// Show what titles, channels and releases take of the disk
    Sizes(sizes::Arguments),
    /// Write everything that players need as static files, beside a running server
    Export(export::Arguments),
    /// Write another server's titles as static files, verified; needs no data folder
    Mirror(mirror::Arguments),
}

/// Form of the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum LogFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Runs the program and returns its exit code; failures are told on standard error.
pub fn run(arguments: Arguments) -> ExitCode {
    let Arguments {
        options,
        serve,
        command,
    } = arguments;
    let command = command.unwrap_or(Command::Serve);
    let needs_data = !matches!(command, Command::Mirror(_));
    let prepared = Settings::resolve(&options, &serve, needs_data).and_then(|settings| {
        start_log(&settings, options.log.as_deref())?;
        Ok(settings)
    });
    let settings = match prepared {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    match execute(settings, command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            exit_code(&error)
        }
    }
}

fn execute(settings: Settings, command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Serve => serve::run(settings).await,
            Command::Token(command) => token::run(&settings.data, command).await,
            Command::Channel(command) => channel::run(&settings.data, command).await,
            Command::Backup(arguments) => backup::run(&settings, &arguments).await,
            Command::Restore(arguments) => restore::run(&settings, &arguments).await,
            Command::Fsck(arguments) => fsck::run(&settings, &arguments).await,
            Command::Gc(arguments) => gc::run(settings, &arguments).await,
            Command::Audit(arguments) => audit::run(&settings, arguments).await,
            Command::Sizes(arguments) => sizes::run(&settings, &arguments).await,
            Command::Export(arguments) => export::run(&settings, &arguments).await,
            Command::Mirror(arguments) => mirror::run(&settings, &arguments).await,
        }
    })
}

fn exit_code(error: &anyhow::Error) -> ExitCode {
    let of_start = match error.downcast_ref() {
        Some(StartError::Storage(error)) => Some(error),
        _ => None,
    };
    let of_work = match error.downcast_ref() {
        Some(ServiceError::Storage(error)) => Some(error),
        _ => None,
    };
    let found = error.downcast_ref().or(of_start).or(of_work);
    let in_use = matches!(found, Some(StorageError::InUse { .. }))
        || matches!(error.downcast_ref(), Some(SiteError::InUse { .. }));
    ExitCode::from(if in_use { EXIT_IN_USE } else { EXIT_FAILED })
}

fn start_log(settings: &Settings, filter: Option<&str>) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter.unwrap_or("info")).context("read the log filter")?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Text => log.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

const EXIT_FAILED: u8 = 1;
const EXIT_USAGE: u8 = 2;
const EXIT_DAMAGED: u8 = 3;
const EXIT_IN_USE: u8 = 4;

const EXAMPLES: &str = "\
Examples:
  vsekai-server --data /srv/vsekai
      Serve on 127.0.0.1:7780.
  vsekai-server --data /srv/vsekai --listen 0.0.0.0:7780 --log-format json
      Serve the network, with a log for machines.
  vsekai-server --data /srv/vsekai token create --title my-game --channel nightly --verbs publish ci
      Make a token that can publish to one channel of one title. It is shown once.
  vsekai-server --data /srv/vsekai fsck --deep
      Check every file against its digest.
  vsekai-server --data /srv/vsekai backup --to /backup/vsekai
      Copy what is new.
  vsekai-server --data /srv/new restore --from /backup/vsekai
      Make an empty data folder what the backup is.
  vsekai-server --data /srv/vsekai --config server.toml gc --dry-run
      Tell what the rules in [retention] keep no longer, and what that would free.
  vsekai-server --data /srv/vsekai export --to /srv/www
      Write what is new for any web server to serve.
  vsekai-server mirror --from https://updates.example --title my-game=root.json --to /srv/www
      Write what another server has of a title, checked against a root of its publisher.

Exit codes:
  0  stopped as asked, or the command succeeded
  1  something failed
  2  wrong arguments or configuration
  3  fsck found something missing or damaged
  4  another server is using the data folder, or another export or mirror the site";

/// Default of `--listen`.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7780);
