// SPDX-License-Identifier: MIT
//! From what was typed to what commands work with: environment, defaults and what the install remembers.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use vsekai_engine::config::DEFAULT_CONNECTIONS;
use vsekai_engine::paths::InstallPaths;
use vsekai_engine::record::{Moved, Settings};
use vsekai_engine::{EngineError, InstallConfig, read_token};
use vsekai_formats::release::{Platform, Slug};
use vsekai_store::http::OriginError;
use vsekai_store::{HttpOptions, HttpOrigin, Secret, bounded};

use crate::args::{GlobalArgs, SigningArgs};
use crate::error::CliError;
use crate::shell::Surroundings;

/// Returns what the engine needs to work on the install the user means.
pub(crate) fn install(global: &GlobalArgs, surroundings: &Surroundings) -> Result<InstallConfig, CliError> {
    let platform =
        Platform::host().ok_or_else(|| CliError::usage("there are no builds for this kind of machine"))?;
    let root = Moved::follow(&install_dir(global, surroundings)?).map_err(lost_track)?;
    // Settings that cannot be read are told by the engine, to whoever needs more of them than this.
    let stored = Settings::known(&InstallPaths::new(&root));
    refuse_others(global, stored.as_ref(), &root)?;
    let server = match server(global, surroundings)? {
        Some(server) => Some(server),
        None => stored.as_ref().map(|stored| stored.server.clone()),
    };
    Ok(InstallConfig {
        server,
        title: Some(
            stored
                .as_ref()
                .map_or_else(|| title(global), |stored| Ok(stored.title.clone()))?,
        ),
        trusted_root: trusted_root(global, surroundings)?,
        read_token: read_token(global, surroundings)?,
        channel: Some(
            stored
                .as_ref()
                .map_or_else(|| channel(global), |stored| Ok(stored.channel.clone()))?,
        ),
        connections: connections(global),
        user_agent: USER_AGENT.to_owned(),
        rate_limit: global.rate_limit.map(|rate| rate.0),
        allow_http: allow_http(global, surroundings),
        launcher_version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstallConfig::new(root, platform)
    })
}

/// Returns the root that is named, or the one this program came with.
pub(crate) fn trusted_root(
    global: &GlobalArgs,
    surroundings: &Surroundings,
) -> Result<Option<Vec<u8>>, CliError> {
    let named = global.root.clone();
    match named.or_else(|| surroundings.variable("VSEKAI_ROOT").map(PathBuf::from)) {
        Some(file) => Ok(Some(read_text(&file, MAX_ROOT_BYTES)?.into_bytes())),
        None => Ok(surroundings.trusted_root.clone()),
    }
}

/// Returns the server's address from the command line or the environment, if it can be used.
pub(crate) fn server(global: &GlobalArgs, surroundings: &Surroundings) -> Result<Option<String>, CliError> {
    let server = match &global.server {
        Some(server) => Some(server.clone()),
        None => text(surroundings.variable("VSEKAI_SERVER"), "VSEKAI_SERVER")?,
    };
    if let Some(server) = &server {
        let options = HttpOptions {
            allow_http: allow_http(global, surroundings),
            ..HttpOptions::default()
        };
        HttpOrigin::new(server, options).map_err(|error| {
            let hint = match error {
                OriginError::NotEncrypted(_) => {
                    "Use https, or add --allow-http if everyone on the way is to be trusted"
                }
                _ => "An address looks like https://updates.example.org",
            };
            CliError::usage(error.to_string()).with_hint(hint)
        })?;
    }
    Ok(server)
}

/// Tells whether addresses without encryption are allowed for other machines.
pub(crate) fn allow_http(global: &GlobalArgs, surroundings: &Surroundings) -> bool {
    global.allow_http
        || surroundings
            .variable("VSEKAI_ALLOW_HTTP")
            .is_some_and(|value| value == "1")
}

/// Returns the title named, or V-Sekai.
pub(crate) fn title(global: &GlobalArgs) -> Result<Slug, CliError> {
    named_or(global.title.as_ref(), DEFAULT_TITLE)
}

/// Returns the channel named, or the stable one.
pub(crate) fn channel(global: &GlobalArgs) -> Result<Slug, CliError> {
    named_or(global.channel.as_ref(), DEFAULT_CHANNEL)
}

/// Returns the most requests at once for installs.
pub(crate) fn connections(global: &GlobalArgs) -> usize {
    global.connections.map_or(DEFAULT_CONNECTIONS, usize::from)
}

/// Returns the write token from the command line, a file or the environment.
pub(crate) fn token(
    given: Option<&str>,
    file: Option<&Path>,
    surroundings: &Surroundings,
) -> Result<Option<Secret>, CliError> {
    match (given, file) {
        (Some(token), _) => Ok(Some(Secret::new(token.trim()))),
        (None, Some(file)) => token_in(file).map(Some),
        (None, None) => token_of(surroundings, "VSEKAI_TOKEN"),
    }
}

/// Returns the token for private channels from a file or the environment.
fn read_token(global: &GlobalArgs, surroundings: &Surroundings) -> Result<Option<Secret>, CliError> {
    match &global.read_token_file {
        Some(file) => read_token_in(file).map(Some),
        None => match token_of(surroundings, "VSEKAI_READ_TOKEN")? {
            Some(token) => Ok(Some(read_token::parse(token.expose())?)),
            None => Ok(None),
        },
    }
}

/// Reads a token for private channels from a file; one that no server could be sent is refused before it is kept.
pub(crate) fn read_token_in(file: &Path) -> Result<Secret, CliError> {
    Ok(read_token::parse(token_in(file)?.expose())?)
}

/// Reads a token from a file.
fn token_in(file: &Path) -> Result<Secret, CliError> {
    Secret::token_in(file).map_err(|error| CliError::usage(format!("cannot read the token: {error}")))
}

fn token_of(surroundings: &Surroundings, variable: &str) -> Result<Option<Secret>, CliError> {
    let token = text(surroundings.variable(variable), variable)?;
    Ok(token.map(|token| Secret::new(token.trim())))
}

/// Returns the folder of a title's keys: the one named, or one of the user's own.
pub(crate) fn key_folder(
    args: &SigningArgs,
    title: &Slug,
    surroundings: &Surroundings,
) -> Result<PathBuf, CliError> {
    let named = args.keys.clone();
    let folder = match named.or_else(|| surroundings.variable("VSEKAI_KEYS").map(PathBuf::from)) {
        Some(folder) => Some(folder),
        None => surroundings.key_folder(title),
    };
    folder.ok_or_else(|| {
        CliError::usage("this system has no folder for your settings")
            .with_hint("Name one for the keys with --keys DIR")
    })
}

/// Reads a text file of at most `limit` bytes.
pub(crate) fn read_text(path: &Path, limit: usize) -> Result<String, CliError> {
    let read = bounded::read_text_file(path, limit);
    read.map_err(|error| CliError::usage(format!("cannot read the file: {error}")))
}

fn install_dir(global: &GlobalArgs, surroundings: &Surroundings) -> Result<PathBuf, CliError> {
    let named = global.install_dir.clone();
    let dir = match named.or_else(|| surroundings.variable("VSEKAI_INSTALL_DIR").map(PathBuf::from)) {
        Some(dir) => Some(dir),
        None => surroundings.install_dir(&title(global)?),
    };
    let dir = dir.ok_or_else(|| {
        CliError::usage("this system has no folder for your programs")
            .with_hint("Name one with --install-dir DIR")
    })?;
    // The game is started from its own folder, so every path has to hold from there too.
    std::path::absolute(&dir).map_err(|error| CliError::usage(format!("{}: {error}", dir.display())))
}

/// Says what helps where nobody can tell any more where an install went.
fn lost_track(error: EngineError) -> CliError {
    let is_damaged = matches!(error, EngineError::BadRecord { .. });
    let error = CliError::from(error);
    match is_damaged {
        true => error.with_hint(
            "Name the folder that the game was moved to with --install-dir DIR; if it is nowhere any more, remove this file and install again",
        ),
        false => error,
    }
}

/// An install keeps its title and channel; saying otherwise in passing must not change what the player has.
fn refuse_others(global: &GlobalArgs, stored: Option<&Settings>, root: &Path) -> Result<(), CliError> {
    let Some(stored) = stored else { return Ok(()) };
    if let Some(title) = global.title.as_ref().filter(|title| **title != stored.title) {
        let message = format!("{} holds {}, not {title}", root.display(), stored.title);
        return Err(CliError::usage(message).with_hint("Choose another folder with --install-dir DIR"));
    }
    if let Some(channel) = global
        .channel
        .as_ref()
        .filter(|channel| **channel != stored.channel)
    {
        let message = format!(
            "this install follows the channel {}, not {channel}",
            stored.channel
        );
        return Err(
            CliError::usage(message).with_hint(format!("Change it with: vsekai channel switch {channel}"))
        );
    }
    Ok(())
}

fn named_or(named: Option<&Slug>, default: &str) -> Result<Slug, CliError> {
    match named {
        Some(name) => Ok(name.clone()),
        None => default
            .parse()
            .map_err(|error| CliError::internal(format!("{error}"))),
    }
}

fn text(value: Option<OsString>, name: &str) -> Result<Option<String>, CliError> {
    let text = value.map(OsString::into_string).transpose();
    text.map_err(|_| CliError::usage(format!("{name} is not valid Unicode")))
}

/// The game itself.
const DEFAULT_TITLE: &str = "vsekai";
/// What players get unless they ask for something else.
const DEFAULT_CHANNEL: &str = "stable";
/// Largest root file.
const MAX_ROOT_BYTES: usize = 512 * 1024;
/// `User-Agent` of requests.
pub(crate) const USER_AGENT: &str = concat!("vsekai/", env!("CARGO_PKG_VERSION"));
