// SPDX-License-Identifier: MIT
//! `vsekai-server mirror`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::Context as _;
use clap::Args;
use vsekai_formats::release::Slug;
use vsekai_server::mirror::{MirroredTitle, Source};
use vsekai_server::site::Site;
use vsekai_store::{Auth, HttpOptions, Secret, bounded};

use super::EXIT_FAILED;
use super::export::written;
use super::place::{PlaceArguments, state_beside};
use super::settings::Settings;

/// Arguments of `mirror`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The base address of the server to mirror
    #[arg(long, value_name = "URL")]
    from: String,
    /// A title, and the file of a root that its publisher gave out; give it once for each title
    #[arg(long = "title", value_name = "NAME=FILE", required = true)]
    titles: Vec<TitleArgument>,
    #[command(flatten)]
    place: PlaceArguments,
    /// Where to remember what was trusted [default: .vsekai-mirror in the folder --to]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// Allow an address without encryption that is not on this machine; everything is verified all the same
    #[arg(long)]
    allow_http: bool,
    /// File with a token of the other server, to mirror its private channels too; whoever can read the site can read them
    #[arg(long, value_name = "FILE")]
    read_token_file: Option<PathBuf>,
    /// The token itself; give it in the environment
    #[arg(
        long,
        value_name = "TOKEN",
        env = "VSEKAI_READ_TOKEN",
        hide_env_values = true,
        hide = true
    )]
    read_token: Option<Secret>,
    /// Look at every file of the site, instead of believing its record, and mend what is missing
    #[arg(long)]
    check: bool,
}

/// `NAME=FILE`.
#[derive(Clone, Debug)]
struct TitleArgument {
    name: Slug,
    root: PathBuf,
}

impl FromStr for TitleArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, root) = text
            .split_once('=')
            .ok_or("write NAME=FILE, the title and the file of its root")?;
        Ok(Self {
            name: name.parse().map_err(|error| format!("{error}"))?,
            root: root.into(),
        })
    }
}

/// Mirrors every title; one that fails does not hold up the others.
pub(super) async fn run(settings: &Settings, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let state = match (&arguments.state, arguments.place.folder(settings)?) {
        (Some(state), _) => state.clone(),
        (None, Some(folder)) => state_beside(&folder),
        (None, None) => anyhow::bail!("a mirror in a bucket needs --state DIR, to remember what it trusts"),
    };
    let options = HttpOptions {
        auth: arguments.read_token()?.map_or(Auth::None, Auth::Bearer),
        user_agent: concat!("vsekai-server/", env!("CARGO_PKG_VERSION"), " (mirror)").to_owned(),
        allow_http: arguments.allow_http,
        ..HttpOptions::default()
    };
    let source = Source::new(&arguments.from, options, &state, &settings.limits)?;
    let mut site = Site::open(arguments.place.open(settings)?, arguments.check).await?;
    let mut code = ExitCode::SUCCESS;
    for title in &arguments.titles {
        let root = bounded::read_file(&title.root, MAX_ROOT).context("read the pinned root")?;
        let title = MirroredTitle {
            name: title.name.clone(),
            root: root.into(),
        };
        match source.mirror(&title, &mut site).await {
            Ok(mirrored) => {
                let (name, new) = (&title.name, mirrored.releases);
                println!("{name}: {new} new releases, {} gone", mirrored.gone);
                for channel in &mirrored.refused_channels {
                    println!("{name}: left out the channel {channel}");
                }
            }
            Err(error) => {
                eprintln!("error: {}: {error}", title.name);
                code = ExitCode::from(EXIT_FAILED);
            }
        }
    }
    println!("{}", written(&site.written()));
    Ok(code)
}

impl Arguments {
    /// Returns the token for the other server, from its file or the environment.
    fn read_token(&self) -> anyhow::Result<Option<Secret>> {
        let Some(file) = &self.read_token_file else {
            return Ok(self.read_token.clone());
        };
        // An empty file is an error: without a token private channels would be left out, which is not what was asked
        // for.
        Ok(Some(Secret::token_in(file).context("read the token")?))
    }
}

/// A root of a few dozen keys takes a few kilobytes.
const MAX_ROOT: usize = 512 << 10;
